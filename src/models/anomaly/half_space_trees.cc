/// Half-space trees: how many records of the last window share a record's corner of random trees.
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/random.h"
#include "leat/anomaly.h"
#include "models/anomaly/window.h"

namespace leat {
namespace {

constexpr uint64_t kRangeDraws = 0x68737472616e;  // Names this component's random numbers.
constexpr uint64_t kSplitDraws = 0x687374737064;

class HalfSpaceTrees final : public anomaly::WindowDetector {
 public:
  HalfSpaceTrees(const HalfSpaceTreesOptions& options, const InputSpec& inputs)
      : WindowDetector(inputs, options.window), options_(options), usual_(size_) {}

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.clear();
    if (roots_.empty() || input.dense.size() < size_) return;
    const double* x = input.dense.data();
    thread_local std::vector<double> filled;
    for (size_t i = 0; i < size_; ++i) {
      if (Usable(x[i])) continue;
      filled.assign(x, x + size_);
      for (size_t j = i; j < size_; ++j) {
        if (!Usable(x[j])) filled[j] = usual_[j].median;
      }
      x = filled.data();
      break;
    }
    // Several trees at a time and without branches: a leaf leads to itself.
    double mass = 0;
    const Node* nodes = nodes_.data();
    for (size_t group = 0; group < depths_.size(); ++group) {
      std::array<uint32_t, kGroup> at;
      std::copy_n(roots_.begin() + static_cast<ptrdiff_t>(group * kGroup), kGroup, at.begin());
      for (uint32_t level = 0; level < depths_[group]; ++level) {
        for (uint32_t& node : at) {
          const Node& n = nodes[node];
          node = n.left + (x[n.attribute] < n.threshold ? 0 : 1);
        }
      }
      for (const uint32_t node : at) mass += nodes[node].mass;
    }
    out.push_back(1 / (1 + mass / static_cast<double>(options_.trees)));
  }

  void Save(StateWriter& out) const override {
    out.Section("half_space_trees", 1);
    SaveWindow(out);
    out.Array(usual_);
    out.Array(roots_);
    out.Array(nodes_);
  }

  Status Load(StateReader& in) override {
    in.Section("half_space_trees", 1);
    HalfSpaceTrees loaded(options_, inputs_);
    loaded.LoadWindow(in);
    anomaly::LoadUsual(in, loaded.usual_, size_);
    in.Array(loaded.roots_);
    in.Array(loaded.nodes_);
    if (!in.ok()) return in.status();
    bool good = loaded.roots_.empty() ? loaded.nodes_.empty() : loaded.roots_.size() == Places();
    for (const uint32_t root : loaded.roots_) good = good && root < loaded.nodes_.size();
    for (size_t i = 0; i < loaded.nodes_.size(); ++i) {
      const Node& node = loaded.nodes_[i];
      good = good && std::isfinite(node.mass) && node.mass >= 0 && node.attribute < size_;
      // Children follow their parents, so that a descent ends; a leaf leads to itself.
      good = good && (node.left == i ? node.threshold == kAlwaysLeft
                                     : node.left > i && std::isfinite(node.threshold) &&
                                           size_t{node.left} + 1 < loaded.nodes_.size());
    }
    if (!good) in.Fail("the state of half-space trees does not fit");
    if (!in.ok()) return in.status();
    loaded.Measure();
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<HalfSpaceTrees>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + window_.HeapBytes() + sizeof(anomaly::Usual) * usual_.capacity() +
           sizeof(uint32_t) * (roots_.capacity() + depths_.capacity()) +
           sizeof(Node) * nodes_.capacity();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    auto facts = WindowDetector::Summary();
    facts.emplace_back("nodes", std::to_string(nodes_.size()));
    return facts;
  }

 private:
  static constexpr double kAlwaysLeft = std::numeric_limits<double>::infinity();
  static constexpr size_t kGroup = 8;
  struct Node {
    double threshold = kAlwaysLeft;
    double mass = 0;  ///< Of its records, times 2^depth over the window's weight.
    uint32_t attribute = 0;
    uint32_t left = 0;  ///< The right child follows; a leaf names itself.
  };
  struct Bounds {
    double low, high;
  };
  /// Buffers of a build: one set a thread.
  struct Scratch {
    std::vector<double> values;  ///< Column after column, missing ones filled.
    std::vector<double> column;
    std::vector<uint32_t> order, right;
    std::vector<Bounds> bounds;
    std::vector<Node> nodes;
  };

  static bool Usable(double x) { return anomaly::Usable(x); }

  /// Of roots: those of the trees, and of an empty tree up to a whole group.
  size_t Places() const {
    return (static_cast<size_t>(options_.trees) + kGroup - 1) / kGroup * kGroup;
  }
  /// How deep each group of trees is.
  void Measure() {
    thread_local std::vector<uint32_t> depth;
    depth.assign(nodes_.size(), 0);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].left == i) continue;
      for (const size_t child : {size_t{nodes_[i].left}, size_t{nodes_[i].left} + 1}) {
        depth[child] = std::max(depth[child], depth[i] + 1);
      }
    }
    depths_.assign(roots_.size() / kGroup, 0);
    for (size_t r = 0; r < roots_.size(); ++r) {
      uint32_t& deepest = depths_[r / kGroup];
      // A tree's nodes follow its root.
      for (size_t i = roots_[r]; i < nodes_.size() && (i == roots_[r] || depth[i] > 0); ++i) {
        deepest = std::max(deepest, depth[i]);
      }
    }
  }

  void Build() override {
    thread_local Scratch scratch;
    Scratch& s = scratch;
    const size_t n = window_.size();
    s.values.resize(n * size_);
    for (size_t i = 0; i < size_; ++i) {
      window_.Column(i, s.column);
      usual_[i].Fit(s.column, 0.05);
      for (size_t r = 0; r < n; ++r) {
        const double v = window_.row(r)[i];
        s.values[i * n + r] = std::isnan(v) ? usual_[i].median : v;
      }
    }
    double total = 0;
    for (size_t r = 0; r < n; ++r) total += window_.weight(r);
    s.order.resize(n);
    s.bounds.resize(size_);
    s.nodes.assign(1, Node{});  // The empty tree.
    roots_.assign(Places(), 0);
    for (int64_t t = 0; t < options_.trees; ++t) {
      std::iota(s.order.begin(), s.order.end(), 0);
      CounterRandom random(static_cast<uint64_t>(options_.seed), kRangeDraws,
                           static_cast<uint64_t>(t) * size_);
      for (size_t i = 0; i < size_; ++i) {
        // The paper's range around a random place of [0, 1], in the units of the feature.
        const double place = random.Uniform();
        const double reach = 2 * std::max(place, 1 - place);
        const double margin = 0.5 * (usual_[i].high - usual_[i].low);
        const double low = usual_[i].low - margin;
        const double span = usual_[i].high - usual_[i].low + 2 * margin;
        s.bounds[i] = {low + (place - reach) * span, low + (place + reach) * span};
      }
      const size_t root = s.nodes.size();
      roots_[static_cast<size_t>(t)] = static_cast<uint32_t>(root);
      s.nodes.emplace_back();
      Grow(s, root, std::span(s.order), 0, 1, static_cast<uint64_t>(t), total);
    }
    nodes_ = std::vector<Node>(s.nodes.begin(), s.nodes.end());
    Measure();
  }

  /// `path`: 1 at the root; 2 p and 2 p + 1 below p. Names the node's random choice.
  void Grow(Scratch& s, size_t at, std::span<uint32_t> records, int64_t depth, uint64_t path,
            uint64_t tree, double total) {
    double mass = 0;
    for (const uint32_t r : records) mass += window_.weight(r);
    s.nodes[at].mass = std::ldexp(mass / total, static_cast<int>(depth));
    s.nodes[at].left = static_cast<uint32_t>(at);
    if (depth == options_.levels || !(mass > options_.size_limit * total)) return;
    CounterRandom random(static_cast<uint64_t>(options_.seed), kSplitDraws + tree, path);
    const size_t attribute = random.Below(size_);
    const Bounds bounds = s.bounds[attribute];
    const double middle = bounds.low + 0.5 * (bounds.high - bounds.low);
    const double* values = s.values.data() + attribute * window_.size();
    // Stable, and without a branch: both sides are written, one of them counts.
    s.right.resize(records.size());
    size_t left = 0, right = 0;
    for (const uint32_t r : records) {
      const bool below = values[r] < middle;
      records[left] = r;
      s.right[right] = r;
      left += below ? 1 : 0;
      right += below ? 0 : 1;
    }
    std::copy_n(s.right.begin(), right, records.begin() + static_cast<ptrdiff_t>(left));
    const size_t child = s.nodes.size();
    s.nodes.resize(child + 2);
    s.nodes[at].threshold = middle;
    s.nodes[at].attribute = static_cast<uint32_t>(attribute);
    s.nodes[at].left = static_cast<uint32_t>(child);
    s.bounds[attribute].high = middle;
    Grow(s, child, records.first(left), depth + 1, 2 * path, tree, total);
    s.bounds[attribute] = {middle, bounds.high};
    Grow(s, child + 1, records.subspan(left), depth + 1, 2 * path + 1, tree, total);
    s.bounds[attribute] = bounds;
  }

  HalfSpaceTreesOptions options_;
  std::vector<anomaly::Usual> usual_;  ///< Of the window that the trees are from.
  std::vector<uint32_t> roots_;        ///< Places() of them; none before the first full window.
  std::vector<uint32_t> depths_;       ///< By group; follows from the nodes.
  std::vector<Node> nodes_;
};

}  // namespace

void Describe(Params& params, HalfSpaceTreesOptions& options) {
  params.Integer("trees", options.trees, {1, 1000}, "Number of trees.");
  params.Integer("levels", options.levels, {1, 40}, "Depth of a tree.");
  params.Integer("window", options.window, {10, 100'000},
                 "Records of a reference window; scores compare with the last full one.");
  params.Number("size_limit", options.size_limit, {0, 1, true, false},
                "Share of a window below which a part of it is not divided further.");
  params.Integer("seed", options.seed, kNotNegative, "Of the random divisions.");
}

Result<std::unique_ptr<Model>> MakeHalfSpaceTrees(const HalfSpaceTreesOptions& options,
                                                  const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(anomaly::CheckMake("half_space_trees", options, inputs));
  return std::unique_ptr<Model>(std::make_unique<HalfSpaceTrees>(options, inputs));
}

}  // namespace leat
