/// The robust z-score: distances from medians, in median absolute deviations.
#include <cmath>
#include <utility>

#include "leat/anomaly.h"
#include "models/anomaly/window.h"

namespace leat {
namespace {

constexpr double kHighestScore = 1e6;
constexpr double kNormalPerMad = 1.4826022185056018;     // 1 / Phi^-1(0.75).
constexpr double kNormalPerMeanAd = 1.2533141373155001;  // sqrt(pi / 2).

class RobustZScore final : public anomaly::WindowDetector {
 public:
  RobustZScore(const RobustZScoreOptions& options, const InputSpec& inputs)
      : WindowDetector(inputs, options.window), options_(options) {}

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.clear();
    if (centres_.empty() || input.dense.size() < size_) return;
    double largest = 0, sum = 0, present = 0;
    for (size_t i = 0; i < size_; ++i) {
      const double x = input.dense[i];
      if (!anomaly::Usable(x)) continue;
      const double z =
          std::min(std::fabs(x - centres_[i].median) / centres_[i].deviation, kHighestScore);
      largest = std::max(largest, z);
      sum += z;
      ++present;
    }
    const bool mean = options_.combine == RobustZScoreOptions::Combine::kMean;
    out.push_back(mean && present > 0 ? sum / present : largest);
  }

  void Save(StateWriter& out) const override {
    out.Section("robust_zscore", 1);
    SaveWindow(out);
    out.Array(centres_);
  }

  Status Load(StateReader& in) override {
    in.Section("robust_zscore", 1);
    RobustZScore loaded(options_, inputs_);
    loaded.LoadWindow(in);
    in.Array(loaded.centres_);
    bool good = loaded.centres_.empty() || loaded.centres_.size() == size_;
    for (const Centre& c : loaded.centres_) {
      good = good && anomaly::Usable(c.median) && c.deviation > 0 && std::isfinite(c.deviation);
    }
    if (in.ok() && !good) in.Fail("the state of the robust z-score does not fit");
    if (!in.ok()) return in.status();
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<RobustZScore>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + window_.HeapBytes() + sizeof(Centre) * centres_.capacity();
  }

 private:
  struct Centre {
    double median = 0, deviation = 1;  ///< In standard deviations of a normal distribution.
  };

  void Build() override {
    centres_.resize(size_);
    thread_local std::vector<double> column;
    for (size_t i = 0; i < size_; ++i) {
      window_.Column(i, column);
      if (!column.empty()) centres_[i] = Fit(column);
    }
  }

  static Centre Fit(std::vector<double>& values) {
    Centre centre;
    centre.median = anomaly::Quantile(values, 0.5);
    double mean = 0, n = 0;
    for (double& v : values) {
      v = std::fabs(v - centre.median);
      mean += (v - mean) / ++n;
    }
    centre.deviation = kNormalPerMad * anomaly::Quantile(values, 0.5);
    if (!(centre.deviation > 0)) centre.deviation = kNormalPerMeanAd * mean;
    if (!(centre.deviation > 0)) {
      centre.deviation = 1e-6 * std::max(std::fabs(centre.median), 1e-6);
    }
    return centre;
  }

  RobustZScoreOptions options_;
  std::vector<Centre> centres_;  ///< By feature; empty before the first full window.
};

constexpr std::array<std::string_view, 2> kCombines = {"largest", "mean"};

}  // namespace

void Describe(Params& params, RobustZScoreOptions& options) {
  params.Integer("window", options.window, {10, 100'000},
                 "Records of a reference window; scores compare with the last full one.");
  params.Enumeration("combine", options.combine, kCombines,
                     "The score of a record among the distances of its values.");
}

Result<std::unique_ptr<Model>> MakeRobustZScore(const RobustZScoreOptions& options,
                                                const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(anomaly::CheckMake("robust_zscore", options, inputs));
  return std::unique_ptr<Model>(std::make_unique<RobustZScore>(options, inputs));
}

}  // namespace leat
