/// Several classifiers as one: weighted, stacked or raced.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "models/calibration/logistic_filter.h"
#include "models/composition/members.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 3> kMethods = {"hedge", "stacking", "race"};
constexpr std::string_view kName = "committee";
constexpr double kFloor = 1e-3;  // Of what a member says of a class, when it is judged.

using committees::kFarthest;
using committees::MakeMembers;
using committees::Members;

class Committee final : public committees::CommitteeBase {
 public:
  Committee(const CommitteeOptions& options, const InputSpec& inputs, Members members)
      : CommitteeBase(kName, options, inputs, Task::kClassification, std::move(members)) {}

  void Predict(const Input& input, std::vector<double>& out) const override {
    thread_local std::vector<std::vector<double>> said;
    const size_t classes = AskAll(input, said);
    Decide(said, classes, out);
  }

  void Learn(const Input& input, double target, double weight) override {
    thread_local std::vector<std::vector<double>> said;
    const size_t classes = AskAll(input, said);
    if (target >= 0 && target < static_cast<double>(classes) && target == std::floor(target) &&
        weight > 0 && classes > 1) {
      Judge(said, classes, static_cast<size_t>(target), weight);
    }
    TeachAll(input, target, weight);
  }

  Status Load(StateReader& in) override {
    LEAT_ASSIGN_OR_RETURN(Members fresh, MakeMembers(kName, options_, inputs_, task()));
    Committee loaded(options_, inputs_, std::move(fresh));
    LEAT_RETURN_IF_ERROR(loaded.LoadFresh(in));
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    // They could be made of these options before.
    return std::make_unique<Committee>(options_, inputs_,
                                       *MakeMembers(kName, options_, inputs_, task()));
  }
  size_t MemoryBytes() const override { return sizeof *this + HeapBytes(); }

 private:
  /// What a member says of a class; as likely as any while it says nothing.
  static double Of(const std::vector<double>& said, size_t c, size_t classes) {
    if (said.empty()) return 1 / static_cast<double>(classes);
    return c < said.size() ? said[c] : 0;
  }

  void Decide(const std::vector<std::vector<double>>& said, size_t classes,
              std::vector<double>& out) const {
    out.assign(classes, 0.0);
    if (classes == 0) return;
    const size_t leader = Leader();
    if (options_.method == CommitteeMethod::kStacking && classes > 1) {
      for (size_t c = classes == 2 ? 1 : 0; c < classes; ++c) out[c] = Stacked(said, c, classes);
      if (classes == 2) out[0] = 1 - out[1];
    } else {
      for (size_t m = 0; m < members_.size(); ++m) {
        if (members_[m] == nullptr) continue;
        const double weight = Voice(m, leader);
        for (size_t c = 0; c < classes; ++c) out[c] += weight * Of(said[m], c, classes);
      }
    }
    double sum = 0;
    for (const double p : out) sum += p;
    for (double& p : out) p = sum > 0 ? p / sum : 1 / static_cast<double>(classes);
  }

  // ---- Stacking ----
  std::span<const double> Terms(const std::vector<std::vector<double>>& said, size_t c,
                                size_t classes) const {
    thread_local std::vector<double> x;
    x.clear();
    for (const auto& member : said) {
      const double p = std::clamp(Of(member, c, classes), kLeastProbability, 1 - kLeastProbability);
      x.push_back(Ln(p / (1 - p)));
    }
    x.push_back(1);
    return x;
  }
  double Stacked(const std::vector<std::vector<double>>& said, size_t c, size_t classes) const {
    const auto x = Terms(said, c, classes);
    if ((c + 1) * terms() <= values_.size()) {
      return LogisticShare(LogisticSum(std::span(values_).subspan(c * terms(), terms()), x));
    }
    double mean = 0;
    for (size_t m = 0; m < members_.size(); ++m)
      mean += x[m] / static_cast<double>(members_.size());
    return LogisticShare(mean);
  }

  void Judge(const std::vector<std::vector<double>>& said, size_t classes, size_t label,
             double weight) {
    ++labels_;
    if (options_.method == CommitteeMethod::kStacking) {
      GrowStack(classes);
      const std::vector<double> doubt = Doubts();
      for (size_t c = classes == 2 ? 1 : 0; c < classes; ++c) {
        const auto x = Terms(said, c, classes);
        const auto value = std::span(values_).subspan(c * terms(), terms());
        LogisticStep(value, std::span(spreads_).subspan(c * terms() * terms(), terms() * terms()),
                     doubt, x, LogisticShare(LogisticSum(value, x)), c == label, weight, keep_);
        for (double& v : value) v = std::clamp(v, -kFarthest, kFarthest);
      }
    }
    thread_local std::vector<double> losses;
    losses.clear();
    for (size_t m = 0; m < members_.size(); ++m) {
      const double p = std::max(Of(said[m], label, classes), kFloor);
      losses.push_back(-std::min(weight, 10.0) * Ln(std::min(p, 1.0)));
    }
    Charge(losses, label, classes);
  }
};

}  // namespace

void Describe(Params& params, CommitteeOptions& options) {
  params.TextList("members", options.members,
                  "Models, each as its type and options: `hoeffding_tree grace_period=100`.");
  params.Enumeration("method", options.method, kMethods,
                     "A mean weighted by recent loss, a logistic (of numbers a linear) regression "
                     "over what the members say, or the word of the one that was best in the last "
                     "round.");
  params.Number("half_life", options.half_life,
                {10, std::numeric_limits<double>::infinity(), false, true},
                "Labels until an old one counts half in the judgement of the members.");
  params.Number("sharpness", options.sharpness, {0, 100, true, false},
                "Of hedge: how much a lower loss weighs.");
  params.Integer("round", options.round, {10, 1e12},
                 "Of race: labels after which members are compared; longer where a class is rare.");
}

Result<std::unique_ptr<Model>> MakeCommittee(const CommitteeOptions& options,
                                             const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckRangesOf(kName, options));
  LEAT_ASSIGN_OR_RETURN(Members members,
                        MakeMembers(kName, options, inputs, Task::kClassification));
  return std::unique_ptr<Model>(std::make_unique<Committee>(options, inputs, std::move(members)));
}

}  // namespace leat
