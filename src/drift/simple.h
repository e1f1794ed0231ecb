/// A detector made of a plain core: the core says what one value does and names its fields; this
/// adds what every detector needs besides (ignored values, starting again after a drift, saving,
/// loading).
///
/// A core has: kName; a constructor from its options; Takes(x), false for values to be ignored;
/// Step(x); evidence(); Visit(v), which calls v on each field that makes up its state (double,
/// int64_t, bool, vectors of double or uint8_t) in a fixed order; Sound(), false for fields that no
/// run can have; Bytes(), the heap bytes. kRestarts says that a drift is followed by a new start at
/// the next value; a core without it starts again in its own way.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "leat/drift.h"

namespace leat::drift {

inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// An error bit, or a loss between 0 and 1.
inline bool IsShare(double x) { return x >= 0 && x <= 1; }
/// Any number whose square does not overflow.
inline bool IsModerate(double x) { return std::fabs(x) <= 1e100; }

class FieldWriter {
 public:
  explicit FieldWriter(StateWriter& out) : out_(out) {}
  void operator()(const double& v) { out_.F64(v); }
  void operator()(const int64_t& v) { out_.I64(v); }
  void operator()(const bool& v) { out_.Bool(v); }
  template <typename T>
  void operator()(const std::vector<T>& v) {
    out_.Array(v);
  }

 private:
  StateWriter& out_;
};

class FieldReader {
 public:
  explicit FieldReader(StateReader& in) : in_(in) {}
  void operator()(double& v) {
    v = in_.F64();
    if (std::isnan(v)) in_.Fail("a number of a detector is missing");
  }
  void operator()(int64_t& v) { v = in_.I64(); }
  void operator()(bool& v) { v = in_.Bool(); }
  void operator()(std::vector<uint8_t>& v) { in_.Array(v); }
  void operator()(std::vector<double>& v) {
    in_.Array(v);
    for (const double x : v) {
      if (!std::isfinite(x)) in_.Fail("a number of a detector is not finite");
    }
  }

 private:
  StateReader& in_;
};

template <typename Core, typename Options>
class SimpleDetector final : public DriftDetector {
 public:
  explicit SimpleDetector(const Options& options) : options_(options), core_(options) {}

  DriftState Update(double value) override {
    if (!Core::Takes(value)) return DriftState::kStable;  // Refuses NaN as well.
    if (restart_) Reset();
    const DriftState state = core_.Step(value);
    restart_ = Core::kRestarts && state == DriftState::kDrift;
    return state;
  }
  Evidence evidence() const override { return core_.evidence(); }
  void Reset() override {
    core_ = Core(options_);
    restart_ = false;
  }
  void Save(StateWriter& out) const override {
    out.Section(Core::kName, 1);
    FieldWriter write(out);
    const_cast<Core&>(core_).Visit(write);
    out.Bool(restart_);
  }
  Status Load(StateReader& in) override {
    SimpleDetector loaded(options_);
    in.Section(Core::kName, 1);
    FieldReader read(in);
    loaded.core_.Visit(read);
    loaded.restart_ = in.Bool();
    if (in.ok() && !loaded.core_.Sound()) {
      in.Fail("a state of '" + std::string(Core::kName) + "' that contradicts itself");
    }
    if (in.ok()) *this = std::move(loaded);
    return in.status();
  }
  std::unique_ptr<DriftDetector> Fresh() const override {
    return std::make_unique<SimpleDetector>(options_);
  }
  size_t MemoryBytes() const override { return sizeof(*this) + core_.Bytes(); }

 private:
  Options options_;
  Core core_;
  bool restart_ = false;
};

}  // namespace leat::drift
