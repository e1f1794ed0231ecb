/// Several regressors as one: weighted, stacked or raced.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "models/calibration/logistic_filter.h"
#include "models/composition/members.h"
#include "models/ensembles/target_range.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

constexpr std::string_view kName = "committee_regressor";
constexpr std::array<std::string_view, 2> kLosses = {"squared", "absolute"};
constexpr double kMostLoss = 100;        // Of one label.
constexpr double kMostWeight = 10;       // Of a label, in judging.
constexpr double kFarOff = 5;            // Errors beyond it, in usual ones, count as that.
constexpr double kLeastNoise = 1e-6;     // Of the stack, in variances of the target.
constexpr double kMostDeviations = 100;  // Of what a member says.

using committees::MakeMembers;
using committees::Members;

class CommitteeRegressor final : public committees::CommitteeBase {
 public:
  CommitteeRegressor(const CommitteeRegressorOptions& options, const InputSpec& inputs,
                     Members members)
      : CommitteeBase(kName, options, inputs, Task::kRegression, std::move(members)),
        loss_kind_(options.loss) {
    if (options.method == CommitteeMethod::kStacking) GrowStack(1);
  }

  void Predict(const Input& input, std::vector<double>& out) const override {
    thread_local std::vector<std::vector<double>> said;
    AskAll(input, said);
    out.assign(1, Decide(said));
  }

  void Learn(const Input& input, double target, double weight) override {
    if (ensembles::TargetRange::IsLesson(target, weight)) {
      thread_local std::vector<std::vector<double>> said;
      AskAll(input, said);
      Judge(said, target, std::min(weight, kMostWeight));
      range_.Meet(target, labels_++);
    }
    TeachAll(input, target, weight);
  }

  Status Load(StateReader& in) override {
    LEAT_ASSIGN_OR_RETURN(Members fresh, MakeMembers(kName, options_, inputs_, task()));
    CommitteeRegressor loaded(Options(), inputs_, std::move(fresh));
    LEAT_RETURN_IF_ERROR(loaded.LoadFresh(in));
    *this = std::move(loaded);
    return Status::Ok();
  }
  std::unique_ptr<Model> Fresh() const override {
    // They could be made of these options before.
    return std::make_unique<CommitteeRegressor>(Options(), inputs_,
                                                *MakeMembers(kName, options_, inputs_, task()));
  }
  size_t MemoryBytes() const override { return sizeof *this + HeapBytes(); }

 private:
  CommitteeRegressorOptions Options() const { return {options_, loss_kind_}; }
  void SaveMore(StateWriter& out) const override {
    range_.Save(out);
    out.F64(noise_);
  }
  bool LoadMore(StateReader& in) override {
    const bool good = range_.Load(in);
    noise_ = in.F64();
    const size_t sets = options_.method == CommitteeMethod::kStacking ? 1 : 0;
    return good && noise_ >= kLeastNoise && noise_ <= 1e6 && values_.size() == sets * terms();
  }

  /// What a member says; the mean while that is no number.
  double Of(const std::vector<double>& said) const {
    return !said.empty() && std::fabs(said[0]) <= ensembles::TargetRange::kMostTarget ? said[0]
                                                                                      : range_.mean;
  }
  /// The unit of errors; 1 while all targets are alike.
  double Unit() const {
    const double deviation = labels_ > 0 ? range_.Deviation(labels_) : 0.0;
    return deviation > 0 ? deviation : 1.0;
  }
  double InUnits(double number, double unit) const {
    return std::clamp((number - range_.mean) / unit, -kMostDeviations, kMostDeviations);
  }
  std::span<const double> Terms(const std::vector<std::vector<double>>& said, double unit) const {
    thread_local std::vector<double> x;
    x.clear();
    for (const auto& member : said) x.push_back(InUnits(Of(member), unit));
    x.push_back(1);
    return x;
  }

  double Decide(const std::vector<std::vector<double>>& said) const {
    double result = 0;
    if (options_.method == CommitteeMethod::kStacking) {
      const double unit = Unit();
      result = range_.mean + unit * LogisticSum(values_, Terms(said, unit));
    } else {
      const size_t leader = Leader();
      double voices = 0;
      for (size_t m = 0; m < members_.size(); ++m) {
        const double voice = Voice(m, leader);
        if (!(voice > 0)) continue;
        voices += voice;
        result += voice / voices * (Of(said[m]) - result);
      }
    }
    return labels_ > 0 ? range_.Bounded(result) : result;
  }

  /// By the units of earlier labels.
  void Judge(const std::vector<std::vector<double>>& said, double target, double weight) {
    const double unit = Unit();
    if (options_.method == CommitteeMethod::kStacking) {
      const auto x = Terms(said, unit);
      const double usual = std::sqrt(noise_);
      const double error = std::clamp(InUnits(target, unit) - LogisticSum(values_, x),
                                      -kFarOff * usual, kFarOff * usual);
      FilterStep(values_, spreads_, Doubts(), x, weight * error / noise_, weight / noise_, keep_);
      for (double& v : values_) v = std::clamp(v, -committees::kFarthest, committees::kFarthest);
      noise_ = std::max(keep_ * noise_ + (1 - keep_) * error * error, kLeastNoise);
    }
    thread_local std::vector<double> losses;
    losses.clear();
    for (size_t m = 0; m < members_.size(); ++m) {
      const double error = std::fabs(target - Of(said[m])) / unit;
      const double loss = loss_kind_ == CommitteeLoss::kSquared ? error * error : error;
      losses.push_back(weight * std::min(loss, kMostLoss));
    }
    Charge(losses, 0, 1);
  }

  CommitteeLoss loss_kind_;
  ensembles::TargetRange range_;  ///< Of labels_ targets.
  double noise_ = 1;              ///< Mean squared error of the stack, fading.
};

}  // namespace

void Describe(Params& params, CommitteeRegressorOptions& options) {
  Describe(params, static_cast<CommitteeOptions&>(options));
  params.Enumeration("loss", options.loss, kLosses,
                     "Errors by which hedge and race judge the members of a "
                     "`committee_regressor`, in variances or deviations of the target.");
}

Result<std::unique_ptr<Model>> MakeCommitteeRegressor(const CommitteeRegressorOptions& options,
                                                      const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckRangesOf(kName, options));
  LEAT_ASSIGN_OR_RETURN(Members members, MakeMembers(kName, options, inputs, Task::kRegression));
  return std::unique_ptr<Model>(
      std::make_unique<CommitteeRegressor>(options, inputs, std::move(members)));
}

}  // namespace leat
