/// A model whose predictions have regions that follow its errors.
#include "leat/conformal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "models/trees/range_check.h"
#include "models/wrapped.h"

namespace leat {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

class Conformal final : public Wrapped {
 public:
  Conformal(std::unique_ptr<Model> model, const ConformalOptions& options)
      : Wrapped(std::move(model)), options_(options), miss_(1 - options.coverage) {
    scores_.reserve(window());
    sorted_.reserve(window());
  }

  double Radius() const override {
    const auto n = static_cast<double>(sorted_.size());
    const double rank = std::ceil((n + 1) * (1 - miss_));
    if (rank > n) return std::numeric_limits<double>::infinity();
    return sorted_[rank < 1 ? 0 : static_cast<size_t>(rank) - 1];
  }

  void Learn(const Input& input, double target, double weight) override {
    thread_local std::vector<double> said;
    model_->Predict(input, said);
    const double score = weight > 0 ? Score(said, target) : kNone;
    if (score <= std::numeric_limits<double>::max()) {
      const bool held = score <= Radius();
      const double step = options_.rate * (1 - options_.coverage - (held ? 0 : 1));
      miss_ = std::clamp(miss_ + step, -options_.rate, 1 + options_.rate);
      ++labels_;
      held_ += held ? 1 : 0;
      Push(score);
    }
    model_->Learn(input, target, weight);
  }

  void Save(StateWriter& out) const override {
    out.Section("conformal", 1);
    out.U64(labels_);
    out.U64(held_);
    out.F64(miss_);
    std::vector<double> scores(scores_.begin() + static_cast<ptrdiff_t>(oldest_), scores_.end());
    scores.insert(scores.end(), scores_.begin(), scores_.begin() + static_cast<ptrdiff_t>(oldest_));
    out.Array(scores);
    model_->Save(out);
  }
  Status Load(StateReader& in) override {
    in.Section("conformal", 1);
    const uint64_t labels = in.U64(), held = in.U64();
    const double miss = in.F64();
    std::vector<double> scores;
    in.Array(scores);
    bool good = held <= labels && scores.size() <= window() && miss >= -options_.rate &&
                miss <= 1 + options_.rate;
    for (const double score : scores) good = good && score >= 0 && std::isfinite(score);
    if (in.ok() && !good) in.Fail("the scores of the regions do not fit");
    if (!in.ok()) return in.status();
    LEAT_RETURN_IF_ERROR(model_->Load(in));
    labels_ = labels;
    held_ = held;
    miss_ = miss;
    scores_.assign(scores.begin(), scores.end());
    sorted_.assign(scores.begin(), scores.end());
    std::sort(sorted_.begin(), sorted_.end());
    oldest_ = 0;
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Conformal>(model_->Fresh(), options_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + sizeof(double) * (scores_.capacity() + sorted_.capacity()) +
           model_->MemoryBytes();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    auto facts = Wrapped::Summary();
    if (labels_ > 0) {
      const double share = static_cast<double>(held_) / static_cast<double>(labels_);
      facts.emplace_back("targets in their regions", std::to_string(share));
    }
    return facts;
  }

 private:
  size_t window() const { return static_cast<size_t>(options_.window); }

  /// NaN or infinite for a target that cannot be learnt.
  double Score(const std::vector<double>& said, double target) const {
    if (said.empty()) return kNone;
    if (task() == Task::kRegression) return std::fabs(target - said[0]);
    if (!IsClass(target)) return kNone;
    const auto c = static_cast<size_t>(target);
    return c < said.size() ? 1 - said[c] : 1;
  }

  void Push(double score) {
    score = std::max(score, 0.0);  // A probability may be a rounding above 1.
    if (scores_.size() < window()) {
      scores_.push_back(score);
    } else {
      sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), scores_[oldest_]));
      scores_[oldest_] = score;
      oldest_ = (oldest_ + 1) % window();
    }
    sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), score), score);
  }

  ConformalOptions options_;
  double miss_;                 ///< The level: share of scores that the radius leaves out.
  std::vector<double> scores_;  ///< As they came, in a ring once the window is full.
  std::vector<double> sorted_;
  size_t oldest_ = 0;
  uint64_t labels_ = 0, held_ = 0;
};

}  // namespace

void Describe(Params& params, ConformalOptions& options) {
  if (!params.Wants(options.coverage > 0)) return;
  params.Number("coverage", options.coverage, {0, 1, false, true},
                "Share of targets that the intervals or sets of classes written with the "
                "predictions shall hold, such as 0.9; 0: none are written.");
  params.Number("coverage_rate", options.rate, {0, 1},
                "How far a miss moves the level of the regions; larger follows drift faster.");
  params.Integer("coverage_window", options.window, {20, 10'000},
                 "Labels whose errors set the size of the regions.");
}

Result<std::unique_ptr<Model>> MakeConformal(std::unique_ptr<Model> model,
                                             const ConformalOptions& options) {
  if (options.coverage == 0) return model;
  LEAT_RETURN_IF_ERROR(trees::CheckRanges(options));
  if (NeedsNoLabel(model->task())) {
    return Status::Invalid("only models that learn from labels can have regions");
  }
  return std::unique_ptr<Model>(std::make_unique<Conformal>(std::move(model), options));
}

}  // namespace leat
