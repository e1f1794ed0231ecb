/// Runners for trees.json: the Hoeffding tree and the mixed naive Bayes of MOA, row by row.
///
/// A case is prequential from the very first row. Compared are every prediction, the cumulative
/// correct counts, the shape of the tree at each checkpoint and the votes at the stated rows; 0.05
/// % of the predictions, and of `correct`, may differ.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "leat/hoeffding_tree.h"
#include "models/trees/hoeffding_tree.h"
#include "models/trees/naive_bayes_mixed.h"
#include "models/trees/revising_tree.h"
#include "reference/reference.h"
#include "reference/tree_streams.h"

namespace leat::reference {
namespace {

namespace json = boost::json;

constexpr double kShare = 0.0005;  // Of predictions that may differ.
constexpr double kVoteTolerance = 1e-9;

/// The options that the command line of MOA names; an explanation when one is not offered.
std::optional<std::string> ParseCli(const std::string& cli, HoeffdingTreeOptions* options,
                                    int64_t* reevaluate_every = nullptr) {
  std::string flat = cli;
  for (char& c : flat) {
    if (c == '(' || c == ')') c = ' ';
  }
  const std::vector<std::string> words = Words(flat);
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& name = words[i];
    const bool last = i + 1 >= words.size();
    if (name == "-b") {
      options->binary_splits = true;
    } else if (name == "-p") {
      options->pre_prune = false;
    } else if (name == "-r") {
      options->remove_poor_attributes = true;
    } else if (name == "-z") {
      continue;  // Stops growing at the memory limit, which no case reaches.
    } else if (last) {
      return "option " + name + " has no value";
    } else {
      const std::string& value = words[++i];
      const double number = std::strtod(value.c_str(), nullptr);
      if (name == "-g") {
        options->grace_period = std::llround(number);
      } else if (name == "-R" && reevaluate_every != nullptr) {
        *reevaluate_every = std::llround(number);
      } else if (name == "-c") {
        options->delta = number;
      } else if (name == "-t") {
        options->tie_threshold = number;
      } else if (name == "-q") {
        options->naive_bayes_threshold = number;
      } else if (name == "-m" || name == "-e") {
        continue;  // Memory: not reached.
      } else if (name == "-l" && value == "MC") {
        options->leaf_prediction = LeafPrediction::kMajorityClass;
      } else if (name == "-l" && value == "NB") {
        options->leaf_prediction = LeafPrediction::kNaiveBayes;
      } else if (name == "-l" && value == "NBAdaptive") {
        options->leaf_prediction = LeafPrediction::kNaiveBayesAdaptive;
      } else if (name == "-s" && value == "GiniSplitCriterion") {
        options->split_criterion = SplitCriterion::kGini;
      } else if (name == "-s" && value == "InfoGainSplitCriterion") {
        options->split_criterion = SplitCriterion::kInfoGain;
        if (i + 2 < words.size() && words[i + 1] == "-f") {
          options->min_branch_fraction = std::strtod(words[i + 2].c_str(), nullptr);
          i += 2;
        }
      } else if (name == "-n" && value == "GaussianNumericAttributeClassObserver") {
        if (i + 2 < words.size() && words[i + 1] == "-n") {
          options->numeric_candidates = std::atoll(words[i + 2].c_str());
          i += 2;
        }
      } else if (name == "-d" && value == "NominalAttributeClassObserver") {
        continue;
      } else {
        return "option " + name + " " + value + " is not offered";
      }
    }
  }
  return std::nullopt;
}

size_t Base36(char c) {
  if (c >= '0' && c <= '9') return static_cast<size_t>(c - '0');
  return static_cast<size_t>(c - 'a') + 10;
}

/// What a learner says at one row, beyond its prediction.
struct Numbers {
  double correct = 0, nodes = 0, leaves = 0, active = 0, depth = 0;

  /// NaN: not to be compared. `splits` is what MOA calls its count of splits made.
  std::optional<double> Named(const std::string& column, double rows) const {
    if (column == "splits") return std::numeric_limits<double>::quiet_NaN();
    if (column == "rows") return rows;
    if (column == "correct") return correct;
    if (column == "nodes" || column == "tree size (nodes)") return nodes;
    if (column == "leaves" || column == "tree size (leaves)") return leaves;
    if (column == "active_leaves") return active;
    if (column == "depth" || column == "tree depth") return depth;
    return std::nullopt;
  }
};

/// Runs and compares; `numbers_of` fills in the shape.
template <typename Learner, typename NumbersOf>
Outcome Compare(Learner& learner, const TreeStream& stream, const json::object& expect,
                const NumbersOf& numbers_of) {
  const std::string predictions = Text(expect.at("predictions_base36"));
  const size_t rows = stream.labels.size();
  if (predictions.size() != rows) return Fail("the case has another number of predictions");
  const double slack = kShare * static_cast<double>(rows);
  std::map<double, std::vector<double>> checkpoints;
  std::vector<std::string> columns;
  for (const json::value& column : expect.at("columns").as_array()) columns.push_back(Text(column));
  for (const json::value& line : expect.at("checkpoints").as_array()) {
    std::vector<double> numbers;
    for (const json::value& number : line.as_array()) numbers.push_back(Number(number));
    checkpoints[numbers.at(0)] = numbers;
  }
  const json::object* votes_at =
      expect.contains("votes_at") ? &expect.at("votes_at").as_object() : nullptr;

  const size_t width = stream.spec.dense.size();
  size_t different = 0, first_different = rows, votes_checked = 0;
  double correct = 0, worst_vote = 0, worst_correct = 0;
  std::vector<double> votes, probabilities;
  for (size_t r = 0; r < rows; ++r) {
    const Input input{{stream.values.data() + r * width, width}, {}};
    const size_t prediction = learner.Classify(input);
    if (prediction != Base36(predictions[r])) {
      if (different++ == 0) first_different = r;
    }
    correct += prediction == stream.labels[r] ? 1 : 0;
    const json::value* expected_votes =
        votes_at == nullptr ? nullptr : votes_at->if_contains(std::to_string(r));
    if (expected_votes != nullptr) {
      learner.Votes(input, votes);
      const json::array& list = expected_votes->as_array();
      for (size_t c = 0; c < std::max(list.size(), votes.size()); ++c) {
        const double want = c < list.size() ? Number(list[c]) : 0;
        const double got = c < votes.size() ? votes[c] : 0;
        const double difference = std::fabs(got - want);
        // Relative, whatever the size; below the smallest normal number rounding has the say.
        if (difference > 1e-305) {
          worst_vote = std::max(worst_vote, difference / std::max(std::fabs(want), 1e-305));
        }
        ++votes_checked;
      }
    }
    learner.Predict(input, probabilities);
    double sum = 0;
    for (const double p : probabilities) sum += p;
    if (!probabilities.empty() && !(std::fabs(sum - 1) < 1e-12)) {
      return Fail("row " + std::to_string(r) + ": probabilities do not sum to 1");
    }
    const size_t likeliest = static_cast<size_t>(
        std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
    if (!probabilities.empty() && likeliest != prediction) {
      return Fail("row " + std::to_string(r) + ": the likeliest class is not the prediction");
    }
    learner.Learn(input, static_cast<double>(stream.labels[r]), 1);

    const auto checkpoint = checkpoints.find(static_cast<double>(r + 1));
    const bool at_end = r + 1 == rows && expect.contains("final");
    if (checkpoint == checkpoints.end() && !at_end) continue;
    Numbers numbers = numbers_of(learner);
    numbers.correct = correct;
    const auto check = [&](const std::string& column, double want) -> std::optional<std::string> {
      const auto got = numbers.Named(column, static_cast<double>(r + 1));
      if (!got) return "unknown column " + column;
      if (std::isnan(*got)) return std::nullopt;
      const double difference = std::fabs(*got - want);
      if (column == "correct") worst_correct = std::max(worst_correct, difference);
      if (difference > (column == "correct" ? slack : 0)) {
        std::ostringstream text;
        text << "after " << r + 1 << " rows " << column << " is " << *got << ", not " << want;
        return text.str();
      }
      return std::nullopt;
    };
    if (checkpoint != checkpoints.end()) {
      for (size_t c = 0; c < columns.size(); ++c) {
        if (auto problem = check(columns[c], checkpoint->second.at(c))) return Fail(*problem);
      }
    }
    if (at_end) {
      for (const auto& [name, value] : expect.at("final").as_object()) {
        if (auto problem = check(std::string(name), Number(value))) return Fail(*problem);
      }
    }
  }
  std::ostringstream detail;
  detail << different << " of " << rows << " predictions differ";
  if (different > 0) detail << " (first at row " << first_different << ")";
  detail << ", correct by at most " << worst_correct << ", " << votes_checked
         << " votes by at most " << worst_vote << " relative";
  if (static_cast<double>(different) > slack) return Fail(detail.str());
  if (!(worst_vote <= kVoteTolerance)) return Fail(detail.str());
  return Pass(detail.str());
}

bool StartsWith(const json::object& test_case, const std::string& prefix) {
  return Text(test_case.at("id")).starts_with(prefix);
}

std::string DataName(const json::object& test_case) {
  return Text(test_case.at("input").as_object().at("data"));
}

Outcome RunTree(const json::object& test_case) {
  HoeffdingTreeOptions options;
  if (auto problem = ParseCli(Text(test_case.at("cli")), &options)) return Skip(*problem);
  const Table* table = Data(DataName(test_case));
  if (table == nullptr) return Skip("no data file " + DataName(test_case));
  TreeStream stream;
  if (auto problem = ReadTreeStream(test_case.at("input").as_object(), *table, &stream)) {
    return Fail(*problem);
  }
  auto made = MakeHoeffdingTree(options, stream.spec);
  if (!made.ok()) return Fail(std::string(made.status().message()));
  auto& tree = dynamic_cast<trees::HoeffdingTree&>(**made);
  return Compare(
      tree, stream, test_case.at("expect").as_object(), [](const trees::HoeffdingTree& learner) {
        const auto shape = learner.shape();
        return Numbers{0, static_cast<double>(shape.nodes), static_cast<double>(shape.leaves),
                       static_cast<double>(shape.active_leaves), static_cast<double>(shape.depth)};
      });
}

/// MOA's counters of nodes and leaves go wrong in the trees that revise themselves; the leaves and
/// the depth of its EFDT are right.
template <typename Options>
Outcome RunRevising(const json::object& test_case,
                    Result<std::unique_ptr<Model>> (*make)(const Options&, const InputSpec&),
                    Options options, int64_t* reevaluate_every, bool shape_counts) {
  if (auto problem = ParseCli(Text(test_case.at("cli")), &options, reevaluate_every)) {
    return Skip(*problem);
  }
  if constexpr (requires { options.reevaluate_every; }) {
    options.reevaluate_every = *reevaluate_every;
  }
  const Table* table = Data(DataName(test_case));
  if (table == nullptr) return Skip("no data file " + DataName(test_case));
  TreeStream stream;
  if (auto problem = ReadTreeStream(test_case.at("input").as_object(), *table, &stream)) {
    return Fail(*problem);
  }
  auto made = make(options, stream.spec);
  if (!made.ok()) return Fail(std::string(made.status().message()));
  auto& tree = dynamic_cast<trees::RevisingTree&>(**made);
  return Compare(tree, stream, test_case.at("expect").as_object(),
                 [&](const trees::RevisingTree& learner) {
                   constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
                   if (!shape_counts) return Numbers{0, kNaN, kNaN, kNaN, kNaN};
                   const auto shape = learner.shape();
                   return Numbers{0, kNaN, static_cast<double>(shape.leaves), kNaN,
                                  static_cast<double>(shape.depth)};
                 });
}

Outcome RunAdaptive(const json::object& test_case) {
  return RunRevising(test_case, &MakeHoeffdingAdaptiveTree, HoeffdingAdaptiveTreeOptions(), nullptr,
                     false);
}

Outcome RunFast(const json::object& test_case) {
  int64_t every = ExtremelyFastTreeOptions().reevaluate_every;
  return RunRevising(test_case, &MakeExtremelyFastTree, ExtremelyFastTreeOptions(), &every, true);
}

Outcome RunBayes(const json::object& test_case) {
  const Table* table = Data(DataName(test_case));
  if (table == nullptr) return Skip("no data file " + DataName(test_case));
  TreeStream stream;
  if (auto problem = ReadTreeStream(test_case.at("input").as_object(), *table, &stream)) {
    return Fail(*problem);
  }
  trees::NaiveBayesMixed model(NaiveBayesOptions{}, stream.spec);
  return Compare(model, stream, test_case.at("expect").as_object(),
                 [](const trees::NaiveBayesMixed&) { return Numbers{}; });
}

const bool kTreeRegistered = Register(
    {"trees.json",
     [](const json::object& test_case) { return StartsWith(test_case, "moa/HoeffdingTree/"); },
     RunTree});

const bool kAdaptiveRegistered =
    Register({"trees.json",
              [](const json::object& test_case) {
                return StartsWith(test_case, "moa/HoeffdingAdaptiveTree/");
              },
              RunAdaptive});

const bool kFastRegistered = Register(
    {"trees.json", [](const json::object& test_case) { return StartsWith(test_case, "moa/EFDT/"); },
     RunFast});

const bool kBayesRegistered = Register(
    {"trees.json",
     [](const json::object& test_case) { return StartsWith(test_case, "moa/NaiveBayes/"); },
     RunBayes});

}  // namespace
}  // namespace leat::reference
