#include "models/ensembles/mondrian_forest.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string_view>

#include "models/ensembles/members.h"
#include "models/trees/observers.h"
#include "models/trees/range_check.h"

namespace leat {
namespace ensembles {
namespace {

constexpr double kGrowthShare = 0.9;

}  // namespace

MondrianForest::MondrianForest(const MondrianForestOptions& options, const InputSpec& spec)
    : options_(options),
      spec_(spec),
      space_(spec, options.max_nominal_values),
      spreads_(spec.dense.size()),
      inverse_(spec.dense.size()),
      workers_(std::make_unique<Workers>(static_cast<size_t>(options.threads))) {
  trees_.reserve(static_cast<size_t>(options.trees));
  for (uint64_t t = 0; t < static_cast<uint64_t>(options.trees); ++t) {
    trees_.emplace_back(options_, spec.dense.size(), t);
  }
  base_bytes_ = BaseBytes();
}

void MondrianForest::Predict(const Input& input, std::vector<double>& out) const {
  out.assign(classes_, 0);
  if (learnt_ == 0) return;
  if (Readable(input)) {
    double* const x = RowBuffer(space_.size());
    space_.Decode(input.dense, x);
    SumInOrder(*workers_, trees_.size(), classes_, out.data(), [&](size_t t, double* said) {
      trees_[t].Predict(x, 1 / static_cast<double>(trees_.size()), said);
    });
  }
  trees::Normalise(out);
}

void MondrianForest::Learn(const Input& input, double target, double weight) {
  if (!Readable(input) || !trees::IsLesson(target, weight)) {
    ++ignored_;
    return;
  }
  const auto label = static_cast<uint32_t>(target);
  if (label >= classes_) {
    const size_t needed = base_bytes_ + TreeBytes(label + 1, learnt_ == 0 ? 1 : 0);
    if (needed > static_cast<size_t>(options_.max_bytes)) {
      ++refused_classes_;
      return;
    }
    classes_ = label + 1;
    for (MondrianTree& tree : trees_) tree.Widen(classes_);
    tree_bytes_ = TreeBytes(classes_, 0);
  }
  double* const x = RowBuffer(space_.size());
  space_.Decode(input.dense, x);
  if (space_.Meet(x)) base_bytes_ = BaseBytes();
  for (size_t i = 0; i < spreads_.size(); ++i) {
    if (x[i] != x[i]) continue;
    Spread& spread = spreads_[i];
    spread.rows += 1;
    const double off = x[i] - spread.mean;
    spread.mean += off / spread.rows;
    spread.squares += off * (x[i] - spread.mean);
    const double inverse = std::sqrt(spread.rows / spread.squares);
    inverse_[i] = spread.squares > 0 && std::isfinite(inverse) ? inverse : 0;
  }
  const auto limit = static_cast<size_t>(kGrowthShare * static_cast<double>(options_.max_bytes));
  if (full_ && trees_.size() > 1) {
    MondrianTree& oldest = trees_[renewals_++ % trees_.size()];
    tree_bytes_ -= oldest.HeapBytes(classes_);
    oldest.Clear();
  }
  full_ = false;
  if (base_bytes_ + TreeBytes(classes_, 1) <= limit) {
    // There is room whatever the others take, so threads may share the trees.
    std::atomic<size_t> more{0};
    workers_->ForEach(trees_.size(), [&](size_t t) {
      size_t bytes = 0;
      LearnTree(trees_[t], x, label, weight, true, bytes);
      if (bytes > 0) more.fetch_add(bytes);
    });
    tree_bytes_ += more;
  } else {
    for (MondrianTree& tree : trees_) {
      const size_t bytes = tree.HeapBytes(classes_, 1) - tree.HeapBytes(classes_);
      full_ |= LearnTree(tree, x, label, weight, MemoryBytes() + bytes <= limit, tree_bytes_);
    }
  }
  ++learnt_;
}

/// Adds the bytes that the tree has taken. True if it was refused a split.
bool MondrianForest::LearnTree(MondrianTree& tree, const double* x, uint32_t label, double weight,
                               bool may_grow, size_t& more_bytes) const {
  const size_t before = tree.HeapBytes(classes_);
  const uint64_t refused = tree.refused_splits();
  if (tree.Learn(x, inverse_.data(), label, weight, may_grow)) {
    more_bytes += tree.HeapBytes(classes_) - before;
  }
  return tree.refused_splits() != refused;
}

size_t MondrianForest::TreeBytes(size_t classes, size_t more) const {
  size_t bytes = 0;
  for (const MondrianTree& tree : trees_) bytes += tree.HeapBytes(classes, more);
  return bytes;
}

size_t MondrianForest::BaseBytes() const {
  return sizeof(MondrianForest) + space_.MemoryBytes() + HeapBytesOf(spec_) +
         spec_.dense.size() * (sizeof(Spread) + sizeof(double)) +
         trees_.size() * sizeof(MondrianTree) + 3 * kAllocation;
}

size_t MondrianForest::MinimumBytes(const MondrianForestOptions& options, const InputSpec& spec) {
  const MondrianForest empty(options, spec);
  // Two blocks a tree, with room for four classes, within the share.
  return static_cast<size_t>(static_cast<double>(empty.base_bytes_ + empty.TreeBytes(4, 2)) /
                             kGrowthShare) +
         1;
}

void MondrianForest::Save(StateWriter& out) const {
  out.Section("mondrian_forest", 1);
  space_.Save(out);
  for (const Spread& spread : spreads_) {
    for (const double v : {spread.rows, spread.mean, spread.squares}) out.F64(v);
  }
  for (const double v : inverse_) out.F64(v);
  out.U64(classes_);
  out.U64(learnt_);
  out.U64(ignored_);
  out.U64(refused_classes_);
  out.U64(renewals_);
  out.Bool(full_);
  out.U64(trees_.size());
  for (const MondrianTree& tree : trees_) tree.Save(out);
}

Status MondrianForest::Load(StateReader& in) {
  MondrianForest other(options_, spec_);
  in.Section("mondrian_forest", 1);
  other.space_.Load(in);
  bool good = true;
  for (Spread& spread : other.spreads_) {
    for (double* v : {&spread.rows, &spread.mean, &spread.squares}) {
      *v = in.F64();
      good = good && std::isfinite(*v);
    }
  }
  for (double& v : other.inverse_) {
    v = in.F64();
    good = good && v >= 0 && std::isfinite(v);
  }
  other.classes_ = in.U64();
  other.learnt_ = in.U64();
  other.ignored_ = in.U64();
  other.refused_classes_ = in.U64();
  other.renewals_ = in.U64();
  other.full_ = in.Bool();
  if (!good || other.classes_ > trees::kMaxClasses || (other.learnt_ > 0) != (other.classes_ > 0) ||
      in.U64() != trees_.size()) {
    in.Fail("a Mondrian forest that cannot be");
  }
  for (MondrianTree& tree : other.trees_) {
    if (in.ok()) tree.Load(in, other.classes_);
    if (in.ok() && (tree.nodes() > 0) != (other.learnt_ > 0)) {
      in.Fail("a Mondrian forest that cannot be");
    }
  }
  if (!in.ok()) return in.status();
  std::swap(space_, other.space_);
  spreads_ = std::move(other.spreads_);
  inverse_ = std::move(other.inverse_);
  trees_ = std::move(other.trees_);
  for (MondrianTree& tree : trees_) tree.Adopt(options_);
  classes_ = other.classes_;
  learnt_ = other.learnt_;
  ignored_ = other.ignored_;
  refused_classes_ = other.refused_classes_;
  renewals_ = other.renewals_;
  full_ = other.full_;
  base_bytes_ = BaseBytes();
  tree_bytes_ = TreeBytes(classes_, 0);
  return Status::Ok();
}

std::unique_ptr<Model> MondrianForest::Fresh() const {
  return std::make_unique<MondrianForest>(options_, spec_);
}

std::vector<std::pair<std::string, std::string>> MondrianForest::Summary() const {
  size_t nodes = 0;
  uint64_t refused = 0;
  for (const MondrianTree& tree : trees_) {
    nodes += tree.nodes();
    refused += tree.refused_splits();
  }
  return {{"rows learnt", std::to_string(learnt_)},
          {"classes", std::to_string(classes_)},
          {"trees", std::to_string(trees_.size())},
          {"nodes", std::to_string(nodes)},
          {"trees begun anew", std::to_string(renewals_)},
          {"splits refused by max_bytes", std::to_string(refused)},
          {"rows of classes refused by max_bytes", std::to_string(refused_classes_)},
          {"rows ignored", std::to_string(ignored_)}};
}

}  // namespace ensembles

void Describe(Params& params, MondrianForestOptions& options) {
  params.Integer("trees", options.trees, {1, 10'000}, "trees whose mean is the prediction");
  params.Number("step", options.step, {0, 100, true, false},
                "how fast the weights of prunings follow their losses");
  params.Number("prior", options.prior, {0, 1000, true, false},
                "added to the count of each class in a node");
  params.Boolean("split_pure", options.split_pure,
                 "also split nodes whose rows are all of the class at hand");
  params.Integer("seed", options.seed, {0, 1e15}, "of all draws");
  params.Integer("max_nominal_values", options.max_nominal_values, {2, 4096},
                 "nominal codes from here on count as missing");
  params.Bytes(
      "max_bytes", options.max_bytes, {64 << 10, 1e15},
      "memory limit for everything; when trees have nine tenths of it the oldest begins anew");
  trees::DescribeThreads(params, options.threads);
}

Result<std::unique_ptr<Model>> MakeMondrianForest(const MondrianForestOptions& options,
                                                  const InputSpec& inputs) {
  constexpr std::string_view kType = "mondrian_forest";
  LEAT_RETURN_IF_ERROR(trees::CheckMake(kType, options, inputs));
  LEAT_RETURN_IF_ERROR(trees::CheckWidth(kType, inputs));
  LEAT_RETURN_IF_ERROR(trees::CheckBytes(kType, options.max_bytes,
                                         ensembles::MondrianForest::MinimumBytes(options, inputs)));
  return std::unique_ptr<Model>(std::make_unique<ensembles::MondrianForest>(options, inputs));
}

}  // namespace leat
