/// Learners by the name that the configuration uses.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "leat/model.h"
#include "leat/params.h"

namespace leat {

/// The options of one type of learner, and the way to build it.
class ModelFactory {
 public:
  virtual ~ModelFactory() = default;
  virtual Task task() const = 0;
  virtual void Describe(Params& params) = 0;
  /// Builds a learner for a layout; refuses options or layouts that make no sense together.
  virtual Result<std::unique_ptr<Model>> Make(const InputSpec& inputs) const = 0;
};

/// Names of all types, sorted.
std::span<const std::string_view> ModelTypes();
/// One sentence about a type, for the reference page.
std::string_view ModelSummary(std::string_view type);
/// nullptr for an unknown type.
std::unique_ptr<ModelFactory> NewModelFactory(std::string_view type);

}  // namespace leat
