/// Bandits: a policy that gives every action a probability, the join of decisions with rewards that
/// come later, and what other policies would have earned meanwhile.
///
/// Sources: epsilon-greedy and softmax, Sutton and Barto (2018), sections 2.2 and 2.8; UCB1, Auer,
/// Cesa-Bianchi and Fischer (2002); Thompson sampling, whose probability of each action is computed
/// by quadrature (ChanceBest...), never by one draw; LinUCB, Li et al. (2010), with a model an
/// action; LinTS, Agrawal and Goyal (2013), with independent models, so that the probability to be
/// best is that of independent normals; SquareCB, Foster and Rakhlin (2020). Discounted and
/// windowed forms: Garivier and Moulines (2011). All are mixed with a floor, so that every action
/// stays possible and no weight is above 1 / floor. The draw of decision `id` is a pure function of
/// (seed, name, id). A decision keeps its probabilities until its reward window is over; then it is
/// trained on once, with the logged probability, and scored for each candidate before any of them
/// learns from it. Shapes: the context has `context` numbers, to which a constant is added. Cost:
/// O(actions) a decision, with contexts O(actions * context^2); Thompson computes its probabilities
/// anew once every `refresh` rewards. Memory: some 200 + 8 * context bytes a waiting decision,
/// at most max_pending of them; above, the oldest are trained on early. Thread safety: none.
/// Determinism: the order of calls. Errors: bad options are an Invalid.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "experiments/history.h"
#include "experiments/off_policy.h"
#include "experiments/ridge.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat::experiments {

enum class PolicyKind {
  kUniform,
  kEpsilonGreedy,
  kUcb1,
  kThompsonBeta,  ///< Rewards in [0, 1].
  kThompsonGauss,
  kSoftmax,
  kLinUcb,
  kLinTs,
  kSquareCb,
};
std::span<const std::string_view> PolicyNames();
/// Whether the policy sees the context.
bool IsContextual(PolicyKind kind);

struct PolicyOptions {
  PolicyKind kind = PolicyKind::kThompsonBeta;
  double floor = 0.01;   ///< Probability of each action, at least; at most 1 / actions.
  double epsilon = 0.1;  ///< Epsilon-greedy: epsilon / (1 + decay * rewards).
  double decay = 0;
  double width = 1;          ///< UCB1, LinUCB, LinTS: of the exploration.
  double temperature = 0.1;  ///< Softmax.
  double gamma = 10;         ///< SquareCB: gamma * sqrt(rewards).
  double ridge = 1;
  double noise = 1;       ///< Gaussian Thompson: standard deviation of rewards.
  Micros half_life = 0;   ///< Of what was learnt; 0: all counts alike.
  Micros window = 0;      ///< What is older is forgotten, in sixteenths; 0: never. Not both.
  int64_t refresh = 100;  ///< Thompson: rewards between two computations.
};

class Policy {
 public:
  Policy(const PolicyOptions& options, size_t actions, size_t context);
  /// Probabilities of the actions; valid until the next call. `x` has context + 1 numbers.
  std::span<const double> Probabilities(std::span<const double> x, EventTime now);
  /// `weight` multiplies the row (contextual policies).
  void Learn(size_t action, std::span<const double> x, double reward, double weight, EventTime now);
  /// Rewards learnt from.
  int64_t version() const { return version_; }
  const PolicyOptions& options() const { return options_; }
  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  struct Sums {
    double n = 0, sum = 0, squares = 0;
  };
  static constexpr size_t kParts = 16;  ///< Of a window.
  Sums Of(size_t action) const;
  void Forget(EventTime now);
  size_t Block() const;  ///< Of the window, that which is learnt now.

  PolicyOptions options_;
  size_t actions_, context_;
  std::vector<Sums> sums_;  ///< By action; windowed: kParts blocks of them.
  std::vector<Ridge> models_;
  std::vector<double> p_;
  int64_t version_ = 0, computed_at_ = -1;
  int64_t time_ = 0;  ///< Discount: as of when; window: number of the current part.
  bool started_ = false;
};

enum class Fold { kFirst, kLast, kSum, kMean, kMin, kMax };
std::span<const std::string_view> FoldNames();

struct BanditOptions {
  std::string name;
  std::vector<std::string> actions;
  size_t context = 0;
  PolicyOptions policy;
  uint64_t seed = 1;
  Micros reward_window = kHour;
  double default_reward = 0;
  Fold fold = Fold::kSum;
  bool inverse_propensity = false;  ///< Contextual policies learn with weight 1 / p.
  int64_t max_pending = 1'000'000;
  struct Candidate {
    std::string name;
    PolicyOptions policy;
  };
  std::vector<Candidate> candidates;  ///< Learn from the same rewards and are scored.
  double alpha = 0.05;
};

/// A candidate that is the policy but for its kind, whose name it has.
BanditOptions::Candidate CandidateOf(const PolicyOptions& policy, PolicyKind kind);

struct BanditDecision {
  uint64_t id = 0;
  size_t action = 0;
  std::vector<double> p;
  int64_t version = 0;
};

/// One candidate's score.
struct CandidateScore {
  std::string name;
  OffPolicy estimates;
  Inference doubly_robust;  ///< Confidence sequence of the doubly robust scores.
  std::string refused;      ///< Why none of them is a headline; empty otherwise.
};

class Bandit {
 public:
  static Result<std::unique_ptr<Bandit>> Create(BanditOptions options);

  /// Nothing if this id waits already.
  const BanditDecision* Decide(uint64_t id, std::span<const double> context, EventTime time);
  /// A decision that another system took, with its probability; the policy only learns.
  void Logged(uint64_t id, size_t action, double p, std::span<const double> context,
              EventTime time);
  /// For a decision that waits; others are counted as unknown, as are rewards that are not finite
  /// or beyond 1e100 in size (a number of the context that is such counts as 0). The first and the
  /// last are those by time, whatever the order in which they come.
  void Reward(uint64_t id, double reward, EventTime time);
  /// Time has come to `now`: decisions whose window is over are trained on.
  void Advance(EventTime now);

  std::vector<CandidateScore> Scores() const;
  const BanditOptions& options() const { return options_; }
  struct Account {
    int64_t decisions = 0, repeated = 0, rewards = 0, unknown = 0, trained = 0, defaulted = 0,
            early = 0, invalid = 0;
  };
  const Account& account() const { return account_; }
  /// The action of a decision that waits.
  std::optional<size_t> Waiting(uint64_t id) const;
  int64_t waiting() const { return static_cast<int64_t>(pending_.size()); }
  int64_t version() const { return policy_.version(); }
  const std::vector<int64_t>& chosen() const { return chosen_; }
  double mean_reward() const {
    return account_.trained > 0 ? reward_sum_ / static_cast<double>(account_.trained) : 0;
  }

  /// How far it has come, at some moments: what a curve of regret needs.
  struct Past {
    int64_t time = 0;  ///< Microseconds.
    int64_t trained = 0;
    double reward_sum = 0;
  };
  Past Present(EventTime now) const { return {now.micros, account_.trained, reward_sum_}; }
  void Note(EventTime now) { past_.Add(Present(now)); }
  const std::vector<Past>& past() const { return past_.points(); }

  void Save(StateWriter& out) const;
  Status Load(StateReader& in);

 private:
  struct Pending {
    EventTime time;
    uint32_t action = 0;
    int64_t rewards = 0;
    EventTime at;  ///< Of the reward that is kept, when it is the first or the last.
    double folded = 0, p = 1;
    std::vector<double> x;
  };
  explicit Bandit(BanditOptions options);
  Pending* Start(uint64_t id, std::span<const double> context, EventTime time);
  void Train(uint64_t id);
  void TrainOldest();

  BanditOptions options_;
  uint64_t draws_;  ///< Seed of the draws: those of two bandits are independent.
  Policy policy_;
  std::vector<Policy> candidates_;
  std::vector<OffPolicy> scores_;  ///< Candidates, uniform, each action always.
  std::vector<Ridge> rewards_;     ///< The reward model, an action each.
  std::map<uint64_t, Pending> pending_;
  std::multimap<int64_t, uint64_t> due_;  ///< By the end of the window.
  BanditDecision decision_;
  std::vector<int64_t> chosen_;
  double reward_sum_ = 0;
  Account account_;
  History<Past> past_;
};

/// A decision as a line of JSON, for the events sink.
void AppendJson(const Bandit& bandit, const BanditDecision& decision, std::string_view id,
                uint64_t context_hash, EventTime time, std::string& out);
/// The state of a bandit and its candidates' scores as a line of JSON.
void AppendJson(const Bandit& bandit, EventTime time, std::string& out);
std::string Table(const Bandit& bandit);

}  // namespace leat::experiments
