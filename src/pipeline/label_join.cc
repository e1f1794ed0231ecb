#include "pipeline/label_join.h"

#include <algorithm>

namespace leat {

void LabelJoin::Push(BlockDeque<Queued>& queue, Queued item) {
  // Input is nearly in time order, so the place is mostly at the back.
  if (queue.empty() || queue.back().due <= item.due) {
    queue.push_back(item);
    return;
  }
  queue.insert(std::upper_bound(queue.begin(), queue.end(), item.due,
                                [](EventTime due, const Queued& other) { return due < other.due; }),
               item);
}

void LabelJoin::Enqueue(Handle handle) {
  const Pending& p = store_[handle];
  if (p.held) Push(held_, {p.release, p.sequence, handle});
  if (options_.expires_after > 0) {
    Push(expiring_, {p.time + options_.expires_after, p.sequence, handle});
  }
  if (!options_.by_id) return;
  const Handle before = by_id_.Find(p.id);
  if (before == nullptr) return by_id_.Insert(p.id, handle);
  same_id_[p.id].push_back(before);
  by_id_.Replace(p.id, handle);
}

void LabelJoin::Dequeue(Handle handle) {
  const uint64_t id = store_[handle].id;
  const auto others = same_id_.find(id);
  if (others == same_id_.end()) return by_id_.Erase(id);
  std::vector<Handle>& older = others->second;
  if (by_id_.Find(id) == handle) {
    by_id_.Replace(id, older.back());
    older.pop_back();
  } else {
    std::erase(older, handle);
  }
  if (older.empty()) same_id_.erase(others);
}

LabelJoin::Handle LabelJoin::Predict(Pending header, size_t doubles) {
  header.sequence = ++sequence_;
  ++account_.predicted;
  const Handle handle = store_.Add(header, doubles);
  Enqueue(handle);
  return handle;
}

std::optional<double> LabelJoin::TakeEarly(uint64_t id) {
  const auto it = early_.find(id);
  if (it == early_.end()) return std::nullopt;
  const double label = it->second.label;
  early_.erase(it);
  return label;
}

LabelJoin::Arrival LabelJoin::Label(uint64_t id, double label, EventTime now, Handle* handle) {
  ++account_.labels;
  if (*handle = Find(id); *handle != nullptr) return Arrival::kMatched;
  if (const auto settled = settled_.Find(id)) {
    // Of one that was settled before marks were kept, nothing tells what its label was.
    if (settled->flag)
      return Another(settled->mark == 0 || settled->mark == IdMemory::MarkOf(label));
    ++account_.late;
    return Arrival::kLate;
  }
  const auto [waiting, first] = early_.try_emplace(id, Early{label, now});
  if (!first) return Another(waiting->second.label == label);
  ++account_.early;
  early_order_.push_back({now + EarlyPatience(), id});
  return Arrival::kWaits;
}

/// Another label of an id that has one, of the `same` value or not.
LabelJoin::Arrival LabelJoin::Another(bool same) {
  ++(same ? account_.duplicate : account_.corrected);
  return same ? Arrival::kDuplicate : Arrival::kCorrected;
}

std::optional<LabelJoin::Due> LabelJoin::NextDue(EventTime now) {
  while (!held_.empty() && !Alive(held_.front())) held_.pop_front();
  while (!expiring_.empty() && !Alive(expiring_.front())) expiring_.pop_front();
  const bool label = !held_.empty() && held_.front().due <= now;
  const bool expiry = !expiring_.empty() && expiring_.front().due <= now;
  if (!label && !expiry) return std::nullopt;
  if (label && (!expiry || held_.front().due <= expiring_.front().due)) {
    const Due due{held_.front().handle, false};
    held_.pop_front();
    ++account_.labels;
    return due;
  }
  const Due due{expiring_.front().handle, true};
  expiring_.pop_front();
  return due;
}

void LabelJoin::Settle(Handle handle, std::optional<double> label, EventTime now) {
  const Pending& p = store_[handle];
  ++(label ? account_.matched : account_.expired);
  if (!label && p.held) {  // Its label is known to come after the expiry: too late.
    ++account_.labels;
    ++account_.late;
  }
  if (options_.by_id) {
    Dequeue(handle);
    settled_.Remember(p.id,
                      {label.has_value(), label ? IdMemory::MarkOf(*label) : IdMemory::Mark{0}},
                      now + options_.memory);
  }
  store_.Remove(handle);
}

void LabelJoin::SaveHead(StateWriter& out) const {
  out.Section("label_join", 3);
  for (const int64_t count :
       {account_.predicted, account_.matched, account_.expired, account_.labels, account_.early,
        account_.late, account_.duplicate, account_.orphan, account_.corrected}) {
    out.I64(count);
  }
  out.U64(sequence_);
  out.U64(early_order_.size());
  for (const EarlyId& e : early_order_) {
    const auto it = early_.find(e.id);
    const bool present = it != early_.end() && it->second.arrived + EarlyPatience() == e.until;
    out.U64(e.id);
    out.I64(e.until.micros);
    out.Bool(present);
    out.F64(present ? it->second.label : 0);
  }
}

Status LabelJoin::LoadHead(StateReader& in) {
  const uint32_t version = in.Section("label_join", 3);
  for (int64_t* count :
       {&account_.predicted, &account_.matched, &account_.expired, &account_.labels,
        &account_.early, &account_.late, &account_.duplicate, &account_.orphan}) {
    *count = in.I64();
  }
  account_.corrected = version < 3 ? 0 : in.I64();
  sequence_ = in.U64();
  held_.clear();
  expiring_.clear();
  by_id_.Clear();
  same_id_.clear();
  early_.clear();
  early_order_.clear();
  for (uint64_t n = in.Count(8); n > 0 && in.ok(); --n) {
    const uint64_t id = in.U64();
    const EventTime until{in.I64()};
    const bool present = in.Bool();
    const double label = in.F64();
    early_order_.push_back({until, id});
    if (present) early_[id] = {label, until - EarlyPatience()};
  }
  return in.status();
}

void LabelJoin::Save(StateWriter& out) const {
  SaveHead(out);
  store_.Save(out);
  settled_.Save(out);
}

Status LabelJoin::Load(StateReader& in) {
  LEAT_RETURN_IF_ERROR(LoadHead(in));
  LEAT_RETURN_IF_ERROR(store_.Load(in));
  for (const Handle handle : store_.InOrder()) Enqueue(handle);
  return settled_.Load(in);
}

void LabelJoin::Track() {
  store_.Track();
  settled_.Track();
}

Status LabelJoin::LoadPending(std::string_view key, std::string_view value,
                              const PendingStore::Convert& convert) {
  LEAT_ASSIGN_OR_RETURN(const Handle handle, store_.LoadItem(key, value, convert));
  Enqueue(handle);
  return Status::Ok();
}

size_t LabelJoin::MemoryBytes() const {
  return store_.MemoryBytes() + (held_.size() + expiring_.size()) * sizeof(Queued) +
         by_id_.MemoryBytes() + same_id_.bucket_count() * 33 + early_.bucket_count() * 25 +
         early_order_.size() * sizeof(EarlyId) + settled_.MemoryBytes();
}

}  // namespace leat
