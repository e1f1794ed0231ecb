/// CluStream: micro-clusters in space and time, put together by k-means.
#include <algorithm>
#include <cmath>
#include <utility>

#include "models/calibration/logistic_filter.h"
#include "models/clusters/micro_clusters.h"

namespace leat {
namespace {

using clusters::Micro;

constexpr uint64_t kSeedingDraws = 0x636c7573747265;  // names this component's random numbers
constexpr int kMostRounds = 10;                       // Of k-means.
constexpr double kBetterBy = 0.8;  // What new seeds must reach to replace the centres there are.

/// The z that a standard normal number exceeds with probability p, 0 < p <= 1/2, to 0.0005:
/// Abramowitz and Stegun 26.2.23.
double UpperNormal(double p) {
  const double t = std::sqrt(-2 * Ln(p));
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                 (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

class CluStream final : public clusters::MicroClusterer {
 public:
  CluStream(const CluStreamOptions& options, const InputSpec& inputs)
      : MicroClusterer(inputs, options.micro_clusters, options.recluster_every),
        options_(options) {}

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.clear();
    if (input.dense.size() < size_) return;
    for (size_t c = 0; c < clusters_; ++c) {
      out.push_back(
          clusters::SquaredDistance(input.dense.data(), macro_.data() + c * size_, size_));
    }
  }

  void Save(StateWriter& out) const override {
    out.Section("clustream", 1);
    SaveMicro(out);
    out.Array(macro_);
  }
  Status Load(StateReader& in) override {
    in.Section("clustream", 1);
    CluStream loaded(options_, inputs_);
    loaded.LoadMicro(in);
    in.Array(loaded.macro_);
    bool good = loaded.macro_.size() == loaded.clusters_ * size_ &&
                (loaded.clusters_ == 0 || loaded.clusters_ == wanted());
    for (const double x : loaded.macro_) good = good && clusters::Usable(x);
    if (in.ok() && !good) in.Fail("the clusters of CluStream do not fit");
    if (!in.ok()) return in.status();
    *this = std::move(loaded);
    return Status::Ok();
  }
  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<CluStream>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytes() + sizeof(double) * macro_.capacity();
  }

 private:
  size_t wanted() const { return static_cast<size_t>(options_.clusters); }

  void Take(const double* x, double weight) override {
    const auto all = [](size_t) { return true; };
    const auto [m, squared] = Nearest(x, all);
    if (micro_.size() == capacity()) {
      if (squared < Bound(m)) return Add(m, x, weight, squared);
      MakeRoom();
    }
    Begin(x, weight, Nearest(x, all).first);  // Anew: one may have gone.
  }
  void Add(size_t m, const double* x, double weight, double squared) {
    Micro& micro = micro_[m];
    const double all = micro.weight + weight, late = now() - micro.time;
    micro.spread += micro.weight / all * weight * squared;
    micro.time_spread += micro.weight / all * weight * late * late;
    micro.time += weight / all * late;
    micro.weight = all;
    Move(m, x, weight / all);
  }
  /// How far, squared, records may lie that are part of it.
  double Bound(size_t m) const {
    if (micro_[m].spread > 0) {
      return options_.radius_factor * options_.radius_factor * micro_[m].spread / micro_[m].weight;
    }
    return Nearest(centre(m), [m](size_t other) { return other != m; }).second;
  }
  /// The mean time of its last records, as many as there may be micro-clusters.
  double Relevance(const Micro& micro) const {
    const auto last = static_cast<double>(capacity());
    if (micro.weight < 2 * last) return micro.time;
    return micro.time +
           std::sqrt(micro.time_spread / micro.weight) * UpperNormal(last / (2 * micro.weight));
  }
  void MakeRoom() {
    size_t oldest = 0;
    double least = Relevance(micro_[0]);
    for (size_t m = 1; m < micro_.size(); ++m) {
      const double relevance = Relevance(micro_[m]);
      if (relevance < least) {
        least = relevance;
        oldest = m;
      }
    }
    if (least >= now() - static_cast<double>(options_.horizon)) oldest = Merge();
    micro_[oldest].cluster = -1;  // Clusters have centres of their own: none is lost.
    Remove([oldest](size_t m) { return m == oldest; });
  }
  /// The two nearest become the older of them; returns the other.
  size_t Merge() {
    size_t into = 0, from = 1;
    double least = std::numeric_limits<double>::infinity();
    for (size_t a = 0; a < micro_.size(); ++a) {
      for (size_t b = a + 1; b < micro_.size(); ++b) {
        const double squared = SquaredTo(centre(a), b);
        if (squared < least) {
          least = squared;
          into = a;
          from = b;
        }
      }
    }
    Micro& one = micro_[into];
    const Micro& other = micro_[from];
    const double all = one.weight + other.weight, late = other.time - one.time;
    const double both = one.weight / all * other.weight;
    one.spread += other.spread + both * least;
    one.time_spread += other.time_spread + both * late * late;
    one.time += other.weight / all * late;
    Move(into, centre(from), other.weight / all);
    one.weight = all;
    return from;
  }

  void Recluster() override {
    if (micro_.size() < wanted()) return;
    std::vector<double> weights;
    for (const Micro& micro : micro_) weights.push_back(micro.weight);
    // Each time with draws of its own.
    CounterRandom random(static_cast<uint64_t>(options_.seed), kSeedingDraws, records_ << 20);
    auto fresh = clusters::ChooseSeeds(random, centres_, weights, size_, wanted());
    if (macro_.empty()) {
      macro_ = std::move(fresh);
      clusters_ = wanted();
      Improve(macro_);
    } else {
      const double cost = Improve(macro_);
      if (Improve(fresh) < kBetterBy * cost) macro_ = std::move(fresh);
    }
    Assign(macro_);
  }
  /// Each micro-cluster to the nearest centre; whether any changed, and the weighted sum of
  /// squares.
  std::pair<bool, double> Assign(const std::vector<double>& centres) {
    bool changed = false;
    double cost = 0;
    for (size_t m = 0; m < micro_.size(); ++m) {
      int32_t best = 0;
      double least = std::numeric_limits<double>::infinity();
      for (size_t c = 0; c < wanted(); ++c) {
        const double squared = SquaredTo(centres.data() + c * size_, m);
        if (squared < least) {
          least = squared;
          best = static_cast<int32_t>(c);
        }
      }
      changed = changed || micro_[m].cluster != best;
      micro_[m].cluster = best;
      cost += micro_[m].weight * least;
    }
    return {changed, cost};
  }
  /// k-means from these centres on; one without micro-clusters stays where it is.
  double Improve(std::vector<double>& centres) {
    double cost = Assign(centres).second;
    for (int round = 0; round < kMostRounds; ++round) {
      std::vector<double> totals(wanted());
      for (size_t m = 0; m < micro_.size(); ++m) {
        const auto c = static_cast<size_t>(micro_[m].cluster);
        totals[c] += micro_[m].weight;
        const double share = micro_[m].weight / totals[c];
        for (size_t i = 0; i < size_; ++i) {
          double& at = centres[c * size_ + i];
          at += share * (centre(m)[i] - at);  // The first one's share is 1.
        }
      }
      const auto [changed, now_costs] = Assign(centres);
      cost = now_costs;
      if (!changed) break;
    }
    return cost;
  }

  CluStreamOptions options_;
  std::vector<double> macro_;  ///< Centres of the clusters, one after the other.
};

}  // namespace

void Describe(Params& params, CluStreamOptions& options) {
  params.Integer("clusters", options.clusters, {1, 65536},
                 "Number of clusters; at most micro_clusters.");
  params.Integer("micro_clusters", options.micro_clusters, {2, 65536},
                 "Number of micro-clusters that they are made of.");
  params.Number("radius_factor", options.radius_factor, {0, 100, true, false},
                "Root mean squared deviations within which a record is part of a micro-cluster.");
  params.Integer("horizon", options.horizon, {1, 1e12},
                 "Records until a micro-cluster without new ones may be replaced.");
  clusters::DescribeRecluster(params, options.recluster_every);
  params.Integer("seed", options.seed, kNotNegative, "Of the choice of the first centres.");
}

Result<std::unique_ptr<Model>> MakeCluStream(const CluStreamOptions& options,
                                             const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(anomaly::CheckMake("clustream", options, inputs));
  if (options.clusters > options.micro_clusters) {
    return Status::Invalid("clustream: clusters is more than micro_clusters");
  }
  return std::unique_ptr<Model>(std::make_unique<CluStream>(options, inputs));
}

}  // namespace leat
