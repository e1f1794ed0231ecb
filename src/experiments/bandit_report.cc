// What a bandit has decided and what it has earned, as JSON and as a table.
#include <fmt/format.h>

#include "base/text.h"
#include "experiments/bandit.h"
#include "record/time_format.h"

namespace leat::experiments {
namespace {

void Name(std::string& out, std::string_view name) {
  out += ',';
  AppendJsonString(out, name);
  out += ':';
}

}  // namespace

void AppendJson(const Bandit& bandit, const BanditDecision& d, std::string_view id,
                uint64_t context_hash, EventTime time, std::string& out) {
  out += "{\"event\":\"decision\",\"bandit\":";
  AppendJsonString(out, bandit.options().name);
  Name(out, "id");
  AppendJsonString(out, id);
  Name(out, "time");
  AppendJsonString(out, FormatIso(time));
  Name(out, "context");
  AppendJsonString(out, fmt::format("{:016x}", context_hash));
  Name(out, "action");
  AppendJsonString(out, bandit.options().actions[d.action]);
  Name(out, "actions");
  out += '[';
  for (size_t a = 0; a < d.p.size(); ++a) {
    if (a > 0) out += ',';
    AppendJsonString(out, bandit.options().actions[a]);
  }
  out += ']';
  Name(out, "p");
  out += '[';
  for (size_t a = 0; a < d.p.size(); ++a) {
    if (a > 0) out += ',';
    AppendJsonNumber(out, d.p[a]);
  }
  out += ']';
  Name(out, "version");
  AppendNumber(out, d.version);
  out += "}\n";
}

void AppendJson(const Bandit& bandit, EventTime time, std::string& out) {
  const Bandit::Account& a = bandit.account();
  out += "{\"bandit\":";
  AppendJsonString(out, bandit.options().name);
  Name(out, "time");
  AppendJsonString(out, time == EventTime{} ? "" : FormatIso(time));
  for (const auto& [name, value] :
       std::initializer_list<std::pair<std::string_view, int64_t>>{{"decisions", a.decisions},
                                                                   {"repeated", a.repeated},
                                                                   {"waiting", bandit.waiting()},
                                                                   {"rewards", a.rewards},
                                                                   {"unknown", a.unknown},
                                                                   {"trained", a.trained},
                                                                   {"defaulted", a.defaulted},
                                                                   {"early", a.early},
                                                                   {"invalid", a.invalid},
                                                                   {"version", bandit.version()}}) {
    Name(out, name);
    AppendNumber(out, value);
  }
  Name(out, "mean_reward");
  AppendJsonNumber(out, bandit.mean_reward());
  Name(out, "chosen");
  out += '{';
  for (size_t i = 0; i < bandit.chosen().size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonString(out, bandit.options().actions[i]);
    out += ':';
    AppendNumber(out, bandit.chosen()[i]);
  }
  out += '}';
  Name(out, "candidates");
  out += '[';
  bool first = true;
  for (const CandidateScore& score : bandit.Scores()) {
    if (!first) out += ',';
    first = false;
    const OffPolicy& e = score.estimates;
    out += "{\"policy\":";
    AppendJsonString(out, score.name);
    if (!score.refused.empty()) {
      Name(out, "refused");
      AppendJsonString(out, score.refused);
    }
    const double alpha = bandit.options().alpha;
    const Interval ips = e.IpsInterval(alpha).interval, snips = e.SnipsInterval(alpha).interval,
                   direct = e.DirectInterval(alpha).interval,
                   switched = e.SwitchInterval(alpha).interval;
    for (const auto& [name, value] : std::initializer_list<std::pair<std::string_view, double>>{
             {"ips", e.ips()},
             {"ips_lo", ips.lo},
             {"ips_hi", ips.hi},
             {"snips", e.snips()},
             {"snips_lo", snips.lo},
             {"snips_hi", snips.hi},
             {"direct", e.direct()},
             {"direct_lo", direct.lo},
             {"direct_hi", direct.hi},
             {"doubly_robust", e.doubly_robust()},
             {"doubly_robust_lo", score.doubly_robust.interval.lo},
             {"doubly_robust_hi", score.doubly_robust.interval.hi},
             {"switch", e.switched()},
             {"switch_lo", switched.lo},
             {"switch_hi", switched.hi},
             {"effective_size", e.effective_size()},
             {"mean_weight", e.mean_weight()},
             {"max_weight", e.max_weight()}}) {
      Name(out, name);
      AppendJsonNumber(out, value);
    }
    out += '}';
  }
  out += "]}";
}

std::string Table(const Bandit& bandit) {
  const Bandit::Account& a = bandit.account();
  std::string out = fmt::format(
      "bandit {}\n  {} decisions, {} waiting for rewards, {} trained on ({} by default); mean "
      "reward {:.6g}\n",
      bandit.options().name, a.decisions, bandit.waiting(), a.trained, a.defaulted,
      bandit.mean_reward());
  for (size_t i = 0; i < bandit.chosen().size(); ++i) {
    out += fmt::format("  {:<24} {:>10} times\n", bandit.options().actions[i], bandit.chosen()[i]);
  }
  out += fmt::format("\n  {:<24} {:>10} {:>10}  {:<24} {:>9}\n", "policy", "SNIPS", "doubly r.",
                     "confidence sequence", "ESS");
  for (const CandidateScore& s : bandit.Scores()) {
    if (!s.refused.empty()) {
      out += fmt::format("  {:<24} refused: {}\n", s.name, s.refused);
      continue;
    }
    out += fmt::format(
        "  {:<24} {:>10.6g} {:>10.6g}  {:<24} {:>9.0f}\n", s.name, s.estimates.snips(),
        s.estimates.doubly_robust(),
        fmt::format("[{:.5g}, {:.5g}]", s.doubly_robust.interval.lo, s.doubly_robust.interval.hi),
        s.estimates.effective_size());
  }
  return out;
}

}  // namespace leat::experiments
