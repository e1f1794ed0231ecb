#include "drift/adwin.h"

#include <utility>

#include "drift/validate.h"

namespace leat {
namespace {

class AdwinDetector final : public DriftDetector {
 public:
  explicit AdwinDetector(const AdwinOptions& options) : options_(options), window_(options) {}

  DriftState Update(double value) override {
    return window_.Update(value) ? DriftState::kDrift : DriftState::kStable;
  }
  Evidence evidence() const override { return window_.evidence(); }
  void Reset() override { window_.Clear(); }
  void Save(StateWriter& out) const override { window_.Save(out); }
  Status Load(StateReader& in) override { return window_.Load(in); }
  std::unique_ptr<DriftDetector> Fresh() const override {
    return std::make_unique<AdwinDetector>(options_);
  }
  size_t MemoryBytes() const override {
    return sizeof(*this) - sizeof(window_) + window_.MemoryBytes();
  }

 private:
  AdwinOptions options_;
  Adwin window_;
};

}  // namespace

void Describe(Params& params, AdwinOptions& options) {
  params.Number("delta", options.delta, kOpenFraction,
                "confidence: the chance of a false alarm that one test may have");
  params.Integer("clock", options.clock, {1, 1e9}, "values between two tests");
  params.Integer("max_buckets", options.max_buckets, {2, 1000},
                 "buckets of one size kept before two are merged; more find the place of a change "
                 "more exactly");
  params.Integer("min_window_length", options.min_window_length, {1, 1e9},
                 "values that each side of a split must have");
  params.Integer("grace", options.grace, {0, 1e9},
                 "no test while the window has this many values or fewer");
  params.Boolean("reset_on_detection", options.reset_on_detection,
                 "start from an empty window after a detection instead of keeping its newer part");
  params.Boolean("rises_only", options.rises_only, "report only changes that raised the mean");
}

Result<std::unique_ptr<DriftDetector>> MakeAdwin(const AdwinOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("adwin", options));
  return std::unique_ptr<DriftDetector>(std::make_unique<AdwinDetector>(options));
}

}  // namespace leat
