#include "pipeline/id_memory.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace leat {
namespace {

constexpr size_t kRun = 1024;     // Ids at most.
constexpr size_t kRunItems = 64;  // Saving a run takes as long as so many other items.
constexpr EventTime kNever{std::numeric_limits<int64_t>::min()};

}  // namespace

void IdMemory::Remember(uint64_t id, bool flag, EventTime until) {
  const Entry entry{Until::Of(until, flag), id};
  if (tracked_) added_.push_back(entry);
  const auto [found, fresh] = known_.try_emplace(id, entry.until);
  if (!fresh) {
    // One entry for an id and a time, as it is saved.
    const bool same = found->second.time() == until;
    found->second = entry.until;
    if (same) return;
  }
  if (order_.empty() || order_.back().until.time() <= until) {
    order_.push_back(entry);
    return;
  }
  order_.insert(std::upper_bound(
                    order_.begin(), order_.end(), until,
                    [](EventTime time, const Entry& other) { return time < other.until.time(); }),
                entry);
}

void IdMemory::Forget(EventTime now) {
  while (!order_.empty() && order_.front().until.time() <= now) {
    const Entry& front = order_.front();
    if (Alive(front)) known_.erase(front.id);
    const EventTime until = front.until.time();
    if (tracked_ && (!forgotten_ || *forgotten_ < until)) forgotten_ = until;
    order_.pop_front();
  }
}

void IdMemory::Save(StateWriter& out) const {
  // Entries of one time in the order of their ids: how they came does not matter any more. An id
  // that was remembered again for the same time stands once, with the flag that it has now.
  out.U64(known_.size());
  std::vector<Entry> same;  // Of one time.
  for (auto it = order_.begin(); it != order_.end();) {
    const EventTime until = it->until.time();
    same.clear();
    for (; it != order_.end() && it->until.time() == until; ++it) {
      const auto known = known_.find(it->id);
      if (known == known_.end() || known->second.time() != until) continue;
      same.push_back({known->second, it->id});
    }
    std::sort(same.begin(), same.end(), [](const Entry& a, const Entry& b) { return a.id < b.id; });
    same.erase(std::unique(same.begin(), same.end(),
                           [](const Entry& a, const Entry& b) { return a.id == b.id; }),
               same.end());
    for (const Entry& entry : same) {
      out.I64(until.micros);
      out.U64(entry.id);
      out.Bool(entry.until.flag());
    }
  }
}

Status IdMemory::Load(StateReader& in) {
  known_.clear();
  order_.clear();
  for (uint64_t n = in.Count(17); n > 0 && in.ok(); --n) {
    const EventTime until{in.I64()};
    const uint64_t id = in.U64();
    Remember(id, in.Bool(), until);
  }
  return in.status();
}

size_t IdMemory::MemoryBytes() const {
  return known_.bucket_count() * (sizeof(Known::value_type) + 1) +
         (order_.size() + added_.capacity() + saving_.capacity()) * sizeof(Entry) +
         runs_.capacity() * sizeof(Run);
}

// ---- Saved as runs ----

std::string IdMemory::RunKey(uint64_t number) const {
  std::string key(1, letter_);
  AppendOrdered(key, number);
  return key;
}

Status IdMemory::LoadItem(std::string_view key, std::string_view value) {
  if (key.size() == 17 && value.size() == 1) {
    one_by_one_ = true;
    Remember(OrderedU64(key.substr(9)), value[0] != 0, EventTime{OrderedI64(key.substr(1))});
    return Status::Ok();
  }
  StateReader in(value);
  const EventTime forgotten{in.I64()};
  const size_t count = value.size() / sizeof(Entry);
  if (key.size() != 9 || value.size() != sizeof(int64_t) + count * sizeof(Entry)) {
    return Status::Corrupt("a run of remembered ids is cut");
  }
  Forget(forgotten);
  Run run{OrderedU64(key.substr(1)), kNever};
  for (size_t i = 0; i < count; ++i) {
    const Until until{in.I64()};
    Remember(in.U64(), until.flag(), until.time());
    run.latest = std::max(run.latest, until.time());
  }
  runs_.push_back(run);
  next_run_ = run.number + 1;
  return in.status();
}

void IdMemory::Track() {
  tracked_ = true;
  if (!one_by_one_) return;
  for (const Entry& entry : order_) {
    if (Alive(entry)) added_.push_back({known_.at(entry.id), entry.id});
  }
}

void IdMemory::BeginSave(StateBatch& batch) {
  batch_ = &batch;
  if (std::exchange(one_by_one_, false)) {
    batch.DeleteRange(Family::kIds, std::string(1, letter_),
                      std::string(1, static_cast<char>(letter_ + 1)));
  }
  saving_.clear();
  saving_.swap(added_);
  saved_ = 0;
  saving_forgotten_ = std::exchange(forgotten_, std::nullopt);
  if (!saving_forgotten_) return;
  // Some have been forgotten again; a late one can be alive though its time is over.
  const EventTime over = *saving_forgotten_;
  std::erase_if(saving_,
                [&](const Entry& entry) { return entry.until.time() <= over && !Alive(entry); });
  std::erase_if(runs_, [&](const Run& run) {
    if (run.latest > over) return false;
    batch.Delete(Family::kIds, RunKey(run.number));
    return true;
  });
}

bool IdMemory::SaveMore(size_t items) {
  for (size_t done = 0; done < items && (saving_forgotten_ || saved_ < saving_.size());
       done += kRunItems) {
    Run run{next_run_++, kNever};
    writer_.Clear();
    writer_.I64(saving_forgotten_.value_or(kNever).micros);
    saving_forgotten_.reset();
    const size_t end = std::min(saving_.size(), saved_ + kRun);
    for (; saved_ < end; ++saved_) {
      const Entry& entry = saving_[saved_];
      writer_.I64(entry.until.packed);
      writer_.U64(entry.id);
      run.latest = std::max(run.latest, entry.until.time());
    }
    batch_->Put(Family::kIds, RunKey(run.number), writer_.bytes());
    runs_.push_back(run);
  }
  return !saving_forgotten_ && saved_ == saving_.size();
}

}  // namespace leat
