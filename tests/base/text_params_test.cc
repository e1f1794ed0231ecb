/// Options from text.
#include "base/text_params.h"

#include <gtest/gtest.h>

#include <array>

namespace leat {
namespace {

struct Options {
  double rate = 0.5;
  int64_t trees = 10;
  bool fast = false;
  int mode = 0;
  std::vector<std::string> names;
  std::map<std::string, double> weights;
};
constexpr std::array<std::string_view, 2> kModes = {"one", "two"};

Status Read(const std::string& text, Options& options) {
  const auto spec = ParseTextSpec(text);
  if (!spec.ok()) return spec.status();
  TextParams params(spec->options);
  params.Number("rate", options.rate, kFraction, "");
  params.Integer("trees", options.trees, {1, 100}, "");
  params.Boolean("fast", options.fast, "");
  params.Choice("mode", options.mode, kModes, "");
  params.TextList("names", options.names, "");
  params.NumberMap("weights", options.weights, kPositive, "");
  return params.status();
}

TEST(TextParams, SetsWhatIsNamedAndLeavesTheRest) {
  Options options;
  ASSERT_TRUE(
      Read("forest  trees=20 mode=two fast=true names=a,b weights=a:2,b:0.5", options).ok());
  EXPECT_EQ(options.trees, 20);
  EXPECT_EQ(options.mode, 1);
  EXPECT_TRUE(options.fast);
  EXPECT_EQ(options.rate, 0.5);
  EXPECT_EQ(options.names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(options.weights, (std::map<std::string, double>{{"a", 2}, {"b", 0.5}}));
}

TEST(TextParams, RefusesWhatIsWrongAndSaysWhat) {
  const auto message = [](const std::string& text) {
    Options options;
    return std::string(Read(text, options).message());
  };
  EXPECT_EQ(message("forest tree=20"), "there is no option 'tree'");
  EXPECT_EQ(message("forest trees=0"), "trees: found '0', expected a number within its range");
  EXPECT_EQ(message("forest trees=1.5"), "trees: found '1.5', expected an integer");
  EXPECT_EQ(message("forest rate=x"), "rate: found 'x', expected a number");
  EXPECT_EQ(message("forest fast=yes"), "fast: found 'yes', expected true or false");
  EXPECT_EQ(message("forest mode=three"), "mode: found 'three', expected one of one, two");
  EXPECT_EQ(message("forest weights=a"),
            "weights: found 'a', expected name:number, parted by commas");
  EXPECT_EQ(message("forest weights=a:0"),
            "weights: found 'a:0', expected a number within its range");
  for (const char* text : {"", "trees=1", "forest trees", "forest =1", "a rate=1 rate=1"}) {
    EXPECT_FALSE(message(text).empty()) << text;
  }
}

}  // namespace
}  // namespace leat
