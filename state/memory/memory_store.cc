#include "state/memory/memory_store.h"

#include <utility>
#include <vector>

namespace leat {
namespace {

enum class Kind { kPut, kDelete, kDeleteRange };

struct Change {
  Kind kind;
  Family family;
  std::string key, value;  ///< Of a range: where it ends.
};

class MemoryBatch final : public StateBatch {
 public:
  void Put(Family family, std::string_view key, std::string_view value) override {
    Add({Kind::kPut, family, std::string(key), std::string(value)});
  }
  void Delete(Family family, std::string_view key) override {
    Add({Kind::kDelete, family, std::string(key), {}});
  }
  void DeleteRange(Family family, std::string_view from, std::string_view to) override {
    Add({Kind::kDeleteRange, family, std::string(from), std::string(to)});
  }
  size_t bytes() const override { return bytes_; }
  const std::vector<Change>& changes() const { return changes_; }

 private:
  void Add(Change change) {
    bytes_ += change.key.size() + change.value.size();
    changes_.push_back(std::move(change));
  }
  std::vector<Change> changes_;
  size_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<StateBatch> MemoryStore::NewBatch() const {
  return std::make_unique<MemoryBatch>();
}

Status MemoryStore::Write(StateBatch& batch) {
  const std::lock_guard lock(mutex_);
  for (const Change& change : static_cast<MemoryBatch&>(batch).changes()) {
    auto& family = families_[static_cast<size_t>(change.family)];
    switch (change.kind) {
      case Kind::kPut:
        family[change.key] = change.value;
        break;
      case Kind::kDelete:
        family.erase(change.key);
        break;
      case Kind::kDeleteRange:
        if (change.key < change.value) {
          family.erase(family.lower_bound(change.key), family.lower_bound(change.value));
        }
        break;
    }
  }
  return Status::Ok();
}

Result<bool> MemoryStore::Get(Family family, std::string_view key, std::string& value) const {
  const std::lock_guard lock(mutex_);
  const auto& items = families_[static_cast<size_t>(family)];
  const auto it = items.find(key);
  if (it == items.end()) return false;
  value = it->second;
  return true;
}

Status MemoryStore::Scan(
    Family family, std::string_view prefix,
    const std::function<Status(std::string_view, std::string_view)>& visit) const {
  const std::lock_guard lock(mutex_);
  const auto& items = families_[static_cast<size_t>(family)];
  for (auto it = items.lower_bound(prefix); it != items.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    LEAT_RETURN_IF_ERROR(visit(it->first, it->second));
  }
  return Status::Ok();
}

}  // namespace leat
