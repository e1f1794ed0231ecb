#include "pipeline/bandit_set.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "pipeline/trials.h"

namespace leat {

Result<std::unique_ptr<BanditSet>> BanditSet::Create(const std::vector<BanditConfig>& configs,
                                                     const Schema& schema,
                                                     const FeatureGraph& graph,
                                                     std::span<const std::string> models) {
  auto set = std::make_unique<BanditSet>();
  for (const BanditConfig& config : configs) {
    Running running;
    running.config = config;
    LEAT_ASSIGN_OR_RETURN(running.bandit, experiments::Bandit::Create(config.options));
    NamedInputs names(schema, graph);
    for (const std::string& name : config.context) running.context.push_back(names.SlotOf(name));
    running.decide = names.Slot(config.decide);
    running.reward = names.Slot(config.reward);
    running.propensity = names.Slot(config.propensity);
    running.decision = names.Field(config.decision);
    running.taken = names.Field(config.taken);
    for (const std::string& name : config.rewards) running.rewards.push_back(names.SlotOf(name));
    if (config.serve) {
      for (const std::string& name : config.options.actions) {
        running.models.push_back(ModelOf(models, name));
      }
    }
    LEAT_RETURN_IF_ERROR(names.status("bandits." + config.options.name));
    set->running_.push_back(std::move(running));
  }
  return set;
}

void BanditSet::OnRecord(const Record& record, std::span<const double> slots, std::string& events,
                         Serving& serving) {
  for (Running& r : running_) {
    experiments::Bandit& bandit = *r.bandit;
    if (Holds(slots, r.decide)) {
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
        if (!r.models.empty()) serving.model = r.models[decision->action];
        if (!r.rewards.empty()) {
          bandit.Reward(record.id, slots[r.rewards[decision->action]], record.time);
        }
      }
    }
    if (r.reward < 0) continue;
    const double reward = slots[static_cast<size_t>(r.reward)];
    if (!std::isfinite(reward)) continue;
    const uint64_t id = r.decision < 0 ? record.id : record.keys[static_cast<size_t>(r.decision)];
    if (id != 0) bandit.Reward(id, reward, record.time);
  }
}

void BanditSet::OnLabel(uint64_t id, EventTime now,
                        const std::function<double(size_t model)>& reward) {
  for (Running& r : running_) {
    if (r.models.empty() || r.reward >= 0 || !r.rewards.empty()) continue;
    const auto action = r.bandit->Waiting(id);
    if (action) r.bandit->Reward(id, reward(r.models[*action]), now);
  }
}

void BanditSet::Advance(EventTime now, EventTime watermark, std::string& metrics) {
  if (now == EventTime{}) return;
  for (Running& r : running_) {
    r.bandit->Advance(watermark);
    if (!TakeDue(now, r.config.every, r.next_row)) continue;
    r.bandit->Note(now);
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

void BanditSet::Save(StateWriter& out) const { SaveTrials(running_, out); }
Status BanditSet::Load(StateReader& in) { return LoadTrials(running_, in); }
std::vector<PartAccess> BanditSet::Parts() { return TrialParts("bandit", running_); }

}  // namespace leat
