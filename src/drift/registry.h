/// Drift detectors by the name that the configuration uses.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "leat/drift.h"
#include "leat/params.h"

namespace leat {

class DetectorFactory {
 public:
  virtual ~DetectorFactory() = default;
  virtual void Describe(Params& params) = 0;
  virtual Result<std::unique_ptr<DriftDetector>> Make() const = 0;
};

/// Names of all types, sorted.
std::span<const std::string_view> DetectorTypes();
std::string_view DetectorSummary(std::string_view type);
/// nullptr for an unknown type.
std::unique_ptr<DetectorFactory> NewDetectorFactory(std::string_view type);

}  // namespace leat
