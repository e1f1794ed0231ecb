/// Outcomes of operations that touch input, disk or network.
///
/// A Status is either OK or an error with a code and a message; a Result<T> is a value or such an
/// error. Nothing in Leat throws across a public header. Cost: an OK Status is one null pointer.
/// Thread safety: const methods may run concurrently; others need outside locking.
#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace leat {

/// The kind of an error. The command line maps kinds to exit codes (see ExitCode).
enum class StatusCode {
  kOk = 0,
  kInvalid,      ///< A usage or configuration error (exit 2).
  kIo,           ///< Input or output failed (exit 3).
  kCorrupt,      ///< Stored state cannot be trusted or does not fit (exit 4).
  kFenced,       ///< Another instance has taken over (exit 5).
  kUnsupported,  ///< A valid request that this build does not offer (exit 2).
};

class [[nodiscard]] Status {
 public:
  Status() = default;  ///< OK.
  Status(StatusCode code, std::string message)
      : state_(code == StatusCode::kOk ? nullptr
                                       : std::make_shared<const State>(code, std::move(message))) {}

  static Status Ok() { return {}; }
  static Status Invalid(std::string message) { return {StatusCode::kInvalid, std::move(message)}; }
  static Status Io(std::string message) { return {StatusCode::kIo, std::move(message)}; }
  static Status Corrupt(std::string message) { return {StatusCode::kCorrupt, std::move(message)}; }
  static Status Unsupported(std::string message) {
    return {StatusCode::kUnsupported, std::move(message)};
  }

  bool ok() const { return state_ == nullptr; }
  StatusCode code() const { return state_ ? state_->code : StatusCode::kOk; }
  std::string_view message() const { return state_ ? state_->message : std::string_view(); }

 private:
  struct State {
    State(StatusCode c, std::string m) : code(c), message(std::move(m)) {}
    StatusCode code;
    std::string message;
  };
  std::shared_ptr<const State> state_;
};

/// The process exit code for an outcome: 0 done, 2 usage, 3 input or output, 4 state, 5 fenced.
inline int ExitCode(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInvalid:
    case StatusCode::kUnsupported:
      return 2;
    case StatusCode::kIo:
      return 3;
    case StatusCode::kCorrupt:
      return 4;
    case StatusCode::kFenced:
      return 5;
  }
  return 3;
}

/// A value, or the error that prevented it. REQUIRES ok() before the value is read.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    assert(!status_.ok() && "a Result needs a value or an error");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  T& value() & { return Checked(), *value_; }
  const T& value() const& { return Checked(), *value_; }
  T&& value() && { return Checked(), *std::move(value_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void Checked() const { assert(ok() && "value of a failed Result"); }

  std::optional<T> value_;
  Status status_;
};

}  // namespace leat

#define LEAT_CONCAT_INNER(a, b) a##b
#define LEAT_CONCAT(a, b) LEAT_CONCAT_INNER(a, b)

/// Returns the error of `expression` (a Status) from the enclosing function, if there is one.
#define LEAT_RETURN_IF_ERROR(expression)                                        \
  do {                                                                          \
    if (auto leat_status = (expression); !leat_status.ok()) return leat_status; \
  } while (false)

/// Declares or assigns `target` from a Result, or returns its error.
#define LEAT_ASSIGN_OR_RETURN(target, expression) \
  LEAT_ASSIGN_OR_RETURN_INNER(LEAT_CONCAT(leat_result_, __LINE__), target, expression)
#define LEAT_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                   \
  if (!result.ok()) return result.status();                     \
  target = std::move(result).value()
