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

constexpr std::string_view kTypes[] = {"adwin", "ddm"};
constexpr Entry kEntries[] = {
    {"Adaptive windowing: any number, either direction; reports a changed mean.",
     &New<Factory<AdwinOptions, &MakeAdwin>>},
    {"Drift detection method: error bits; warns, then reports, when the error rate rises.",
     &New<Factory<DdmOptions, &MakeDdm>>},
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
