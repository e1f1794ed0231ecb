/// DBSTREAM: micro-clusters of a fixed radius, joined by the weight that they share.
#include <algorithm>
#include <cmath>
#include <utility>

#include "models/clusters/micro_clusters.h"

namespace leat {
namespace {

using clusters::Micro;

/// Two micro-clusters by their names, the older first. Saved as it is: no padding.
struct Shared {
  uint64_t older, newer;
  double weight;  ///< As of `time`.
  double time;
};
bool Before(const Shared& a, const Shared& b) {
  return a.older != b.older ? a.older < b.older : a.newer < b.newer;
}

class DbStream final : public clusters::MicroClusterer {
 public:
  DbStream(const DbStreamOptions& options, const InputSpec& inputs)
      : MicroClusterer(inputs, options.max_micro_clusters, options.recluster_every),
        options_(options),
        fading_(options.half_life),
        weak_(fading_.After(static_cast<double>(options.cleanup_every))) {}

  void Save(StateWriter& out) const override {
    out.Section("dbstream", 1);
    SaveMicro(out);
    out.Array(shared_);
  }
  Status Load(StateReader& in) override {
    in.Section("dbstream", 1);
    DbStream loaded(options_, inputs_);
    loaded.LoadMicro(in);
    in.Array(loaded.shared_);
    bool good = true;
    for (size_t i = 0; i < loaded.shared_.size(); ++i) {
      const Shared& s = loaded.shared_[i];
      good = good && s.weight > 0 && s.weight <= 1e75 && s.time >= 0 && s.time <= loaded.now() &&
             loaded.Find(s.older) < loaded.Find(s.newer) &&
             loaded.Find(s.newer) < loaded.micro_.size() &&
             (i == 0 || Before(loaded.shared_[i - 1], s));
    }
    if (in.ok() && !good) in.Fail("the shared weights of DBSTREAM do not fit");
    if (!in.ok()) return in.status();
    *this = std::move(loaded);
    return Status::Ok();
  }
  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<DbStream>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytes() + sizeof(Shared) * shared_.capacity() +
           sizeof(double) * before_.capacity() + sizeof(size_t) * around_.capacity() +
           sizeof(size_t) * (first_.capacity() + connected_.capacity());
  }

 private:
  void Take(const double* x, double weight) override {
    around_.clear();
    for (size_t m = 0; m < micro_.size(); ++m) {
      if (std::sqrt(SquaredTo(x, m)) < options_.radius) around_.push_back(m);
    }
    if (around_.empty()) {
      if (micro_.size() == capacity()) {
        const size_t lightest = fading_.Lightest(micro_, now());
        RemoveMicro([lightest](size_t m) { return m == lightest; });
      }
      return Begin(x, weight, Nearest(x, [](size_t) { return true; }).first);
    }
    const double sigma = options_.radius / 3;
    before_.clear();
    for (const size_t m : around_) {
      before_.insert(before_.end(), centre(m), centre(m) + size_);
      const double squared = SquaredTo(x, m);
      micro_[m].weight = fading_.Now(micro_[m], now()) + weight;
      micro_[m].time = now();
      Move(m, x, Exp(-squared / (2 * (sigma * sigma))));
    }
    for (size_t a = 0; a < around_.size(); ++a) {
      for (size_t b = a + 1; b < around_.size(); ++b) {
        Share(micro_[around_[a]].born, micro_[around_[b]].born, weight);
      }
    }
    for (size_t a = 0; a < around_.size(); ++a) {
      for (size_t b = a + 1; b < around_.size(); ++b) {
        if (std::sqrt(SquaredTo(centre(around_[a]), around_[b])) >= options_.radius) continue;
        PutBack(a);
        PutBack(b);
      }
    }
  }
  void PutBack(size_t a) {
    std::copy_n(before_.begin() + static_cast<ptrdiff_t>(a * size_), size_,
                centres_.begin() + static_cast<ptrdiff_t>(around_[a] * size_));
  }
  void Share(uint64_t older, uint64_t newer, double weight) {
    const Shared fresh = {older, newer, weight, now()};
    const auto at = std::lower_bound(shared_.begin(), shared_.end(), fresh, Before);
    if (at == shared_.end() || Before(fresh, *at)) {
      shared_.insert(at, fresh);
      return;
    }
    at->weight = at->weight * fading_.After(now() - at->time) + weight;
    at->time = now();
  }

  void Tidy() override {
    if (records_ % static_cast<uint64_t>(options_.cleanup_every) != 0) return;
    RemoveMicro([this](size_t m) { return fading_.Now(micro_[m], now()) < weak_; });
    std::erase_if(shared_, [this](const Shared& s) {
      return s.weight * fading_.After(now() - s.time) < options_.intersection * weak_;
    });
  }
  template <typename Goes>
  void RemoveMicro(const Goes& goes) {
    const size_t had = micro_.size();
    Remove(goes);
    if (micro_.size() == had) return;
    std::erase_if(shared_, [this](const Shared& s) {
      return Find(s.older) == micro_.size() || Find(s.newer) == micro_.size();
    });
  }
  /// The micro-cluster of that name, or micro_.size().
  size_t Find(uint64_t born) const {
    const auto at = std::lower_bound(micro_.begin(), micro_.end(), born,
                                     [](const Micro& m, uint64_t name) { return m.born < name; });
    return at == micro_.end() || at->born != born ? micro_.size()
                                                  : static_cast<size_t>(at - micro_.begin());
  }

  void Recluster() override {
    // Who is connected to whom, one micro-cluster after the other.
    first_.assign(micro_.size() + 1, 0);
    const auto for_each = [this](const auto& visit) {
      for (const Shared& s : shared_) {
        const size_t a = Find(s.older), b = Find(s.newer);
        const double one = micro_[a].weight, other = micro_[b].weight;
        if (one <= options_.minimum_weight || other <= options_.minimum_weight) continue;
        if (!(s.weight / ((one + other) / 2) > options_.intersection)) continue;
        visit(a, b);
        if (!options_.one_way) visit(b, a);
      }
    };
    for_each([this](size_t a, size_t) { ++first_[a + 1]; });
    for (size_t m = 0; m < micro_.size(); ++m) first_[m + 1] += first_[m];
    connected_.resize(first_.back());
    for_each([this](size_t a, size_t b) { connected_[first_[a]++] = b; });
    // Each place now holds where the next one starts.
    Connect([this](size_t m) { return micro_[m].weight >= options_.minimum_weight; },
            [this](size_t m, const auto& add) {
              for (size_t i = m == 0 ? 0 : first_[m - 1]; i < first_[m]; ++i) add(connected_[i]);
            });
  }

  DbStreamOptions options_;
  clusters::Fading fading_;
  double weak_;                 ///< What is lighter goes.
  std::vector<Shared> shared_;  ///< In the order of their names.
  std::vector<size_t> around_;  ///< Micro-clusters that the record lies in,
  std::vector<double> before_;  ///< and where they were.
  std::vector<size_t> first_, connected_;
};

}  // namespace

void Describe(Params& params, DbStreamOptions& options) {
  params.Number("radius", options.radius, {1e-50, 1e50},
                "How far from a micro-cluster's centre records belong to it.");
  clusters::DescribeFading(params, options.half_life);
  params.Integer("cleanup_every", options.cleanup_every, {1, 1e12},
                 "Records between two looks for micro-clusters that are too light to stay.");
  params.Number("intersection", options.intersection, {0, 1, true, false},
                "Share of their weight that two micro-clusters must have in common to be joined.");
  params.Number("minimum_weight", options.minimum_weight, {0, 1e9},
                "Weight that a micro-cluster needs to be part of a cluster.");
  clusters::DescribeMost(params, options.max_micro_clusters);
  clusters::DescribeRecluster(params, options.recluster_every);
}

Result<std::unique_ptr<Model>> MakeDbStream(const DbStreamOptions& options,
                                            const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(anomaly::CheckMake("dbstream", options, inputs));
  return std::unique_ptr<Model>(std::make_unique<DbStream>(options, inputs));
}

}  // namespace leat
