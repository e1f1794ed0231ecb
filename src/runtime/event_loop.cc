#include "runtime/event_loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>

namespace leat {

struct EventLoop::Impl {
  struct Timer {
    boost::asio::steady_timer timer;
    std::chrono::milliseconds every;
    std::function<void()> what;
  };

  void Wait(Timer& timer) {
    timer.timer.async_wait([this, &timer](const boost::system::error_code& error) {
      if (error) return;
      timer.what();
      timer.timer.expires_at(timer.timer.expiry() + timer.every);
      Wait(timer);
    });
  }

  boost::asio::io_context context;
  boost::asio::signal_set signals{context, SIGINT, SIGTERM};
  std::deque<Timer> timers;
  std::mutex mutex;
  std::function<void()> on_stop;
  std::thread thread;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {
  impl_->signals.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    const std::lock_guard lock(impl_->mutex);
    stop_ = true;
    if (impl_->on_stop) impl_->on_stop();
    impl_->signals.clear();  // From now on a signal does what it does by default.
  });
  impl_->thread = std::thread([this] { impl_->context.run(); });
}

EventLoop::~EventLoop() {
  impl_->context.stop();
  impl_->thread.join();
}

void EventLoop::OnStop(std::function<void()> what) {
  const std::lock_guard lock(impl_->mutex);
  impl_->on_stop = std::move(what);
  if (stop_ && impl_->on_stop) impl_->on_stop();
}

void EventLoop::Every(std::chrono::milliseconds every, std::function<void()> what) {
  boost::asio::post(impl_->context, [this, every, what = std::move(what)]() mutable {
    impl_->timers.push_back(
        {boost::asio::steady_timer(impl_->context, every), every, std::move(what)});
    impl_->Wait(impl_->timers.back());
  });
}

}  // namespace leat
