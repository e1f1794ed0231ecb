/// Which labels a classifier asks for, when labels cost and a budget says how many may be had.
///
/// Source: Zliobaite, Bifet, Pfahringer, Holmes, "Active Learning With Drifting Streaming Data"
/// (IEEE TNNLS 25, 2014): the budget estimate of section IV (a request is made only while the
/// fading share of requests, u / w with u = u (w - 1) / w + requests, is below the budget) and the
/// strategies of algorithms 2 to 6. A prediction's confidence is its highest probability; 0 while a
/// model has none of its own.
///   random      with the budget as probability
///   fixed       below `threshold`
///   variable    below a threshold of its own, which a request lowers by the share `step` and any
///               other record raises by it, so that the budget is spent on what is least sure now
///   randomized  the same with that threshold times a normal number (mean 1, deviation 1) each time
///   split       at random for a share `explore` of the records, variable for the others
/// Deviation: the threshold stays within [1e-9, 1e9], so that it is always a number.
/// Cost: some operations a prediction. Bytes: those of the object. Determinism: the draws depend on
/// (seed, number of the prediction) alone. Thread safety: none.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "leat/params.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat {

enum class Ask { kNone, kRandom, kFixed, kVariable, kRandomized, kSplit };

struct AskOptions {
  Ask ask = Ask::kNone;
  double budget = 0.1;     ///< Share of records whose labels may be asked for, (0, 1].
  double threshold = 0.9;  ///< Of fixed, [0, 1].
  double step = 0.01;      ///< (0, 0.5].
  double explore = 0.2;    ///< Of split, [0, 1].
  int64_t window = 100;    ///< Records over which the share is estimated, >= 2.
  int64_t seed = 1;
};
/// Names them ask, ask_budget and so on.
void Describe(Params& params, AskOptions& options);
/// As in the configuration.
std::string_view NameOf(Ask ask);

class LabelRequests {
 public:
  /// REQUIRES options within their ranges.
  explicit LabelRequests(const AskOptions& options) : options_(options) {}

  /// Whether to ask for the label of the next prediction, whose highest probability this is.
  bool Decide(double confidence);
  /// A label that came: true if it was asked for and may be learnt. Counts.
  bool MayLearn(bool asked) {
    ++(asked ? learnt_ : not_asked_);
    return asked;
  }

  uint64_t seen() const { return seen_; }
  uint64_t requested() const { return requested_; }
  uint64_t learnt() const { return learnt_; }
  uint64_t not_asked() const { return not_asked_; }
  /// The fading share of requests.
  double spent() const { return spent_ / static_cast<double>(options_.window); }

  void Save(StateWriter& out) const;
  /// Not Ok: as it was.
  Status Load(StateReader& in);
  /// For people.
  std::vector<std::pair<std::string, std::string>> Summary() const;

 private:
  bool Wants(double confidence);

  AskOptions options_;
  double threshold_ = 1;  ///< Of variable, randomized and split.
  double spent_ = 0;      ///< Fading number of requests.
  uint64_t seen_ = 0, requested_ = 0, learnt_ = 0, not_asked_ = 0;
};

}  // namespace leat
