#include "connectors/kafka/wake_up.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace leat::kafka {
namespace {

constexpr int kAnywayMs = 1000;

}  // namespace

WakeUp::WakeUp() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

WakeUp::~WakeUp() {
  Stop();
  if (fd_ >= 0) close(fd_);
}

void WakeUp::Start(std::function<void()> ready) {
  Stop();
  if (!ready) return;
  ready_ = std::move(ready);
  stopping_ = false;
  thread_ = std::thread([this] { Run(); });
}

void WakeUp::Stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  if (fd_ >= 0) eventfd_write(fd_, 1);
  thread_.join();
}

void WakeUp::Run() {
  while (!stopping_) {
    pollfd wanted{fd_, POLLIN, 0};
    const bool anyway = poll(&wanted, 1, kAnywayMs) == 0;
    eventfd_t ignored;
    if (!anyway) eventfd_read(fd_, &ignored);
    if (!stopping_ && (waiting_.exchange(false) || anyway)) ready_();
  }
}

}  // namespace leat::kafka
