/// Codes of a category field: 0, 1, ... in order of first appearance.
///
/// Constants of expressions are interned first, in order of the configuration. At `max` codes every
/// further value gets the code `max`. Cost: one hash lookup. Thread safety: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "features/key_group.h"

namespace leat::features {

class Dictionary {
 public:
  explicit Dictionary(int64_t max) : max_(static_cast<uint32_t>(max)) {}

  /// The code of a value given by key and text (the text is copied at the first appearance).
  uint32_t CodeOf(uint64_t key, std::string_view text) {
    if (key == last_key_ && key != 0) return last_code_;
    const auto found = codes_.find(key);
    uint32_t code;
    if (found != codes_.end()) {
      code = found->second;
    } else if (texts_.size() < max_) {
      code = static_cast<uint32_t>(texts_.size());
      codes_.emplace(key, code);
      texts_.emplace_back(text);
      keys_.push_back(key);
    } else {
      code = max_;
    }
    last_key_ = key;
    last_code_ = code;
    return code;
  }

  size_t size() const { return texts_.size(); }
  std::string_view Text(uint32_t code) const {
    return code < texts_.size() ? std::string_view(texts_[code]) : std::string_view();
  }

  void Save(StateWriter& out) const {
    out.U64(texts_.size());
    for (size_t i = 0; i < texts_.size(); ++i) {
      out.U64(keys_[i]);
      out.Text(texts_[i]);
    }
  }
  void Load(StateReader& in) {
    codes_.clear();
    texts_.clear();
    keys_.clear();
    last_key_ = 0;
    const uint64_t count = in.Count(16);
    if (count > max_) return in.Fail("a category has more values than max_categories allows");
    for (uint64_t i = 0; i < count && in.ok(); ++i) {
      const uint64_t key = in.U64();
      texts_.push_back(in.Text());
      keys_.push_back(key);
      codes_.emplace(key, static_cast<uint32_t>(i));
    }
  }
  size_t MemoryBytes() const {
    size_t bytes =
        codes_.bucket_count() * 17 + keys_.capacity() * 8 + texts_.capacity() * sizeof(std::string);
    for (const std::string& text : texts_) bytes += text.size() > 15 ? text.capacity() + 17 : 0;
    return bytes;
  }

 private:
  uint32_t max_;
  KeyMap<uint32_t> codes_;
  std::vector<std::string> texts_;
  std::vector<uint64_t> keys_;
  uint64_t last_key_ = 0;
  uint32_t last_code_ = 0;
};

}  // namespace leat::features
