#include "base/workers.h"

#include <system_error>

namespace leat {
namespace {

constexpr int kLooks = 1000;     // For the next job, before a thread sleeps.
constexpr int kPatience = 4000;  // Looks for the last block before the processor is offered.

uint32_t Taken(uint64_t state) { return state & 0xffff; }
uint32_t Blocks(uint64_t state) { return (state >> 16) & 0xffff; }
bool HasBlock(uint64_t state) { return Taken(state) < Blocks(state); }

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Workers::~Workers() {
  stop_.store(true);
  calls_.fetch_add(1);
  calls_.notify_all();
  for (std::thread& thread : started_) thread.join();
}

void Workers::Start() {
  begun_ = true;
  started_.reserve(threads_ - 1);
  try {
    while (started_.size() + 1 < threads_) started_.emplace_back([this] { Serve(); });
  } catch (const std::system_error&) {  // The calling thread takes the blocks of those missing.
  }
}

void Workers::Run(size_t n, Call call, const void* context) {
  if (!begun_) Start();
  const size_t most = kBlocksOfThread * threads_;
  call_ = call;
  context_ = context;
  parts_ = n;
  block_ = (n + most - 1) / most;
  const auto blocks = static_cast<uint32_t>((n + block_ - 1) / block_);
  done_.store(0, std::memory_order_relaxed);
  const uint64_t job = (state_.load(std::memory_order_relaxed) >> 32) + 1;
  state_.store(job << 32 | uint64_t{blocks} << 16, std::memory_order_release);
  calls_.fetch_add(1);
  calls_.notify_all();
  while (TakeBlock()) {
  }
  for (int looks = 0; done_.load(std::memory_order_acquire) != blocks; ++looks) {
    if (looks < kPatience) {
      Pause();
    } else {
      std::this_thread::yield();
    }
  }
}

bool Workers::TakeBlock() {
  uint64_t state = state_.load(std::memory_order_acquire);
  do {
    if (!HasBlock(state)) return false;
  } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel,
                                         std::memory_order_acquire));
  // The job stays until this block is done, so what it is can be read now and not before.
  const size_t from = Taken(state) * block_;
  call_(context_, from, std::min(parts_, from + block_));
  done_.fetch_add(1, std::memory_order_acq_rel);
  return true;
}

void Workers::Serve() {
  while (!stop_.load(std::memory_order_acquire)) {
    const uint32_t calls = calls_.load();
    bool found = false;
    for (int looks = 0; looks < kLooks && !found; ++looks) {
      found = HasBlock(state_.load(std::memory_order_acquire));
      if (!found) Pause();
    }
    if (found) {
      while (TakeBlock()) {
      }
    } else {
      calls_.wait(calls);
    }
  }
}

}  // namespace leat
