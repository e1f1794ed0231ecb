/// Wakes whoever waits for messages, on a thread of its own.
///
/// librdkafka writes to fd() when a queue that was empty is so no more. The thread passes that on
/// only while somebody waits, and calls once a second in any case. No wake-up is lost if Wait(true)
/// comes before the queues are looked at for the last time. Thread safety: one thread calls.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace leat::kafka {

class WakeUp {
 public:
  WakeUp();
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  /// An eventfd; negative: there is none, and only the second passes.
  int fd() const { return fd_; }
  void Start(std::function<void()> ready);
  void Wait(bool waiting) { waiting_ = waiting; }

 private:
  void Stop();
  void Run();

  int fd_;
  std::atomic<bool> waiting_ = false;
  std::atomic<bool> stopping_ = false;
  std::function<void()> ready_;
  std::thread thread_;
};

}  // namespace leat::kafka
