#include <algorithm>
#include <cmath>

#include "evaluation/evaluation.h"
#include "evaluation/metrics.h"

namespace leat {

std::span<const std::string_view> Baselines::Names(EvaluationTask task) {
  static constexpr std::string_view kClasses[] = {"no-change", "majority", "prior"};
  static constexpr std::string_view kNumbers[] = {"no-change", "mean"};
  if (task == EvaluationTask::kRegression) return kNumbers;
  return kClasses;
}

void Baselines::Write(int which, double* out) const {
  if (task_ == EvaluationTask::kRegression) {
    *out = which == 0 ? last_ : mean_;
    return;
  }
  const size_t classes = width();
  if (which < 2) {
    out[0] = out[1] = 0;
    if (classes > 2) std::fill_n(out + 2, classes - 2, 0.0);
    out[which == 0 ? static_cast<size_t>(last_) : most_] = 1;
    return;
  }
  // One more of each class, so that the first label of a class is a surprise, not an impossibility.
  const double all = count_ + static_cast<double>(classes);
  for (size_t c = 0; c < classes; ++c) {
    const double seen = c < counts_.size() ? counts_[c] : 0;
    out[c] = (seen + 1) / all;
  }
}

void Baselines::Learn(double target) {
  if (!std::isfinite(target)) return;
  if (task_ != EvaluationTask::kRegression) {
    if (target < 0 || target >= ConfusionMatrix::kMaxClasses) return;
    const auto c = static_cast<size_t>(target);
    if (c >= counts_.size()) counts_.resize(c + 1);
    counts_[c] += 1;
    // A tie goes to the lowest class.
    if (counts_[c] > counts_[most_] || (counts_[c] == counts_[most_] && c < most_)) most_ = c;
    target = static_cast<double>(c);
  }
  last_ = target;
  count_ += 1;
  mean_ += (target - mean_) / count_;
}

void Baselines::Save(StateWriter& out) const {
  out.Section("evaluation.baselines", 1);
  out.F64(last_);
  out.F64(mean_);
  out.F64(count_);
  out.Array(counts_);
}

Status Baselines::Load(StateReader& in) {
  in.Section("evaluation.baselines", 1);
  last_ = in.F64();
  mean_ = in.F64();
  count_ = in.F64();
  in.Array(counts_);
  const bool classes = task_ != EvaluationTask::kRegression;
  const size_t most = std::max<size_t>(counts_.size(), 2);
  if (classes && (most > ConfusionMatrix::kMaxClasses || !(last_ >= 0) ||
                  last_ >= static_cast<double>(most))) {
    in.Fail("the baselines hold an unknown class");
    last_ = 0;
    counts_.clear();
  }
  most_ = static_cast<size_t>(std::max_element(counts_.begin(), counts_.end()) - counts_.begin());
  return in.status();
}

}  // namespace leat
