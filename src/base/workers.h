/// A few threads that share the parts of one short job with the thread that calls.
///
/// ForEach(n, work) calls work(i) once for each i < n, on any of the threads, and returns when all
/// have returned. Parts are taken as threads become free, so `work` must write to places of part i
/// alone, and what it writes must not depend on the order; then results do not depend on the number
/// of threads. What parts say is summed by the caller, in their order.
///
/// A job is a few microseconds, so threads look for the next one for some tens of microseconds
/// before they sleep, and the calling thread never waits for one that has not woken: it takes the
/// parts itself. Threads start at the first job. Cost: some hundred nanoseconds a job while threads
/// are awake, a system call if some sleep; with one thread nothing.
///
/// Thread safety: concurrent calls of ForEach are allowed; one of them has the threads, the others
/// work alone. Errors: where the system gives no thread the work is done with fewer. `work` must
/// not throw.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace leat {

class Workers {
 public:
  /// `threads`: how many work, the calling one included.
  explicit Workers(size_t threads) : threads_(threads) {}
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  size_t threads() const { return threads_; }

  template <typename Work>
  void ForEach(size_t n, const Work& work) {
    if (threads_ <= 1 || n < 2 || busy_.test_and_set(std::memory_order_acquire)) {
      for (size_t i = 0; i < n; ++i) work(i);
      return;
    }
    const auto call = [](const void* context, size_t from, size_t to) {
      for (size_t i = from; i < to; ++i) (*static_cast<const Work*>(context))(i);
    };
    Run(n, call, &work);
    busy_.clear(std::memory_order_release);
  }

 private:
  using Call = void (*)(const void* context, size_t from, size_t to);
  /// What is taken at once is a block of parts; so many a thread even out unequal ones.
  static constexpr size_t kBlocksOfThread = 8;

  void Run(size_t n, Call call, const void* context);
  void Start();
  void Serve();
  /// Takes a block of the job at hand, if there is one left, and does it.
  bool TakeBlock();

  size_t threads_;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
  /// Of the job at hand; written only while no block of any job is taken or left.
  Call call_ = nullptr;
  const void* context_ = nullptr;
  size_t parts_ = 0;
  size_t block_ = 1;  ///< Parts.
  /// Number of the job (32 bits), its blocks (16), those taken (16).
  alignas(64) std::atomic<uint64_t> state_{0};
  std::atomic<uint32_t> done_{0};   ///< Blocks of the job at hand.
  std::atomic<uint32_t> calls_{0};  ///< Jobs so far: what sleepers wait to change.
  std::atomic<bool> stop_{false};
  bool begun_ = false;
  std::vector<std::thread> started_;
};

}  // namespace leat
