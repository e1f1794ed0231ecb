#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "base/text.h"
#include "leat/state.h"
#include "leat/status.h"

namespace leat {
namespace {

TEST(Status, OkHasNoMessage) {
  const Status ok;
  EXPECT_TRUE(ok.ok());
  EXPECT_EQ(ok.code(), StatusCode::kOk);
  EXPECT_TRUE(ok.message().empty());
  EXPECT_TRUE(Status(StatusCode::kOk, "unused").ok());
}

TEST(Status, ErrorsKeepCodeAndMessage) {
  const Status status = Status::Io("disk full");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kIo);
  EXPECT_EQ(status.message(), "disk full");
  EXPECT_EQ(Status::Invalid("").code(), StatusCode::kInvalid);
  EXPECT_EQ(Status::Corrupt("").code(), StatusCode::kCorrupt);
  EXPECT_EQ(Status::Unsupported("").code(), StatusCode::kUnsupported);
}

TEST(Status, CodesMapToExitCodes) {
  EXPECT_EQ(ExitCode(StatusCode::kOk), 0);
  EXPECT_EQ(ExitCode(StatusCode::kInvalid), 2);
  EXPECT_EQ(ExitCode(StatusCode::kUnsupported), 2);
  EXPECT_EQ(ExitCode(StatusCode::kIo), 3);
  EXPECT_EQ(ExitCode(StatusCode::kCorrupt), 4);
  EXPECT_EQ(ExitCode(StatusCode::kFenced), 5);
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Status::Invalid("odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  LEAT_ASSIGN_OR_RETURN(const int half, Half(n));
  return Half(half);
}

Status CheckTwice(int n) {
  LEAT_RETURN_IF_ERROR(Half(n).status());
  return Half(n / 2).status();
}

TEST(Result, CarriesAValueOrAnError) {
  EXPECT_EQ(*Half(4), 2);
  EXPECT_EQ(Half(3).status().message(), "odd");
}

TEST(Result, HoldsThingsThatOnlyMove) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 5);
}

TEST(Result, MacrosReturnTheFirstError) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_FALSE(Quarter(7).ok());
  EXPECT_FALSE(Quarter(6).ok());
  EXPECT_TRUE(CheckTwice(8).ok());
  EXPECT_FALSE(CheckTwice(7).ok());
  EXPECT_FALSE(CheckTwice(6).ok());
}

/// One of everything.
std::string Written() {
  StateWriter out;
  out.Section("part", 2);
  out.U8(200);
  out.U32(4'000'000'000);
  out.U64(std::numeric_limits<uint64_t>::max());
  out.I64(-5);
  out.Bool(true);
  out.F64(-0.0);
  out.Text("caf\xc3\xa9");
  out.Array(std::vector<double>{1.5, -2.5});
  out.Array(std::vector<uint32_t>{});
  out.U64(3);
  for (int i = 0; i < 3; ++i) out.F64(i);
  return out.Take();
}

/// Reads it back; the reader's status says how it went.
void ReadWritten(StateReader& in, bool expect_values) {
  const uint32_t version = in.Section("part", 3);
  const uint8_t u8 = in.U8();
  const uint32_t u32 = in.U32();
  const uint64_t u64 = in.U64();
  const int64_t i64 = in.I64();
  const bool flag = in.Bool();
  const double zero = in.F64();
  const std::string text = in.Text();
  std::vector<double> numbers;
  in.Array(numbers);
  std::vector<uint32_t> none = {1};
  in.Array(none);
  const uint64_t count = in.Count(sizeof(double));
  std::vector<double> items;
  for (uint64_t i = 0; i < count; ++i) items.push_back(in.F64());
  if (!expect_values) return;
  EXPECT_EQ(version, 2u);
  EXPECT_EQ(u8, 200);
  EXPECT_EQ(u32, 4'000'000'000u);
  EXPECT_EQ(u64, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(i64, -5);
  EXPECT_TRUE(flag);
  EXPECT_TRUE(zero == 0 && std::signbit(zero));
  EXPECT_EQ(text, "caf\xc3\xa9");
  EXPECT_EQ(numbers, (std::vector<double>{1.5, -2.5}));
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(items, (std::vector<double>{0, 1, 2}));
}

TEST(State, ReadsBackWhatWasWritten) {
  const std::string bytes = Written();
  StateReader in(bytes);
  ReadWritten(in, true);
  EXPECT_TRUE(in.ok()) << in.status().message();
  EXPECT_TRUE(in.AtEnd());
}

TEST(State, ScalarsAreLittleEndianAndWithoutPadding) {
  StateWriter out;
  out.U32(0x01020304);
  out.Bool(true);
  EXPECT_EQ(out.bytes(), std::string("\x04\x03\x02\x01\x01", 5));
}

TEST(State, EveryTruncationIsReported) {
  const std::string bytes = Written();
  for (size_t n = 0; n < bytes.size(); ++n) {
    // A copy of exactly n bytes, so that a sanitizer sees any read beyond them.
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    StateReader in(std::string_view(cut.data(), cut.size()));
    ReadWritten(in, false);
    EXPECT_FALSE(in.ok()) << n << " bytes";
    EXPECT_EQ(in.status().code(), StatusCode::kCorrupt);
  }
}

TEST(State, ImpossibleLengthsAreRefusedBeforeAnythingIsAllocated) {
  StateWriter out;
  out.U64(std::numeric_limits<uint64_t>::max() / 2);
  out.U64(0);
  {
    StateReader in(out.bytes());
    EXPECT_TRUE(in.Text().empty());
    EXPECT_FALSE(in.ok());
  }
  {
    StateReader in(out.bytes());
    std::vector<uint64_t> items = {1, 2};
    in.Array(items);
    EXPECT_TRUE(items.empty());
    EXPECT_FALSE(in.ok());
  }
  {
    StateReader in(out.bytes());
    EXPECT_EQ(in.Count(), 0u);
    EXPECT_FALSE(in.ok());
  }
}

TEST(State, ForeignSectionsAndNewerVersionsAreRefused) {
  StateWriter out;
  out.Section("mine", 3);
  {
    StateReader in(out.bytes());
    EXPECT_EQ(in.Section("yours", 3), 0u);
    EXPECT_NE(in.status().message().find("'mine'"), std::string_view::npos);
  }
  {
    StateReader in(out.bytes());
    EXPECT_EQ(in.Section("mine", 2), 0u);
    EXPECT_FALSE(in.ok());
  }
  {
    StateReader in(out.bytes());
    EXPECT_EQ(in.Section("mine", 4), 3u);
    EXPECT_TRUE(in.ok());
  }
  StateWriter zero;
  zero.Section("mine", 0);
  StateReader in(zero.bytes());
  EXPECT_EQ(in.Section("mine", 4), 0u);
  EXPECT_FALSE(in.ok());
}

TEST(State, TheFirstProblemIsKeptAndZerosFollow) {
  StateWriter out;
  out.U64(7);
  out.U64(8);
  StateReader in(out.bytes());
  EXPECT_EQ(in.U64(), 7u);
  in.Fail("first");
  in.Fail("second");
  EXPECT_EQ(in.U64(), 0u);
  EXPECT_EQ(in.F64(), 0);
  EXPECT_EQ(in.Text(), "");
  EXPECT_EQ(in.status().message(), "first");
}

TEST(Hash, IsTheSameOnEveryRunAndMachine) {
  // XXH3 of the empty input with seed 0, as its specification lists it.
  EXPECT_EQ(Hash64(""), 0x2d06800538d394c2u);
  EXPECT_EQ(DigestHex(""), "99aa06d3014798d86001c324468d497f");
}

TEST(Hash, DependsOnBytesAndSeed) {
  EXPECT_NE(Hash64("a"), Hash64("b"));
  EXPECT_NE(Hash64("a"), Hash64("a", 1));
  EXPECT_NE(Hash64(std::string_view("a\0", 2)), Hash64("a"));
  EXPECT_NE(DigestHex("a"), DigestHex("b"));
  EXPECT_EQ(DigestHex("a").size(), 32u);
}

TEST(Hash, MixHasNoCollisionsAmongSmallNumbers) {
  std::set<uint64_t> seen;
  for (uint64_t i = 0; i < 100'000; ++i) seen.insert(Mix64(i));
  EXPECT_EQ(seen.size(), 100'000u);
}

TEST(Random, ADrawDependsOnSeedComponentAndCounterOnly) {
  CounterRandom whole(1, 2);
  std::vector<uint64_t> draws;
  for (int i = 0; i < 100; ++i) draws.push_back(whole.Next());
  for (uint64_t cut : {0u, 1u, 57u, 99u}) {
    CounterRandom resumed(1, 2, cut);
    EXPECT_EQ(resumed.Next(), draws[cut]);
    CounterRandom moved(1, 2);
    moved.set_counter(cut);
    EXPECT_EQ(moved.Next(), draws[cut]);
    EXPECT_EQ(moved.counter(), cut + 1);
  }
}

TEST(Random, SeedsAndComponentsGiveDifferentStreams) {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (uint64_t component = 0; component < 50; ++component) {
      CounterRandom random(seed, component);
      for (int i = 0; i < 4; ++i) seen.insert(random.Next());
    }
  }
  EXPECT_EQ(seen.size(), 50u * 50u * 4u);
}

TEST(Random, BelowIsUniform) {
  for (const uint64_t n : {2u, 3u, 7u, 10u}) {
    CounterRandom random(3, n);
    std::vector<double> counts(n, 0);
    constexpr int kDraws = 200'000;
    for (int i = 0; i < kDraws; ++i) {
      const uint64_t draw = random.Below(n);
      ASSERT_LT(draw, n);
      counts[draw] += 1;
    }
    const double expected = static_cast<double>(kDraws) / static_cast<double>(n);
    double chi2 = 0;
    for (const double count : counts) chi2 += (count - expected) * (count - expected) / expected;
    EXPECT_LT(chi2, 28);  // Chi-squared with at most 9 degrees of freedom passes 28 once in 1000.
  }
  CounterRandom one(1, 1);
  EXPECT_EQ(one.Below(1), 0u);
  // Near 2^64 the product must not wrap.
  for (int i = 0; i < 100; ++i) EXPECT_LT(one.Below(~uint64_t{0}), ~uint64_t{0});
}

TEST(Random, UniformFillsItsIntervalEvenly) {
  CounterRandom random(4, 1);
  std::array<double, 20> counts{};
  for (int i = 0; i < 200'000; ++i) {
    const double u = random.Uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    counts[static_cast<size_t>(u * 20)] += 1;
  }
  double chi2 = 0;
  for (const double count : counts) chi2 += (count - 10'000) * (count - 10'000) / 10'000;
  EXPECT_LT(chi2, 43.8);  // 19 degrees of freedom, once in 1000.
  for (int i = 0; i < 1000; ++i) {
    const double v = random.Uniform(-3, -1);
    ASSERT_GE(v, -3);
    ASSERT_LT(v, -1);
  }
}

TEST(Random, NormalExponentialAndPoissonHaveTheirMoments) {
  CounterRandom random(5, 1);
  constexpr int kDraws = 200'000;
  double normal = 0, normal2 = 0, exponential = 0, poisson = 0, poisson2 = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double z = random.Normal();
    normal += z;
    normal2 += z * z;
    exponential += random.Exponential();
    const double k = static_cast<double>(random.Poisson(6));
    poisson += k;
    poisson2 += k * k;
  }
  // Bounds of five standard errors.
  EXPECT_NEAR(normal / kDraws, 0, 0.0112);
  EXPECT_NEAR(normal2 / kDraws, 1, 0.0159);
  EXPECT_NEAR(exponential / kDraws, 1, 0.0112);
  EXPECT_NEAR(poisson / kDraws, 6, 0.0274);
  EXPECT_NEAR(poisson2 / kDraws - std::pow(poisson / kDraws, 2), 6, 0.1);
}

TEST(Random, PoissonOfAHighMeanHasItsMoments) {
  // From 746 on exp(-mean) is 0.
  for (const double mean : {499.0, 746.0, 1000.0, 5000.0}) {
    CounterRandom random(5, 2);
    constexpr int kDraws = 4000;
    double sum = 0, squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double k = static_cast<double>(random.Poisson(mean)) - mean;
      sum += k;
      squares += k * k;
    }
    EXPECT_NEAR(sum / kDraws, 0, 5 * std::sqrt(mean / kDraws)) << mean;
    EXPECT_NEAR(squares / kDraws / mean, 1, 5 * std::sqrt(2.0 / kDraws)) << mean;
  }
}

TEST(Text, IsTakenApartIntoLines) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(LinesOf(""), Lines());
  EXPECT_EQ(LinesOf("a\nb\n"), (Lines{"a", "b"}));
  EXPECT_EQ(LinesOf("a\n\nb"), (Lines{"a", "", "b"}));
}

}  // namespace
}  // namespace leat
