#include "models/ensembles/ensemble.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/random.h"
#include "models/ensembles/members.h"

namespace leat::ensembles {
namespace {

constexpr uint64_t kPoissonComponent = 0x706f6973736f6e;

}  // namespace

size_t SubspaceSize(double share, size_t all) {
  const auto d = static_cast<double>(all);
  const double size = share > 0 ? std::round(d * share) : std::round(std::sqrt(d)) + 1;
  return std::clamp<size_t>(static_cast<size_t>(size), 1, all);
}

AdwinOptions RisesOnly(double delta) {
  AdwinOptions options;
  options.delta = delta;
  options.rises_only = true;
  return options;
}

Ensemble::Ensemble(const EnsemblePlan& plan, const InputSpec& spec)
    : plan_(plan),
      spec_(spec),
      space_(spec, plan.options.max_nominal_values),
      tree_plan_{plan.options.tree, SubspaceSize(plan.subspace, spec.dense.size()),
                 plan.leaf_subsets, static_cast<uint64_t>(plan.options.seed),
                 plan.options.soft_vote},
      poisson_(plan.options.lambda),
      workers_(std::make_unique<Workers>(static_cast<size_t>(plan.options.threads))) {
  const auto trees = static_cast<size_t>(plan.options.trees);
  members_.reserve(trees);
  for (size_t i = 0; i < trees; ++i) {
    members_.emplace_back(NewTree(i, 0));
    if (plan_.drift_delta > 0) members_[i].drift.emplace(RisesOnly(plan_.drift_delta));
    if (plan_.warning_delta > 0) members_[i].warning.emplace(RisesOnly(plan_.warning_delta));
  }
  base_bytes_ = BaseBytes();
}

MemberTree Ensemble::NewTree(size_t member, uint64_t number) const {
  return MemberTree(tree_plan_, space_, (uint64_t{member} << 32) + number);
}

double Ensemble::VoteOf(const Member& member) const {
  const Record& record = member.record;
  return plan_.options.weighted_vote && record.right > 0 ? record.right / record.seen : 1;
}

void Ensemble::Predict(const Input& input, std::vector<double>& out) const {
  out.assign(classes_, 0);
  if (classes_ == 0) return;
  if (Readable(input)) {
    double* const x = RowBuffer(space_.size());
    const SharedRow row{x, space_.Decode(input.dense, x)};
    SumInOrder(*workers_, members_.size(), out.size(), out.data(), [&](size_t i, double* votes) {
      Opinion opinion;
      members_[i].tree.Ask(row, false, opinion, VoteOf(members_[i]), votes);
    });
  }
  trees::Normalise(out);
}

void Ensemble::Learn(const Input& input, double target, double weight) {
  Step(input, target, weight, nullptr);
}

void Ensemble::PredictAndLearn(const Input& input, double target, double weight,
                               std::vector<double>& out) {
  Step(input, target, weight, &out);
}

void Ensemble::Step(const Input& input, double target, double weight, std::vector<double>* out) {
  if (!Readable(input) || !trees::IsLesson(target, weight)) {
    ++ignored_;
    if (out != nullptr) Predict(input, *out);
    return;
  }
  double* votes = nullptr;
  if (out != nullptr) {
    out->assign(classes_, 0);
    if (classes_ > 0) votes = out->data();
  }
  const auto label = static_cast<uint32_t>(target);
  classes_ = std::max<size_t>(classes_, label + 1);
  double* const x = RowBuffer(space_.size());
  const SharedRow row{x, space_.Decode(input.dense, x)};
  if (space_.Meet(x)) base_bytes_ = BaseBytes();
  const size_t room = RoomToGrow(members_, base_bytes_, plan_.options.max_bytes);
  worst_goes_ = false;
  SumInOrder(*workers_, members_.size(), votes == nullptr ? 0 : out->size(), votes,
             [&](size_t i, double* said) { LearnMember(i, row, label, weight, room, said); });
  if (worst_goes_) {
    size_t worst = 0;
    for (size_t i = 1; i < members_.size(); ++i) {
      if (members_[i].drift->mean() > members_[worst].drift->mean()) worst = i;
    }
    ResetTree(worst);
    members_[worst].drift->Clear();
  }
  ++learnt_;
  if (learnt_ % kWakeRows == 0 && room > 0) {
    WakeLeaves(TreesOf(members_), MemoryBytes(), plan_.options.max_bytes);
  }
  if (MemoryBytes() > static_cast<size_t>(plan_.options.max_bytes)) {
    EnforceLimit(members_, base_bytes_, plan_.options.max_bytes,
                 [this](size_t i) { ResetTree(i); });
  }
  if (votes != nullptr) trees::Normalise(*out);
}

void Ensemble::LearnMember(size_t i, const SharedRow& row, uint32_t label, double weight,
                           size_t room, double* votes) {
  Member& member = members_[i];
  Opinion opinion;
  member.tree.Ask(row, true, opinion, VoteOf(member), votes);
  const bool right = opinion.label == static_cast<int64_t>(label);
  member.record.seen += 1;
  member.record.right += right ? 1 : 0;
  CounterRandom random(tree_plan_.seed, kPoissonComponent, learnt_ * members_.size() + i);
  const uint32_t times = poisson_(random.Next());
  if (times > 0) {
    const double k = static_cast<double>(times) * weight;
    member.tree.Learn(row, opinion, label, k, room);
    if (member.background != nullptr) {
      member.background->Ask(row, true, opinion, 1, nullptr);
      member.background_record.seen += 1;
      member.background_record.right += opinion.label == static_cast<int64_t>(label) ? 1 : 0;
      member.background->Learn(row, opinion, label, k, room);
    }
  }
  if (!member.drift) return;
  bool wrong = !right;
  if (plan_.replace_worst) {
    // The published bagging asks once more, after learning, and is the better for it: an error that
    // remains is worth a reset.
    member.tree.Ask(row, false, opinion, 1, nullptr);
    wrong = opinion.label != static_cast<int64_t>(label);
  }
  Watch(i, wrong);
}

void Ensemble::Watch(size_t i, bool wrong) {
  Member& member = members_[i];
  const double error = wrong ? 1 : 0;
  if (member.warning && member.warning->Update(error)) {
    ++warnings_;
    member.background = std::make_unique<MemberTree>(NewTree(i, member.made++));
    member.background_record = {};
    member.warning->Clear();
  }
  if (!member.drift->Update(error)) return;
  ++drifts_;
  if (plan_.replace_worst) {
    worst_goes_ = true;
    return;
  }
  if (member.background != nullptr) {
    member.tree = std::move(*member.background);
    member.record = member.background_record;
    member.background.reset();
    member.background_record = {};
  } else {
    ResetTree(i);
  }
  member.drift->Clear();
  if (member.warning) member.warning->Clear();
}

void Ensemble::ResetTree(size_t i) {
  members_[i].tree = NewTree(i, members_[i].made++);
  members_[i].record = {};
}

std::vector<trees::DumpedTree> Ensemble::Shown() const {
  std::vector<trees::DumpedTree> shown;
  for (const Member& member : members_) shown.push_back(member.tree.Shown(spec_));
  return shown;
}

std::vector<DecisionPath> Ensemble::PathsOf(const Input& input) const {
  if (!Readable(input)) return {};
  double* const x = RowBuffer(space_.size());
  space_.Decode(input.dense, x);
  std::vector<DecisionPath> paths;
  for (const Member& member : members_) paths.push_back(member.tree.PathOf(spec_, x));
  return paths;
}

// ---- Memory ----

size_t Ensemble::BaseBytes() const {
  return sizeof(Ensemble) + space_.MemoryBytes() + HeapBytesOf(spec_) +
         members_.size() * sizeof(Member) + kAllocation + poisson_.HeapBytes();
}

size_t Ensemble::MemoryBytes() const { return base_bytes_ + MembersBytes(members_); }

size_t Ensemble::MinimumBytes(const EnsemblePlan& plan, const InputSpec& spec) {
  const Ensemble empty(plan, spec);
  // A root with four classes in every tree and as many trees in the background, within the share.
  size_t slot = 16;
  for (const DenseAttribute& a : spec.dense) slot += a.nominal ? 3 : 6;
  const size_t trees = static_cast<size_t>(plan.options.trees) * (plan.warning_delta > 0 ? 2 : 1);
  return 2 * empty.MemoryBytes() + trees * 4 * slot * sizeof(double);
}

// ---- State ----

void Ensemble::Save(StateWriter& out) const {
  out.Section("ensemble", 1);
  space_.Save(out);
  out.U64(classes_);
  out.U64(learnt_);
  out.U64(ignored_);
  out.U64(warnings_);
  out.U64(drifts_);
  out.U64(members_.size());
  for (const Member& member : members_) {
    out.U64(member.made);
    out.F64(member.record.right);
    out.F64(member.record.seen);
    member.tree.Save(out);
    out.Bool(member.background != nullptr);
    if (member.background != nullptr) {
      out.F64(member.background_record.right);
      out.F64(member.background_record.seen);
      member.background->Save(out);
    }
    out.Bool(member.drift.has_value());
    if (member.drift) member.drift->Save(out);
    out.Bool(member.warning.has_value());
    if (member.warning) member.warning->Save(out);
  }
}

Status Ensemble::Load(StateReader& in) {
  Ensemble other(plan_, spec_);
  in.Section("ensemble", 1);
  other.space_.Load(in);
  other.classes_ = in.U64();
  if (other.classes_ > trees::kMaxClasses) in.Fail("impossible number of classes");
  other.learnt_ = in.U64();
  other.ignored_ = in.U64();
  other.warnings_ = in.U64();
  other.drifts_ = in.U64();
  if (in.U64() != members_.size()) in.Fail("the ensemble was saved with other trees");
  const auto record = [&](Record& r) {
    r.right = in.F64();
    r.seen = in.F64();
    if (!(r.right >= 0 && r.right <= r.seen && std::isfinite(r.seen))) {
      in.Fail("an impossible record of a tree");
    }
  };
  for (size_t i = 0; i < members_.size() && in.ok(); ++i) {
    Member& member = other.members_[i];
    member.made = in.U64();
    record(member.record);
    member.tree.Load(in, other.classes_);
    if (in.Bool()) {
      record(member.background_record);
      member.background = std::make_unique<MemberTree>(other.NewTree(i, 0));
      member.background->Load(in, other.classes_);
    }
    for (auto* detector : {&member.drift, &member.warning}) {
      if (in.Bool() != detector->has_value())
        in.Fail("the ensemble was saved with other detectors");
      if (in.ok() && detector->has_value()) LEAT_RETURN_IF_ERROR((*detector)->Load(in));
    }
  }
  if (!in.ok()) return in.status();
  std::swap(space_, other.space_);
  std::swap(members_, other.members_);
  AdoptAll(members_, tree_plan_, space_);
  classes_ = other.classes_;
  learnt_ = other.learnt_;
  ignored_ = other.ignored_;
  warnings_ = other.warnings_.load();
  drifts_ = other.drifts_.load();
  base_bytes_ = BaseBytes();
  return Status::Ok();
}

std::unique_ptr<Model> Ensemble::Fresh() const { return std::make_unique<Ensemble>(plan_, spec_); }

std::vector<std::pair<std::string, std::string>> Ensemble::Summary() const {
  const TreeCounts counts = Counted(members_);
  return {{"rows learnt", std::to_string(learnt_)},
          {"classes", std::to_string(classes_)},
          {"trees", std::to_string(members_.size())},
          {"trees in the background", std::to_string(counts.background)},
          {"nodes", std::to_string(counts.nodes)},
          {"leaves", std::to_string(counts.leaves)},
          {"active leaves", std::to_string(counts.active)},
          {"warnings", std::to_string(warnings_)},
          {"drifts", std::to_string(drifts_)},
          {"splits refused by max_bytes", std::to_string(counts.refused)},
          {"rows ignored", std::to_string(ignored_)}};
}

}  // namespace leat::ensembles
