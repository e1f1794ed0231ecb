// Exploration, linear models, off-policy estimates.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/cases.h"
#include "experiments/exploration.h"
#include "experiments/off_policy.h"
#include "experiments/ridge.h"
#include "reference/reference.h"

namespace leat::experiments {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

void CompareAll(CaseCheck& out, const std::string& what, const std::vector<double>& found,
                const std::vector<double>& expected) {
  out.Number(what + " count", static_cast<double>(found.size()),
             static_cast<double>(expected.size()));
  for (size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    out.Number(what, found[i], expected[i]);
  }
}

/// The mean over rounds of `weight` * (r - q) + `base`: what the estimators are on a short table.
OffPolicy Estimate(const array& rounds, const OffPolicyOptions& options) {
  OffPolicy out(options);
  for (const value& item : rounds) {
    const object& round = item.as_object();
    const auto a = static_cast<size_t>(Num(round.at("a")));
    const auto pe = Nums(round.at("pe")), q = Nums(round.at("q"));
    LoggedReward step;
    step.weight = pe[a] / Num(round.at("p"));
    step.reward = Num(round.at("r"));
    step.direct = std::inner_product(pe.begin(), pe.end(), q.begin(), 0.0);
    step.predicted = q[a];
    out.Add(step);
  }
  return out;
}

void RunOpe(const Case& c, CaseCheck& out) {
  const array& rounds = c.input.at("rounds").as_array();
  const OffPolicy ope = Estimate(rounds, {1, 1, 0.5});
  if (const value* w = c.expected.as_object().if_contains("w")) {
    std::vector<double> weights;
    for (const value& round : rounds) {
      weights.push_back(Nums(round.at("pe"))[static_cast<size_t>(Num(round.at("a")))] /
                        Num(round.at("p")));
    }
    CompareAll(out, "w", weights, Nums(*w));
  }
  out.Member(c.expected, "ips", ope.ips());
  out.Member(c.expected, "snips", ope.snips());
  out.Member(c.expected, "dm", ope.direct());
  out.Member(c.expected, "dr", ope.doubly_robust());
  out.Member(c.expected, "sndr", ope.snips_doubly_robust());
  out.Member(c.expected, "switch_dr_tau1", ope.switched());
  out.Member(c.expected, "dros_lam1", ope.shrunk());
  out.Member(c.expected, "subg_lam05", ope.subgaussian());
}

/// obp.obd.<campaign>_<policy>: the log of that name, where it is there.
void RunOpeReal(const Case& c, CaseCheck& out) {
  const std::string log = "open_bandit_" + c.id.substr(c.id.rfind('.') + 1);
  const reference::Table* const table = reference::Data(log);
  if (table == nullptr) return out.Skip(log + " is not there");
  const auto column = [&](const char* name) {
    const auto at = std::find(table->header.begin(), table->header.end(), name);
    return static_cast<size_t>(at - table->header.begin());
  };
  const size_t item = column("item_id"), click = column("click"), p = column("propensity_score");
  double actions = 0;
  for (const auto& row : table->rows) actions = std::max(actions, std::stod(row[item]) + 1);
  OffPolicy ope;
  for (const auto& row : table->rows) {
    ope.Add({1 / actions / std::stod(row[p]), std::stod(row[click]), 0, 0});
  }
  // Printed with few digits: within half of the last one.
  const auto near = [&](const char* name, double found, double half) {
    const value* expected = c.expected.as_object().if_contains(name);
    if (expected == nullptr) return;
    out.Number(name, std::abs(found - Num(*expected)) <= half ? Num(*expected) : found,
               Num(*expected));
  };
  out.Member(c.expected, "ips", ope.ips());
  out.Member(c.expected, "snips", ope.snips());
  near("mean_w", ope.mean_weight(), 5e-4);
  near("max_w", ope.max_weight(), 0.05);
  near("ess", ope.effective_size(), 0.05);
  out.Text(
      "headline", ope.Refusal().empty() ? "allowed" : "refused",
      ope.effective_size() < 100 || std::abs(ope.mean_weight() - 1) > 0.1 ? "refused" : "allowed");
}

void RunRobust(const Case& c, CaseCheck& out) {
  OffPolicy ope;
  RobustValue robust;
  for (const value& item : c.input.at("w_r").as_array()) {
    const auto pair = Nums(item);
    ope.Add({pair[0], pair[1], 0, 0});
    robust.Add(pair[0], pair[1]);
  }
  const Interval found = robust.interval(Num(c.input.at("alpha")));
  out.Member(c.expected, "lb", found.lo);
  out.Member(c.expected, "ub", found.hi);
  out.Member(c.expected, "ips", ope.ips());
  out.Member(c.expected, "snips", ope.snips());
  out.Member(c.expected, "ess", ope.effective_size());
}

void RunRidge(const Case& c, CaseCheck& out) {
  const object& in = c.input;
  const array& rows = in.at("X").as_array();
  const auto y = Nums(in.at("y"));
  Ridge ridge(rows.at(0).as_array().size(), Num(in.at("l2")));
  const Ridge untrained = ridge;
  for (size_t i = 0; i < rows.size(); ++i) ridge.Learn(Nums(rows[i]), y[i]);
  if (c.expected.is_array()) {
    return CompareAll(out, "beta", ridge.Coefficients(), Nums(c.expected));
  }
  CompareAll(out, "beta", ridge.Coefficients(), Nums(c.expected.at("beta")));
  const auto x = Nums(in.at("x"));
  out.Member(c.expected, "predict", ridge.Predict(x));
  out.Member(c.expected, "linucb_width", ridge.Width(x));
  out.Member(c.expected, "untrained_width", untrained.Width(x));
}

void RunPartialFit(const Case& c, CaseCheck& out) {
  std::map<int, Ridge> arms;
  std::map<int, std::vector<double>> first;  // Of each arm, the first coefficient after each fit.
  const auto fit = [&](const object& part) {
    const auto chosen = Nums(part.at("arms")), rewards = Nums(part.at("rewards"));
    const array& contexts = part.at("ctx").as_array();
    for (size_t i = 0; i < chosen.size(); ++i) {
      const auto x = Nums(contexts[i]);
      arms.try_emplace(static_cast<int>(chosen[i]), x.size(), Num(c.input, "l2", 1))
          .first->second.Learn(x, rewards[i]);
    }
    for (const auto& [arm, ridge] : arms) first[arm].push_back(ridge.Coefficients()[0]);
  };
  fit(c.input);
  fit(c.input.at("then").as_object());
  for (const auto& [name, expected] : c.expected.as_object()) {
    // b<arm>_0
    const int arm = std::stoi(std::string(name).substr(1));
    CompareAll(out, std::string(name), first.at(arm), Nums(expected));
  }
}

/// The inverse of a small matrix by Gauss and Jordan.
std::vector<double> Inverse(std::vector<double> a, size_t n) {
  std::vector<double> out(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) out[i * n + i] = 1;
  for (size_t i = 0; i < n; ++i) {
    const double pivot = a[i * n + i];
    for (size_t j = 0; j < n; ++j) a[i * n + j] /= pivot, out[i * n + j] /= pivot;
    for (size_t k = 0; k < n; ++k) {
      const double factor = a[k * n + i];
      if (k == i) continue;
      for (size_t j = 0; j < n; ++j) {
        a[k * n + j] -= factor * a[i * n + j];
        out[k * n + j] -= factor * out[i * n + j];
      }
    }
  }
  return out;
}

std::vector<double> Flat(const value& rows) {
  std::vector<double> out;
  for (const value& row : rows.as_array()) {
    for (const double x : Nums(row)) out.push_back(x);
  }
  return out;
}

void RunInverseGap(const Case& c, CaseCheck& out) {
  std::vector<std::string> names;
  std::vector<double> scores;
  for (const auto& [name, score] : c.input.at("scores_in_shuffled_order").as_object()) {
    names.emplace_back(name);
    scores.push_back(Num(score));
  }
  const auto p = InverseGap(scores, Num(c.input.at("gamma")), Num(c.input, "floor", 0));
  for (size_t i = 0; i < names.size(); ++i) {
    out.Member(c.expected.at("p"), names[i], p[i]);
  }
  out.Text("action", names[Draw(p, Num(c.input.at("u")))], Str(c.expected.at("action")));
}

}  // namespace

void AddBanditRunners(std::map<std::string, Runner>& runners) {
  runners["ucb1"] = [](const Case& c, CaseCheck& out) {
    const auto arms = Nums(c.input.at("arms")), rewards = Nums(c.input.at("rewards"));
    std::map<double, std::pair<double, double>> sums;  // n, sum
    for (size_t i = 0; i < arms.size(); ++i) {
      sums[arms[i]].first += 1;
      sums[arms[i]].second += rewards[i];
    }
    std::vector<double> found;
    for (const auto& [arm, s] : sums) {
      found.push_back(Ucb1(s.second / s.first, Num(c.input.at("alpha")),
                           static_cast<double>(arms.size()), s.first));
    }
    CompareAll(out, "score", found, Nums(c.expected));
  };
  runners["ridge_sherman_morrison"] = RunRidge;
  runners["linucb_partial_fit"] = RunPartialFit;
  runners["sherman_morrison"] = [](const Case& c, CaseCheck& out) {
    const auto x = Nums(c.input.at("x"));
    Ridge ridge = Ridge::FromPrecision(x.size(), Inverse(Flat(c.input.at("Ainv")), x.size()));
    ridge.Learn(x, 0);
    CompareAll(out, "inverse", ridge.Covariance(), Flat(c.expected));
  };
  runners["eps_greedy"] = [](const Case& c, CaseCheck& out) {
    CompareAll(out, "p",
               EpsilonGreedy(Num(c.input.at("eps")), static_cast<size_t>(Num(c.input.at("top"))),
                             static_cast<size_t>(Num(c.input.at("n")))),
               Nums(c.expected));
  };
  runners["softmax"] = [](const Case& c, CaseCheck& out) {
    CompareAll(out, "p", Softmax(Nums(c.input.at("scores")), Num(c.input.at("lam"))),
               Nums(c.expected));
  };
  runners["enforce_minimum_probability"] = [](const Case& c, CaseCheck& out) {
    auto p = Nums(c.input.at("p"));
    EnforceMinimum(p, Num(c.input.at("u")), c.input.at("update_zero").as_bool());
    CompareAll(out, "p", p, Nums(c.expected));
  };
  runners["squarecb"] = [](const Case& c, CaseCheck& out) {
    CompareAll(out, "p", SquareCb(Nums(c.input.at("costs")), Num(c.input.at("gamma"))),
               Nums(c.expected));
  };
  runners["igw_gamma1"] = RunInverseGap;
  runners["ope"] = RunOpe;
  runners["ope_real"] = RunOpeReal;
  runners["ope_robust_mixture_cs"] = RunRobust;
}

}  // namespace leat::experiments
