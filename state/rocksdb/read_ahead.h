/// Values that will soon be asked for, read on a thread of its own.
///
/// A store is far slower than what works with it: a key that is known to be needed some records
/// later is read meanwhile. What is expected takes its place in a ring of kSlots; when that has
/// come round before the value was taken, the older one is forgotten. Take gives the value that the
/// store would give now, or nothing, and then whoever asks reads it as ever: so nothing depends on
/// what was expected, but time. A value counts only as long as nothing was written since it was
/// begun to be read (Written).
///
/// Threads: Expect and Take by one, Written by any. Memory: kSlots keys and values.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace leat {

class ReadAhead {
 public:
  static constexpr uint32_t kSlots = 64;
  /// Reads a key's value; false if it cannot. Called on the thread of the reader.
  using Read = std::function<bool(std::string_view key, std::string& value)>;

  explicit ReadAhead(Read read);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  void Expect(std::string_view key);
  /// The value, if it was expected and is at hand or being read.
  bool Take(std::string_view key, std::string& value);
  /// What was read so far may be out of date.
  void Written() { generation_.fetch_add(1); }

 private:
  enum State : int { kEmpty, kExpected, kReading, kRead };
  struct Slot {
    std::atomic<int> state = kEmpty;
    std::string key, value;
    uint64_t generation = 0;
    bool found = false;
  };
  Slot* Find(uint64_t hash, std::string_view key);
  void Run();

  const Read read_;
  std::array<Slot, kSlots> slots_;
  std::array<uint64_t, kSlots> hashes_{};  ///< Of the keys in the slots; 0: none.
  std::atomic<uint64_t> generation_ = 0;
  std::atomic<uint32_t> expected_ = 0;  ///< Keys so far; the next one's slot follows from it.
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace leat
