#include "models/active/label_requests.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/random.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 6> kStrategies = {"none",     "random",     "fixed",
                                                         "variable", "randomized", "split"};
constexpr uint64_t kDraws = 0x61736b;         // names this component's random numbers
constexpr uint64_t kDrawsOfOne = 4;           // at most, of a prediction
constexpr double kLeast = 1e-9, kMost = 1e9;  // Of the threshold.

}  // namespace

std::string_view NameOf(Ask ask) { return kStrategies[static_cast<size_t>(ask)]; }

void Describe(Params& params, AskOptions& options) {
  if (!params.Wants(options.ask != Ask::kNone)) return;
  params.Enumeration("ask", options.ask, kStrategies,
                     "Of classifiers: learn only from labels that were asked for, by an event "
                     "`label_request`: of records at random, of those that are less sure than "
                     "`ask_threshold`, than a threshold that follows the budget, than that times "
                     "a random number, or of some at random and of others by that threshold.");
  params.Number("ask_budget", options.budget, {0, 1, true, false},
                "Share of the records whose labels may be asked for.");
  params.Number("ask_threshold", options.threshold, kFraction,
                "`fixed` asks where the highest probability is below.");
  params.Number("ask_step", options.step, {0, 0.5, true, false},
                "Share by which the threshold of `variable`, `randomized` and `split` moves.");
  params.Number("ask_explore", options.explore, kFraction,
                "Share of the records that `split` asks for at random.");
  params.Integer("ask_window", options.window, {2, 1e9},
                 "Records over which the share of requests is estimated.");
  params.Integer("ask_seed", options.seed, kNotNegative, "Of what is random about it.");
}

bool LabelRequests::Decide(double confidence) {
  const auto window = static_cast<double>(options_.window);
  // Before the strategy is asked: a threshold moves only while there is something to spend.
  const bool ask = spent_ / window < options_.budget && Wants(confidence);
  spent_ = spent_ * ((window - 1) / window) + (ask ? 1 : 0);
  ++seen_;
  requested_ += ask ? 1 : 0;
  return ask;
}

bool LabelRequests::Wants(double confidence) {
  CounterRandom random(static_cast<uint64_t>(options_.seed), kDraws, seen_ * kDrawsOfOne);
  const bool at_random = options_.ask == Ask::kRandom ||
                         (options_.ask == Ask::kSplit && random.Uniform() < options_.explore);
  if (at_random) return random.Uniform() < options_.budget;
  if (options_.ask == Ask::kFixed) return confidence < options_.threshold;
  const double factor = options_.ask == Ask::kRandomized ? 1 + random.Normal() : 1;
  const bool ask = confidence < threshold_ * factor;
  threshold_ = std::clamp(threshold_ * (1 + (ask ? -options_.step : options_.step)), kLeast, kMost);
  return ask;
}

void LabelRequests::Save(StateWriter& out) const {
  out.Section("label_requests", 1);
  out.F64(threshold_);
  out.F64(spent_);
  for (const uint64_t n : {seen_, requested_, learnt_, not_asked_}) out.U64(n);
}

Status LabelRequests::Load(StateReader& in) {
  in.Section("label_requests", 1);
  LabelRequests loaded(options_);
  loaded.threshold_ = in.F64();
  loaded.spent_ = in.F64();
  for (uint64_t* n : {&loaded.seen_, &loaded.requested_, &loaded.learnt_, &loaded.not_asked_}) {
    *n = in.U64();
  }
  const bool good = loaded.threshold_ >= kLeast && loaded.threshold_ <= kMost &&
                    loaded.spent_ >= 0 && loaded.spent_ <= static_cast<double>(options_.window) &&
                    loaded.requested_ <= loaded.seen_;
  if (in.ok() && !good) in.Fail("the state of label requests does not fit");
  if (!in.ok()) return in.status();
  *this = loaded;
  return Status::Ok();
}

std::vector<std::pair<std::string, std::string>> LabelRequests::Summary() const {
  const auto share = [](double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", 100 * x);
    return std::string(text);
  };
  const double of_all =
      seen_ > 0 ? static_cast<double>(requested_) / static_cast<double>(seen_) : 0.0;
  return {{"labels requested", std::to_string(requested_) + " (" + share(of_all) + ")"},
          {"budget spent", share(spent()) + " of " + share(options_.budget)},
          {"labels learnt on request", std::to_string(learnt_)},
          {"labels not asked for", std::to_string(not_asked_)}};
}

}  // namespace leat
