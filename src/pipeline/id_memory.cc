#include "pipeline/id_memory.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <span>
#include <utility>

namespace leat {
namespace {

constexpr size_t kRun = 1024;     // Ids at most.
constexpr size_t kRunItems = 64;  // Saving a run takes as long as so many other items.
/// Entries that one which comes moves to another index. That is full after half as many have come
/// as the old one holds: all has moved long before, unless most entries are dead.
constexpr size_t kMovedAtOnce = 8;
constexpr size_t kAhead = 16;  // Ids whose place in an index is fetched before it is needed.
constexpr EventTime kNever{std::numeric_limits<int64_t>::min()};
constexpr int64_t kGone = std::numeric_limits<int64_t>::min();  // Before every time.

}  // namespace

IdMemory::Mark IdMemory::MarkOf(double value) {
  constexpr uint64_t kHalf = 32'768;
  if (value >= 0 && value < kHalf - 1 && value == static_cast<double>(static_cast<Mark>(value))) {
    return static_cast<Mark>(value + 1);
  }
  return static_cast<Mark>(kHalf + Mix64(std::bit_cast<uint64_t>(value)) % kHalf);
}

void IdMemory::Remember(uint64_t id, Note note, EventTime until) {
  const auto position = static_cast<uint32_t>(front_ + queue_.size());
  if (queue_.empty() || until >= latest_) {
    latest_ = until;
  } else {
    late_.push_back({until, position});
    std::push_heap(late_.begin(), late_.end());
  }
  queue_.push_back({Until::Of(until, note.flag), id});
  if (has_marks()) marks_.push_back(note.mark);
  if (loading_) return;
  MoveIndex(kMovedAtOnce);
  if (index_.full(old_.size())) {  // There is room for what is in the old one all the same.
    MoveIndex(queue_.size());
    old_ = std::exchange(index_, index_.Grown());
    moved_ = over_;
  }
  if (uint32_t* const known = index_.Find(id, IdAt())) {
    *known = position;
    return;
  }
  if (const uint32_t* const known = old_.Find(id, IdAt())) old_.Erase(id, *known);
  index_.Insert(id, position);
}

/// Goes on with so many entries whose ids may be in the old index.
void IdMemory::MoveIndex(size_t entries) {
  if (old_.empty()) return;
  moved_ = std::max(moved_, over_);
  for (; entries > 0 && old_.size() > 0; --entries, ++moved_) {
    PrefetchAt(moved_ - front_ + kAhead);
    const auto position = static_cast<uint32_t>(moved_);
    const uint64_t id = At(position).id;
    if (old_.Erase(id, position)) index_.Insert(id, position);
  }
  if (old_.size() == 0) old_ = {};
}

void IdMemory::ForgetOne(uint32_t position) {
  const Entry& entry = At(position);
  const EventTime until = entry.until.time();
  if (tracked_ && (!forgotten_ || *forgotten_ < until)) forgotten_ = until;
  if (loading_) {
    queue_[position - static_cast<uint32_t>(front_)].until.packed = kGone;
    return;
  }
  if (!index_.Erase(entry.id, position)) old_.Erase(entry.id, position);  // Or it is not alive.
}

void IdMemory::Forget(EventTime now) {
  while (!late_.empty() && late_.front().until <= now) {
    ForgetOne(late_.front().position);
    std::pop_heap(late_.begin(), late_.end());
    late_.pop_back();
  }
  while (over_ - front_ < queue_.size() && queue_[over_ - front_].until.time() <= now) {
    PrefetchAt(over_ - front_ + kAhead);
    ForgetOne(static_cast<uint32_t>(over_++));
    Drop();
  }
}

/// Takes out what is in front and over, unless the batch that is being filled is to hold it.
void IdMemory::Drop() {
  const uint64_t end = unsaved_ < saving_ ? std::min(unsaved_, over_) : over_;
  for (; front_ < end; ++front_) {
    queue_.pop_front();
    if (has_marks()) marks_.pop_front();
  }
  unsaved_ = std::max(unsaved_, front_);
}

void IdMemory::Save(StateWriter& out) const {
  // By time, and of one time in the order of their ids: how they came does not matter any more.
  out.U64(size());
  std::vector<Late> late = late_;
  std::sort(late.begin(), late.end(), [](const Late& a, const Late& b) { return b < a; });
  struct Known {
    Entry entry;
    Mark mark;
  };
  std::vector<Known> same;  // Of one time.
  const auto write = [&] {
    std::sort(same.begin(), same.end(),
              [](const Known& a, const Known& b) { return a.entry.id < b.entry.id; });
    for (const Known& known : same) {
      out.I64(known.entry.until.time().micros);
      out.U64(known.entry.id);
      out.Bool(known.entry.until.flag());
      if (has_marks()) out.Items(std::span<const Mark>(&known.mark, 1));
    }
    same.clear();
  };
  const auto add = [&](uint32_t position) {
    const Entry& entry = At(position);
    if (!same.empty() && same.front().entry.until.time() != entry.until.time()) write();
    if (IsAlive(position)) same.push_back({entry, MarkAt(position)});
  };
  auto next = late.begin();
  EventTime latest = kNever;
  for (size_t i = over_ - front_; i < queue_.size(); ++i) {
    PrefetchAt(i + kAhead);
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
  marks_.clear();
  over_ = unsaved_ = saving_ = front_;
  late_.clear();
  index_ = {};
  old_ = {};
  for (uint64_t n = in.Count(17); n > 0 && in.ok(); --n) {
    const EventTime until{in.I64()};
    const uint64_t id = in.U64();
    Note note{in.Bool(), 0};
    if (has_marks()) in.Items(std::span<Mark>(&note.mark, 1));
    Remember(id, note, until);
  }
  return in.status();
}

size_t IdMemory::MemoryBytes() const {
  return index_.MemoryBytes() + old_.MemoryBytes() + queue_.size() * sizeof(Entry) +
         marks_.size() * sizeof(Mark) + late_.capacity() * sizeof(Late) +
         runs_.capacity() * sizeof(Run);
}

// ---- Saved as runs ----

std::string IdMemory::RunKey(uint64_t number) const {
  std::string key(1, letter_);
  AppendOrdered(key, number);
  return key;
}

Status IdMemory::LoadItem(std::string_view key, std::string_view value) {
  // All go into the index at the end: one by one, each would be waited for.
  loading_ = true;
  const bool former = has_marks() && key[0] == former_;
  former_items_ = former_items_ || former;
  if (key.size() == 17 && value.size() == 1) {
    former_items_ = true;
    Remember(OrderedU64(key.substr(9)), {value[0] != 0}, EventTime{OrderedI64(key.substr(1))});
    return Status::Ok();
  }
  StateReader in(value);
  Forget(EventTime{in.I64()});
  std::vector<Entry> entries;
  std::vector<Mark> marks;
  if (has_marks() && !former) {
    in.Array(entries);
    marks.resize(entries.size());
    in.Items(std::span(marks));
  } else {
    entries.resize((value.size() - std::min(value.size(), sizeof(int64_t))) / sizeof(Entry));
    marks.resize(entries.size());
    in.Items(std::span(entries));
  }
  if (key.size() != 9 || !in.ok() || !in.AtEnd()) {
    return Status::Corrupt("a run of remembered ids is cut");
  }
  Run run{OrderedU64(key.substr(1)), kNever};
  for (size_t i = 0; i < entries.size(); ++i) {
    const Until until = entries[i].until;
    Remember(entries[i].id, {until.flag(), marks[i]}, until.time());
    run.latest = std::max(run.latest, until.time());
  }
  if (former) return Status::Ok();
  runs_.push_back(run);
  next_run_ = run.number + 1;
  return Status::Ok();
}

void IdMemory::EndLoad() {
  if (!loading_) return;
  index_ = IdIndex::For(queue_.size());
  for (size_t i = over_ - front_; i < queue_.size(); ++i) {
    PrefetchAt(i + kAhead);
    if (queue_[i].until.packed == kGone) continue;
    const auto position = static_cast<uint32_t>(front_ + i);
    if (uint32_t* const known = index_.Find(queue_[i].id, IdAt())) {
      *known = position;
    } else {
      index_.Insert(queue_[i].id, position);
    }
  }
  loading_ = false;
}

void IdMemory::Track() {
  tracked_ = true;
  unsaved_ = saving_ = former_items_ ? front_ : front_ + queue_.size();
}

void IdMemory::BeginSave(StateBatch& batch) {
  batch_ = &batch;
  const bool all = std::exchange(former_items_, false);
  if (all) {
    const char letter = has_marks() ? former_ : letter_;
    batch.DeleteRange(Family::kIds, std::string(1, letter),
                      std::string(1, static_cast<char>(letter + 1)));
  }
  saving_ = front_ + queue_.size();
  saving_forgotten_ = std::exchange(forgotten_, std::nullopt);
  left_out_.clear();
  passed_ = 0;
  if (!saving_forgotten_ && !all) return;
  // Some have been forgotten again; a late one can be alive though its time is over.
  const EventTime over = all ? EventTime{std::numeric_limits<int64_t>::max()} : *saving_forgotten_;
  for (uint64_t i = unsaved_; i < saving_; ++i) {
    const auto position = static_cast<uint32_t>(i);
    if (At(position).until.time() <= over && !IsAlive(position)) left_out_.push_back(i);
  }
  std::erase_if(runs_, [&](const Run& run) {
    if (run.latest > over) return false;
    batch.Delete(Family::kIds, RunKey(run.number));
    return true;
  });
}

bool IdMemory::SaveMore(size_t items) {
  for (size_t done = 0; done < items && (saving_forgotten_ || unsaved_ < saving_);
       done += kRunItems) {
    Run run{next_run_++, kNever};
    writer_.Clear();
    writer_.I64(saving_forgotten_.value_or(kNever).micros);
    saving_forgotten_.reset();
    run_.clear();
    run_marks_.clear();
    for (; unsaved_ < saving_ && run_.size() < kRun; ++unsaved_) {
      if (passed_ < left_out_.size() && left_out_[passed_] == unsaved_) {
        ++passed_;
        continue;
      }
      const auto position = static_cast<uint32_t>(unsaved_);
      run_.push_back(At(position));
      run_marks_.push_back(MarkAt(position));
      run.latest = std::max(run.latest, run_.back().until.time());
    }
    if (has_marks()) {
      writer_.Array(run_);
      writer_.Items(std::span<const Mark>(run_marks_));
    } else {
      writer_.Items(std::span<const Entry>(run_));
    }
    batch_->Put(Family::kIds, RunKey(run.number), writer_.bytes());
    runs_.push_back(run);
  }
  Drop();
  return !saving_forgotten_ && unsaved_ >= saving_;
}

}  // namespace leat
