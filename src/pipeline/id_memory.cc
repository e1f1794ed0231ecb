#include "pipeline/id_memory.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace leat {

void IdMemory::Remember(uint64_t id, bool flag, EventTime until) {
  if (tracked_) added_.push_back({until, id, flag});
  const auto [found, fresh] = known_.try_emplace(id, Known{until, flag});
  if (!fresh) {
    // One entry for an id and a time, as it is saved.
    const bool same = found->second.until == until;
    found->second = {until, flag};
    if (same) return;
  }
  auto it = order_.end();
  while (it != order_.begin() && std::prev(it)->until > until) --it;
  order_.insert(it, {until, id, flag});
}

void IdMemory::Forget(EventTime now) {
  while (!order_.empty() && order_.front().until <= now) {
    const Entry& front = order_.front();
    if (Alive(front)) known_.erase(front.id);
    if (tracked_ && (!forgotten_ || *forgotten_ < front.until)) forgotten_ = front.until;
    order_.pop_front();
  }
}

void IdMemory::Save(StateWriter& out) const {
  // Entries of one time in the order of their ids: how they came does not matter any more.
  std::vector<Entry> alive;
  for (const Entry& entry : order_) {
    if (Alive(entry)) alive.push_back(entry);
  }
  std::sort(alive.begin(), alive.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.until.micros, a.id) < std::tie(b.until.micros, b.id);
  });
  out.U64(alive.size());
  for (const Entry& entry : alive) {
    out.I64(entry.until.micros);
    out.U64(entry.id);
    out.Bool(known_.at(entry.id).flag);
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
  return known_.bucket_count() * 25 + order_.size() * sizeof(Entry) +
         (added_.capacity() + saving_.capacity()) * sizeof(Entry);
}

std::string IdMemory::ItemKey(EventTime until, uint64_t id) const {
  std::string key(1, letter_);
  AppendOrdered(key, until.micros);
  AppendOrdered(key, id);
  return key;
}

Status IdMemory::LoadItem(std::string_view key, std::string_view value) {
  if (key.size() != 17 || value.size() != 1) return Status::Corrupt("a remembered id is cut");
  const EventTime until{OrderedI64(key.substr(1))};
  const uint64_t id = OrderedU64(key.substr(9));
  known_[id] = {until, value[0] != 0};
  order_.push_back({until, id, value[0] != 0});
  return Status::Ok();
}

void IdMemory::BeginSave(StateBatch& batch) {
  batch_ = &batch;
  if (forgotten_) {
    batch.DeleteRange(Family::kIds, std::string(1, letter_),
                      ItemKey(EventTime{forgotten_->micros + 1}, 0));
  }
  saving_.clear();
  saving_.swap(added_);
  // Some have been forgotten again; a late one can be alive though its time is in the range.
  if (forgotten_) {
    std::erase_if(saving_,
                  [&](const Entry& entry) { return entry.until <= *forgotten_ && !Alive(entry); });
  }
  forgotten_.reset();
  saved_ = 0;
}

bool IdMemory::SaveMore(size_t items) {
  for (; items > 0 && saved_ < saving_.size(); --items, ++saved_) {
    const Entry& entry = saving_[saved_];
    const char flag = entry.flag ? 1 : 0;
    batch_->Put(Family::kIds, ItemKey(entry.until, entry.id), std::string_view(&flag, 1));
  }
  return saved_ == saving_.size();
}

}  // namespace leat
