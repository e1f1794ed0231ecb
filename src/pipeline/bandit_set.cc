#include "pipeline/bandit_set.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"

namespace leat {

Result<std::unique_ptr<BanditSet>> BanditSet::Create(const std::vector<BanditConfig>& configs,
                                                     const Schema& schema,
                                                     const FeatureGraph& graph) {
  auto set = std::make_unique<BanditSet>();
  for (const BanditConfig& config : configs) {
    Running running;
    running.config = config;
    LEAT_ASSIGN_OR_RETURN(running.bandit, experiments::Bandit::Create(config.options));
    std::string missing;
    const auto slot = [&](const std::string& name) -> int64_t {
      const auto found = name.empty() ? std::nullopt : graph.SlotOf(name);
      if (!found && !name.empty()) missing = name;
      return found ? static_cast<int64_t>(*found) : -1;
    };
    const auto field = [&](const std::string& name) -> int64_t {
      if (name.empty()) return -1;
      for (size_t i = 0; i < schema.fields.size(); ++i) {
        if (schema.fields[i].name == name) return static_cast<int64_t>(i);
      }
      missing = name;
      return -1;
    };
    for (const std::string& name : config.context) {
      running.context.push_back(static_cast<size_t>(std::max<int64_t>(0, slot(name))));
    }
    running.decide = slot(config.decide);
    running.reward = slot(config.reward);
    running.propensity = slot(config.propensity);
    running.decision = field(config.decision);
    running.taken = field(config.taken);
    if (!missing.empty()) {
      return Status::Invalid("bandits." + config.options.name + ": nothing is called '" + missing +
                             "'");
    }
    set->running_.push_back(std::move(running));
  }
  return set;
}

void BanditSet::OnRecord(const Record& record, std::span<const double> slots, std::string& events) {
  for (Running& r : running_) {
    experiments::Bandit& bandit = *r.bandit;
    const double asked = r.decide < 0 ? 1 : slots[static_cast<size_t>(r.decide)];
    if (std::isfinite(asked) && asked != 0) {
      context_.clear();
      for (const size_t slot : r.context) {
        context_.push_back(std::isfinite(slots[slot]) ? slots[slot] : 0);
      }
      if (r.taken >= 0) {
        const auto& actions = bandit.options().actions;
        const auto found =
            std::find(actions.begin(), actions.end(), record.texts[static_cast<size_t>(r.taken)]);
        bandit.Logged(record.id, static_cast<size_t>(found - actions.begin()),
                      slots[static_cast<size_t>(r.propensity)], context_, record.time);
      } else if (const auto* decision = bandit.Decide(record.id, context_, record.time)) {
        if (r.config.log_decisions) {
          const uint64_t hash = Hash64(
              {reinterpret_cast<const char*>(context_.data()), context_.size() * sizeof(double)});
          AppendJson(bandit, *decision, record.id_text, hash, record.time, events);
        }
      }
    }
    const double reward = slots[static_cast<size_t>(r.reward)];
    if (!std::isfinite(reward)) continue;
    const uint64_t id = r.decision < 0 ? record.id : record.keys[static_cast<size_t>(r.decision)];
    if (id != 0) bandit.Reward(id, reward, record.time);
  }
}

void BanditSet::Advance(EventTime now, EventTime watermark, std::string& metrics) {
  if (now == EventTime{}) return;
  for (Running& r : running_) {
    r.bandit->Advance(watermark);
    const int64_t every = r.config.every;
    int64_t start = now.micros - now.micros % every;
    if (start > now.micros) start -= every;  // Before 1970.
    if (r.next_row == 0) r.next_row = start + every;
    if (now.micros < r.next_row) continue;
    r.next_row = start + every;
    AppendJson(*r.bandit, now, metrics);
    metrics += '\n';
  }
}

void BanditSet::Finish(EventTime now, std::string& metrics) {
  if (now == EventTime{}) return;
  for (Running& r : running_) {
    AppendJson(*r.bandit, now, metrics);
    metrics += '\n';
  }
}

std::vector<const experiments::Bandit*> BanditSet::All() const {
  std::vector<const experiments::Bandit*> out;
  for (const Running& r : running_) out.push_back(r.bandit.get());
  return out;
}

void BanditSet::Running::Save(StateWriter& out) const {
  out.I64(next_row);
  bandit->Save(out);
}

Status BanditSet::Running::Load(StateReader& in) {
  next_row = in.I64();
  return bandit->Load(in);
}

void BanditSet::Save(StateWriter& out) const {
  for (const Running& r : running_) r.Save(out);
}

Status BanditSet::Load(StateReader& in) {
  for (Running& r : running_) LEAT_RETURN_IF_ERROR(r.Load(in));
  return in.status();
}

std::vector<PartAccess> BanditSet::Parts() {
  std::vector<PartAccess> parts;
  for (Running& r : running_) {
    PartAccess part;
    part.name = "bandit/" + r.config.options.name;
    part.save = [&r](StateWriter& out) { r.Save(out); };
    part.load = [&r](StateReader& in) { return r.Load(in); };
    part.optional = true;  // One that is new starts with nothing.
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace leat
