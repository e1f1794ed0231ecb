#include "experiments/bandit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/hash.h"
#include "base/points.h"
#include "experiments/decisions.h"
#include "experiments/exploration.h"
#include "experiments/sequential.h"

namespace leat::experiments {
namespace {

constexpr std::string_view kPolicies[] = {"uniform",       "epsilon_greedy", "ucb1",
                                          "thompson_beta", "thompson_gauss", "softmax",
                                          "linucb",        "lints",          "squarecb"};
constexpr std::string_view kFolds[] = {"first", "last", "sum", "mean", "min", "max"};

Status CheckPolicy(const PolicyOptions& policy, size_t actions) {
  if (policy.floor * static_cast<double>(actions) > 1) {
    return Status::Invalid("the floor is above 1 / actions");
  }
  if (policy.window > 0 && policy.half_life > 0) {
    return Status::Invalid("a policy forgets by half_life or by window, not by both");
  }
  return Status::Ok();
}

}  // namespace

std::span<const std::string_view> PolicyNames() { return kPolicies; }
std::span<const std::string_view> FoldNames() { return kFolds; }

bool IsContextual(PolicyKind kind) {
  return kind == PolicyKind::kLinUcb || kind == PolicyKind::kLinTs || kind == PolicyKind::kSquareCb;
}

Policy::Policy(const PolicyOptions& options, size_t actions, size_t context)
    : options_(options), actions_(actions), context_(context) {
  if (IsContextual(options.kind)) {
    models_.assign(actions, Ridge(context + 1, options.ridge, options.window > 0 ? kParts : 0));
  } else {
    sums_.resize(actions * (options.window > 0 ? kParts : 1));
  }
  p_.assign(actions, 1 / static_cast<double>(actions));
}

Policy::Sums Policy::Of(size_t action) const {
  Sums out;
  for (size_t at = action; at < sums_.size(); at += actions_) {
    out.n += sums_[at].n;
    out.sum += sums_[at].sum;
    out.squares += sums_[at].squares;
  }
  return out;
}

size_t Policy::Block() const {
  constexpr auto kBlocks = static_cast<int64_t>(kParts);
  return options_.window > 0 ? static_cast<size_t>((time_ % kBlocks + kBlocks) % kBlocks) : 0;
}

/// Brings what was learnt to `now`. Time that goes back changes nothing.
void Policy::Forget(EventTime now) {
  if (options_.window > 0) {
    const int64_t width = std::max<int64_t>(1, options_.window / static_cast<int64_t>(kParts));
    const int64_t part = now.micros / width;
    if (!started_) time_ = part, started_ = true;
    if (part <= time_) return;
    for (time_ = std::max(time_, part - static_cast<int64_t>(kParts)); time_ < part;) {
      ++time_;
      const size_t block = Block();
      if (models_.empty()) {
        std::fill_n(sums_.begin() + static_cast<ptrdiff_t>(block * actions_), actions_, Sums{});
      }
      for (Ridge& model : models_) model.Forget(block);
    }
    computed_at_ = -1;
    return;
  }
  if (options_.half_life == 0 || !models_.empty()) return;
  if (!started_) time_ = now.micros, started_ = true;
  if (now.micros <= time_) return;
  const double kept =
      std::exp2(-static_cast<double>(now.micros - time_) / static_cast<double>(options_.half_life));
  for (Sums& s : sums_) s = {s.n * kept, s.sum * kept, s.squares * kept};
  time_ = now.micros;
}

std::span<const double> Policy::Probabilities(std::span<const double> x, EventTime now) {
  const size_t k = actions_;
  const double floor = std::min(options_.floor, 1 / static_cast<double>(k));
  std::vector<double> w(k, 0.0);
  Forget(now);
  if (!models_.empty()) {
    std::vector<double> scores(k);
    std::vector<GaussArm> arms(k);
    for (size_t a = 0; a < k; ++a) {
      scores[a] = models_[a].Predict(x);
      if (options_.kind == PolicyKind::kSquareCb) continue;
      const double width = options_.width * models_[a].Width(x);
      arms[a] = {scores[a], std::max(width, 1e-9)};
      if (options_.kind == PolicyKind::kLinUcb) scores[a] += width;
    }
    switch (options_.kind) {
      case PolicyKind::kLinUcb:
        w[Best(scores)] = 1;
        break;
      case PolicyKind::kLinTs:
        w = ChanceBestGauss(arms);
        break;
      default:
        w = InverseGap(scores, options_.gamma * std::sqrt(static_cast<double>(version_)));
        break;
    }
    p_ = MixFloor(w, floor);
    return p_;
  }
  const bool thompson =
      options_.kind == PolicyKind::kThompsonBeta || options_.kind == PolicyKind::kThompsonGauss;
  // Between two computations the probabilities are those of the last: known, if not the newest.
  if (thompson && computed_at_ >= 0 && version_ - computed_at_ < options_.refresh) return p_;
  std::vector<double> means(k);
  std::vector<Sums> sums(k);
  double total = 0;
  for (size_t a = 0; a < k; ++a) {
    sums[a] = Of(a);
    means[a] = sums[a].n > 0 ? sums[a].sum / sums[a].n : 0;
    total += sums[a].n;
  }
  switch (options_.kind) {
    case PolicyKind::kEpsilonGreedy:
      w = EpsilonGreedy(options_.epsilon / (1 + options_.decay * static_cast<double>(version_)),
                        Best(means), k);
      break;
    case PolicyKind::kUcb1: {
      std::vector<double> scores(k);
      for (size_t a = 0; a < k; ++a) scores[a] = Ucb1(means[a], options_.width, total, sums[a].n);
      w[Best(scores)] = 1;
      break;
    }
    case PolicyKind::kThompsonBeta: {
      std::vector<BetaArm> arms(k);
      for (size_t a = 0; a < k; ++a) {
        arms[a] = {1 + std::max(0.0, sums[a].sum), 1 + std::max(0.0, sums[a].n - sums[a].sum)};
      }
      w = ChanceBestBeta(arms);
      break;
    }
    case PolicyKind::kThompsonGauss: {
      std::vector<GaussArm> arms(k);
      for (size_t a = 0; a < k; ++a) {
        arms[a] = {sums[a].sum / (sums[a].n + 1), options_.noise / std::sqrt(sums[a].n + 1)};
      }
      w = ChanceBestGauss(arms);
      break;
    }
    case PolicyKind::kSoftmax:
      w = Softmax(means, 1 / options_.temperature);
      break;
    default:
      w.assign(k, 1 / static_cast<double>(k));
      break;
  }
  p_ = MixFloor(w, floor);
  computed_at_ = version_;
  return p_;
}

void Policy::Learn(size_t action, std::span<const double> x, double reward, double weight,
                   EventTime now) {
  Forget(now);
  if (!models_.empty()) {
    double discount = 1;
    if (options_.half_life > 0) {
      if (!started_) time_ = now.micros, started_ = true;
      const int64_t passed = std::max<int64_t>(0, now.micros - time_);
      discount = std::exp2(-static_cast<double>(passed) / static_cast<double>(options_.half_life));
      time_ = std::max(time_, now.micros);
      // Every action's model ages alike.
      if (discount < 1) {
        const std::vector<double> nothing(x.size(), 0.0);
        for (size_t a = 0; a < actions_; ++a) {
          if (a != action) models_[a].Learn(nothing, 0, 1, discount);
        }
      }
    }
    models_[action].Learn(x, reward, weight, discount, Block());
  } else {
    double r = reward;
    if (options_.kind == PolicyKind::kThompsonBeta) r = std::clamp(r, 0.0, 1.0);
    Sums& s = sums_[Block() * actions_ + action];
    s.n += 1;
    s.sum += r;
    s.squares += r * r;
  }
  ++version_;
}

void Policy::Save(StateWriter& out) const {
  out.Section("policy", 1);
  out.Array(sums_);
  out.U64(models_.size());
  for (const Ridge& model : models_) model.Save(out);
  out.Array(p_);
  for (const int64_t v : {version_, computed_at_, time_}) out.I64(v);
  out.Bool(started_);
}

Status Policy::Load(StateReader& in) {
  in.Section("policy", 1);
  const size_t sums = sums_.size(), actions = p_.size();
  in.Array(sums_);
  if (in.U64() != models_.size() && in.ok()) in.Fail("a policy of another kind");
  if (in.ok()) {
    for (Ridge& model : models_) LEAT_RETURN_IF_ERROR(model.Load(in));
  }
  in.Array(p_);
  for (int64_t* v : {&version_, &computed_at_, &time_}) *v = in.I64();
  started_ = in.Bool();
  if (in.ok() && (sums_.size() != sums || p_.size() != actions))
    in.Fail("a policy of other actions");
  return in.status();
}

BanditOptions::Candidate CandidateOf(const PolicyOptions& policy, PolicyKind kind) {
  BanditOptions::Candidate candidate{std::string(PolicyNames()[static_cast<size_t>(kind)]), policy};
  candidate.policy.kind = kind;
  return candidate;
}

Bandit::Bandit(BanditOptions options)
    : options_(std::move(options)),
      draws_(Hash64(options_.name, options_.seed)),
      policy_(options_.policy, options_.actions.size(), options_.context),
      rewards_(options_.actions.size(), Ridge(options_.context + 1, 1)),
      chosen_(options_.actions.size()) {
  for (const BanditOptions::Candidate& candidate : options_.candidates) {
    candidates_.emplace_back(candidate.policy, options_.actions.size(), options_.context);
  }
  scores_.resize(candidates_.size() + 1 + options_.actions.size());
}

Result<std::unique_ptr<Bandit>> Bandit::Create(BanditOptions options) {
  if (options.actions.size() < 2) return Status::Invalid("needs at least two actions");
  if (options.actions.size() > 1000) return Status::Invalid("has more than 1000 actions");
  for (size_t i = 0; i < options.actions.size(); ++i) {
    if (options.actions[i].empty()) return Status::Invalid("an action has no name");
    if (std::count(options.actions.begin(), options.actions.end(), options.actions[i]) > 1) {
      return Status::Invalid("two actions are called '" + options.actions[i] + "'");
    }
  }
  LEAT_RETURN_IF_ERROR(CheckPolicy(options.policy, options.actions.size()));
  for (const BanditOptions::Candidate& candidate : options.candidates) {
    LEAT_RETURN_IF_ERROR(CheckPolicy(candidate.policy, options.actions.size()));
  }
  if (options.reward_window <= 0) return Status::Invalid("the reward window is 0");
  return std::unique_ptr<Bandit>(new Bandit(std::move(options)));
}

Bandit::Pending* Bandit::Start(uint64_t id, std::span<const double> context, EventTime time) {
  if (pending_.contains(id)) {
    ++account_.repeated;
    return nullptr;
  }
  if (static_cast<int64_t>(pending_.size()) >= options_.max_pending) {
    ++account_.early;
    TrainOldest();
  }
  ++account_.decisions;
  Pending& pending = pending_[id];
  pending.time = time;
  for (const double v : context) pending.x.push_back(points::Usable(v) ? v : 0);
  pending.x.resize(options_.context, 0.0);
  pending.x.push_back(1);
  due_.emplace((time + options_.reward_window).micros, id);
  return &pending;
}

const BanditDecision* Bandit::Decide(uint64_t id, std::span<const double> context, EventTime time) {
  Pending* const pending = Start(id, context, time);
  if (pending == nullptr) return nullptr;
  const std::span<const double> p = policy_.Probabilities(pending->x, time);
  decision_.id = id;
  decision_.p.assign(p.begin(), p.end());
  decision_.version = policy_.version();
  decision_.action = Draw(p, DrawOf(draws_, id));
  pending->action = static_cast<uint32_t>(decision_.action);
  pending->p = p[decision_.action];
  ++chosen_[decision_.action];
  return &decision_;
}

void Bandit::Logged(uint64_t id, size_t action, double p, std::span<const double> context,
                    EventTime time) {
  if (action >= options_.actions.size() || !(p > 0 && p <= 1)) {
    ++account_.invalid;
    return;
  }
  Pending* const pending = Start(id, context, time);
  if (pending == nullptr) return;
  pending->action = static_cast<uint32_t>(action);
  pending->p = p;
  ++chosen_[action];
}

void Bandit::Reward(uint64_t id, double reward, EventTime time) {
  ++account_.rewards;
  const auto found = pending_.find(id);
  if (found == pending_.end() || !points::Usable(reward) || time < found->second.time ||
      time - found->second.time >= options_.reward_window) {
    ++account_.unknown;
    return;
  }
  Pending& p = found->second;
  ++p.rewards;
  const bool first = p.rewards == 1;
  switch (options_.fold) {
    case Fold::kFirst:
      if (!first && time >= p.at) break;
      p.folded = reward;
      p.at = time;
      break;
    case Fold::kLast:
      if (!first && time < p.at) break;
      p.folded = reward;
      p.at = time;
      break;
    case Fold::kSum:
    case Fold::kMean:
      p.folded += reward;
      break;
    case Fold::kMin:
      p.folded = first ? reward : std::min(p.folded, reward);
      break;
    case Fold::kMax:
      p.folded = first ? reward : std::max(p.folded, reward);
      break;
  }
}

std::optional<size_t> Bandit::Waiting(uint64_t id) const {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return std::nullopt;
  return found->second.action;
}

void Bandit::Train(uint64_t id) {
  const auto found = pending_.find(id);
  const Pending pending = std::move(found->second);
  pending_.erase(found);
  double reward = pending.folded;
  if (pending.rewards == 0) {
    reward = options_.default_reward;
    ++account_.defaulted;
  } else if (options_.fold == Fold::kMean) {
    reward /= static_cast<double>(pending.rewards);
  }
  ++account_.trained;
  reward_sum_ += reward;
  const size_t k = options_.actions.size();
  // Scored first: neither the reward model nor a candidate has seen this reward.
  std::vector<double> predicted(k);
  for (size_t a = 0; a < k; ++a) predicted[a] = rewards_[a].Predict(pending.x);
  const auto score = [&](OffPolicy& estimates, std::span<const double> pi) {
    LoggedReward step;
    step.weight = pi[pending.action] / pending.p;
    step.reward = reward;
    step.direct = std::inner_product(pi.begin(), pi.end(), predicted.begin(), 0.0);
    step.predicted = predicted[pending.action];
    estimates.Add(step);
  };
  size_t at = 0;
  for (Policy& candidate : candidates_) {
    score(scores_[at++], candidate.Probabilities(pending.x, pending.time));
  }
  std::vector<double> pi(k, 1 / static_cast<double>(k));
  score(scores_[at++], pi);
  for (size_t a = 0; a < k; ++a) {
    std::fill(pi.begin(), pi.end(), 0.0);
    pi[a] = 1;
    score(scores_[at++], pi);
  }
  const double weight = options_.inverse_propensity ? 1 / pending.p : 1;
  policy_.Learn(pending.action, pending.x, reward, weight, pending.time);
  for (Policy& candidate : candidates_) {
    candidate.Learn(pending.action, pending.x, reward, weight, pending.time);
  }
  rewards_[pending.action].Learn(pending.x, reward);
}

void Bandit::Advance(EventTime now) {
  while (!due_.empty() && due_.begin()->first <= now.micros) TrainOldest();
}

void Bandit::TrainOldest() {
  const uint64_t id = due_.begin()->second;
  due_.erase(due_.begin());
  Train(id);
}

std::vector<CandidateScore> Bandit::Scores() const {
  std::vector<CandidateScore> out;
  for (size_t i = 0; i < scores_.size(); ++i) {
    CandidateScore score;
    if (i < candidates_.size()) {
      score.name = options_.candidates[i].name;
    } else if (i == candidates_.size()) {
      score.name = "uniform";
    } else {
      score.name = "always " + options_.actions[i - candidates_.size() - 1];
    }
    score.estimates = scores_[i];
    score.refused = scores_[i].Refusal();
    score.doubly_robust = AsymptoticSequence(scores_[i].DoublyRobustEffect(),
                                             {options_.alpha, 20'000, Alternative::kTwoSided});
    out.push_back(std::move(score));
  }
  return out;
}

void Bandit::Save(StateWriter& out) const {
  out.Section("bandit", 3);
  out.U64(options_.actions.size());
  policy_.Save(out);
  out.U64(candidates_.size());
  for (const Policy& candidate : candidates_) candidate.Save(out);
  for (const OffPolicy& score : scores_) score.Save(out);
  for (const Ridge& model : rewards_) model.Save(out);
  out.U64(due_.size());
  // In the order of their ends, which is all that can be asked of it.
  for (const auto& [end, id] : due_) {
    const Pending& p = pending_.at(id);
    out.U64(id);
    out.I64(p.time.micros);
    out.U32(p.action);
    out.I64(p.rewards);
    out.I64(p.at.micros);
    out.F64(p.folded);
    out.F64(p.p);
    out.Array(p.x);
  }
  out.Array(chosen_);
  out.F64(reward_sum_);
  out.Items(std::span<const Account>(&account_, 1));
  past_.Save(out);
}

Status Bandit::Load(StateReader& in) {
  const uint32_t version = in.Section("bandit", 3);
  const bool whole = version >= 2;  // Version 1 had no past, nor this number.
  if (whole && in.U64() != options_.actions.size() && in.ok()) {
    in.Fail("the bandit's actions differ");
  }
  LEAT_RETURN_IF_ERROR(in.status());
  LEAT_RETURN_IF_ERROR(policy_.Load(in));
  if (in.U64() != candidates_.size() && in.ok()) in.Fail("the bandit's candidates differ");
  LEAT_RETURN_IF_ERROR(in.status());
  for (Policy& candidate : candidates_) LEAT_RETURN_IF_ERROR(candidate.Load(in));
  for (OffPolicy& score : scores_) LEAT_RETURN_IF_ERROR(score.Load(in));
  for (Ridge& model : rewards_) LEAT_RETURN_IF_ERROR(model.Load(in));
  pending_.clear();
  due_.clear();
  for (uint64_t left = in.Count(52); left > 0 && in.ok(); --left) {
    const uint64_t id = in.U64();
    Pending p;
    p.time.micros = in.I64();
    p.action = in.U32();
    p.rewards = in.I64();
    // Before version 3 the first and the last were those that came so.
    p.at = p.time;
    if (version >= 3) p.at.micros = in.I64();
    p.folded = in.F64();
    p.p = in.F64();
    in.Array(p.x);
    if (in.ok() && (p.action >= options_.actions.size() || p.x.size() != options_.context + 1)) {
      in.Fail("a decision of a bandit does not fit");
    }
    due_.emplace((p.time + options_.reward_window).micros, id);
    pending_[id] = std::move(p);
  }
  in.Array(chosen_);
  reward_sum_ = in.F64();
  in.Items(std::span<Account>(&account_, 1));
  if (whole) past_.Load(in);
  if (in.ok() && chosen_.size() != options_.actions.size()) in.Fail("the bandit's actions differ");
  return in.status();
}

}  // namespace leat::experiments
