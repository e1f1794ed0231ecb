// Every case of the file that LEAT_EXPERIMENT_CASES names, a line each on standard output.
#include "experiments/cases.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace leat::experiments {

void CaseCheck::Number(const std::string& what, double found, double expected) {
  ++count_;
  const double off = std::abs(found - expected);
  if (std::isfinite(off)) largest_ = std::max(largest_, off);
  if (!(off <= tolerance_) && wrong_.empty()) {
    wrong_ = fmt::format("{}: found {}, expected {} within {}", what, found, expected, tolerance_);
  }
}

void CaseCheck::Member(const boost::json::value& expected, const std::string& what, double found) {
  const boost::json::value* value = expected.as_object().if_contains(what);
  if (value != nullptr) Number(what, found, Num(*value));
}

void CaseCheck::Text(const std::string& what, const std::string& found,
                     const std::string& expected) {
  ++count_;
  if (found != expected && wrong_.empty()) {
    wrong_ = fmt::format("{}: found '{}', expected '{}'", what, found, expected);
  }
}

double Num(const boost::json::value& value) { return value.to_number<double>(); }
double Num(const boost::json::object& object, const char* name, double fallback) {
  const boost::json::value* value = object.if_contains(name);
  return value == nullptr ? fallback : Num(*value);
}
std::string Str(const boost::json::value& value) { return std::string(value.as_string()); }
std::vector<double> Nums(const boost::json::value& value) {
  std::vector<double> out;
  for (const boost::json::value& item : value.as_array()) out.push_back(Num(item));
  return out;
}

namespace {

TEST(ExperimentCases, EveryCaseGivesItsExpectedValue) {
  const char* const named = std::getenv("LEAT_EXPERIMENT_CASES");
  const std::string path = named != nullptr ? named : "tests/reference/experiments/vectors.json";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " cannot be read";
  std::stringstream text;
  text << file.rdbuf();
  const boost::json::value document = boost::json::parse(text.str());
  const boost::json::array& cases = document.at("cases").as_array();
  ASSERT_FALSE(cases.empty());

  std::map<std::string, Runner> runners;
  AddAssignmentRunners(runners);
  AddStatisticsRunners(runners);
  AddBanditRunners(runners);

  int passed = 0, failed = 0, skipped = 0;
  for (const boost::json::value& item : cases) {
    const boost::json::object& test_case = item.as_object();
    const std::string id = Str(test_case.at("id")), kind = Str(test_case.at("kind"));
    CaseCheck comparison(Num(test_case, "abs_tol", 0));
    std::string wrong;
    try {
      const auto runner = runners.find(kind);
      if (runner == runners.end()) {
        wrong = "no such kind";
      } else {
        runner->second({id, test_case.at("input").as_object(), test_case.at("expected")},
                       comparison);
        wrong = comparison.wrong();
        if (wrong.empty() && comparison.skipped().empty() && comparison.count() == 0) {
          wrong = "nothing was compared";
        }
      }
    } catch (const std::exception& e) {
      wrong = std::string("exception: ") + e.what();
    }
    if (!wrong.empty()) {
      ++failed;
      fmt::print("FAIL {} {} {}\n", kind, id, wrong);
      ADD_FAILURE() << kind << " " << id << ": " << wrong;
    } else if (!comparison.skipped().empty()) {
      ++skipped;
      fmt::print("SKIP {} {} {}\n", kind, id, comparison.skipped());
    } else {
      ++passed;
      fmt::print("PASS {} {} {} values, largest difference {:.1e}\n", kind, id, comparison.count(),
                 comparison.largest());
    }
  }
  fmt::print("{} passed, {} failed, {} skipped\n", passed, failed, skipped);
  EXPECT_GT(passed, 0);
}

}  // namespace
}  // namespace leat::experiments
