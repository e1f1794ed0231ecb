// Streams drawn from a model: LED, waveform, random tree, RBF, hyperplane, Friedman; and two
// streams as one.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/java_random.h"
#include "base/python_random.h"
#include "connectors/generate/instances.h"

namespace leat::generate {
namespace {

std::vector<Attribute> Numbered(const std::string& prefix, int count, int values = 0) {
  std::vector<Attribute> attributes;
  for (int i = 1; i <= count; ++i) attributes.push_back({prefix + std::to_string(i), values});
  return attributes;
}

/// A digit on a display of seven segments, each inverted now and then.
class Led final : public InstanceStream {
 public:
  explicit Led(const LedOptions& options)
      : InstanceStream(Numbered("s", options.relevant_only ? kSegments : kAll, 2), 10),
        options_(options),
        random_(options.seed) {
    for (size_t i = 0; i < kAll; ++i) place_[i] = i;
    if (options.relevant_only) return;
    for (size_t i = 0; i < static_cast<size_t>(options.swapped); ++i) {
      std::swap(place_[i], place_[kSegments + i]);
    }
  }

  double Next(std::span<double> x) override {
    static constexpr std::array<const char*, 10> kDigits = {
        "1110111", "0010010", "1011101", "1011011", "0111010",
        "1101011", "1101111", "1010010", "1111111", "1111011"};
    const int digit = random_.Below(10);
    for (size_t i = 0; i < kSegments; ++i) {
      const bool on = kDigits[static_cast<size_t>(digit)][i] == '1';
      const bool wrong = 1 + random_.Below(100) <= options_.noise;
      x[place_[i]] = on != wrong ? 1 : 0;
    }
    for (size_t i = kSegments; i < x.size(); ++i) x[place_[i]] = random_.Below(2);
    return digit;
  }

 private:
  static constexpr size_t kSegments = 7, kAll = 24;
  LedOptions options_;
  JavaRandom random_;
  std::array<size_t, kAll> place_{};  ///< Where a value goes.
};

/// A random mixture of two of three triangles, with normal noise.
class Waveform final : public InstanceStream {
 public:
  explicit Waveform(const WaveformOptions& options)
      : InstanceStream(Numbered("x", options.noise ? 40 : kWave), 3), random_(options.seed) {}

  double Next(std::span<double> x) override {
    static constexpr std::array<std::pair<int, int>, 3> kPairs{{{0, 1}, {0, 2}, {1, 2}}};
    const int wave = random_.Below(3);
    const auto [a, b] = kPairs[static_cast<size_t>(wave)];
    const double share = random_.Double();
    for (int i = 0; i < kWave; ++i) {
      x[static_cast<size_t>(i)] =
          share * Triangle(a, i) + (1 - share) * Triangle(b, i) + random_.Gaussian();
    }
    for (size_t i = kWave; i < x.size(); ++i) x[i] = random_.Gaussian();
    return wave;
  }

 private:
  static constexpr int kWave = 21;
  static double Triangle(int which, int at) {
    static constexpr std::array<int, 3> kPeaks{6, 14, 10};
    return std::max(0, 6 - std::abs(at - kPeaks[static_cast<size_t>(which)]));
  }
  JavaRandom random_;
};

class TreeStream final : public InstanceStream {
 public:
  explicit TreeStream(const RandomTreeOptions& options)
      : InstanceStream(Attributes(options), options.classes),
        options_(options),
        random_(options.seed) {
    JavaRandom random(options.tree_seed);
    std::vector<int> nominals;
    for (int i = 0; i < options.nominals; ++i) nominals.push_back(i);
    const auto numbers = static_cast<size_t>(options.numerics);
    Grow(0, nominals, std::vector<double>(numbers, 0.0), std::vector<double>(numbers, 1.0), random);
  }

  double Next(std::span<double> x) override {
    const auto nominals = static_cast<size_t>(options_.nominals);
    for (size_t i = 0; i < nominals; ++i) x[i] = random_.Below(options_.values);
    for (size_t i = nominals; i < x.size(); ++i) x[i] = random_.Double();
    size_t at = 0;
    while (!nodes_[at].children.empty()) {
      const Node& node = nodes_[at];
      const double value = x[node.attribute];
      const size_t branch = node.attribute < nominals ? static_cast<size_t>(value)
                                                      : (value < node.threshold ? 0u : 1u);
      at = node.children[branch];
    }
    return nodes_[at].target;
  }

 private:
  struct Node {
    size_t attribute = 0;
    double threshold = 0;
    int target = 0;
    std::vector<size_t> children;  ///< None: a leaf.
  };

  static std::vector<Attribute> Attributes(const RandomTreeOptions& options) {
    std::vector<Attribute> attributes = Numbered("c", options.nominals, options.values);
    for (Attribute& number : Numbered("n", options.numerics)) {
      attributes.push_back(std::move(number));
    }
    return attributes;
  }

  size_t Grow(int depth, const std::vector<int>& nominals, const std::vector<double>& low,
              const std::vector<double>& high, JavaRandom& random) {
    const size_t at = nodes_.size();
    nodes_.emplace_back();
    if (depth >= options_.max_depth ||
        (depth >= options_.first_leaf_level && options_.leaf_share >= 1 - random.Double())) {
      nodes_[at].target = random.Below(options_.classes);
      return at;
    }
    const auto chosen =
        static_cast<size_t>(random.Below(static_cast<int>(nominals.size()) + options_.numerics));
    std::vector<size_t> children;
    if (chosen < nominals.size()) {
      nodes_[at].attribute = static_cast<size_t>(nominals[chosen]);
      std::vector<int> others = nominals;
      others.erase(others.begin() + static_cast<ptrdiff_t>(chosen));
      for (int v = 0; v < options_.values; ++v) {
        children.push_back(Grow(depth + 1, others, low, high, random));
      }
    } else {
      const size_t number = chosen - nominals.size();
      nodes_[at].attribute = static_cast<size_t>(options_.nominals) + number;
      const double threshold = (high[number] - low[number]) * random.Double() + low[number];
      nodes_[at].threshold = threshold;
      std::vector<double> bound = high;
      bound[number] = threshold;
      children.push_back(Grow(depth + 1, nominals, low, bound, random));
      bound = low;
      bound[number] = threshold;
      children.push_back(Grow(depth + 1, nominals, bound, high, random));
    }
    nodes_[at].children = std::move(children);
    return at;
  }

  RandomTreeOptions options_;
  JavaRandom random_;
  std::vector<Node> nodes_;
};

/// Points at normal distances from weighted centroids, some of which move.
class Rbf final : public InstanceStream {
 public:
  explicit Rbf(const RbfOptions& options)
      : InstanceStream(Numbered("x", options.attributes), options.classes),
        options_(options),
        random_(options.seed) {
    JavaRandom model(options.model_seed);
    centroids_.resize(static_cast<size_t>(options.centroids));
    const auto width = static_cast<size_t>(options.attributes);
    for (Centroid& c : centroids_) {
      for (size_t i = 0; i < width; ++i) c.centre.push_back(model.Double());
      c.target = model.Below(options.classes);
      c.deviation = model.Double();
      c.weight = model.Double();
      total_ += c.weight;
    }
    JavaRandom directions(options.model_seed);
    for (int m = 0; m < std::min(options.moving, options.centroids); ++m) {
      std::vector<double>& speed = centroids_[static_cast<size_t>(m)].speed;
      double square = 0;
      for (size_t i = 0; i < width; ++i) {
        speed.push_back(directions.Double());
        square += speed.back() * speed.back();
      }
      for (double& s : speed) s /= std::sqrt(square);
    }
  }

  double Next(std::span<double> x) override {
    for (Centroid& c : centroids_) {
      for (size_t i = 0; i < c.speed.size(); ++i) {
        c.centre[i] += c.speed[i] * options_.speed;
        if (c.centre[i] > 1 || c.centre[i] < 0) {
          c.centre[i] = c.centre[i] > 1 ? 1 : 0;
          c.speed[i] = -c.speed[i];
        }
      }
    }
    const double draw = random_.Double() * total_;
    size_t next = 0;
    for (double sum = 0; sum <= draw && next < centroids_.size();) sum += centroids_[next++].weight;
    const Centroid& centroid = centroids_[next - 1];
    double square = 0;
    for (double& v : x) {
      v = 2 * random_.Double() - 1;
      square += v * v;
    }
    const double scale = random_.Gaussian() * centroid.deviation / std::sqrt(square);
    for (size_t i = 0; i < x.size(); ++i) x[i] = centroid.centre[i] + x[i] * scale;
    return centroid.target;
  }

 private:
  struct Centroid {
    std::vector<double> centre, speed;
    int target = 0;
    double deviation = 0, weight = 0;
  };
  RbfOptions options_;
  JavaRandom random_;
  std::vector<Centroid> centroids_;
  double total_ = 0;
};

/// Above or below a plane whose weights move.
class Hyperplane final : public InstanceStream {
 public:
  explicit Hyperplane(const HyperplaneOptions& options)
      : InstanceStream(Numbered("x", options.attributes), 2),
        options_(options),
        random_(options.seed) {
    for (int i = 0; i < options.attributes; ++i) weights_.push_back(random_.Double());
    directions_.assign(static_cast<size_t>(std::min(options.drifting, options.attributes)), 1);
  }

  double Next(std::span<double> x) override {
    double sum = 0, all = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = random_.Double();
      sum += weights_[i] * x[i];
      all += weights_[i];
    }
    int target = sum >= all * 0.5 ? 1 : 0;
    if (1 + random_.Below(100) <= options_.noise) target = 1 - target;
    for (size_t i = 0; i < directions_.size(); ++i) {
      weights_[i] += directions_[i] * options_.change;
      if (1 + random_.Below(100) <= options_.turn_probability) directions_[i] = -directions_[i];
    }
    return target;
  }

 private:
  HyperplaneOptions options_;
  JavaRandom random_;
  std::vector<double> weights_, directions_;
};

class Friedman final : public InstanceStream {
 public:
  explicit Friedman(uint64_t seed) : InstanceStream(Numbered("x", 10), 0), random_(seed) {}

  double Next(std::span<double> x) override {
    for (double& v : x) v = random_.Double();
    return 10 * std::sin(3.141592653589793 * x[0] * x[1]) + 20 * std::pow(x[2] - 0.5, 2) +
           10 * x[3] + 5 * x[4] + random_.Gaussian();
  }

 private:
  PythonRandom random_;
};

class Composition final : public InstanceStream {
 public:
  Composition(std::unique_ptr<InstanceStream> before, std::unique_ptr<InstanceStream> after,
              const CompositionOptions& options)
      : InstanceStream(before->attributes(), before->classes()),
        before_(std::move(before)),
        after_(std::move(after)),
        options_(options),
        random_(options.seed) {}

  double Next(std::span<double> x) override {
    ++drawn_;
    const double past = static_cast<double>(drawn_ - options_.position) / options_.width;
    const bool old = random_.Double() > 1 / (1 + std::exp(-4 * past));
    return (old ? before_ : after_)->Next(x);
  }

 private:
  std::unique_ptr<InstanceStream> before_, after_;
  CompositionOptions options_;
  JavaRandom random_;
  int64_t drawn_ = 0;
};

}  // namespace

std::unique_ptr<InstanceStream> MakeLedInstances(const LedOptions& options) {
  return std::make_unique<Led>(options);
}
std::unique_ptr<InstanceStream> MakeWaveformInstances(const WaveformOptions& options) {
  return std::make_unique<Waveform>(options);
}
std::unique_ptr<InstanceStream> MakeRandomTreeInstances(const RandomTreeOptions& options) {
  return std::make_unique<TreeStream>(options);
}
std::unique_ptr<InstanceStream> MakeRbfInstances(const RbfOptions& options) {
  return std::make_unique<Rbf>(options);
}
std::unique_ptr<InstanceStream> MakeHyperplaneInstances(const HyperplaneOptions& options) {
  return std::make_unique<Hyperplane>(options);
}
std::unique_ptr<InstanceStream> MakeFriedmanInstances(uint64_t seed) {
  return std::make_unique<Friedman>(seed);
}
std::unique_ptr<InstanceStream> Compose(std::unique_ptr<InstanceStream> before,
                                        std::unique_ptr<InstanceStream> after,
                                        const CompositionOptions& options) {
  return std::make_unique<Composition>(std::move(before), std::move(after), options);
}

}  // namespace leat::generate
