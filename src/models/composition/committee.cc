/// Several classifiers as one: weighted, stacked or raced.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/text_params.h"
#include "leat/composition.h"
#include "models/calibration/logistic_filter.h"
#include "models/composition/race.h"
#include "models/registry.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 3> kMethods = {"hedge", "stacking", "race"};
constexpr double kFloor = 1e-3;    // Of what a member says of a class, when it is judged.
constexpr double kFarthest = 100;  // Of a coefficient of stacking.

using Members = std::vector<std::unique_ptr<Model>>;

Result<Members> MakeMembers(const CommitteeOptions& options, const InputSpec& inputs) {
  Members members;
  for (const std::string& text : options.members) {
    const auto refuse = [&text](std::string_view why) {
      return Status::Invalid("committee: member '" + text + "': " + std::string(why));
    };
    const auto spec = ParseTextSpec(text);
    if (!spec.ok()) return refuse(spec.status().message());
    const auto factory = spec->name == "committee" ? nullptr : NewModelFactory(spec->name);
    if (factory == nullptr) return refuse("no type that a member can have");
    TextParams params(spec->options);
    factory->Describe(params);
    if (!params.status().ok()) return refuse(params.status().message());
    if (factory->task() != Task::kClassification) return refuse("it is no classifier");
    auto made = factory->Make(inputs);
    if (!made.ok()) return refuse(made.status().message());
    members.push_back(std::move(*made));
  }
  return members;
}

class Committee final : public Model {
 public:
  Committee(const CommitteeOptions& options, const InputSpec& inputs, Members members)
      : options_(options),
        inputs_(inputs),
        keep_(Exp(-0.6931471805599453 / options.half_life)),
        members_(std::move(members)),
        loss_(members_.size()),
        race_(members_.size(), options.round) {}

  Task task() const override { return Task::kClassification; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    thread_local std::vector<std::vector<double>> said;
    const size_t classes = Ask(input, said);
    Decide(said, classes, out);
  }

  void Learn(const Input& input, double target, double weight) override {
    thread_local std::vector<std::vector<double>> said;
    const size_t classes = Ask(input, said);
    if (target >= 0 && target < static_cast<double>(classes) && target == std::floor(target) &&
        weight > 0 && classes > 1) {
      Judge(said, classes, static_cast<size_t>(target), weight);
    }
    for (auto& member : members_) {
      if (member != nullptr) member->Learn(input, target, weight);
    }
  }

  void Save(StateWriter& out) const override {
    out.Section(SectionName(), 1);
    out.U64(labels_);
    out.Array(loss_);
    out.Array(values_);
    out.Array(spreads_);
    if (racing()) race_.Save(out);
    for (const auto& member : members_) out.Bool(member != nullptr);
    for (const auto& member : members_) {
      if (member != nullptr) member->Save(out);
    }
  }

  Status Load(StateReader& in) override {
    in.Section(SectionName(), 1);
    LEAT_ASSIGN_OR_RETURN(Members fresh, MakeMembers(options_, inputs_));
    Committee loaded(options_, inputs_, std::move(fresh));
    loaded.labels_ = in.U64();
    in.Array(loaded.loss_);
    in.Array(loaded.values_);
    in.Array(loaded.spreads_);
    if (racing()) loaded.race_.Load(in);
    const size_t n = members_.size(), terms = n + 1;
    const size_t classes = loaded.values_.size() / terms;
    bool good = loaded.loss_.size() == n && loaded.values_.size() == classes * terms &&
                loaded.spreads_.size() == classes * terms * terms && classes <= 65'536;
    for (const double loss : loaded.loss_) good = good && loss >= 0 && loss <= 1e15;
    for (const double v : loaded.values_) good = good && std::fabs(v) <= kFarthest;
    for (const double s : loaded.spreads_) good = good && std::fabs(s) <= 1;
    size_t left = 0;
    for (auto& member : loaded.members_) {
      if (in.Bool()) {
        ++left;
      } else {
        member.reset();
      }
    }
    if (racing() && loaded.race_.has_leader()) {
      good = good && loaded.members_[loaded.race_.leader()] != nullptr;
    }
    if (in.ok() && !(good && left > 0)) in.Fail("the state of a committee does not fit");
    if (!in.ok()) return in.status();
    for (auto& member : loaded.members_) {
      if (member != nullptr) LEAT_RETURN_IF_ERROR(member->Load(in));
    }
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    // They could be made of these options before.
    return std::make_unique<Committee>(options_, inputs_, *MakeMembers(options_, inputs_));
  }
  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this +
                   sizeof(double) * (loss_.capacity() + values_.capacity() + spreads_.capacity());
    bytes += race_.HeapBytes() + sizeof(DenseAttribute) * inputs_.dense.capacity();
    bytes +=
        sizeof(std::string) * options_.members.capacity() + sizeof(void*) * members_.capacity();
    for (const std::string& text : options_.members)
      bytes += text.size() > 15 ? text.size() + 1 : 0;
    for (const auto& member : members_) bytes += member == nullptr ? 0 : member->MemoryBytes();
    return bytes;
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    std::vector<std::pair<std::string, std::string>> facts = {{"labels", std::to_string(labels_)}};
    for (size_t m = 0; m < members_.size(); ++m) {
      facts.emplace_back(options_.members[m],
                         members_[m] == nullptr ? "dropped" : "loss " + std::to_string(Loss(m)));
    }
    return facts;
  }

 private:
  /// What each member says; returns the number of classes. A member that is gone says nothing.
  size_t Ask(const Input& input, std::vector<std::vector<double>>& said) const {
    said.resize(members_.size());
    size_t classes = 0;
    for (size_t m = 0; m < members_.size(); ++m) {
      said[m].clear();
      if (members_[m] != nullptr) members_[m]->Predict(input, said[m]);
      classes = std::max(classes, said[m].size());
    }
    return classes;
  }
  /// What a member says of a class; as likely as any while it says nothing.
  static double Of(const std::vector<double>& said, size_t c, size_t classes) {
    if (said.empty()) return 1 / static_cast<double>(classes);
    return c < said.size() ? said[c] : 0;
  }
  /// Mean log-loss of a member, with forgetting.
  double Loss(size_t m) const { return loss_[m] * (1 - keep_); }
  std::string_view SectionName() const { return racing() ? "race" : "committee"; }
  bool racing() const { return options_.method == CommitteeMethod::kRace; }
  /// The one whose word counts in a race, and the one of lowest loss of late before its first round
  /// is over and elsewhere.
  size_t Leader() const {
    if (racing() && race_.has_leader()) return race_.leader();
    size_t best = members_.size();
    for (size_t m = 0; m < members_.size(); ++m) {
      if (members_[m] != nullptr && (best == members_.size() || loss_[m] < loss_[best])) best = m;
    }
    return best;
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
        const double weight = racing() ? (m == leader ? 1.0 : 0.0)
                                       : Exp(options_.sharpness * (loss_[leader] - loss_[m]));
        for (size_t c = 0; c < classes; ++c) out[c] += weight * Of(said[m], c, classes);
      }
    }
    double sum = 0;
    for (const double p : out) sum += p;
    for (double& p : out) p = sum > 0 ? p / sum : 1 / static_cast<double>(classes);
  }

  // ---- Stacking ----
  size_t terms() const { return members_.size() + 1; }
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
  void GrowStack(size_t classes) {
    const size_t had = values_.size() / terms();
    if (had >= classes) return;
    values_.reserve(classes * terms());
    spreads_.reserve(classes * terms() * terms());
    for (size_t c = had; c < classes; ++c) {
      for (size_t i = 0; i < terms(); ++i) {
        values_.push_back(i < members_.size() ? 1 / static_cast<double>(members_.size()) : 0.0);
        for (size_t j = 0; j < terms(); ++j) spreads_.push_back(i == j ? Doubt(i) : 0.0);
      }
    }
  }
  double Doubt(size_t term) const { return term < members_.size() ? 0.1 : 1.0; }

  void Judge(const std::vector<std::vector<double>>& said, size_t classes, size_t label,
             double weight) {
    ++labels_;
    if (options_.method == CommitteeMethod::kStacking) {
      GrowStack(classes);
      std::vector<double> doubt(terms());
      for (size_t i = 0; i < terms(); ++i) doubt[i] = Doubt(i);
      for (size_t c = classes == 2 ? 1 : 0; c < classes; ++c) {
        const auto x = Terms(said, c, classes);
        const auto value = std::span(values_).subspan(c * terms(), terms());
        LogisticStep(value, std::span(spreads_).subspan(c * terms() * terms(), terms() * terms()),
                     doubt, x, LogisticShare(LogisticSum(value, x)), c == label, weight, keep_);
        for (double& v : value) v = std::clamp(v, -kFarthest, kFarthest);
      }
    }
    thread_local std::vector<double> losses;
    thread_local std::vector<uint8_t> here;
    losses.clear();
    here.clear();
    for (size_t m = 0; m < members_.size(); ++m) {
      const double p = std::max(Of(said[m], label, classes), kFloor);
      losses.push_back(-std::min(weight, 10.0) * Ln(std::min(p, 1.0)));
      here.push_back(members_[m] != nullptr ? 1 : 0);
      loss_[m] = keep_ * loss_[m] + losses[m];
    }
    if (racing() && race_.Judge(losses, here, label, classes)) {
      for (const size_t m : race_.lost()) members_[m].reset();
    }
  }

  CommitteeOptions options_;
  InputSpec inputs_;
  double keep_;
  Members members_;             ///< Null: dropped.
  std::vector<double> loss_;    ///< Of each, decayed sums.
  std::vector<double> values_;  ///< Stacking: by class and term.
  std::vector<double> spreads_;
  Race race_;
  uint64_t labels_ = 0;
};

}  // namespace

void Describe(Params& params, CommitteeOptions& options) {
  params.TextList("members", options.members,
                  "Classifiers, each as its type and options: `hoeffding_tree grace_period=100`.");
  params.Enumeration("method", options.method, kMethods,
                     "A mean weighted by recent loss, a logistic regression over what the members "
                     "say, or the word of the one that was best in the last round.");
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
  LEAT_RETURN_IF_ERROR(trees::CheckMake("committee", options, inputs));
  if (options.members.size() < 2 || options.members.size() > 64) {
    return Status::Invalid("committee: found " + std::to_string(options.members.size()) +
                           " members, expected 2 to 64");
  }
  LEAT_ASSIGN_OR_RETURN(Members members, MakeMembers(options, inputs));
  return std::unique_ptr<Model>(std::make_unique<Committee>(options, inputs, std::move(members)));
}

}  // namespace leat
