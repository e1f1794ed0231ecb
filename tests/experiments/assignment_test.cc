#include "experiments/assignment.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "experiments/decisions.h"

namespace leat::experiments {
namespace {

std::string Hex(std::span<const uint8_t> bytes) {
  std::string out;
  for (const uint8_t b : bytes) out += fmt::format("{:02x}", b);
  return out;
}

TEST(SdkHashes, KnownDigestsOverSeveralBlocks) {
  const std::string long_text(200, 'a');
  EXPECT_EQ(Hex(Md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(Hex(Md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Hex(Sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Hex(Sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_NE(Hex(Md5(long_text)), Hex(Md5(long_text + "a")));
}

AssignmentOptions Halves(double traffic) {
  AssignmentOptions options;
  options.salt = "checkout";
  options.variants = {{"control", 1}, {"treatment", 1}};
  options.traffic = traffic;
  return options;
}

Assigner Make(AssignmentOptions options) {
  auto made = Assigner::Create(std::move(options));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(made).value();
}

TEST(Assigner, ARampNeverMovesAUnitThatIsIn) {
  AssignmentOptions options = Halves(0.1);
  options.ramp = {{{100}, 0.5}, {{200}, 1.0}};
  const Assigner assigner = Make(options);
  int in_first = 0, in_second = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string unit = fmt::format("user-{}", i);
    const Assignment a = assigner.Assign(unit, {50}), b = assigner.Assign(unit, {150}),
                     c = assigner.Assign(unit, {250});
    ASSERT_EQ(c.by, AssignedBy::kVariant);
    if (a.by == AssignedBy::kVariant) {
      ++in_first;
      ASSERT_EQ(a.variant, b.variant);
    }
    if (b.by == AssignedBy::kVariant) {
      ++in_second;
      ASSERT_EQ(b.variant, c.variant);
    }
  }
  EXPECT_NEAR(in_first, 2000, 200);
  EXPECT_NEAR(in_second, 10'000, 350);
}

TEST(Assigner, SharesAreThoseAskedFor) {
  for (const HashScheme scheme : {HashScheme::kLeat, HashScheme::kGrowthBook2, HashScheme::kPlanOut,
                                  HashScheme::kStatsig, HashScheme::kEppo, HashScheme::kUnleash}) {
    AssignmentOptions options = Halves(0.6);
    options.scheme = scheme;
    options.variants = {{"a", 5}, {"b", 3}, {"c", 2}};
    const Assigner assigner = Make(options);
    std::array<double, 4> counts{};
    for (int i = 0; i < 20'000; ++i) {
      counts[assigner.Assign(fmt::format("u{}", i), {}).variant + 1] += 1;
    }
    const std::array<double, 4> weights = {0.4, 0.3, 0.18, 0.12};
    EXPECT_GT(SrmChiSquared(counts, weights), 1e-4) << HashSchemeNames()[static_cast<int>(scheme)];
  }
}

TEST(Assigner, TrafficAndVariantAreIndependent) {
  const Assigner few = Make(Halves(0.2));
  std::array<double, 2> in{};
  for (int i = 0; i < 50'000; ++i) {
    const Assignment a = few.Assign(fmt::format("u{}", i), {});
    if (a.variant >= 0) in[a.variant] += 1;
  }
  const std::array<double, 2> weights = {1, 1};
  EXPECT_GT(SrmChiSquared(in, weights), 1e-4);
}

TEST(Assigner, ExperimentsOfALayerShareNoUnitAndHoldoutsAreInNone) {
  AssignmentOptions one = Halves(1), two = Halves(1);
  one.layer = two.layer = "page";
  one.layer_to = two.layer_from = 0.4;
  one.salt = "one";
  two.salt = "two";
  one.holdout_salt = two.holdout_salt = "2026";
  one.holdout = two.holdout = 0.05;
  const Assigner a = Make(one), b = Make(two);
  int both = 0, none = 0, held = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string unit = fmt::format("u{}", i);
    const Assignment x = a.Assign(unit, {}), y = b.Assign(unit, {});
    both += x.variant >= 0 && y.variant >= 0;
    EXPECT_EQ(x.by == AssignedBy::kHoldout, y.by == AssignedBy::kHoldout);
    held += x.by == AssignedBy::kHoldout;
    none += x.variant < 0 && y.variant < 0 && x.by != AssignedBy::kHoldout;
  }
  EXPECT_EQ(both, 0);
  EXPECT_EQ(none, 0);
  EXPECT_NEAR(held, 500, 100);
}

TEST(Assigner, ImpossibleOptionsAreRefused) {
  AssignmentOptions shrinking = Halves(0.5);
  shrinking.ramp = {{{100}, 0.2}};
  EXPECT_FALSE(Assigner::Create(shrinking).ok());
  AssignmentOptions lone = Halves(1);
  lone.variants.pop_back();
  EXPECT_FALSE(Assigner::Create(lone).ok());
  AssignmentOptions twins = Halves(1);
  twins.variants[1].name = "control";
  EXPECT_FALSE(Assigner::Create(twins).ok());
}

}  // namespace
}  // namespace leat::experiments
