/// Inputs of the reference cases of learners: rows of a data file, scaled on request.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "reference/reference.h"

namespace leat::reference {

/// The running standard scaler of the reference page, section 6: it learns a row, then scales it.
class RunningScaler {
 public:
  void Scale(std::vector<double>& row) {
    count_ += 1;
    mean_.resize(row.size());
    variance_.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      const double old = mean_[i];
      mean_[i] += (row[i] - old) / count_;
      variance_[i] += ((row[i] - old) * (row[i] - mean_[i]) - variance_[i]) / count_;
      row[i] = variance_[i] > 0 ? (row[i] - mean_[i]) / std::sqrt(variance_[i]) : 0.0;
    }
  }

 private:
  double count_ = 0;
  std::vector<double> mean_, variance_;
};

/// The rows of a case and the text of their targets (the last column of the file).
struct CaseRows {
  std::vector<std::vector<double>> inputs;
  std::vector<std::string> targets;
  bool present = false;
};

inline CaseRows ReadCase(const boost::json::object& input) {
  CaseRows out;
  const Table* table = Data(std::string(input.at("data").as_string()));
  if (table == nullptr) return out;
  out.present = true;
  std::vector<size_t> columns;
  if (input.contains("features")) {
    for (const auto& name : input.at("features").as_array()) {
      const auto at =
          std::find(table->header.begin(), table->header.end(), std::string(name.as_string()));
      if (at == table->header.end())
        throw std::runtime_error("the data lack a feature of the case");
      columns.push_back(static_cast<size_t>(at - table->header.begin()));
    }
  } else {
    for (size_t i = 0; i + 1 < table->header.size(); ++i) columns.push_back(i);
  }
  const bool scaled = input.contains("standard_scaler") && input.at("standard_scaler").as_bool();
  const size_t skip = static_cast<size_t>(Number(input.at("skip")));
  const size_t rows = static_cast<size_t>(Number(input.at("rows")));
  RunningScaler scaler;
  for (size_t r = skip; r < skip + rows && r < table->rows.size(); ++r) {
    std::vector<double> row;
    for (const size_t c : columns) {
      const std::string& cell = table->rows[r][c];
      row.push_back(cell.empty() || cell == "?" ? std::numeric_limits<double>::quiet_NaN()
                                                : std::strtod(cell.c_str(), nullptr));
    }
    if (scaled) scaler.Scale(row);
    out.inputs.push_back(std::move(row));
    out.targets.push_back(table->rows[r].back());
  }
  return out;
}

/// Numbers of an array, compared one by one; remembers the largest difference.
class Comparison {
 public:
  explicit Comparison(double tolerance) : tolerance_(tolerance) {}

  void Expect(const std::string& what, double found, double expected) {
    const double size = std::max(1.0, std::fabs(expected));
    if (std::isfinite(found) && std::isfinite(expected)) {
      largest_ = std::max(largest_, std::fabs(found - expected) / size);
    }
    if (!Close(found, expected, tolerance_) && failure_.empty()) {
      failure_ = what + ": found " + Text(found) + ", expected " + Text(expected);
    }
  }
  void ExpectEqual(const std::string& what, double found, double expected) {
    if (found != expected && failure_.empty()) {
      failure_ = what + ": found " + Text(found) + ", expected " + Text(expected);
    }
  }
  Outcome Result() const {
    return failure_.empty() ? Pass("largest difference " + Text(largest_)) : Fail(failure_);
  }

 private:
  static std::string Text(double v) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.17g", v);
    return buffer;
  }

  double tolerance_;
  double largest_ = 0;
  std::string failure_;
};

}  // namespace leat::reference
