/// A classifier for each class, against the rest.
#include <algorithm>
#include <cmath>
#include <utility>

#include "models/composition/members.h"
#include "models/heap_bytes.h"
#include "models/trees/range_check.h"
#include "models/wrapped.h"

namespace leat {
namespace {

constexpr std::string_view kName = "one_vs_rest";
constexpr double kMostWeight = 1e50;

class OneVsRest final : public Model {
 public:
  OneVsRest(OneVsRestOptions options, InputSpec inputs, std::unique_ptr<Model> blank)
      : options_(std::move(options)), inputs_(std::move(inputs)), blank_(std::move(blank)) {}

  Task task() const override { return Task::kClassification; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    // Taken from the thread and given back: a member may be of this type itself.
    thread_local std::vector<double> buffer;
    std::vector<double> said = std::move(buffer);
    out.assign(members_.size(), 0.0);
    double sum = 0;
    for (size_t c = 0; c < members_.size(); ++c) {
      if (members_[c] == nullptr) continue;
      members_[c]->Predict(input, said);
      out[c] = said.size() > 1 ? said[1] : 0;
      sum += out[c];
    }
    buffer = std::move(said);
    if (sum > 0) {
      for (double& p : out) p /= sum;
      return;
    }
    double total = 0;
    for (const double count : counts_) total += count;
    for (size_t c = 0; c < out.size(); ++c) out[c] = counts_[c] / total;
  }

  void Learn(const Input& input, double target, double weight) override {
    if (!IsClass(target) || target >= static_cast<double>(MostClasses()) || !(weight > 0) ||
        weight > kMostWeight || input.dense.size() != inputs_.dense.size()) {
      ++ignored_;
      return;
    }
    const auto label = static_cast<size_t>(target);
    Grow(label + 1);
    if (members_[label] == nullptr) members_[label] = blank_->Fresh();
    counts_[label] += weight;
    for (size_t c = 0; c < members_.size(); ++c) {
      if (members_[c] != nullptr) members_[c]->Learn(input, c == label ? 1 : 0, weight);
    }
  }

  void Save(StateWriter& out) const override {
    out.Section(kName, 1);
    out.U64(ignored_);
    out.Array(counts_);
    for (const auto& member : members_) out.Bool(member != nullptr);
    for (const auto& member : members_) {
      if (member != nullptr) member->Save(out);
    }
  }

  Status Load(StateReader& in) override {
    OneVsRest loaded(options_, inputs_, blank_->Fresh());
    in.Section(kName, 1);
    loaded.ignored_ = in.U64();
    std::vector<double> counts;
    in.Array(counts);
    bool good = counts.size() <= kMostWrappedClasses;
    for (const double count : counts) good = good && count >= 0 && std::isfinite(count);
    if (in.ok() && !good) in.Fail("the counts of a one_vs_rest do not fit");
    if (!in.ok()) return in.status();
    loaded.Grow(counts.size());
    loaded.counts_ = std::move(counts);
    for (size_t c = 0; c < loaded.members_.size(); ++c) {
      if (in.Bool()) loaded.members_[c] = blank_->Fresh();
      if (in.ok() && (loaded.members_[c] != nullptr) != (loaded.counts_[c] > 0)) {
        in.Fail("the members of a one_vs_rest do not fit");
      }
    }
    if (!in.ok()) return in.status();
    for (auto& member : loaded.members_) {
      if (member != nullptr) LEAT_RETURN_IF_ERROR(member->Load(in));
    }
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<OneVsRest>(options_, inputs_, blank_->Fresh());
  }

  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this + HeapBytesOf(inputs_) + blank_->MemoryBytes() + kAllocation +
                   members_.capacity() * sizeof members_[0] + counts_.capacity() * sizeof(double) +
                   2 * kAllocation + options_.member.capacity();
    for (const auto& member : members_) {
      if (member != nullptr) bytes += member->MemoryBytes() + kAllocation;
    }
    return bytes;
  }

  std::vector<std::pair<std::string, std::string>> Summary() const override {
    size_t members = 0;
    for (const auto& member : members_) members += member != nullptr ? 1 : 0;
    return {{"classes", std::to_string(members_.size())},
            {"members", std::to_string(members) + " of " + options_.member},
            {"rows ignored", std::to_string(ignored_)}};
  }

 private:
  /// States of before there was a bound may hold more, which go on.
  size_t MostClasses() const {
    return std::max(members_.size(), static_cast<size_t>(options_.max_classes));
  }
  void Grow(size_t classes) {
    Lengthen(counts_, classes);
    if (members_.size() >= classes) return;
    std::vector<std::unique_ptr<Model>> more(classes);
    std::move(members_.begin(), members_.end(), more.begin());
    members_ = std::move(more);
  }

  OneVsRestOptions options_;
  InputSpec inputs_;
  std::unique_ptr<Model> blank_;                 ///< What members begin as.
  std::vector<std::unique_ptr<Model>> members_;  ///< By class; null for one that has not come.
  std::vector<double> counts_;                   ///< Weight learnt, by class.
  uint64_t ignored_ = 0;
};

}  // namespace

void Describe(Params& params, OneVsRestOptions& options) {
  params.Text("member", options.member,
              "The classifier that each class has, as its type and options: `hoeffding_tree "
              "grace_period=100`.");
  if (!params.Wants(options.max_classes != OneVsRestOptions().max_classes)) return;
  params.Integer("max_classes", options.max_classes, {2, 65536},
                 "Labels at or beyond this index are ignored and counted.");
}

Result<std::unique_ptr<Model>> MakeOneVsRest(const OneVsRestOptions& options,
                                             const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckRangesOf(kName, options));
  LEAT_ASSIGN_OR_RETURN(
      std::unique_ptr<Model> blank,
      committees::MakeMember(kName, options.member, inputs, Task::kClassification));
  return std::unique_ptr<Model>(std::make_unique<OneVsRest>(options, inputs, std::move(blank)));
}

}  // namespace leat
