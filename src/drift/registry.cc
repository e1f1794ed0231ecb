#include "drift/registry.h"

#include "leat/detectors.h"

namespace leat {
namespace {

template <typename Options, Result<std::unique_ptr<DriftDetector>> (*kMake)(const Options&)>
class Factory final : public DetectorFactory {
 public:
  void Describe(Params& params) override { leat::Describe(params, options_); }
  Result<std::unique_ptr<DriftDetector>> Make() const override { return kMake(options_); }

 private:
  Options options_;
};

struct Entry {
  std::string_view summary;
  std::unique_ptr<DetectorFactory> (*make)();
};

template <typename F>
std::unique_ptr<DetectorFactory> New() {
  return std::make_unique<F>();
}

constexpr std::string_view kTypes[] = {"adwin", "cusum",  "ddm",    "eddm",  "ewma_chart",
                                       "fhddm", "hddm_a", "hddm_w", "kswin", "page_hinkley",
                                       "rddm",  "seed",   "stepd"};
constexpr Entry kEntries[] = {
    {"Adaptive windowing: any number, either direction; reports a changed mean.",
     &New<Factory<AdwinOptions, &MakeAdwin>>},
    {"Cumulative sum: any number; reports when it has stayed above its mean.",
     &New<Factory<CusumOptions, &MakeCusum>>},
    {"Drift detection method: error bits; warns, then reports, when the error rate rises.",
     &New<Factory<DdmOptions, &MakeDdm>>},
    {"Early drift detection: error bits; reports when errors come closer together.",
     &New<Factory<EddmOptions, &MakeEddm>>},
    {"Control chart: error bits; reports when their weighted mean leaves its band.",
     &New<Factory<EwmaChartOptions, &MakeEwmaChart>>},
    {"Error bits; reports when the mean of a window is above the best it has been.",
     &New<Factory<FhddmOptions, &MakeFhddm>>},
    {"Numbers in [0, 1]; warns, then reports a rise of the mean by Hoeffding's bound.",
     &New<Factory<HddmAOptions, &MakeHddmA>>},
    {"Numbers in [0, 1]; the same for a weighted mean by McDiarmid's bound.",
     &New<Factory<HddmWOptions, &MakeHddmW>>},
    {"Any number; reports when the latest are distributed otherwise than the rest.",
     &New<Factory<KswinOptions, &MakeKswin>>},
    {"Any number; reports when the sum of deviations from the mean has moved far.",
     &New<Factory<PageHinkleyOptions, &MakePageHinkley>>},
    {"DDM that forgets: error bits; reports long warnings too.",
     &New<Factory<RddmOptions, &MakeRddm>>},
    {"Any number; reports a changed mean at the border of a block.",
     &New<Factory<SeedOptions, &MakeSeed>>},
    {"Error bits; compares the recent error rate with that of all before.",
     &New<Factory<StepdOptions, &MakeStepd>>},
};
static_assert(std::size(kTypes) == std::size(kEntries));

const Entry* Find(std::string_view type) {
  for (size_t i = 0; i < std::size(kTypes); ++i) {
    if (kTypes[i] == type) return &kEntries[i];
  }
  return nullptr;
}

}  // namespace

std::span<const std::string_view> DetectorTypes() { return kTypes; }

std::string_view DetectorSummary(std::string_view type) {
  const Entry* entry = Find(type);
  return entry == nullptr ? std::string_view() : entry->summary;
}

std::unique_ptr<DetectorFactory> NewDetectorFactory(std::string_view type) {
  const Entry* entry = Find(type);
  return entry == nullptr ? nullptr : entry->make();
}

}  // namespace leat
