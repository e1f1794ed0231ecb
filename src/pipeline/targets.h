/// From label texts to what models learn: class indices in the order in which classes become known.
///
/// A class exists from the moment its first label becomes available, never earlier: the text of a
/// label that is still held back has a private code until then. There are as many classes as can be
/// evaluated and no more: a column that names every record anew is no label.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/evaluation.h"
#include "leat/state.h"
#include "pipeline/config.h"
#include "record/record.h"

namespace leat {

class Targets {
 public:
  explicit Targets(const LabelConfig& label);

  EvaluationTask task() const { return task_; }
  /// False for a label that would be one class too many.
  bool Takes(const Record& record) const;
  /// What to keep of a record's label until it becomes available. REQUIRES Takes.
  double Hold(const Record& record);
  /// The target of a held label; from now on its class exists.
  double Release(double held);
  /// The target of a class by its text, for expiry.
  double OfText(std::string_view text);

  /// Names of the classes known so far (two for binary tasks, none for regression).
  const std::vector<std::string>& classes() const { return classes_; }

  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  double HoldText(std::string_view text);

  LabelType type_;
  std::string positive_;
  std::string expired_;  ///< The class that expiry stands for, if it does for one.
  EvaluationTask task_;
  std::vector<std::string> classes_;
  std::vector<std::string> texts_;  ///< By private code.
  std::vector<int32_t> class_of_;   ///< By private code; -1 while the class does not exist.
  boost::unordered_flat_map<uint64_t, uint32_t> code_of_;  ///< Key of the text -> private code.
};

}  // namespace leat
