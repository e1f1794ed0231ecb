/// DenStream: small micro-clusters that fade, joined where they are near.
#include <algorithm>
#include <cmath>
#include <utility>

#include "models/calibration/logistic_filter.h"
#include "models/clusters/micro_clusters.h"

namespace leat {
namespace {

using clusters::Micro;

class DenStream final : public clusters::MicroClusterer {
 public:
  DenStream(const DenStreamOptions& options, const InputSpec& inputs)
      : MicroClusterer(inputs, options.max_micro_clusters, options.recluster_every),
        options_(options),
        fading_(options.half_life),
        least_(options.potential * options.core_weight),
        // A potential micro-cluster without new records needs no less to become too light
        // (equation 4.1 of the paper).
        check_every_(
            std::max(1.0, std::ceil(options.half_life * ensembles::Log2(least_ / (least_ - 1))))) {}

  void Save(StateWriter& out) const override {
    out.Section("denstream", 1);
    SaveMicro(out);
  }
  Status Load(StateReader& in) override {
    in.Section("denstream", 1);
    DenStream loaded(options_, inputs_);
    loaded.LoadMicro(in);
    if (!in.ok()) return in.status();
    *this = std::move(loaded);
    return Status::Ok();
  }
  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<DenStream>(options_, inputs_);
  }
  size_t MemoryBytes() const override { return sizeof *this + HeapBytes(); }

 private:
  void Take(const double* x, double weight) override {
    for (const uint32_t potential : {1u, 0u}) {
      const auto [m, squared] =
          Nearest(x, [&](size_t other) { return micro_[other].potential == potential; });
      if (m == micro_.size()) continue;
      Micro& micro = micro_[m];
      const double share = fading_.After(now() - micro.time);
      const double old = micro.weight * share, all = old + weight;
      const double spread = micro.spread * share + old / all * weight * squared;
      if (!(spread / all <= options_.radius * options_.radius)) continue;
      Move(m, x, weight / all);
      micro.weight = all;
      micro.spread = spread;
      micro.time = now();
      if (all > least_) micro.potential = 1;
      return;
    }
    if (micro_.size() == capacity()) {
      const size_t lightest = fading_.Lightest(micro_, now());
      Remove([lightest](size_t m) { return m == lightest; });
    }
    Begin(x, weight, Nearest(x, [](size_t) { return true; }).first);
    if (weight > least_) micro_.back().potential = 1;
  }

  void Tidy() override {
    if (std::fmod(now(), check_every_) != 0) return;
    Remove([this](size_t m) {
      const Micro& micro = micro_[m];
      const double weight = fading_.Now(micro, now());
      if (micro.potential == 1) return weight < least_;
      // What one would weigh that got a record just often enough (equation 4.2).
      const double age = now() - static_cast<double>(micro.born);
      const double lower =
          (fading_.After(age + check_every_) - 1) / (fading_.After(check_every_) - 1);
      return weight < lower;
    });
  }

  void Recluster() override {
    const auto core = [this](size_t m) {
      return micro_[m].potential == 1 && fading_.Now(micro_[m], now()) > options_.core_weight;
    };
    Connect(core, [&](size_t m, const auto& add) {
      if (!core(m)) return;
      for (size_t other = 0; other < micro_.size(); ++other) {
        if (micro_[other].potential == 0 || micro_[other].cluster >= 0) continue;
        if (std::sqrt(SquaredTo(centre(m), other)) <= options_.reach * options_.radius) add(other);
      }
    });
  }

  DenStreamOptions options_;
  clusters::Fading fading_;
  double least_;        ///< Weight of a potential micro-cluster.
  double check_every_;  ///< Records.
};

}  // namespace

void Describe(Params& params, DenStreamOptions& options) {
  params.Number("radius", options.radius, {1e-50, 1e50},
                "Largest root mean squared distance of a micro-cluster's records from its centre.");
  params.Number("core_weight", options.core_weight, {1, 1e9, true, false},
                "Weight beyond which a micro-cluster joins its neighbors to a cluster.");
  params.Number(
      "potential", options.potential, {0, 1, true, false},
      "Share of that weight beyond which one is no outlier; their product must exceed 1.");
  params.Number("reach", options.reach, {1, 10},
                "Radii within which the centre of one such neighbor lies from that of another.");
  clusters::DescribeFading(params, options.half_life);
  clusters::DescribeMost(params, options.max_micro_clusters);
  clusters::DescribeRecluster(params, options.recluster_every);
}

Result<std::unique_ptr<Model>> MakeDenStream(const DenStreamOptions& options,
                                             const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(anomaly::CheckMake("denstream", options, inputs));
  if (!(options.potential * options.core_weight > 1)) {
    return Status::Invalid("denstream: potential * core_weight must be above 1");
  }
  return std::unique_ptr<Model>(std::make_unique<DenStream>(options, inputs));
}

}  // namespace leat
