/// What models that stand before another have in common: they are of its task, and where they
/// change nothing they say what it says.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "leat/model.h"

namespace leat {

class Wrapped : public Model {
 public:
  Task task() const final { return model_->task(); }
  const Model& inner() const { return *model_; }
  void Predict(const Input& input, std::vector<double>& out) const override {
    model_->Predict(input, out);
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return model_->Summary();
  }

 protected:
  explicit Wrapped(std::unique_ptr<Model> model) : model_(std::move(model)) {}

  std::unique_ptr<Model> model_;
};

inline constexpr size_t kMostWrappedClasses = 65'536;
/// Whether a target is the index of a class.
inline bool IsClass(double target) {
  return target >= 0 && target < static_cast<double>(kMostWrappedClasses) &&
         target == std::floor(target);
}

}  // namespace leat
