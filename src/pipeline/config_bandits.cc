// The section bandits.
#include "pipeline/config_bandits.h"

#include <algorithm>

#include "pipeline/config_build.h"
#include "pipeline/config_experiments.h"
#include "pipeline/params_doc.h"

namespace leat::config {
namespace {

constexpr double kTenThousandYears = 3'652'425.0 * static_cast<double>(kDay);
constexpr Range kLength{0, kTenThousandYears, false, false};
constexpr Range kSomeTime{0, kTenThousandYears, true, false};

/// Where rewards come from: one of three ways.
void ReadRewards(Build& b, YamlParams& p, BanditConfig& bandit) {
  const YamlNode* node = p.Get("rewards");
  if (node == nullptr) {
    if (bandit.reward.empty() && !bandit.serve) {
      p.Refuse("", "expected `reward`, the number that is to be large");
    }
    return;
  }
  if (!bandit.reward.empty() || !bandit.taken.empty()) {
    return p.Refuse("rewards", "does not go with `reward` or `taken`");
  }
  if (!node->IsMap()) {
    return p.Problem(*node, "rewards",
                     "found " + Found(*node) + ", expected a map of actions to numbers");
  }
  const auto& actions = bandit.options.actions;
  bandit.rewards.resize(actions.size());
  for (const YamlNode& item : node->items) {
    const auto found = std::find(actions.begin(), actions.end(), item.key);
    if (found == actions.end()) {
      p.Problem(item, "rewards", Quote(item.key) + " is no action" + Suggestion(item.key, actions));
      continue;
    }
    CheckNumber(b, p, "rewards", item, item.scalar);
    bandit.rewards[static_cast<size_t>(found - actions.begin())] = item.scalar;
  }
  for (size_t a = 0; a < actions.size(); ++a) {
    if (!bandit.rewards[a].empty()) continue;
    p.Refuse("rewards", "the action " + Quote(actions[a]) + " has none");
  }
}

/// Names of policies, or a map of names to what differs from the bandit's policy.
void ReadCandidates(Build& b, YamlParams& p, BanditConfig& bandit) {
  const YamlNode* const node = p.Get("candidates");
  if (node == nullptr) return;
  const auto policies = Strings(experiments::PolicyNames());
  if (!bandit.candidates_have_settings) {
    for (const YamlNode* at : NameNodes(node)) {
      const auto found = std::find(policies.begin(), policies.end(), at->scalar);
      if (found == policies.end()) {
        p.Problem(*at, "candidates",
                  "no policy is called " + Quote(at->scalar) + Suggestion(at->scalar, policies));
        continue;
      }
      bandit.options.candidates.push_back(experiments::CandidateOf(
          bandit.options.policy, static_cast<experiments::PolicyKind>(found - policies.begin())));
    }
    return;
  }
  for (const YamlNode& item : node->items) {
    YamlParams own = b.Map(item, p.Path("candidates") + "." + item.key);
    if (!item.IsMap()) continue;
    const bool taken =
        item.key == "uniform" ||
        std::any_of(bandit.options.actions.begin(), bandit.options.actions.end(),
                    [&](const auto& action) { return item.key == "always " + action; });
    if (taken) p.Problem(item, "candidates", Quote(item.key) + " is scored anyway");
    experiments::BanditOptions::Candidate candidate{item.key, bandit.options.policy};
    DescribeCandidate(own, candidate.policy);
    own.Finish();
    bandit.options.candidates.push_back(std::move(candidate));
  }
}

}  // namespace

void DescribeCandidate(SectionParams& p, experiments::PolicyOptions& policy) {
  p.Enumeration("policy", policy.kind, experiments::PolicyNames(),
                "How its actions would be chosen; the bandit's policy unless said.");
  DescribePolicy(p, policy);
}

void DescribePolicy(SectionParams& p, experiments::PolicyOptions& policy) {
  p.Number("floor", policy.floor, kFraction, "Probability of each action, at least.");
  p.Number("epsilon", policy.epsilon, kFraction, "Epsilon-greedy: share of exploration.");
  p.Number("decay", policy.decay, kNotNegative, "Epsilon-greedy: epsilon / (1 + decay * rewards).");
  p.Number("width", policy.width, kNotNegative, "ucb1, linucb, lints: of the exploration.");
  p.Number("temperature", policy.temperature, kPositive, "softmax: of the mean rewards.");
  p.Number("gamma", policy.gamma, kNotNegative, "squarecb: gamma * sqrt(rewards).");
  p.Number("ridge", policy.ridge, kPositive, "Policies with context: of the regressions.");
  p.Number("noise", policy.noise, kPositive, "thompson_gauss: standard deviation of a reward.");
  p.Duration("half_life", policy.half_life, kLength,
             "Of what was learnt, for rewards that change; 0: nothing fades.");
  p.Duration(
      "window", policy.window, kLength,
      "What is older is forgotten, in sixteenths of it; 0: never. Either this or `half_life`.");
  p.Integer("refresh", policy.refresh, {1, 1e9},
            "Thompson: rewards between two computations of the probabilities.");
}

void DescribeBandit(SectionParams& p, BanditConfig& b) {
  experiments::BanditOptions& o = b.options;
  experiments::PolicyOptions& policy = o.policy;
  p.TextList("actions", o.actions, "Names of the actions. Required.");
  p.Enumeration("policy", policy.kind, experiments::PolicyNames(),
                "How actions are chosen; linucb, lints and squarecb see the context.");
  p.TextList("context", b.context, "Numbers (fields or features) that describe a decision.");
  p.Text("decide", b.decide,
         "Number: a record on which it is not 0 asks for a decision; every record unless said.");
  p.Text("decision", b.decision,
         "Field with the id of the record whose decision is rewarded; the record's own unless "
         "said.");
  p.Text("reward", b.reward,
         "Number: a reward, where it is not missing. Required, but with `rewards` or `serve`.");
  p.Shape("rewards", "map of actions to numbers", "none",
          "What each action would have earned, where a log knows that (simulations): the chosen "
          "one's is its reward, and nothing is learnt from the others.");
  if (p.Wants(b.serve)) {
    p.Boolean("serve", b.serve,
              "The actions are models: the chosen one's prediction is written. Without `reward`, "
              "the reward comes with the label: 1 if its decision was right, else 0; of a number, "
              "minus the absolute error.");
  }
  p.Text("taken", b.taken,
         "Field with the action that another system took: then Leat learns and scores only.");
  p.Text("propensity", b.propensity, "Number: with `taken`, the probability it was taken with.");
  p.Duration("reward_window", o.reward_window, kSomeTime,
             "How long rewards of a decision are waited for; then it is learnt from, once.");
  p.Number("default_reward", o.default_reward, Range{}, "Of a decision that had none.");
  p.Enumeration("fold", o.fold, experiments::FoldNames(), "What several rewards make.");
  DescribePolicy(p, policy);
  p.Boolean("inverse_propensity", o.inverse_propensity,
            "Policies with context learn with weight 1 / p.");
  if (b.candidates_have_settings) {
    p.Shape("candidates", "", "", "");
  } else {
    p.TextList("candidates", b.candidates,
               "Policies that learn from the same rewards and are scored off-policy, beside "
               "uniform and each action alone. Or a map of names to what differs from the policy "
               "above, see below.");
  }
  p.Integer("max_pending", o.max_pending, {1, 1e9},
            "Decisions that wait; beyond, the oldest are learnt from early.");
  int64_t seed = static_cast<int64_t>(o.seed);
  p.Integer("seed", seed, {0, 9e15}, "Of the draws.");
  o.seed = static_cast<uint64_t>(seed);
  p.Number("alpha", o.alpha, kOpenFraction, "Level of the intervals.");
  p.Duration("every", b.every, Range{static_cast<double>(kSecond), kTenThousandYears, false, false},
             "Event time between two rows of the metrics sink.");
  p.Boolean("log_decisions", b.log_decisions,
            "Each decision is an event: id, context hash, actions, probabilities, version.");
}

void ReadBandits(Build& b, const YamlNode& node) {
  if (!CheckNamed(b, node, "bandits")) return;
  auto all = std::make_shared<std::vector<BanditConfig>>();
  for (const YamlNode& item : node.items) {
    BanditConfig bandit;
    const size_t before = b.problems.size();
    YamlParams p = b.Map(item, "bandits." + item.key);
    if (!item.IsMap()) continue;
    CheckName(b, item, "bandits");
    bandit.options.name = item.key;
    const YamlNode* const candidates = item.Find("candidates");
    bandit.candidates_have_settings = candidates != nullptr && candidates->IsMap();
    DescribeBandit(p, bandit);
    p.Finish();
    for (const YamlNode* at : NameNodes(p.Get("context"))) {
      CheckNumber(b, p, "context", *at, at->scalar);
    }
    CheckNumber(b, p, "decide", bandit.decide);
    CheckNumber(b, p, "reward", bandit.reward);
    ReadRewards(b, p, bandit);
    if (bandit.serve) {
      const auto actions = NameNodes(p.Get("actions"));
      for (const YamlNode* at : actions) CheckModel(b, p, "actions", *at, at->scalar);
      if (!bandit.taken.empty()) p.Refuse("serve", "Leat decides who serves: `taken` does not go");
      if (!b.config.has_label) p.Refuse("serve", "there is no `label`, and so no model predicts");
    }
    CheckText(b, p, "decision", bandit.decision);
    CheckText(b, p, "taken", bandit.taken);
    CheckNumber(b, p, "propensity", bandit.propensity);
    if (bandit.taken.empty() != bandit.propensity.empty()) {
      p.Refuse("", "`taken` and `propensity` go together");
    }
    const bool of_its_own = !bandit.rewards.empty() || (bandit.serve && bandit.reward.empty());
    if (of_its_own && !bandit.decision.empty()) {
      p.Refuse("decision", "the reward is that of the record's own decision");
    }
    if (bandit.taken.empty() && bandit.decision.empty() && !of_its_own) {
      p.Refuse("", "expected `decision`: a reward comes after the decision, on another record");
    }
    if (b.config.schema.id_column.empty()) {
      p.Refuse("", "decisions are known by the record's id: `record.id` is missing");
    }
    ReadCandidates(b, p, bandit);
    bandit.options.context = bandit.context.size();
    if (b.problems.size() == before) {
      const auto made = experiments::Bandit::Create(bandit.options);
      if (!made.ok()) b.Problem(item, p.where(), std::string(made.status().message()));
    }
    all->push_back(std::move(bandit));
  }
  b.config.bandits = std::move(all);
  int64_t routers = 0;
  if (b.config.experiments != nullptr) {
    for (const ExperimentConfig& e : *b.config.experiments) routers += e.routes.empty() ? 0 : 1;
  }
  for (const BanditConfig& bandit : *b.config.bandits) routers += bandit.serve ? 1 : 0;
  if (routers > 1) b.Problem(node, "bandits", std::string(kOneRouter));
}

std::string BanditsText(const std::vector<BanditConfig>& bandits) {
  std::string out;
  for (BanditConfig bandit : bandits) {
    ValueParams values("  ");
    DescribeBandit(values, bandit);
    out += "bandit " + bandit.options.name + ":\n" + values.text();
    if (bandit.candidates_have_settings) {
      for (experiments::BanditOptions::Candidate& candidate : bandit.options.candidates) {
        ValueParams own("    ");
        DescribeCandidate(own, candidate.policy);
        out += "  candidate " + YamlText(candidate.name) + ":\n" + own.text();
      }
    }
    for (size_t a = 0; a < bandit.rewards.size(); ++a) {
      out += "  reward of " + YamlText(bandit.options.actions[a]) + ": " +
             YamlText(bandit.rewards[a]) + "\n";
    }
  }
  return out;
}

}  // namespace leat::config
