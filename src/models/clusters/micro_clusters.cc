#include "models/clusters/micro_clusters.h"

#include <algorithm>

namespace leat::clusters {
namespace {

/// Sums of squared distances of values up to 1e100, with weights up to 1e50 a record, stay below.
constexpr double kLargestWeight = 1e75, kLargestSpread = 1e300;

}  // namespace

MicroClusterer::MicroClusterer(const InputSpec& inputs, int64_t capacity, int64_t recluster_every)
    : inputs_(inputs),
      size_(inputs.dense.size()),
      capacity_(static_cast<size_t>(capacity)),
      recluster_every_(static_cast<uint64_t>(recluster_every)) {
  micro_.reserve(capacity_);
  centres_.reserve(capacity_ * size_);
}

void MicroClusterer::Predict(const Input& input, std::vector<double>& out) const {
  out.clear();
  if (input.dense.size() < size_) return;
  out.resize(clusters_, std::numeric_limits<double>::max());
  for (size_t m = 0; m < micro_.size(); ++m) {
    if (micro_[m].cluster < 0) continue;
    double& nearest = out[static_cast<size_t>(micro_[m].cluster)];
    nearest = std::min(nearest, SquaredTo(input.dense.data(), m));
  }
}

void MicroClusterer::Learn(const Input& input, double, double weight) {
  bool any = false;
  for (size_t i = 0; i < std::min(size_, input.dense.size()); ++i) {
    any = any || Usable(input.dense[i]);
  }
  if (!any || input.dense.size() < size_ || !(weight > 0 && weight <= 1e50)) {
    ++skipped_;
    return;
  }
  Take(input.dense.data(), weight);
  ++records_;
  Tidy();
  if (records_ % recluster_every_ == 0 || lost_) Recluster();
  lost_ = false;
}

void MicroClusterer::Move(size_t m, const double* x, double share) {
  double* const centre = centres_.data() + m * size_;
  for (size_t i = 0; i < size_; ++i) {
    if (Usable(x[i])) centre[i] += share * (x[i] - centre[i]);
  }
}

void MicroClusterer::Begin(const double* x, double weight, size_t like) {
  const bool has_like = like < micro_.size();
  for (size_t i = 0; i < size_; ++i) {
    const double instead = has_like ? centres_[like * size_ + i] : 0.0;
    centres_.push_back(Usable(x[i]) ? x[i] : instead);
  }
  Micro micro;
  micro.weight = weight;
  micro.time = now();
  micro.born = records_;
  micro_.push_back(micro);
}

std::vector<std::pair<std::string, std::string>> MicroClusterer::Summary() const {
  return {{"records", std::to_string(records_)},
          {"skipped", std::to_string(skipped_)},
          {"micro_clusters", std::to_string(micro_.size())},
          {"clusters", std::to_string(clusters_)}};
}

void MicroClusterer::SaveMicro(StateWriter& out) const {
  out.U64(records_);
  out.U64(skipped_);
  out.U64(clusters_);
  out.Array(centres_);
  out.Array(micro_);
}

void MicroClusterer::LoadMicro(StateReader& in) {
  records_ = in.U64();
  skipped_ = in.U64();
  clusters_ = in.U64();
  std::vector<double> centres;
  std::vector<Micro> micro;
  in.Array(centres);
  in.Array(micro);
  const auto within = [](double x, double largest) { return x >= 0 && x <= largest; };
  bool good =
      micro.size() <= capacity_ && centres.size() == micro.size() * size_ && clusters_ <= capacity_;
  for (const double x : centres) good = good && Usable(x);
  for (size_t m = 0; m < micro.size(); ++m) {
    const Micro& one = micro[m];
    good = good && one.weight > 0 && one.weight <= kLargestWeight &&
           within(one.spread, kLargestSpread) && within(one.time, now()) &&
           within(one.time_spread, kLargestSpread) && one.potential <= 1 && one.cluster >= -1 &&
           one.cluster < static_cast<int64_t>(clusters_) && one.born < records_ &&
           (m == 0 || one.born > micro[m - 1].born);
  }
  if (in.ok() && !good) in.Fail("the micro-clusters do not fit");
  if (!in.ok()) return;
  micro_.assign(micro.begin(), micro.end());
  centres_.assign(centres.begin(), centres.end());
}

size_t MicroClusterer::HeapBytes() const {
  return sizeof(Micro) * micro_.capacity() + sizeof(double) * centres_.capacity() +
         sizeof(DenseAttribute) * inputs_.dense.capacity() + sizeof(size_t) * waiting_.capacity();
}

void DescribeFading(Params& params, double& half_life) {
  params.Number("half_life", half_life, {1, 1e12}, "Records until an old record counts half.");
}
void DescribeMost(Params& params, int64_t& max_micro_clusters) {
  params.Integer("max_micro_clusters", max_micro_clusters, {2, 65536},
                 "Bound of their number: beyond it the lightest goes.");
}
void DescribeRecluster(Params& params, int64_t& recluster_every) {
  params.Integer("recluster_every", recluster_every, {1, 1e12},
                 "Records between two times that micro-clusters are put together to clusters.");
}

}  // namespace leat::clusters
