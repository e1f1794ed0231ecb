/// One model of a pipeline apart from the rest of its state, with what must be the same for it to
/// go on in another pipeline.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat {

struct ModelState {
  struct Feature {
    std::string name;
    bool nominal = false;
    bool operator==(const Feature&) const = default;
  };
  /// Values of a category that the model knows by code, by code.
  struct Categories {
    std::string input;
    std::vector<std::string> values;
  };
  struct Background {
    int64_t labels = 0;
    std::string model;
  };

  std::string name;
  std::string type;
  std::string task;                    ///< classification, regression, clustering.
  std::string parameters;              ///< Canonical text, a line each.
  std::vector<std::string> inputs;     ///< How each input enters it, as text: `amount: {...}`.
  std::vector<Feature> features;       ///< The dense part of what it sees.
  uint32_t sparse_size = 0;            ///< Indices of the sparse part are below this.
  std::vector<Categories> categories;  ///< Of inputs that are codes.
  std::vector<std::string> classes;    ///< Of the label, by index.

  int64_t labels = 0;                    ///< Learnt since its start or last reset.
  std::string model;                     ///< What Model::Save writes.
  std::string input_state;               ///< What InputBuilder::Save of its inputs writes.
  std::optional<Background> background;  ///< The learner that stands by to take over, if any.
};

/// Why `found` cannot go on in the place of `expected`, a line each; empty if it can. Classes and
/// categories that became known after `found` was saved do not matter.
std::vector<std::string> Differences(const ModelState& found, const ModelState& expected);

/// One sum that a linear model makes of a record.
struct NamedWeights {
  std::string of;  ///< The class in whose favour it is; empty where it predicts a number.
  double intercept = 0;
  /// By the name of the input, the largest first; those that are 0 are left out.
  std::vector<std::pair<std::string, double>> inputs;
};

/// What there is to say about a model.
struct ModelFacts {
  std::string name, type;
  bool clustering = false;
  int64_t labels = 0;  ///< Learnt, or records for clustering models.
  uint64_t memory = 0;
  std::vector<std::string> shares_inputs_with;
  std::vector<std::pair<std::string, std::string>> summary;
};

}  // namespace leat
