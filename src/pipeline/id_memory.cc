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
  const auto position = static_cast<uint32_t>(front_ + queue_.size());
  if (queue_.empty() || until >= latest_) {
    latest_ = until;
  } else {
    late_.push_back({until, position});
    std::push_heap(late_.begin(), late_.end());
  }
  if (index_.full()) Grow();
  uint32_t* const known = index_.Find(id, IdAt());
  queue_.push_back(entry);
  if (known != nullptr) {
    *known = position;
  } else {
    index_.Insert(id, position);
  }
}

/// A larger index of the same entries.
void IdMemory::Grow() {
  constexpr size_t kAhead = 16;
  IdIndex grown = index_.Grown();
  EventTime latest = kNever;
  for (size_t i = 0; i < queue_.size(); ++i) {
    if (i + kAhead < queue_.size()) grown.Prefetch(queue_[i + kAhead].id);
    const auto position = static_cast<uint32_t>(front_ + i);
    const EventTime until = queue_[i].until.time();
    // Only a late one can be forgotten before what stands in front of it.
    if (until < latest && !IsAlive(position)) continue;
    latest = std::max(latest, until);
    if (uint32_t* const known = grown.Find(queue_[i].id, IdAt())) {
      *known = position;
    } else {
      grown.Insert(queue_[i].id, position);
    }
  }
  index_ = std::move(grown);
}

void IdMemory::ForgetOne(uint32_t position) {
  const Entry& entry = At(position);
  const EventTime until = entry.until.time();
  if (tracked_ && (!forgotten_ || *forgotten_ < until)) forgotten_ = until;
  index_.Erase(entry.id, position);  // Unless it is not alive.
}

void IdMemory::Forget(EventTime now) {
  while (!late_.empty() && late_.front().until <= now) {
    ForgetOne(late_.front().position);
    std::pop_heap(late_.begin(), late_.end());
    late_.pop_back();
  }
  while (!queue_.empty() && queue_.front().until.time() <= now) {
    ForgetOne(front_);
    queue_.pop_front();
    ++front_;
  }
}

void IdMemory::Save(StateWriter& out) const {
  // By time, and of one time in the order of their ids: how they came does not matter any more.
  out.U64(index_.size());
  std::vector<Late> late = late_;
  std::sort(late.begin(), late.end(), [](const Late& a, const Late& b) { return b < a; });
  std::vector<Entry> same;  // Of one time.
  const auto write = [&] {
    std::sort(same.begin(), same.end(), [](const Entry& a, const Entry& b) { return a.id < b.id; });
    for (const Entry& entry : same) {
      out.I64(entry.until.time().micros);
      out.U64(entry.id);
      out.Bool(entry.until.flag());
    }
    same.clear();
  };
  const auto add = [&](uint32_t position) {
    if (!same.empty() && same.front().until.time() != At(position).until.time()) write();
    if (IsAlive(position)) same.push_back(At(position));
  };
  auto next = late.begin();
  EventTime latest = kNever;
  for (size_t i = 0; i < queue_.size(); ++i) {
    const EventTime until = queue_[i].until.time();
    if (until < latest) continue;  // Among the late ones.
    latest = until;
    for (; next != late.end() && next->until < until; ++next) add(next->position);
    add(static_cast<uint32_t>(front_ + i));
  }
  for (; next != late.end(); ++next) add(next->position);
  write();
}

Status IdMemory::Load(StateReader& in) {
  queue_.clear();
  late_.clear();
  index_.Clear();
  for (uint64_t n = in.Count(17); n > 0 && in.ok(); --n) {
    const EventTime until{in.I64()};
    const uint64_t id = in.U64();
    Remember(id, in.Bool(), until);
  }
  return in.status();
}

size_t IdMemory::MemoryBytes() const {
  return index_.MemoryBytes() + (queue_.size() + added_.size() + saving_.size()) * sizeof(Entry) +
         late_.capacity() * sizeof(Late) + runs_.capacity() * sizeof(Run);
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
  for (size_t i = 0; i < queue_.size(); ++i) {
    if (IsAlive(static_cast<uint32_t>(front_ + i))) added_.push_back(queue_[i]);
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
  saving_.erase(std::remove_if(saving_.begin(), saving_.end(),
                               [&](const Entry& entry) {
                                 return entry.until.time() <= over && !Alive(entry);
                               }),
                saving_.end());
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
