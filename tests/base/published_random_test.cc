/// Random numbers of other languages, against what those languages print.
#include <gtest/gtest.h>

#include "base/java_random.h"
#include "base/python_random.h"

namespace leat {
namespace {

TEST(JavaRandom, DrawsWhatJavaDraws) {
  JavaRandom random(42);
  EXPECT_EQ(random.Int(), -1170105035);
  EXPECT_EQ(random.Int(), 234785527);
  EXPECT_EQ(JavaRandom(42).Below(10), 0);
  EXPECT_EQ(JavaRandom(42).Below(16), 11);
  EXPECT_EQ(JavaRandom(42).Double(), 0.7275636800328681);
  EXPECT_EQ(JavaRandom(-7).Long(), 4964420944606563203);
  JavaRandom normal(1);
  EXPECT_NEAR(normal.Gaussian(), 1.561581040188955, 4e-16);
  EXPECT_NEAR(normal.Gaussian(), -0.6081826070068602, 4e-16);
}

TEST(PythonRandom, DrawsWhatPythonDraws) {
  PythonRandom random(42);
  EXPECT_EQ(random.Double(), 0.6394267984578837);
  EXPECT_EQ(random.Double(), 0.025010755222666936);
  EXPECT_NEAR(random.Gaussian(), -0.11131586156766246, 1e-16);
  EXPECT_NEAR(random.Gaussian(), 0.7019837250988631, 4e-16);
  EXPECT_NEAR(random.Gaussian(), -0.12758828378288709, 1e-16);
}

TEST(PythonRandom, TakesSeedsOfMoreThanAWord) {
  PythonRandom random((uint64_t{1} << 40) + 7);
  EXPECT_EQ(random.Double(), 0.6137037779936511);
  EXPECT_EQ(random.Double(), 0.8149162973309487);
}

}  // namespace
}  // namespace leat
