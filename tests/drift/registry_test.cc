#include "drift/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "drift/drift_test_util.h"

namespace leat {
namespace {

/// Sets numbers by name and remembers every name it was shown.
class Setter final : public Params {
 public:
  explicit Setter(std::map<std::string, double> values) : values_(std::move(values)) {}
  void Number(std::string_view name, double& value, Range, std::string_view help) override {
    Take(name, help, [&](double v) { value = v; });
  }
  void Integer(std::string_view name, int64_t& value, Range, std::string_view help) override {
    Take(name, help, [&](double v) { value = static_cast<int64_t>(v); });
  }
  void Boolean(std::string_view name, bool& value, std::string_view help) override {
    Take(name, help, [&](double v) { value = v != 0; });
  }
  void Choice(std::string_view name, int& value, std::span<const std::string_view>,
              std::string_view help) override {
    Take(name, help, [&](double v) { value = static_cast<int>(v); });
  }
  void Text(std::string_view, std::string&, std::string_view) override {}
  void Duration(std::string_view, int64_t&, Range, std::string_view) override {}
  void Bytes(std::string_view, int64_t&, Range, std::string_view) override {}
  void TextList(std::string_view, std::vector<std::string>&, std::string_view) override {}
  void NumberMap(std::string_view, std::map<std::string, double>&, Range,
                 std::string_view) override {}

  std::vector<std::string> names;

 private:
  template <typename Assign>
  void Take(std::string_view name, std::string_view help, Assign assign) {
    EXPECT_FALSE(help.empty()) << name;
    names.emplace_back(name);
    if (const auto found = values_.find(names.back()); found != values_.end())
      assign(found->second);
  }
  std::map<std::string, double> values_;
};

TEST(DetectorRegistry, NamesAreSortedAndEachCanBeMade) {
  const auto types = DetectorTypes();
  EXPECT_TRUE(std::is_sorted(types.begin(), types.end()));
  for (const std::string_view type : types) {
    EXPECT_FALSE(DetectorSummary(type).empty());
    const auto factory = NewDetectorFactory(type);
    ASSERT_NE(factory, nullptr) << type;
    auto detector = factory->Make();
    ASSERT_TRUE(detector.ok()) << type;
    EXPECT_FALSE(Detections(**detector, BitStream(31, 4000, 2000, 0.1, 0.6)).empty()) << type;
  }
}

TEST(DetectorRegistry, AnUnknownNameIsNothing) {
  EXPECT_EQ(NewDetectorFactory("adwim"), nullptr);
  EXPECT_TRUE(DetectorSummary("adwim").empty());
}

TEST(DetectorRegistry, ParametersReachTheDetector) {
  const std::vector<double> values = BitStream(32, 4000, 2000, 0.1, 0.6);
  for (const double clock : {32.0, 500.0}) {
    const auto factory = NewDetectorFactory("adwin");
    Setter setter({{"clock", clock}});
    factory->Describe(setter);
    EXPECT_EQ(setter.names,
              (std::vector<std::string>{"delta", "clock", "max_buckets", "min_window_length",
                                        "grace", "reset_on_detection", "rises_only"}));
    const std::vector<size_t> found = Detections(**factory->Make(), values);
    ASSERT_FALSE(found.empty());
    for (const size_t i : found) EXPECT_EQ((i + 1) % static_cast<size_t>(clock), 0u);
  }
  const auto ddm = NewDetectorFactory("ddm");
  Setter setter({{"warm_start", 4000}});  // As long as the stream: no test takes place.
  ddm->Describe(setter);
  EXPECT_EQ(setter.names, (std::vector<std::string>{"warm_start", "warning_threshold",
                                                    "drift_threshold", "variant"}));
  EXPECT_TRUE(Detections(**ddm->Make(), values).empty());
}

TEST(DetectorRegistry, ParametersOutOfRangeAreRefused) {
  const auto factory = NewDetectorFactory("adwin");
  Setter setter({{"delta", 2}});
  factory->Describe(setter);
  const auto made = factory->Make();
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().code(), StatusCode::kInvalid);
  EXPECT_NE(made.status().message().find("delta is 2"), std::string_view::npos);
}

}  // namespace
}  // namespace leat
