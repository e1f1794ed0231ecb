/// Online isolation forest: trees that a record enters when it comes and leaves with its window.
#include <bit>
#include <cmath>
#include <utility>

#include "base/exp.h"
#include "base/random.h"
#include "leat/anomaly.h"
#include "models/anomaly/window.h"
#include "models/ensembles/fast_math.h"

namespace leat {
namespace {

constexpr uint64_t kSplitDraws = 0x6f6966;  // Names this component's random numbers.
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

class IsolationForest final : public Model {
 public:
  IsolationForest(const IsolationForestOptions& options, const InputSpec& inputs)
      : options_(options),
        inputs_(inputs),
        size_(inputs.dense.size()),
        trees_(static_cast<size_t>(options.trees)),
        levels_(static_cast<size_t>(
            std::bit_width(static_cast<uint64_t>(options.window / options.leaf)) - 1)),
        tree_nodes_((size_t{2} << levels_) - 1),
        nodes_(trees_ * tree_nodes_),
        boxes_(trees_ * tree_nodes_ * size_, Box{kNaN, kNaN}) {
    ring_.reserve(static_cast<size_t>(options.window) * size_);
  }

  Task task() const override { return Task::kAnomaly; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.clear();
    // With less, the usual depth is below 1 and its inverse out of bounds.
    if (held() < 2 * static_cast<uint64_t>(options_.leaf) || input.dense.size() < size_) return;
    const double usual =
        ensembles::Log2(static_cast<double>(held()) / static_cast<double>(options_.leaf));
    double depth = 0;
    for (size_t t = 0; t < trees_; ++t) {
      size_t at = 0;
      const Node* nodes = nodes_.data() + t * tree_nodes_;
      while (nodes[at].split) at = Child(nodes[at], at, input.dense.data());
      depth += static_cast<double>(std::bit_width(at + 1) - 1);
      if (nodes[at].count > options_.leaf) {
        depth += ensembles::Log2(static_cast<double>(nodes[at].count) /
                                 static_cast<double>(options_.leaf));
      }
    }
    out.push_back(Exp(0.6931471805599453 * -depth / static_cast<double>(trees_) / usual));
  }

  void Learn(const Input& input, double, double weight) override {
    bool any = false;
    for (size_t i = 0; i < std::min(size_, input.dense.size()); ++i) {
      any = any || anomaly::Usable(input.dense[i]);
    }
    if (!any || !(weight > 0) || input.dense.size() < size_) {
      ++skipped_;
      return;
    }
    const auto window = static_cast<uint64_t>(options_.window);
    const size_t place = static_cast<size_t>(records_ % window) * size_;
    if (records_ >= window) {
      for (size_t t = 0; t < trees_; ++t) Leave(t, ring_.data() + place);
    } else {
      ring_.resize(ring_.size() + size_);
    }
    double* row = ring_.data() + place;
    for (size_t i = 0; i < size_; ++i) {
      row[i] = anomaly::Usable(input.dense[i]) ? input.dense[i] : kNaN;
    }
    ++records_;
    for (size_t t = 0; t < trees_; ++t) Enter(t, row);
  }

  void Save(StateWriter& out) const override {
    out.Section("isolation_forest", 1);
    out.U64(records_);
    out.U64(skipped_);
    out.Array(ring_);
    out.U64(nodes_.size());
    for (const Node& node : nodes_) {
      out.F64(node.threshold);
      out.I64(node.count);
      out.U32(node.attribute);
      out.Bool(node.split);
    }
    out.Array(boxes_);
  }

  Status Load(StateReader& in) override {
    in.Section("isolation_forest", 1);
    IsolationForest loaded(options_, inputs_);
    loaded.records_ = in.U64();
    loaded.skipped_ = in.U64();
    std::vector<double> ring;
    in.Array(ring);
    bool good = ring.size() == loaded.held() * size_;
    for (const double v : ring) good = good && (std::isnan(v) || anomaly::Usable(v));
    loaded.ring_.assign(ring.begin(), ring.end());
    good = good && in.U64() == nodes_.size();
    for (size_t i = 0; i < loaded.nodes_.size() && good && in.ok(); ++i) {
      Node& node = loaded.nodes_[i];
      node.threshold = in.F64();
      node.count = in.I64();
      node.attribute = in.U32();
      node.split = in.Bool();
      const bool inner = 2 * (i % tree_nodes_) + 2 < tree_nodes_;
      good = good && std::isfinite(node.threshold) && node.attribute < size_ && node.count >= 0 &&
             node.count < int64_t{1} << 40 && (inner || !node.split);
    }
    std::vector<Box> boxes;
    if (good) in.Array(boxes);
    good = good && boxes.size() == boxes_.size();
    if (good) std::copy(boxes.begin(), boxes.end(), loaded.boxes_.begin());
    for (const Box& box : loaded.boxes_) {
      const bool none = std::isnan(box.low) && std::isnan(box.high);
      good =
          good &&
          (none || (anomaly::Usable(box.low) && anomaly::Usable(box.high) && box.low <= box.high));
    }
    if (in.ok() && !good) in.Fail("the state of the isolation forest does not fit");
    if (!in.ok()) return in.status();
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<IsolationForest>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + sizeof(double) * ring_.capacity() + sizeof(Node) * nodes_.capacity() +
           sizeof(Box) * boxes_.capacity();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return {{"records", std::to_string(records_)},
            {"skipped", std::to_string(skipped_)},
            {"in_window", std::to_string(held())}};
  }

 private:
  /// Of a complete tree: the children of i are 2 i + 1 and 2 i + 2.
  struct Node {
    double threshold = 0;
    int64_t count = 0;
    uint32_t attribute = 0;
    bool split = false;
  };
  /// What a node has seen of a feature; NaN: nothing.
  struct Box {
    double low, high;
  };

  uint64_t held() const { return std::min(records_, static_cast<uint64_t>(options_.window)); }
  static size_t Child(const Node& node, size_t at, const double* x) {
    return 2 * at + (x[node.attribute] < node.threshold ? 1 : 2);
  }
  Box* BoxOf(size_t tree, size_t at) { return boxes_.data() + (tree * tree_nodes_ + at) * size_; }
  int64_t Threshold(size_t at) const { return options_.leaf << (std::bit_width(at + 1) - 1); }

  void Enter(size_t tree, const double* x) {
    Node* nodes = nodes_.data() + tree * tree_nodes_;
    size_t at = 0;
    while (true) {
      ++nodes[at].count;
      Box* box = BoxOf(tree, at);
      for (size_t i = 0; i < size_; ++i) {
        if (std::isnan(x[i])) continue;
        box[i].low = box[i].low <= x[i] ? box[i].low : x[i];
        box[i].high = box[i].high >= x[i] ? box[i].high : x[i];
      }
      if (!nodes[at].split) break;
      at = Child(nodes[at], at, x);
    }
    if (2 * at + 2 < tree_nodes_ && nodes[at].count >= Threshold(at)) Split(tree, at);
  }

  /// At a random place of a random feature that varies here.
  void Split(size_t tree, size_t at) {
    Node& node = nodes_[tree * tree_nodes_ + at];
    const Box* box = BoxOf(tree, at);
    size_t varying = 0;
    for (size_t i = 0; i < size_; ++i) varying += box[i].low < box[i].high ? 1 : 0;
    if (varying == 0) return;
    CounterRandom random(static_cast<uint64_t>(options_.seed), kSplitDraws + tree,
                         Mix64(records_) + 4 * at);
    size_t chosen = random.Below(varying), attribute = 0;
    while (!(box[attribute].low < box[attribute].high) || chosen-- > 0) ++attribute;
    const double share = random.Uniform();
    const double low = box[attribute].low, high = box[attribute].high;
    node.attribute = static_cast<uint32_t>(attribute);
    node.threshold = low + share * (high - low);
    node.split = true;
    const auto left = std::llround(share * static_cast<double>(node.count));
    for (const size_t side : {1u, 2u}) {
      const size_t child = 2 * at + side;
      nodes_[tree * tree_nodes_ + child] = Node{};
      nodes_[tree * tree_nodes_ + child].count = side == 1 ? left : node.count - left;
      Box* half = BoxOf(tree, child);
      std::copy_n(box, size_, half);
      (side == 1 ? half[attribute].high : half[attribute].low) = node.threshold;
    }
  }

  void Leave(size_t tree, const double* x) {
    Node* nodes = nodes_.data() + tree * tree_nodes_;
    for (size_t at = 0;; at = Child(nodes[at], at, x)) {
      nodes[at].count = std::max<int64_t>(0, nodes[at].count - 1);
      if (!nodes[at].split) return;
      if (nodes[at].count < Threshold(at)) {
        // What is below is forgotten; what it saw stays, without what has left it.
        nodes[at].split = false;
        std::copy_n(BoxOf(tree, 2 * at + 1), size_, BoxOf(tree, at));
        const Box* other = BoxOf(tree, 2 * at + 2);
        Box* box = BoxOf(tree, at);
        for (size_t i = 0; i < size_; ++i) {
          box[i].low = other[i].low < box[i].low ? other[i].low : box[i].low;
          box[i].high = other[i].high > box[i].high ? other[i].high : box[i].high;
        }
        return;
      }
    }
  }

  IsolationForestOptions options_;
  InputSpec inputs_;
  size_t size_, trees_, levels_, tree_nodes_;
  std::vector<double> ring_;  ///< The records of the window.
  std::vector<Node> nodes_;   ///< Tree after tree.
  std::vector<Box> boxes_;    ///< By node and feature.
  uint64_t records_ = 0, skipped_ = 0;
};

}  // namespace

void Describe(Params& params, IsolationForestOptions& options) {
  params.Integer("trees", options.trees, {1, 1000}, "Number of trees.");
  params.Integer("window", options.window, {16, 1e6}, "The last records, which count.");
  params.Integer("leaf", options.leaf, {1, 10'000},
                 "Records that the root needs to split; a node below needs twice its parent's.");
  params.Integer("seed", options.seed, kNotNegative, "Of the random splits.");
}

Result<std::unique_ptr<Model>> MakeIsolationForest(const IsolationForestOptions& options,
                                                   const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(anomaly::CheckMake("isolation_forest", options, inputs));
  if (options.window < 2 * options.leaf) {
    return Status::Invalid("isolation_forest: window must be at least twice leaf");
  }
  if (options.window / options.leaf > 4096) {
    return Status::Invalid("isolation_forest: window must be at most 4096 times leaf");
  }
  return std::unique_ptr<Model>(std::make_unique<IsolationForest>(options, inputs));
}

}  // namespace leat
