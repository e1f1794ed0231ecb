/// State kept in memory, for tests and for runs whose state is thrown away.
#pragma once

#include <array>
#include <map>
#include <mutex>

#include "state/store.h"

namespace leat {

class MemoryStore : public StateStore {
 public:
  std::unique_ptr<StateBatch> NewBatch() const override;
  Status Write(StateBatch& batch) override;
  Result<bool> Get(Family family, std::string_view key, std::string& value) const override;
  Status Scan(
      Family family, std::string_view prefix,
      const std::function<Status(std::string_view, std::string_view)>& visit) const override;
  uint64_t DiskBytes() const override { return 0; }

 private:
  mutable std::mutex mutex_;
  std::array<std::map<std::string, std::string, std::less<>>, kFamilies> families_;
};

}  // namespace leat
