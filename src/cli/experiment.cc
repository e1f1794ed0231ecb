#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/state_folder.h"
#include "experiments/assignment.h"
#include "experiments/decisions.h"
#include "pipeline/config_experiments.h"
#include "pipeline/config_text.h"
#include "record/time_format.h"

namespace leat {
namespace {

using namespace experiments;  // NOLINT(build/namespaces): the verb is a face of it.

struct AssignArguments {
  std::string config, name, salt, hash = "leat", variants = "control=1,treatment=1", layer, time;
  double traffic = 1, layer_from = 0, layer_to = 1;
  bool json = false;
  std::vector<std::string> units;
};

struct PowerArguments {
  double share = 0, mean = 0, variance = 0, effect = 0, alpha = 0.05, power = 0.8, units = 0;
  double per_day = 0;
  int64_t sides = 2;
  bool json = false;
};

struct ReportArguments {
  std::string state, name;
  bool json = false;
};

Status Written() {
  std::cout.flush();
  return std::cout ? Status::Ok() : Status::Io("standard output: cannot write");
}

/// Between 0 and 1, neither of them.
Status CheckShare(std::string_view flag, double value) {
  if (value > 0 && value < 1) return Status::Ok();
  return Status::Invalid(
      fmt::format("{}: found {:g}, expected a number between 0 and 1, such as 0.05", flag, value));
}

/// `control=1,treatment=2`; a name alone has weight 1.
Result<std::vector<Variant>> ParseVariants(std::string_view text) {
  std::vector<Variant> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = std::min(part.find('='), part.size());
    Variant variant{std::string(part.substr(0, equals)), 1};
    if (equals < part.size()) {
      const auto weight = config::ParseNumber(part.substr(equals + 1));
      if (!weight) {
        return Status::Invalid(
            fmt::format("--variants: found '{}', expected NAME=WEIGHT, several with commas", part));
      }
      variant.weight = *weight;
    }
    out.push_back(std::move(variant));
  }
  return out;
}

Result<AssignmentOptions> OptionsOf(const AssignArguments& a) {
  if (!a.config.empty()) {
    LEAT_ASSIGN_OR_RETURN(const Config config, LoadConfig(a.config));
    std::vector<std::string> names;
    if (config.experiments != nullptr) {
      for (const ExperimentConfig& e : *config.experiments) {
        if (e.options.name == a.name || (a.name.empty() && config.experiments->size() == 1)) {
          return e.options.assignment;
        }
        names.push_back(e.options.name);
      }
    }
    return Status::Invalid(fmt::format("--experiment: '{}' is not in {}{}", a.name, a.config,
                                       config::Suggestion(a.name, names)));
  }
  if (a.salt.empty()) {
    return Status::Invalid(
        "--salt: expected what the hash is salted with, such as the experiment's name (or take it "
        "from a pipeline: --config)");
  }
  AssignmentOptions options;
  options.salt = a.salt;
  const auto names = HashSchemeNames();
  const auto found = std::find(names.begin(), names.end(), a.hash);
  if (found == names.end()) {
    return Status::Invalid(fmt::format("--hash: '{}' is none{}", a.hash,
                                       config::Suggestion(a.hash, config::Strings(names))));
  }
  options.scheme = static_cast<HashScheme>(found - names.begin());
  LEAT_ASSIGN_OR_RETURN(options.variants, ParseVariants(a.variants));
  options.traffic = a.traffic;
  options.layer = a.layer;
  options.layer_from = a.layer_from;
  options.layer_to = a.layer_to;
  return options;
}

std::string_view WhyNot(AssignedBy by) {
  switch (by) {
    case AssignedBy::kVariant:
      return "";
    case AssignedBy::kHoldout:
      return "holdout";
    case AssignedBy::kOtherInLayer:
      return "other part of the layer";
    case AssignedBy::kOutOfTraffic:
      return "out of traffic";
  }
  return "";
}

Status Assign(const AssignArguments& a) {
  LEAT_ASSIGN_OR_RETURN(AssignmentOptions options, OptionsOf(a));
  auto made = Assigner::Create(std::move(options));
  if (!made.ok()) {
    return Status::Invalid("the experiment " + std::string(made.status().message()));
  }
  const Assigner& assigner = *made;
  EventTime time{std::numeric_limits<int64_t>::max()};  // The last stage of a ramp.
  if (!a.time.empty() && !TimeParser().Parse(a.time, time)) {
    return Status::Invalid("--time: found '" + a.time + "', expected such as 2026-03-01");
  }
  std::string out;
  if (!a.json) out = "unit,variant,not_assigned\n";
  const auto one = [&](std::string_view unit) {
    const Assignment assigned = assigner.Assign(unit, time);
    const std::string_view variant =
        assigned.variant < 0 ? std::string_view()
                             : std::string_view(assigner.options().variants[assigned.variant].name);
    if (a.json) {
      out += "{\"unit\":";
      AppendJsonString(out, unit);
      out += ",\"variant\":";
      if (assigned.variant < 0) {
        out += "null,\"not_assigned\":";
        AppendJsonString(out, WhyNot(assigned.by));
      } else {
        AppendJsonString(out, variant);
      }
      out += "}\n";
    } else {
      AppendCsvCell(out, unit);
      out += ',';
      AppendCsvCell(out, variant);
      out += ',';
      out += WhyNot(assigned.by);
      out += '\n';
    }
    if (out.size() > size_t{1} << 16) {
      std::cout << out;
      out.clear();
    }
  };
  for (const std::string& unit : a.units) one(unit);
  if (a.units.empty()) {
    for (std::string line; std::getline(std::cin, line);) one(line);
  }
  std::cout << out;
  return Written();
}

Status Power(const PowerArguments& a) {
  const bool of_share = a.share != 0;
  if (of_share == (a.variance != 0)) {
    return Status::Invalid("expected --share of the control, or --mean and --variance");
  }
  if (of_share) LEAT_RETURN_IF_ERROR(CheckShare("--share", a.share));
  LEAT_RETURN_IF_ERROR(CheckShare("--alpha", a.alpha));
  LEAT_RETURN_IF_ERROR(CheckShare("--power", a.power));
  if (a.power <= a.alpha) {
    return Status::Invalid(
        fmt::format("--power: found {:g}, expected more than --alpha, which is {:g}: so often an "
                    "effect is found "
                    "that is not there",
                    a.power, a.alpha));
  }
  if (!std::isfinite(a.effect) || a.effect == 0) {
    return Status::Invalid(fmt::format(
        "--effect: found {:g}, expected a number other than 0, such as 0.05", a.effect));
  }
  const double base = of_share ? a.share : a.mean;
  const double difference = base * a.effect;
  if (difference == 0) return Status::Invalid("--mean: an effect relative to 0 is 0");
  if (of_share && !(a.share + difference > 0 && a.share + difference < 1)) {
    return Status::Invalid(fmt::format(
        "--effect: it makes the share {:g}, expected one between 0 and 1", a.share + difference));
  }
  const int sides = static_cast<int>(a.sides);
  const double other = a.share + difference;
  const double variance =
      of_share ? (a.share * (1 - a.share) + other * (1 - other)) / 2 : a.variance;
  const double fixed = of_share ? UnitsForShare(a.share, difference, a.alpha, a.power, sides)
                                : UnitsForMean(difference, variance, a.alpha, a.power, sides);
  const double sequence = UnitsForSequence(difference, variance, a.alpha, a.power);
  const double reached =
      a.units > 0 ? PowerForMean(difference, variance, a.alpha, a.units, sides) : 0;
  std::string out;
  if (a.json) {
    out = "{\"difference\":";
    AppendJsonNumber(out, difference);
    out += ",\"units_fixed\":";
    AppendJsonNumber(out, std::ceil(fixed));
    out += ",\"units_sequence\":";
    AppendJsonNumber(out, std::ceil(sequence));
    if (a.per_day > 0) {
      out += ",\"days_fixed\":";
      AppendJsonNumber(out, std::ceil(fixed / a.per_day));
      out += ",\"days_sequence\":";
      AppendJsonNumber(out, std::ceil(sequence / a.per_day));
    }
    if (a.units > 0) {
      out += ",\"power\":";
      AppendJsonNumber(out, reached);
    }
    out += "}\n";
  } else {
    const auto days = [&](double units) {
      return a.per_day > 0 ? fmt::format(", {:.0f} days", std::ceil(units / a.per_day))
                           : std::string();
    };
    out = fmt::format(
        "difference to find           {:g}\n"
        "units of both arms together\n"
        "  one look at the end        {:.0f}{}\n"
        "  watched all the time       {:.0f}{}\n",
        difference, std::ceil(fixed), days(fixed), std::ceil(sequence), days(sequence));
    if (a.units > 0) {
      out += fmt::format("power of one look at {:.0f}   {:.3f}\n", a.units, reached);
    }
  }
  std::cout << out;
  return Written();
}

Status ShowReport(const ReportArguments& a) {
  LEAT_ASSIGN_OR_RETURN(const StateFolder folder,
                        StateFolder::Open(a.state, StateFolder::Access::kRead));
  std::string out;
  std::vector<std::string> names;
  for (const Experiment* e : folder.pipeline->Experiments()) {
    names.push_back(e->options().name);
    if (!a.name.empty() && a.name != e->options().name) continue;
    const LookResult look = e->Peek(folder.pipeline->now());
    if (a.json) {
      AppendJson(*e, look, out);
      out += '\n';
    } else {
      out += (out.empty() ? "" : "\n") + Table(*e, look);
    }
  }
  for (const Bandit* bandit : folder.pipeline->Bandits()) {
    names.push_back(bandit->options().name);
    if (!a.name.empty() && a.name != bandit->options().name) continue;
    if (a.json) {
      AppendJson(*bandit, folder.pipeline->now(), out);
      out += '\n';
    } else {
      out += (out.empty() ? "" : "\n") + Table(*bandit);
    }
  }
  if (out.empty()) {
    return Status::Invalid(names.empty() ? a.state + ": its pipeline has no experiments or bandits"
                                         : "--experiment: '" + a.name + "' is not there" +
                                               config::Suggestion(a.name, names));
  }
  std::cout << out;
  return Written();
}

}  // namespace

void AddExperiment(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand(
      "experiment", "Assign units, plan the size of a test, report on running experiments");
  verb->require_subcommand(1);

  auto assign = std::make_shared<AssignArguments>();
  CLI::App* sub = verb->add_subcommand(
      "assign", "Say which variant units get; units are arguments, or lines of standard input");
  sub->add_option("units", assign->units, "Ids of units; none: standard input, one a line");
  CLI::Option* const config = sub->add_option(
      "--config", assign->config, "Take the experiment from a pipeline's YAML file, all of it");
  sub->add_option("--experiment", assign->name, "Which of its experiments")->needs(config);
  const auto own = [&](CLI::Option* option) { return option->excludes(config); };
  own(sub->add_option("--salt", assign->salt, "Without --config: what the hash is salted with"));
  own(sub->add_option("--variants", assign->variants, "Names and weights, the control first")
          ->capture_default_str());
  own(sub->add_option("--traffic", assign->traffic, "Share of units that take part")
          ->capture_default_str());
  std::string schemes;
  for (const std::string_view name : HashSchemeNames()) schemes += " " + std::string(name);
  own(sub->add_option("--hash", assign->hash, "One of" + schemes)->capture_default_str());
  own(sub->add_option("--layer", assign->layer, "The layer that experiments share"));
  own(sub->add_option("--layer-from", assign->layer_from, "Where this one's part begins"));
  own(sub->add_option("--layer-to", assign->layer_to, "Where it ends"));
  sub->add_option("--time", assign->time, "When, for a ramp; its last stage unless said");
  sub->add_flag("--json", assign->json, "A line of JSON a unit instead of CSV");
  sub->footer(
      "Examples:\n  leat experiment assign --salt checkout --variants control=1,treatment=1 "
      "--traffic 0.5 alice bob\n"
      "  leat experiment assign --config examples/experiment/rollout.yaml alice bob");
  sub->callback([assign, &exit_code] { exit_code = ReportStatus(Assign(*assign)); });

  auto power = std::make_shared<PowerArguments>();
  sub = verb->add_subcommand("power", "How many units, and days, a test needs");
  CLI::Option* const share =
      sub->add_option("--share", power->share, "A proportion: its share in the control");
  sub->add_option("--mean", power->mean, "A mean: its value in the control")->excludes(share);
  sub->add_option("--variance", power->variance, "A mean: the variance of units")
      ->check(CLI::PositiveNumber)
      ->excludes(share);
  sub->add_option("--effect", power->effect, "Relative effect to find, such as 0.05")->required();
  sub->add_option("--alpha", power->alpha, "Level, between 0 and 1")->capture_default_str();
  sub->add_option("--power", power->power, "Chance to find it, more than the level and below 1")
      ->capture_default_str();
  sub->add_option("--sides", power->sides, "1 or 2")
      ->check(CLI::Range(1, 2))
      ->capture_default_str();
  sub->add_option("--per-day", power->per_day, "Units a day, for the duration")
      ->check(CLI::PositiveNumber);
  sub->add_option("--units", power->units, "Also: the power that so many units give")
      ->check(CLI::PositiveNumber);
  sub->add_flag("--json", power->json, "One JSON document");
  sub->footer("Example:\n  leat experiment power --share 0.04 --effect 0.05 --per-day 20000");
  sub->callback([power, &exit_code] { exit_code = ReportStatus(Power(*power)); });

  auto report = std::make_shared<ReportArguments>();
  sub =
      verb->add_subcommand("report", "What the experiments and bandits in a state folder say now");
  sub->add_option("state", report->state, "A state folder, as of `leat run --state`")->required();
  sub->add_option("--experiment", report->name, "Only this one");
  sub->add_flag("--json", report->json, "A line of JSON each");
  sub->footer("Example:\n  leat experiment report state/shop");
  sub->callback([report, &exit_code] { exit_code = ReportStatus(ShowReport(*report)); });
}

}  // namespace leat
