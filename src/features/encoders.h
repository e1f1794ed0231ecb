/// Statistics that encoders and imputers keep about the values of one slot.
///
/// Values are 64-bit identities (see KeyOf); 0 stands for missing and is a value of its own. All
/// are bounded: when full, new values are not tracked and take the statistics of the whole.
/// Cost: one hash lookup. Determinism: Save is in key order. Thread safety: none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "features/key_group.h"

namespace leat::features {

inline constexpr size_t kMaxTrackedValues = size_t{1} << 20;

/// Writes a map in key order.
template <typename Value, typename Write>
void SaveMap(const KeyMap<Value>& map, StateWriter& out, Write write) {
  std::vector<uint64_t> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  out.U64(keys.size());
  for (uint64_t key : keys) {
    out.U64(key);
    write(map.find(key)->second);
  }
}

template <typename Value, typename Read>
void LoadMap(KeyMap<Value>& map, size_t max, StateReader& in, Read read) {
  map.clear();
  const uint64_t count = in.Count(8);
  if (count > max) return in.Fail("more values than an encoder may hold");
  map.reserve(count);
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const uint64_t key = in.U64();
    map.emplace(key, read());
  }
}

template <typename Value>
size_t MapBytes(const KeyMap<Value>& map) {
  return map.bucket_count() * (sizeof(std::pair<uint64_t, Value>) + 1);
}

/// Positions 0, 1, ... in order of first appearance, up to `max`; then `max` (unknown).
class OneHotValues {
 public:
  explicit OneHotValues(int64_t max) : max_(static_cast<uint32_t>(max)) {}
  uint32_t PositionOf(uint64_t key, std::string_view text) {
    const auto found = positions_.find(key);
    if (found != positions_.end()) return found->second;
    if (texts_.size() >= max_) return max_;
    const uint32_t position = static_cast<uint32_t>(texts_.size());
    positions_.emplace(key, position);
    texts_.emplace_back(text);
    keys_.push_back(key);
    return position;
  }
  std::string Name(uint32_t position) const {
    return position < texts_.size() ? texts_[position] : std::string();
  }
  void Save(StateWriter& out) const {
    out.U64(texts_.size());
    for (size_t i = 0; i < texts_.size(); ++i) {
      out.U64(keys_[i]);
      out.Text(texts_[i]);
    }
  }
  void Load(StateReader& in) {
    positions_.clear();
    texts_.clear();
    keys_.clear();
    const uint64_t count = in.Count(16);
    if (count > max_) return in.Fail("more values than a one-hot encoder may hold");
    for (uint64_t i = 0; i < count && in.ok(); ++i) {
      keys_.push_back(in.U64());
      texts_.push_back(in.Text());
      positions_.emplace(keys_.back(), static_cast<uint32_t>(i));
    }
  }
  size_t MemoryBytes() const { return MapBytes(positions_) + texts_.size() * 48; }

 private:
  uint32_t max_;
  KeyMap<uint32_t> positions_;
  std::vector<std::string> texts_;
  std::vector<uint64_t> keys_;
};

/// The share of a value among the records so far; 0 for new values and before the first record.
class FrequencyCounts {
 public:
  double ShareOf(uint64_t key) const {
    const auto found = counts_.find(key);
    return found == counts_.end()
               ? 0.0
               : static_cast<double>(found->second) / static_cast<double>(total_);
  }
  void Learn(uint64_t key) {
    ++total_;
    const auto found = counts_.find(key);
    if (found != counts_.end()) {
      ++found->second;
    } else if (counts_.size() < kMaxTrackedValues) {
      counts_.emplace(key, 1);
    }
  }
  void Save(StateWriter& out) const {
    out.U64(total_);
    SaveMap(counts_, out, [&](uint64_t n) { out.U64(n); });
  }
  void Load(StateReader& in) {
    total_ = in.U64();
    LoadMap(counts_, kMaxTrackedValues, in, [&] { return in.U64(); });
  }
  size_t MemoryBytes() const { return MapBytes(counts_); }

 private:
  uint64_t total_ = 0;
  KeyMap<uint64_t> counts_;
};

/// The mean label of a value, drawn towards the mean label of all by `smoothing` records:
/// (sum + smoothing * mean) / (count + smoothing); 0 before the first label.
class TargetMeans {
 public:
  explicit TargetMeans(double smoothing) : smoothing_(smoothing) {}
  double MeanOf(uint64_t key) const {
    const double mean = all_.count > 0 ? all_.sum / all_.count : 0;
    const auto found = means_.find(key);
    if (found == means_.end()) return mean;
    return (found->second.sum + smoothing_ * mean) / (found->second.count + smoothing_);
  }
  void Learn(uint64_t key, double label) {
    all_.count += 1;
    all_.sum += label;
    auto found = means_.find(key);
    if (found == means_.end()) {
      if (means_.size() >= kMaxTrackedValues) return;
      found = means_.emplace(key, Mean{}).first;
    }
    found->second.count += 1;
    found->second.sum += label;
  }
  void Save(StateWriter& out) const {
    out.F64(all_.count);
    out.F64(all_.sum);
    SaveMap(means_, out, [&](const Mean& m) {
      out.F64(m.count);
      out.F64(m.sum);
    });
  }
  void Load(StateReader& in) {
    all_.count = in.F64();
    all_.sum = in.F64();
    LoadMap(means_, kMaxTrackedValues, in, [&] {
      Mean m;
      m.count = in.F64();
      m.sum = in.F64();
      return m;
    });
  }
  size_t MemoryBytes() const { return MapBytes(means_); }

 private:
  struct Mean {
    double count = 0;
    double sum = 0;
  };
  double smoothing_;
  Mean all_;
  KeyMap<Mean> means_;
};

}  // namespace leat::features
