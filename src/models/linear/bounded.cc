#include "models/linear/bounded.h"

#include <utility>
#include <vector>

#include "models/ensembles/target_range.h"
#include "models/wrapped.h"

namespace leat {
namespace {

constexpr std::string_view kName = "bounded";

class Bounded final : public Wrapped {
 public:
  explicit Bounded(std::unique_ptr<Model> model) : Wrapped(std::move(model)) {}

  void Predict(const Input& input, std::vector<double>& out) const override {
    model_->Predict(input, out);
    if (bounds_ && targets_ > 0 && !out.empty()) out[0] = range_.Bounded(out[0]);
  }

  void Learn(const Input& input, double target, double weight) override {
    if (bounds_ && ensembles::TargetRange::IsLesson(target, weight))
      range_.Meet(target, targets_++);
    model_->Learn(input, target, weight);
  }

  void Save(StateWriter& out) const override {
    if (bounds_) {
      out.Section(kName, 1);
      out.U64(targets_);
      range_.Save(out);
    }
    model_->Save(out);
  }

  Status Load(StateReader& in) override {
    const bool bounds = StateReader(in).Text() == kName;
    uint64_t targets = 0;
    ensembles::TargetRange range;
    if (bounds) {
      in.Section(kName, 1);
      targets = in.U64();
      if (!range.Load(in)) in.Fail("an impossible range of targets");
      if (!in.ok()) return in.status();
    }
    LEAT_RETURN_IF_ERROR(model_->Load(in));
    bounds_ = bounds;
    targets_ = targets;
    range_ = range;
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Bounded>(model_->Fresh());
  }
  size_t MemoryBytes() const override { return sizeof *this + model_->MemoryBytes(); }

 private:
  bool bounds_ = true;
  uint64_t targets_ = 0;
  ensembles::TargetRange range_;
};

}  // namespace

std::unique_ptr<Model> MakeBounded(std::unique_ptr<Model> model) {
  return std::make_unique<Bounded>(std::move(model));
}

}  // namespace leat
