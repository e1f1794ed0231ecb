/// Signals and timers, on a thread of their own, so that the thread that works never waits.
///
/// The first SIGINT or SIGTERM asks the work to stop; a second one ends the process at once. Timers
/// run on the loop's thread: what they call must be short and thread-safe. One loop at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace leat {

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  bool stop_requested() const { return stop_; }
  /// What the first signal calls besides, on the loop's thread; at once if it has come. Replaces
  /// what was given before, which is not running any more when this returns.
  void OnStop(std::function<void()> what);
  /// Calls `what` again and again, `every` apart.
  void Every(std::chrono::milliseconds every, std::function<void()> what);

 private:
  struct Impl;
  std::atomic<bool> stop_ = false;
  std::unique_ptr<Impl> impl_;
};

}  // namespace leat
