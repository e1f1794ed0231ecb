#include "models/ensembles/regression_forest.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "models/ensembles/ensemble.h"
#include "models/ensembles/members.h"

namespace leat::ensembles {
namespace {

constexpr double kMostDeviations = 5;  // Standardised inputs are cut off there.
constexpr size_t kMostInputs = 24;
constexpr uint64_t kPoissonComponent = 0x726567706f6973;

}  // namespace

RegressionForest::RegressionForest(const RegressionForestPlan& plan, const InputSpec& spec)
    : plan_(plan),
      spec_(spec),
      space_(spec, plan.options.max_nominal_values),
      tree_plan_{
          plan.options,
          plan.single ? spec.dense.size() : SubspaceSize(plan.options.subspace, spec.dense.size()),
          0, static_cast<uint64_t>(plan.options.seed)},
      poisson_(plan.options.lambda),
      workers_(std::make_unique<Workers>(static_cast<size_t>(plan.options.threads))) {
  for (uint32_t i = 0; i < space_.size(); ++i) {
    if (!space_.nominal(i)) inputs_.push_back(i);
  }
  if (inputs_.size() > kMostInputs) inputs_.clear();
  inputs_.shrink_to_fit();
  tree_plan_.inputs = inputs_.size();
  seen_.resize(inputs_.size());
  mean_.resize(inputs_.size());
  squares_.resize(inputs_.size());
  const auto trees = static_cast<size_t>(plan.single ? 1 : plan.options.trees);
  members_.reserve(trees);
  for (size_t i = 0; i < trees; ++i) {
    members_.emplace_back(NewTree(i, 0));
    if (plan.single) continue;
    members_[i].drift.emplace(RisesOnly(plan.options.drift_delta));
    members_[i].warning.emplace(RisesOnly(plan.options.warning_delta));
  }
  base_bytes_ = BaseBytes();
}

RegressionTree RegressionForest::NewTree(size_t member, uint64_t number) const {
  return RegressionTree(tree_plan_, space_, (uint64_t{member} << 32) + number);
}

RegressionRow RegressionForest::Decode(const Input& input) const {
  const size_t width = space_.size();
  double* const x = RowBuffer(width + inputs_.size() + 1);
  double* const z = x + width;
  space_.Decode(input.dense, x);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const double v = x[inputs_[i]];
    const double variance = seen_[i] > 1 ? squares_[i] / seen_[i] : 0;
    z[i] = v == v && variance > 0
               ? std::clamp((v - mean_[i]) / std::sqrt(variance), -kMostDeviations, kMostDeviations)
               : 0;
  }
  z[inputs_.size()] = 1;
  return {x, z};
}

void RegressionForest::Predict(const Input& input, std::vector<double>& out) const {
  out.assign(1, 0);
  if (learnt_ == 0) return;
  if (!Readable(input)) {
    out[0] = targets_.mean;
    return;
  }
  const RegressionRow row = Decode(input);
  double sum = 0;
  SumInOrder(*workers_, members_.size(), 1, &sum, [&](size_t i, double* said) {
    const RegressionTree& tree = members_[i].tree;
    *said += targets_.Bounded(tree.PredictAt(tree.Find(row.x), row));
  });
  out[0] = sum / static_cast<double>(members_.size());
}

void RegressionForest::Learn(const Input& input, double target, double weight) {
  if (!Readable(input) || !TargetRange::IsLesson(target, weight)) {
    ++ignored_;
    return;
  }
  const RegressionRow row = Decode(input);
  if (space_.Meet(row.x)) base_bytes_ = BaseBytes();
  targets_.Meet(target, learnt_);
  const double deviation = targets_.Deviation(learnt_ + 1);
  const size_t room = RoomToGrow(members_, base_bytes_, plan_.options.max_bytes);
  workers_->ForEach(members_.size(),
                    [&](size_t i) { LearnMember(i, row, target, weight, room, deviation); });
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const double v = row.x[inputs_[i]];
    if (v != v) continue;
    seen_[i] += 1;
    const double d = v - mean_[i];
    mean_[i] += d / seen_[i];
    squares_[i] += d * (v - mean_[i]);
  }
  ++learnt_;
  if (learnt_ % kWakeRows == 0 && room > 0) {
    WakeLeaves(TreesOf(members_), MemoryBytes(), plan_.options.max_bytes);
  }
  if (MemoryBytes() > static_cast<size_t>(plan_.options.max_bytes)) {
    for (Member& member : members_) member.tree.DropAlternates();
  }
  if (MemoryBytes() > static_cast<size_t>(plan_.options.max_bytes)) {
    EnforceLimit(members_, base_bytes_, plan_.options.max_bytes,
                 [this](size_t i) { members_[i].tree = NewTree(i, members_[i].made++); });
  }
}

void RegressionForest::LearnMember(size_t i, const RegressionRow& row, double target, double weight,
                                   size_t room, double deviation) {
  Member& member = members_[i];
  const uint32_t leaf = member.tree.Find(row.x);
  const double prediction = targets_.Bounded(member.tree.PredictAt(leaf, row));
  const double error = std::fabs(target - prediction);
  double k = weight;
  if (!plan_.single) {
    CounterRandom random(tree_plan_.seed, kPoissonComponent, learnt_ * members_.size() + i);
    k *= static_cast<double>(poisson_(random.Next()));
  }
  if (k > 0) {
    member.tree.Learn(leaf, row, target, k, room);
    if (tree_plan_.options.drift_threshold > 0 && deviation > 0) {
      member.tree.Watch(row, target, prediction, k, room, deviation);
    }
    if (member.background != nullptr) {
      RegressionTree& background = *member.background;
      background.Learn(background.Find(row.x), row, target, k, room);
    }
  }
  if (member.drift && deviation > 0) Watch(i, std::min(1.0, error / (3 * deviation)));
}

void RegressionForest::Watch(size_t i, double error) {
  Member& member = members_[i];
  if (member.warning->Update(error)) {
    ++warnings_;
    member.background = std::make_unique<RegressionTree>(NewTree(i, member.made++));
    member.warning->Clear();
  }
  if (!member.drift->Update(error)) return;
  ++drifts_;
  member.tree =
      member.background != nullptr ? std::move(*member.background) : NewTree(i, member.made++);
  member.background.reset();
  member.drift->Clear();
  member.warning->Clear();
}

std::vector<trees::DumpedTree> RegressionForest::Shown() const {
  std::vector<trees::DumpedTree> shown;
  for (const Member& member : members_) shown.push_back(member.tree.Shown(spec_));
  return shown;
}

std::vector<DecisionPath> RegressionForest::PathsOf(const Input& input) const {
  if (!Readable(input)) return {};
  const RegressionRow row = Decode(input);
  std::vector<DecisionPath> paths;
  for (const Member& member : members_) {
    paths.push_back(member.tree.PathOf(spec_, row));
    paths.back().value = targets_.Bounded(paths.back().value);
  }
  return paths;
}

size_t RegressionForest::BaseBytes() const {
  return sizeof(RegressionForest) + space_.MemoryBytes() + HeapBytesOf(spec_) +
         members_.size() * sizeof(Member) + kAllocation + poisson_.HeapBytes() +
         inputs_.size() * (sizeof(uint32_t) + 3 * sizeof(double)) + 4 * kAllocation;
}

size_t RegressionForest::MemoryBytes() const { return base_bytes_ + MembersBytes(members_); }

size_t RegressionForest::MinimumBytes(const RegressionForestPlan& plan, const InputSpec& spec) {
  const RegressionForest empty(plan, spec);
  return 3 * empty.MemoryBytes();
}

void RegressionForest::Save(StateWriter& out) const {
  out.Section("regression_forest", 1);
  space_.Save(out);
  out.Array(seen_);
  out.Array(mean_);
  out.Array(squares_);
  out.U64(learnt_);
  out.U64(ignored_);
  out.U64(warnings_);
  out.U64(drifts_);
  targets_.Save(out);
  out.U64(members_.size());
  for (const Member& member : members_) {
    out.U64(member.made);
    member.tree.Save(out);
    out.Bool(member.background != nullptr);
    if (member.background != nullptr) member.background->Save(out);
    out.Bool(member.drift.has_value());
    if (!member.drift) continue;
    member.drift->Save(out);
    member.warning->Save(out);
  }
}

Status RegressionForest::Load(StateReader& in) {
  RegressionForest other(plan_, spec_);
  in.Section("regression_forest", 1);
  other.space_.Load(in);
  bool good = true;
  for (std::vector<double>* values : {&other.seen_, &other.mean_, &other.squares_}) {
    in.Array(*values);
    good = good && values->size() == inputs_.size();
    for (const double v : *values) good = good && std::isfinite(v);
  }
  other.learnt_ = in.U64();
  other.ignored_ = in.U64();
  other.warnings_ = in.U64();
  other.drifts_ = in.U64();
  good = other.targets_.Load(in) && good;
  if (in.U64() != members_.size() || !good) in.Fail("a forest that cannot be");
  for (size_t i = 0; i < members_.size() && in.ok(); ++i) {
    Member& member = other.members_[i];
    member.made = in.U64();
    member.tree.Load(in);
    if (in.Bool()) {
      member.background = std::make_unique<RegressionTree>(other.NewTree(i, 0));
      if (in.ok()) member.background->Load(in);
    }
    if (in.Bool() != member.drift.has_value()) in.Fail("a forest with other detectors");
    if (!in.ok() || !member.drift) continue;
    LEAT_RETURN_IF_ERROR(member.drift->Load(in));
    LEAT_RETURN_IF_ERROR(member.warning->Load(in));
  }
  if (!in.ok()) return in.status();
  std::swap(space_, other.space_);
  std::swap(members_, other.members_);
  AdoptAll(members_, tree_plan_, space_);
  seen_ = std::move(other.seen_);
  mean_ = std::move(other.mean_);
  squares_ = std::move(other.squares_);
  learnt_ = other.learnt_;
  ignored_ = other.ignored_;
  warnings_ = other.warnings_.load();
  drifts_ = other.drifts_.load();
  targets_ = other.targets_;
  base_bytes_ = BaseBytes();
  return Status::Ok();
}

std::unique_ptr<Model> RegressionForest::Fresh() const {
  return std::make_unique<RegressionForest>(plan_, spec_);
}

std::vector<std::pair<std::string, std::string>> RegressionForest::Summary() const {
  const TreeCounts counts = Counted(members_);
  uint64_t warnings = warnings_, drifts = drifts_;
  for (const Member& member : members_) {
    warnings += member.tree.begun();
    drifts += member.tree.replaced();
  }
  return {{"rows learnt", std::to_string(learnt_)},
          {"trees", std::to_string(members_.size())},
          {"nodes", std::to_string(counts.nodes)},
          {"leaves", std::to_string(counts.leaves)},
          {"active leaves", std::to_string(counts.active)},
          {"warnings", std::to_string(warnings)},
          {"drifts", std::to_string(drifts)},
          {"splits refused by max_bytes", std::to_string(counts.refused)},
          {"rows ignored", std::to_string(ignored_)}};
}

}  // namespace leat::ensembles
