// The artificial streams of the literature: sea, agrawal, random-tree.
#include <algorithm>
#include <array>
#include <cmath>

#include "connectors/generate/instances.h"
#include "connectors/generate/stream.h"

namespace leat::generate {
namespace {

/// Rows with an id, a time, attributes and a class of 0 or 1; derived classes draw the middle.
class Artificial : public Generator {
 public:
  Artificial(const Setup& setup, uint64_t component,
             std::initializer_list<std::string_view> columns)
      : options_(setup.options),
        row_(setup.options.format, columns),
        random_(static_cast<uint64_t>(setup.options.seed), component),
        start_(setup.start),
        schedule_(setup.options),
        extra_(static_cast<uint64_t>(setup.options.seed), component + 100) {}

  std::string Header() const override { return row_.Header(); }

  bool Next(std::string& line) override {
    if (written_ == options_.rows) return false;
    row_.Begin(line);
    row_.Integer(written_);
    row_.Time(start_ + written_ * options_.interval);
    bool target = Draw(schedule_.Concept(written_, extra_));
    // Drawn whether or not it matters: noise leaves the attributes as they are.
    if (extra_.Uniform() < options_.noise) target = !target;
    row_.Integer(target ? 1 : 0);
    row_.End();
    ++written_;
    return true;
  }

 protected:
  /// Writes the attributes and returns the class under a concept.
  virtual bool Draw(int64_t concept_index) = 0;

  GenerateOptions options_;
  Row row_;
  CounterRandom random_;

 private:
  EventTime start_;
  Schedule schedule_;
  CounterRandom extra_;  ///< Drift and noise.
  int64_t written_ = 0;
};

/// Three numbers in [0, 10]; the class is x1 + x2 <= theta, the third is noise.
class Sea final : public Artificial {
 public:
  explicit Sea(const Setup& setup)
      : Artificial(setup, 10, {"id", "time", "x1", "x2", "x3", "target"}) {}

 private:
  bool Draw(int64_t concept_index) override {
    static constexpr std::array<double, 4> kThetas{8, 9, 7, 9.5};
    std::array<double, 3> x;
    for (double& v : x) {
      v = random_.Uniform(0, 10);
      row_.Number(v);
    }
    return x[0] + x[1] <= kThetas[static_cast<size_t>(concept_index) % kThetas.size()];
  }
};

class Agrawal final : public Artificial {
 public:
  explicit Agrawal(const Setup& setup)
      : Artificial(setup, 11,
                   {"id", "time", "salary", "commission", "age", "elevel", "car", "zipcode",
                    "hvalue", "hyears", "loan", "target"}) {}

 private:
  double Whole(double low, double high) { return std::floor(random_.Uniform(low, high + 1)); }

  bool Draw(int64_t concept_index) override {
    Applicant a{};
    a.salary = std::round(random_.Uniform(20'000, 150'000));
    const double commission = std::round(random_.Uniform(10'000, 75'000));
    a.commission = a.salary >= 75'000 ? 0 : commission;
    a.age = Whole(20, 80);
    a.education = static_cast<int>(random_.Below(5));
    const auto car = static_cast<int64_t>(random_.Below(20)) + 1;
    const auto zipcode = static_cast<int64_t>(random_.Below(9));
    a.house_value =
        std::round(static_cast<double>(9 - zipcode) * 100'000 * random_.Uniform(0.5, 1.5));
    a.house_years = Whole(1, 30);
    a.loan = std::round(random_.Uniform(0, 500'000));
    row_.Number(a.salary);
    row_.Number(a.commission);
    row_.Number(a.age);
    row_.Integer(a.education);
    row_.Text("car" + std::to_string(car));
    row_.Text("zip" + std::to_string(zipcode));
    row_.Number(a.house_value);
    row_.Number(a.house_years);
    row_.Number(a.loan);
    return IsGroupA(static_cast<int>(concept_index % 10), a);
  }
};

/// A tree over five numbers in [0, 1) and five categories of five values; a path tests a category
/// once. Another concept is another tree.
class RandomTree final : public Artificial {
 public:
  explicit RandomTree(const Setup& setup)
      : Artificial(setup, 12, {"id", "time"}), seed_(static_cast<uint64_t>(setup.options.seed)) {
    for (int i = 0; i < kNumbers; ++i) row_.AddColumn("n" + std::to_string(i + 1));
    for (int i = 0; i < kCategories; ++i) row_.AddColumn("c" + std::to_string(i + 1));
    row_.AddColumn("target");
  }

 private:
  static constexpr int kNumbers = 5, kCategories = 5, kValues = 5;
  static constexpr int kMaxDepth = 5, kFirstLeafLevel = 3;
  static constexpr double kLeafShare = 0.15;

  struct Node {
    int attribute = -1;  ///< -1: a leaf.
    double threshold = 0;
    bool target = false;
    std::vector<size_t> children;
  };
  struct Tree {
    int64_t concept_index = -1;
    std::vector<Node> nodes;
  };

  size_t Grow(Tree& tree, CounterRandom& random, int depth, uint32_t used,
              std::array<std::pair<double, double>, kNumbers> bounds) {
    const size_t at = tree.nodes.size();
    tree.nodes.emplace_back();
    const bool leaf =
        depth >= kMaxDepth || (depth >= kFirstLeafLevel && random.Uniform() < kLeafShare);
    if (leaf) {
      tree.nodes[at].target = random.Below(2) == 1;
      return at;
    }
    int attribute;
    do {
      attribute = static_cast<int>(random.Below(kNumbers + kCategories));
    } while (((used >> attribute) & 1u) != 0);
    tree.nodes[at].attribute = attribute;
    if (attribute < kNumbers) {
      const auto [low, high] = bounds[static_cast<size_t>(attribute)];
      const double threshold = random.Uniform(low, high);
      tree.nodes[at].threshold = threshold;
      for (const bool right : {false, true}) {
        auto inner = bounds;
        inner[static_cast<size_t>(attribute)] =
            right ? std::pair(threshold, high) : std::pair(low, threshold);
        const size_t child = Grow(tree, random, depth + 1, used, inner);
        tree.nodes[at].children.push_back(child);
      }
    } else {
      for (int v = 0; v < kValues; ++v) {
        const size_t child = Grow(tree, random, depth + 1, used | (1u << attribute), bounds);
        tree.nodes[at].children.push_back(child);
      }
    }
    return at;
  }

  const Tree& TreeOf(int64_t concept_index) {
    // Two concepts are in play at a time, during a gradual change.
    Tree& tree = trees_[static_cast<size_t>(concept_index % 2)];
    if (tree.concept_index != concept_index) {
      tree.concept_index = concept_index;
      tree.nodes.clear();
      CounterRandom random(seed_, 1'000 + static_cast<uint64_t>(concept_index));
      std::array<std::pair<double, double>, kNumbers> bounds;
      bounds.fill({0.0, 1.0});
      Grow(tree, random, 0, 0, bounds);
    }
    return tree;
  }

  bool Draw(int64_t concept_index) override {
    std::array<double, kNumbers + kCategories> x;
    for (int i = 0; i < kNumbers; ++i) {
      x[static_cast<size_t>(i)] = random_.Uniform();
      row_.Number(x[static_cast<size_t>(i)]);
    }
    for (int i = kNumbers; i < kNumbers + kCategories; ++i) {
      const uint64_t value = random_.Below(kValues);
      x[static_cast<size_t>(i)] = static_cast<double>(value);
      const char text[] = {'v', static_cast<char>('1' + value)};
      row_.Text({text, 2});
    }
    const Tree& tree = TreeOf(concept_index);
    size_t at = 0;
    while (tree.nodes[at].attribute >= 0) {
      const Node& node = tree.nodes[at];
      const double value = x[static_cast<size_t>(node.attribute)];
      const size_t child =
          node.attribute < kNumbers ? (value < node.threshold ? 0 : 1) : static_cast<size_t>(value);
      at = node.children[child];
    }
    return tree.nodes[at].target;
  }

  uint64_t seed_;
  std::array<Tree, 2> trees_;
};

}  // namespace

std::unique_ptr<Generator> MakeSea(const Setup& setup) { return std::make_unique<Sea>(setup); }
std::unique_ptr<Generator> MakeAgrawal(const Setup& setup) {
  return std::make_unique<Agrawal>(setup);
}
std::unique_ptr<Generator> MakeRandomTree(const Setup& setup) {
  return std::make_unique<RandomTree>(setup);
}

}  // namespace leat::generate
