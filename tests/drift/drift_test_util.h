/// Streams and checks that the detector tests share.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "leat/detectors.h"
#include "leat/drift.h"
#include "leat/state.h"

namespace leat {

/// Error bits at rate `before`, from item `change` on at rate `after`.
inline std::vector<double> BitStream(uint64_t seed, size_t n, size_t change, double before,
                                     double after) {
  CounterRandom random(seed, 7);
  std::vector<double> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = random.Uniform() < (i < change ? before : after);
  return values;
}

/// Normal numbers with standard deviation 1, whose mean moves at item `change`.
inline std::vector<double> RealStream(uint64_t seed, size_t n, size_t change, double before,
                                      double after) {
  CounterRandom random(seed, 8);
  std::vector<double> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = (i < change ? before : after) + random.Normal();
  return values;
}

inline std::vector<size_t> Detections(DriftDetector& detector, const std::vector<double>& values) {
  std::vector<size_t> found;
  for (size_t i = 0; i < values.size(); ++i) {
    if (detector.Update(values[i]) == DriftState::kDrift) found.push_back(i);
  }
  return found;
}

inline std::string Saved(const DriftDetector& detector) {
  StateWriter out;
  detector.Save(out);
  return out.Take();
}

/// Saves at `cut`, loads into a fresh detector, and requires the same answers and the same bytes
/// after every further item.
inline void ExpectResumes(const DriftDetector& prototype, const std::vector<double>& values,
                          size_t cut) {
  const std::unique_ptr<DriftDetector> whole = prototype.Fresh();
  for (size_t i = 0; i < cut; ++i) whole->Update(values[i]);
  const std::string bytes = Saved(*whole);
  const std::unique_ptr<DriftDetector> resumed = prototype.Fresh();
  StateReader in(bytes);
  ASSERT_TRUE(resumed->Load(in).ok()) << in.status().message();
  EXPECT_TRUE(in.AtEnd());
  ASSERT_EQ(Saved(*resumed), bytes);
  for (size_t i = cut; i < values.size(); ++i) {
    ASSERT_EQ(whole->Update(values[i]), resumed->Update(values[i])) << "item " << i;
    if (i % 17 == 0) {
      ASSERT_EQ(Saved(*whole), Saved(*resumed)) << "item " << i;
    }
  }
  EXPECT_EQ(Saved(*whole), Saved(*resumed));
}

/// Every proper prefix of a saved state must be refused and leave the detector as it was.
inline void ExpectRefusesTruncation(DriftDetector& detector) {
  const std::string bytes = Saved(detector);
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::unique_ptr<DriftDetector> other = detector.Fresh();
    const std::string before = Saved(*other);
    StateReader in(std::string_view(bytes).substr(0, n));
    ASSERT_FALSE(other->Load(in).ok()) << "prefix of " << n << " bytes";
    ASSERT_EQ(Saved(*other), before) << "prefix of " << n << " bytes";
  }
}

}  // namespace leat
