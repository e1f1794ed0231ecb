/// What the tests of learners do again and again.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/registry.h"

namespace leat {

inline std::string Saved(const Model& model) {
  StateWriter out;
  model.Save(out);
  return out.Take();
}

/// A learner of a type of the configuration, with its defaults.
inline std::unique_ptr<Model> New(const std::string& type, const InputSpec& spec) {
  auto made = NewModelFactory(type)->Make(spec);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

/// `n` numbers: x0, x1, ...
inline InputSpec Numbers(size_t n) {
  InputSpec spec;
  for (size_t i = 0; i < n; ++i) spec.dense.push_back({"x" + std::to_string(i), false, 0});
  return spec;
}

/// Four numbers, of which streams make one constant, one huge and one often missing, and a color.
inline InputSpec MixedInputs() {
  return {{{"signal", false, 0},
           {"constant", false, 0},
           {"huge", false, 0},
           {"gappy", false, 0},
           {"color", true, 0}},
          0};
}

}  // namespace leat
