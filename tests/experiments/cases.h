/// Reference cases of experiments: what each kind computes and how it is compared.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <map>
#include <string>

namespace leat::experiments {

/// Compares what was found with the expected value of one case.
class CaseCheck {
 public:
  explicit CaseCheck(double tolerance) : tolerance_(tolerance) {}
  void Number(const std::string& what, double found, double expected);
  /// The member `what` of `expected`, if it is there.
  void Member(const boost::json::value& expected, const std::string& what, double found);
  void Text(const std::string& what, const std::string& found, const std::string& expected);
  void Skip(std::string why) { skipped_ = std::move(why); }

  size_t count() const { return count_; }
  double largest() const { return largest_; }
  const std::string& wrong() const { return wrong_; }
  const std::string& skipped() const { return skipped_; }

 private:
  double tolerance_;
  size_t count_ = 0;
  double largest_ = 0;
  std::string wrong_, skipped_;
};

struct Case {
  std::string id;
  const boost::json::object& input;
  const boost::json::value& expected;
};
using Runner = std::function<void(const Case&, CaseCheck&)>;

/// By kind; each file adds its own.
void AddAssignmentRunners(std::map<std::string, Runner>& runners);
void AddStatisticsRunners(std::map<std::string, Runner>& runners);
void AddBanditRunners(std::map<std::string, Runner>& runners);

// What cases are made of.
double Num(const boost::json::value& value);
double Num(const boost::json::object& object, const char* name, double fallback);
std::string Str(const boost::json::value& value);
std::vector<double> Nums(const boost::json::value& value);

}  // namespace leat::experiments
