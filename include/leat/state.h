/// Saved state: how every part of a pipeline writes itself down and reads itself back.
///
/// Encoding: fixed-width little-endian scalars, lengths as 64-bit counts, and named sections
/// (name, version) that are checked on the way in. The same state always gives the same bytes, so
/// the digest of a part is the hash (XXH3, 128 bits) of what it saves. Containers whose order is
/// not fixed are written sorted. Errors: a reader that meets anything unexpected (short data, a
/// foreign section, a newer version, an impossible length) remembers the first problem, returns
/// zeros from then on, and reports it from status(); callers check once at the end of Load.
/// Thread safety: none; one writer or reader belongs to one thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "leat/status.h"

namespace leat {

static_assert(std::endian::native == std::endian::little, "saved state is little-endian");

class StateWriter {
 public:
  /// Gathers everything in bytes().
  StateWriter() = default;
  /// Hands on what has gathered now and then, so that memory stays small; Flush hands on the rest.
  explicit StateWriter(std::function<void(std::string_view)> take) : take_(std::move(take)) {}
  void Flush() {
    if (take_) take_(bytes_);
    bytes_.clear();
  }

  /// Opens a section: `name` says whose state follows, `version` which layout it has.
  void Section(std::string_view name, uint32_t version) {
    Text(name);
    Scalar(version);
  }
  void U8(uint8_t v) { Scalar(v); }
  void U32(uint32_t v) { Scalar(v); }
  void I32(int32_t v) { Scalar(v); }
  void U64(uint64_t v) { Scalar(v); }
  void I64(int64_t v) { Scalar(v); }
  void Bool(bool v) { Scalar(static_cast<uint8_t>(v)); }
  void F64(double v) { Scalar(v); }
  void Text(std::string_view v) {
    U64(v.size());
    Append(v);
  }
  /// An array of trivially copyable items, with its length. Items must have no padding bytes.
  template <typename T>
  void Array(std::span<const T> items) {
    static_assert(std::is_trivially_copyable_v<T>);
    U64(items.size());
    Items(items);
  }
  template <typename T>
  void Array(const std::vector<T>& items) {
    Array(std::span<const T>(items));
  }

  /// Trivially copyable items without their count, which the reader knows.
  template <typename T>
  void Items(std::span<const T> items) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!items.empty()) {
      Append({reinterpret_cast<const char*>(items.data()), items.size_bytes()});
    }
  }

  const std::string& bytes() const { return bytes_; }
  void Clear() { bytes_.clear(); }
  std::string Take() { return std::move(bytes_); }

 private:
  template <typename T>
  void Scalar(T v) {
    char raw[sizeof(T)];
    std::memcpy(raw, &v, sizeof(T));
    Append({raw, sizeof(T)});
  }
  void Append(std::string_view v) {
    bytes_.append(v);
    if (take_ && bytes_.size() >= kGathered) Flush();
  }

  static constexpr size_t kGathered = size_t{1} << 16;
  std::string bytes_;
  std::function<void(std::string_view)> take_;
};

class StateReader {
 public:
  explicit StateReader(std::string_view bytes) : rest_(bytes) {}

  /// Expects the section that Section() of a writer opened; returns its version (0 on error).
  uint32_t Section(std::string_view name, uint32_t newest_version) {
    const std::string found = Text();
    const uint32_t version = U32();
    if (!ok()) return 0;
    if (found != name) {
      Fail("expected the state of '" + std::string(name) + "', found '" + found + "'");
      return 0;
    }
    if (version == 0 || version > newest_version) {
      Fail("state of '" + found + "' has version " + std::to_string(version) +
           ", this build reads up to " + std::to_string(newest_version));
      return 0;
    }
    return version;
  }
  uint8_t U8() { return Scalar<uint8_t>(); }
  uint32_t U32() { return Scalar<uint32_t>(); }
  uint64_t U64() { return Scalar<uint64_t>(); }
  int64_t I64() { return Scalar<int64_t>(); }
  bool Bool() { return Scalar<uint8_t>() != 0; }
  double F64() { return Scalar<double>(); }
  std::string Text() {
    const uint64_t size = U64();
    if (size > rest_.size()) {
      Fail("state is cut short");
      return {};
    }
    std::string out(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return out;
  }
  template <typename T>
  void Array(std::vector<T>& items) {
    static_assert(std::is_trivially_copyable_v<T>);
    const uint64_t size = U64();
    if (size > rest_.size() / sizeof(T)) {
      Fail("state is cut short");
      items.clear();
      return;
    }
    items.resize(size);
    if (size > 0) std::memcpy(items.data(), rest_.data(), size * sizeof(T));
    rest_.remove_prefix(size * sizeof(T));
  }
  /// Fills `items`.
  template <typename T>
  void Items(std::span<T> items) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (items.size_bytes() > rest_.size()) return Fail("state is cut short");
    if (!items.empty()) std::memcpy(items.data(), rest_.data(), items.size_bytes());
    rest_.remove_prefix(items.size_bytes());
  }
  /// A count of things still to come, each of at least `min_bytes`: 0 when that cannot be.
  uint64_t Count(size_t min_bytes = 1) {
    const uint64_t n = U64();
    if (n > rest_.size() / (min_bytes == 0 ? 1 : min_bytes)) {
      Fail("state is cut short");
      return 0;
    }
    return n;
  }

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  bool AtEnd() const { return rest_.empty(); }
  void Fail(std::string why) {
    if (status_.ok()) status_ = Status::Corrupt(std::move(why));
    rest_ = {};
  }

 private:
  template <typename T>
  T Scalar() {
    T v{};
    if (rest_.size() < sizeof(T)) {
      Fail("state is cut short");
      return v;
    }
    std::memcpy(&v, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return v;
  }

  std::string_view rest_;
  Status status_;
};

}  // namespace leat
