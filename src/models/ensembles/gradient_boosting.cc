#include "models/ensembles/gradient_boosting.h"

#include <algorithm>
#include <cmath>

#include "models/ensembles/ensemble.h"
#include "models/ensembles/members.h"
#include "models/softmax.h"

namespace leat::ensembles {
namespace {

constexpr uint64_t kSampleComponent = 0x626f6f7374;
constexpr uint64_t kMostTrees = uint64_t{1} << 32;  // Draws of a row lie apart from the next row's.
constexpr uint64_t kRenewalRows = 10;               // Between two trees that begin anew.
constexpr uint64_t kScoutSettles = 400;             // Rows before which a scout is not judged.
constexpr uint64_t kScoutEnds = 2000;
constexpr double kScoutMemory = 300;  // Rows.
constexpr int64_t kScoutShorter = 5;
constexpr double kScoutFaster = 3;
constexpr size_t kDetectorBytes = 10 << 10;
constexpr double kLeastHessian = 1e-3;
constexpr double kLeastOfGradient = 0.5;
constexpr double kMostGradient = 2;  // Of a regression, in ranges of the targets.
constexpr double kWholeError = 3;    // Standard deviations of the target that count as 1.

struct Lesson {
  double gradient = 0;
  double hessian = 0;  ///< 0: the tree does not learn the row.
};
/// What a thread needs for the row at hand, so that nothing is allocated for a row.
struct Scratch {
  std::vector<uint32_t> nodes;  ///< By tree, as what follows.
  std::vector<double> values;
  std::vector<Lesson> lessons;
  std::vector<uint8_t> codes;
  std::vector<double> sums, shares;
};
Scratch& RowScratch() {
  thread_local Scratch scratch;
  return scratch;
}

GradientPlan PlanOf(const GradientBoostingOptions& options, const InputSpec& spec, bool alone) {
  return {options, SubspaceSize(options.subspace, spec.dense.size()),
          static_cast<uint64_t>(options.seed), alone ? 1 : 1 - 1 / options.window, alone};
}

/// For Softmax: all scores count.
struct Everything {
  int operator[](size_t) const { return 1; }
};

double Sigmoid(double score) { return 1 / (1 + Exp(-score)); }

}  // namespace

GradientBoosting::GradientBoosting(Task task, const GradientBoostingOptions& options,
                                   const InputSpec& spec, bool alone)
    : task_(task),
      plan_(PlanOf(options, spec, alone)),
      spec_(spec),
      space_(spec, options.max_nominal_values),
      bins_(space_, plan_.seed),
      detector_(RisesOnly(options.drift_delta > 0 ? options.drift_delta : 0.5)),
      workers_(std::make_unique<Workers>(static_cast<size_t>(options.threads))) {
  if (regression()) AddChain();
  base_bytes_ = BaseBytes();
  CountTrees();
}

GradientTree GradientBoosting::NewTree(size_t tree) {
  return GradientTree(plan_, space_, (uint64_t{tree} << 32) + made_++);
}

bool GradientBoosting::AddChain() {
  const size_t trees = trees_.size() + length();
  if (chains_ > 0) {
    // Room for the nodes of as many trees as there will be, as they are now.
    const size_t needed = (base_bytes_ + structure_bytes_) / trees_.size() * trees;
    if (!LeavesRoom(needed, plan_.options.max_bytes)) return false;
  }
  std::vector<GradientTree> more;
  more.reserve(trees);
  for (GradientTree& tree : trees_) more.push_back(std::move(tree));
  while (more.size() < trees) more.push_back(NewTree(more.size()));
  trees_ = std::move(more);
  ++chains_;
  return true;
}

/// Whether a class can be learnt; gives it a chain if it is new.
bool GradientBoosting::Seated(uint32_t label) {
  const bool known = label < seats_.size() && seats_[label].chain != kNoChain;
  if (!known) {
    bool first = true;
    for (const Seat& seat : seats_) first = first && seat.chain == kNoChain;
    if (!first && !AddChain()) return false;
    Lengthen(seats_, label + 1);
    seats_[label].chain = first ? 0 : chains_;
    base_bytes_ = BaseBytes();
    CountTrees();
  }
  return true;
}

void GradientBoosting::Start(std::vector<double>& sums) const {
  sums.assign(chains_ + 1, 0);
  if (regression()) {
    sums[1] = plan_.alone ? origin_ : targets_.mean;
    return;
  }
  double reference = 0;
  for (const Seat& seat : seats_) {
    if (seat.chain == 0) reference = seat.rows;
  }
  for (const Seat& seat : seats_) {
    if (seat.chain == kNoChain || seat.chain == 0) continue;
    sums[seat.chain] = std::log((seat.rows + 1) / (reference + 1));
  }
}

void GradientBoosting::Probabilities(const std::vector<double>& sums,
                                     std::vector<double>& by_class) const {
  by_class.assign(seats_.size(), 0);
  for (size_t c = 0; c < seats_.size(); ++c) {
    if (seats_[c].chain != kNoChain) by_class[c] = sums[seats_[c].chain];
  }
  Softmax(by_class, SeenClasses{seats_});
}

void GradientBoosting::Predict(const Input& input, std::vector<double>& out) const {
  out.assign(regression() ? 1 : 0, 0);
  if (learnt_ == 0) return;
  std::vector<double>& sums = RowScratch().sums;
  Start(sums);
  if (Readable(input)) {
    double* const x = RowBuffer(space_.size());
    space_.Decode(input.dense, x);
    FindLeaves(x, false);
    const std::vector<double>& values = RowScratch().values;
    for (size_t t = 0; t < trees_.size(); ++t) {
      sums[1 + t / length()] += plan_.options.learning_rate * values[t];
    }
  }
  if (regression()) {
    out[0] = targets_.Bounded(sums[1]);
  } else {
    Probabilities(sums, out);
  }
}

void GradientBoosting::FindLeaves(const double* x, bool to_learn) const {
  Scratch& scratch = RowScratch();
  scratch.nodes.resize(trees_.size());
  scratch.values.resize(trees_.size());
  uint32_t* const nodes = scratch.nodes.data();
  double* const values = scratch.values.data();
  constexpr size_t kAtOnce = GradientTree::kAtOnce;
  workers_->ForEach((trees_.size() + kAtOnce - 1) / kAtOnce, [&](size_t part) {
    const size_t from = part * kAtOnce;
    const size_t trees = std::min(kAtOnce, trees_.size() - from);
    GradientTree::FindInEach(trees_.data() + from, trees, x, nodes + from);
    for (size_t t = from; t < from + trees; ++t) {
      values[t] = trees_[t].ValueAt(nodes[t]);
      if (to_learn) trees_[t].PrefetchLeaf(nodes[t]);
    }
  });
}

double GradientBoosting::LearnChains(const double* x, const uint8_t* codes, double target,
                                     uint32_t chain, double weight) {
  Scratch& scratch = RowScratch();
  std::vector<double>& sums = scratch.sums;
  FindLeaves(x, true);
  const double* const values = scratch.values.data();
  scratch.lessons.assign(trees_.size(), {});
  Lesson* const lessons = scratch.lessons.data();
  Start(sums);
  const double rate = plan_.options.learning_rate;
  // A tree that stands alone learns at what it says itself, others at what those before them say.
  const double before = plan_.alone ? 0 : rate;
  if (plan_.alone) {
    for (size_t t = 0; t < trees_.size(); ++t) sums[1 + t] += rate * values[t];
  }
  CounterRandom random(plan_.seed, kSampleComponent, learnt_ * kMostTrees);
  // A tree that stands alone makes whole steps: where it is sure and wrong the curvature is next to
  // nothing, and they would go anywhere. So none is longer than 1 / kLeastOfGradient.
  const double least = plan_.alone ? kLeastOfGradient : kLeastHessian;
  const double most = kMostGradient * (targets_.highest - targets_.lowest);
  std::vector<double>& shares = scratch.shares;
  for (size_t i = 0; i < length(); ++i) {
    if (regression()) {
      if (random.Uniform() < plan_.options.subsample) {
        lessons[i] = {std::clamp(target - sums[1], -most, most), 1};
      }
      sums[1] += before * values[i];
      continue;
    }
    shares.assign(sums.begin(), sums.end());
    if (chains_ == 1) {
      shares[1] = Sigmoid(sums[1]);
    } else {
      Softmax(shares, Everything());
    }
    for (uint32_t c = 1; c <= chains_; ++c) {
      const size_t t = (c - 1) * length() + i;
      if (random.Uniform() < plan_.options.subsample) {
        const double p = shares[c];
        const double gradient = (c == chain ? 1 : 0) - p;
        const double curvature = plan_.alone ? least * std::fabs(gradient) : least;
        lessons[t] = {gradient, std::max(p * (1 - p), curvature)};
      }
      sums[c] += before * values[t];
    }
  }
  const uint32_t* const nodes = scratch.nodes.data();
  // A thread's trees of one part: what they will touch is fetched for all before the first learns.
  constexpr size_t kPart = 2 * GradientTree::kAtOnce;
  workers_->ForEach((trees_.size() + kPart - 1) / kPart, [&](size_t part) {
    const size_t from = part * kPart, to = std::min(from + kPart, trees_.size());
    for (size_t t = from; t < to; ++t) {
      if (lessons[t].hessian > 0) trees_[t].PrefetchBlock(nodes[t]);
    }
    for (size_t t = from; t < to; ++t) {
      if (!(lessons[t].hessian > 0)) continue;
      if (trees_[t].Learn(nodes[t], codes, bins_, lessons[t].gradient, lessons[t].hessian, weight,
                          may_grow_)) {
        grown_ = true;
      }
    }
  });
  if (regression()) return std::fabs(target - targets_.Bounded(sums[1]));
  Softmax(sums, Everything());
  return 1 - sums[chain];
}

void GradientBoosting::Learn(const Input& input, double target, double weight) {
  const bool lesson =
      regression() ? TargetRange::IsLesson(target, weight) : trees::IsLesson(target, weight);
  if (!Readable(input) || !lesson) {
    ++ignored_;
    return;
  }
  if (!regression() && !Seated(static_cast<uint32_t>(target))) {
    ++refused_classes_;
    return;
  }
  const double loss = Step(input, target, weight);
  if (plan_.options.drift_delta > 0) {
    if (renewing_ > 0) {
      RenewTrees();
    } else if (scout_ != nullptr) {
      Try(input, target, weight, loss);
    } else {
      Watch(loss);
    }
  }
  if (grown_) CountTrees();
  if (learnt_ % kWakeRows == 0 && may_grow_) {
    WakeLeaves(AllTrees(), BudgetedBytes(), plan_.options.max_bytes);
    CountTrees();
  }
  const auto most = static_cast<size_t>(plan_.options.max_bytes);
  if (BudgetedBytes() > most) scout_.reset();
  if (BudgetedBytes() <= most) return;
  EaseLeaves(AllTrees(), BudgetedBytes(), EasedBytes(plan_.options.max_bytes));
  CountTrees();
}

double GradientBoosting::Step(const Input& input, double target, double weight) {
  double* const x = RowBuffer(space_.size());
  space_.Decode(input.dense, x);
  if (space_.Meet(x)) base_bytes_ = BaseBytes();
  Scratch& scratch = RowScratch();
  scratch.codes.resize(space_.size());
  uint8_t* const codes = scratch.codes.data();
  bins_.Codes(x, codes);
  if (regression()) {
    if (learnt_ == 0) origin_ = target;
    targets_.Meet(target, learnt_);
  }
  grown_ = false;
  may_grow_ = LeavesRoom(base_bytes_ + structure_bytes_, plan_.options.max_bytes);
  const auto label = static_cast<size_t>(regression() ? 0 : target);
  const uint32_t chain = regression() ? 1 : seats_[label].chain;
  const double loss = LearnChains(x, codes, target, chain, weight);
  if (!regression()) seats_[label].rows += weight;
  if (bins_.Meet(x, codes)) Rebin();
  ++learnt_;
  return loss;
}

/// Bins have changed: what leaves have gathered moves along.
void GradientBoosting::Rebin() {
  std::vector<const Rebinning*> changes(space_.size());
  for (const Rebinning& change : bins_.changes()) changes[change.attribute] = &change;
  for (GradientTree& tree : trees_) tree.Move(changes);
}

void GradientBoosting::Watch(double loss) {
  if (regression()) {
    const double deviation = targets_.Deviation(learnt_);
    loss = deviation > 0 ? std::min(1.0, loss / (kWholeError * deviation)) : 0;
  }
  if (!detector_.Update(loss)) return;
  ++alarms_;
  scout_ = NewScout();
  scouted_ = 0;
  scout_loss_ = own_loss_ = 0;
}

std::unique_ptr<GradientBoosting> GradientBoosting::NewScout() const {
  GradientBoostingOptions options = plan_.options;
  options.drift_delta = 0;
  options.trees = std::max<int64_t>(1, options.trees / kScoutShorter);
  options.learning_rate = std::min(1.0, kScoutFaster * options.learning_rate);
  return std::make_unique<GradientBoosting>(task_, options, spec_);
}

/// A row for the scout; `loss` is that of the chains.
void GradientBoosting::Try(const Input& input, double target, double weight, double loss) {
  if (!regression() && !scout_->Seated(static_cast<uint32_t>(target))) return;
  const double memory = std::min(static_cast<double>(++scouted_), kScoutMemory);
  scout_loss_ += (scout_->Step(input, target, weight) - scout_loss_) / memory;
  own_loss_ += (loss - own_loss_) / memory;
  if (scout_->grown_) scout_->CountTrees();
  if (scouted_ < kScoutSettles) return;
  if (scout_loss_ < own_loss_) {
    ++renewals_;
    renewing_ = length();
    waited_ = 0;
  } else if (scouted_ < kScoutEnds) {
    return;
  }
  scout_.reset();
  detector_.Clear();
}

void GradientBoosting::RenewTrees() {
  if (++waited_ < kRenewalRows) return;
  waited_ = 0;
  for (size_t c = 0; c < chains_; ++c) {
    const size_t tree = (c + 1) * length() - renewing_;
    trees_[tree] = NewTree(tree);
  }
  --renewing_;
  grown_ = true;
}

// ---- Memory ----

std::vector<GradientTree*> GradientBoosting::AllTrees() {
  std::vector<GradientTree*> all;
  for (GradientTree& tree : trees_) all.push_back(&tree);
  return all;
}

void GradientBoosting::CountTrees() {
  tree_bytes_ = structure_bytes_ = 0;
  for (const GradientTree& tree : trees_) {
    tree_bytes_ += tree.MemoryBytes();
    structure_bytes_ += tree.structure_bytes() + sizeof(GradientTree);
  }
}

size_t GradientBoosting::BudgetedBytes() const {
  return base_bytes_ + tree_bytes_ + kDetectorBytes +
         (scout_ != nullptr ? scout_->BudgetedBytes() + kAllocation : 0);
}

size_t GradientBoosting::BaseBytes() const {
  return sizeof(GradientBoosting) + space_.MemoryBytes() + bins_.HeapBytes() + HeapBytesOf(spec_) +
         seats_.size() * sizeof(Seat) + 4 * kAllocation;
}

size_t GradientBoosting::MinimumBytes(Task task, const GradientBoostingOptions& options,
                                      const InputSpec& spec, bool alone) {
  GradientBoosting empty(task, options, spec, alone);
  if (task == Task::kClassification) {
    empty.Seated(0);
    empty.Seated(1);
  }
  // Twice the nodes and what does not grow, and a block for each root.
  return empty.BudgetedBytes() + empty.structure_bytes_ + empty.base_bytes_;
}

// ---- State ----

void GradientBoosting::Save(StateWriter& out) const {
  out.Section(SectionName(), 1);
  space_.Save(out);
  bins_.Save(out);
  for (const uint64_t v :
       {learnt_, ignored_, refused_classes_, alarms_, renewals_, made_, renewing_, waited_}) {
    out.U64(v);
  }
  targets_.Save(out);
  if (plan_.alone) out.F64(origin_);
  detector_.Save(out);
  out.U64(seats_.size());
  for (const Seat& seat : seats_) {
    out.U32(seat.chain);
    out.F64(seat.rows);
  }
  out.U64(trees_.size());
  for (const GradientTree& tree : trees_) tree.Save(out);
  out.Bool(scout_ != nullptr);
  if (scout_ == nullptr) return;
  out.U64(scouted_);
  out.F64(scout_loss_);
  out.F64(own_loss_);
  scout_->Save(out);
}

Status GradientBoosting::Load(StateReader& in) {
  GradientBoosting other(task_, plan_.options, spec_, plan_.alone);
  in.Section(SectionName(), 1);
  other.space_.Load(in);
  other.bins_.Load(in);
  for (uint64_t* v : {&other.learnt_, &other.ignored_, &other.refused_classes_, &other.alarms_,
                      &other.renewals_, &other.made_, &other.renewing_, &other.waited_}) {
    *v = in.U64();
  }
  if (other.renewing_ > length()) in.Fail("impossible renewal of boosted trees");
  if (!other.targets_.Load(in)) in.Fail("impossible targets of boosted trees");
  if (plan_.alone) other.origin_ = in.F64();
  if (!(std::fabs(other.origin_) <= TargetRange::kMostTarget)) {
    in.Fail("impossible targets of boosted trees");
  }
  if (!in.ok()) return in.status();
  LEAT_RETURN_IF_ERROR(other.detector_.Load(in));
  const uint64_t seats = in.Count(sizeof(uint32_t) + sizeof(double));
  if (seats > (regression() ? 0 : trees::kMaxClasses)) in.Fail("impossible number of classes");
  std::vector<Seat> seated(in.ok() ? seats : 0);
  for (Seat& seat : seated) {
    seat.chain = in.U32();
    seat.rows = in.F64();
  }
  // Each chain is a class's, and one class has none.
  size_t occupied = 0;
  for (const Seat& seat : seated) occupied += seat.chain != kNoChain ? 1 : 0;
  const size_t chains = regression() ? 1 : std::max<size_t>(occupied, 1) - 1;
  std::vector<uint8_t> taken(chains + 1);
  for (const Seat& seat : seated) {
    if (seat.chain == kNoChain) continue;
    if (seat.chain > chains || taken[seat.chain]++ != 0 || !(seat.rows >= 0) ||
        !std::isfinite(seat.rows)) {
      in.Fail("impossible classes of boosted trees");
    }
  }
  if (in.U64() != chains * length()) in.Fail("boosted trees of another number");
  if (!in.ok()) return in.status();
  other.seats_ = std::move(seated);
  other.trees_.clear();
  other.trees_.reserve(chains * length());
  const uint64_t made = other.made_;
  for (size_t t = 0; t < chains * length() && in.ok(); ++t) {
    other.trees_.push_back(other.NewTree(t));
    other.trees_[t].Load(in);
  }
  const bool scouting = in.Bool();
  if (scouting && plan_.options.drift_delta <= 0) in.Fail("a scout of boosted trees without drift");
  if (!in.ok()) return in.status();
  if (scouting) {
    other.scouted_ = in.U64();
    other.scout_loss_ = in.F64();
    other.own_loss_ = in.F64();
    if (!std::isfinite(other.scout_loss_) || !std::isfinite(other.own_loss_)) {
      in.Fail("impossible losses of boosted trees");
    }
    other.scout_ = NewScout();
    if (in.ok()) LEAT_RETURN_IF_ERROR(other.scout_->Load(in));
    if (!in.ok()) return in.status();
  }
  std::swap(space_, other.space_);
  bins_ = std::move(other.bins_);
  trees_ = std::move(other.trees_);
  for (GradientTree& tree : trees_) tree.Adopt(plan_, space_);
  seats_ = std::move(other.seats_);
  targets_ = other.targets_;
  origin_ = other.origin_;
  detector_ = std::move(other.detector_);
  chains_ = static_cast<uint32_t>(chains);
  learnt_ = other.learnt_;
  ignored_ = other.ignored_;
  refused_classes_ = other.refused_classes_;
  alarms_ = other.alarms_;
  renewals_ = other.renewals_;
  made_ = made;
  renewing_ = other.renewing_;
  waited_ = other.waited_;
  scout_ = std::move(other.scout_);
  scouted_ = other.scouted_;
  scout_loss_ = other.scout_loss_;
  own_loss_ = other.own_loss_;
  base_bytes_ = BaseBytes();
  CountTrees();
  return Status::Ok();
}

std::unique_ptr<Model> GradientBoosting::Fresh() const {
  return std::make_unique<GradientBoosting>(task_, plan_.options, spec_, plan_.alone);
}

std::vector<trees::DumpedTree> GradientBoosting::Shown() const {
  std::vector<trees::DumpedTree> shown;
  for (const GradientTree& tree : trees_) shown.push_back(tree.Shown(spec_));
  return shown;
}

std::vector<DecisionPath> GradientBoosting::PathsOf(const Input& input) const {
  if (!Readable(input)) return {};
  double* const x = RowBuffer(space_.size());
  space_.Decode(input.dense, x);
  std::vector<DecisionPath> paths;
  for (const GradientTree& tree : trees_) paths.push_back(tree.PathOf(spec_, x));
  return paths;
}

std::vector<std::pair<std::string, std::string>> GradientBoosting::Summary() const {
  size_t nodes = 0, leaves = 0, active = 0;
  uint64_t refused = 0;
  for (const GradientTree& tree : trees_) {
    nodes += tree.nodes();
    leaves += tree.leaves();
    active += tree.active_leaves();
    refused += tree.refused_splits();
  }
  std::vector<std::pair<std::string, std::string>> facts = {
      {"rows learnt", std::to_string(learnt_)}};
  if (!regression()) facts.emplace_back("classes", std::to_string(seats_.size()));
  facts.insert(facts.end(),
               {{"trees", std::to_string(trees_.size())},
                {"nodes", std::to_string(nodes)},
                {"leaves", std::to_string(leaves)},
                {"active leaves", std::to_string(active)},
                {"alarms", std::to_string(alarms_)},
                {"renewals", std::to_string(renewals_)},
                {"splits refused by max_bytes", std::to_string(refused)},
                {"rows of classes refused by max_bytes", std::to_string(refused_classes_)},
                {"rows ignored", std::to_string(ignored_)}});
  return facts;
}

}  // namespace leat::ensembles
