#include "leat/multi_target.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "models/composition/members.h"
#include "models/heap_bytes.h"

namespace leat {
namespace {

constexpr std::string_view kName = "multi_target";
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

class MultiTarget final : public MultiTargetModel {
 public:
  MultiTarget(bool chain, size_t width, committees::Members members)
      : chain_(chain), width_(width), members_(std::move(members)) {}

  size_t targets() const override { return members_.size(); }
  const Model& member(size_t target) const override { return *members_[target]; }

  void Predict(const Input& input, std::vector<std::vector<double>>& out) const override {
    out.resize(members_.size());
    std::vector<double>& row = RowOf(input);
    for (size_t t = 0; t < members_.size(); ++t) {
      members_[t]->Predict(chain_ ? Input{row, input.sparse} : input, out[t]);
      if (chain_) row.push_back(Said(*members_[t], out[t]));
    }
  }

  void Learn(const Input& input, std::span<const double> known, double weight) override {
    if (known.size() != members_.size() || input.dense.size() != width_) {
      ++ignored_;
      return;
    }
    std::vector<double>& row = RowOf(input);
    for (size_t t = 0; t < members_.size(); ++t) {
      if (known[t] == known[t]) {
        members_[t]->Learn(chain_ ? Input{row, input.sparse} : input, known[t], weight);
      }
      if (chain_) row.push_back(known[t]);
    }
  }

  void Save(StateWriter& out) const override {
    out.Section(kName, 1);
    out.U64(ignored_);
    out.U64(members_.size());
    for (const auto& member : members_) member->Save(out);
  }

  Status Load(StateReader& in) override {
    in.Section(kName, 1);
    const uint64_t ignored = in.U64();
    if (in.Count() != members_.size() && in.ok()) in.Fail("saved with other targets");
    if (!in.ok()) return in.status();
    committees::Members loaded = FreshMembers();
    for (auto& member : loaded) LEAT_RETURN_IF_ERROR(member->Load(in));
    members_ = std::move(loaded);
    ignored_ = ignored;
    return Status::Ok();
  }

  std::unique_ptr<MultiTargetModel> Fresh() const override {
    return std::make_unique<MultiTarget>(chain_, width_, FreshMembers());
  }

  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this + members_.capacity() * sizeof members_[0] + kAllocation;
    for (const auto& member : members_) bytes += member->MemoryBytes() + kAllocation;
    return bytes;
  }

 private:
  /// A buffer of the thread with the dense inputs; members never come back here.
  static std::vector<double>& RowOf(const Input& input) {
    thread_local std::vector<double> row;
    row.assign(input.dense.begin(), input.dense.end());
    return row;
  }
  /// A target as those after it in the chain see it.
  static double Said(const Model& member, const std::vector<double>& out) {
    if (out.empty()) return kMissing;
    if (member.task() == Task::kRegression) return out[0];
    return static_cast<double>(std::max_element(out.begin(), out.end()) - out.begin());
  }
  committees::Members FreshMembers() const {
    committees::Members fresh;
    fresh.reserve(members_.size());
    for (const auto& member : members_) fresh.push_back(member->Fresh());
    return fresh;
  }

  bool chain_;
  size_t width_;
  committees::Members members_;
  uint64_t ignored_ = 0;
};

}  // namespace

Result<std::unique_ptr<MultiTargetModel>> MakeMultiTarget(const MultiTargetOptions& options,
                                                          const InputSpec& inputs) {
  if (options.targets.empty() || options.targets.size() > 256) {
    return Status::Invalid("multi_target: found " + std::to_string(options.targets.size()) +
                           " targets, expected 1 to 256");
  }
  InputSpec seen = inputs;
  committees::Members members;
  members.reserve(options.targets.size());
  for (const Target& target : options.targets) {
    LEAT_ASSIGN_OR_RETURN(std::unique_ptr<Model> member,
                          committees::MakeMember("multi_target, target " + target.name,
                                                 target.model, seen, target.task));
    members.push_back(std::move(member));
    if (!options.chain) continue;
    seen.dense.push_back({target.name, target.task == Task::kClassification, 0});
  }
  return std::unique_ptr<MultiTargetModel>(
      std::make_unique<MultiTarget>(options.chain, inputs.dense.size(), std::move(members)));
}

}  // namespace leat
