#include "leat/kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "models/clusters/points.h"
#include "models/heap_bytes.h"

namespace leat {
namespace {

constexpr uint64_t kSeedingDraws = 0x6b6d65616e73;  // names this component's random numbers

using clusters::Usable;

class StreamingKMeans final : public KMeans {
 public:
  StreamingKMeans(const KMeansOptions& options, const InputSpec& inputs)
      : options_(options),
        inputs_(inputs),
        size_(inputs.dense.size()),
        clusters_(static_cast<size_t>(options.clusters)),
        keep_(options.half_life > 0 ? std::exp2(-1 / options.half_life) : 1.0) {
    if (!options.initial_centres.empty()) Start(options.initial_centres);
  }

  Task task() const override { return Task::kClustering; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.resize(counts_.size());
    for (size_t c = 0; c < out.size(); ++c) out[c] = SquaredDistance(input.dense.data(), c);
  }

  void Learn(const Input& input, double, double weight) override {
    bool any = false;
    for (size_t i = 0; i < size_; ++i) any = any || Usable(input.dense[i]);
    if (!any || !(weight > 0 && weight <= 1e50)) {
      ++skipped_;
      return;
    }
    ++records_;
    if (!counts_.empty() && options_.batch == 1) return Move(input.dense.data(), weight);
    MakeRoom();
    buffer_.insert(buffer_.end(), input.dense.begin(), input.dense.begin() + size_);
    buffer_weights_.push_back(weight);
    if (buffer_weights_.size() < MostWaiting()) return;
    counts_.empty() ? Seed() : MoveBatch();
  }

  void Save(StateWriter& out) const override {
    out.Section("kmeans", 1);
    out.U64(records_);
    out.U64(skipped_);
    out.U64(moves_);
    out.U64(reseeded_);
    out.Array(centres_);
    out.Array(counts_);
    out.Array(last_win_);
    out.F64(distance_sum_);
    out.F64(distance_weight_);
    out.Array(buffer_);
    out.Array(buffer_weights_);
  }

  Status Load(StateReader& in) override {
    in.Section("kmeans", 1);
    StreamingKMeans loaded(options_, inputs_);
    loaded.records_ = in.U64();
    loaded.skipped_ = in.U64();
    loaded.moves_ = in.U64();
    loaded.reseeded_ = in.U64();
    in.Array(loaded.centres_);
    in.Array(loaded.counts_);
    in.Array(loaded.last_win_);
    loaded.distance_sum_ = in.F64();
    loaded.distance_weight_ = in.F64();
    in.Array(loaded.buffer_);
    in.Array(loaded.buffer_weights_);
    if (!in.ok()) return in.status();
    const size_t k = loaded.counts_.size();
    bool good = (k == 0 || k == clusters_) && loaded.last_win_.size() == k &&
                loaded.centres_.size() == k * size_ &&
                loaded.buffer_.size() == loaded.buffer_weights_.size() * size_ &&
                loaded.buffer_weights_.size() < loaded.MostWaiting();
    for (const auto* part : {&loaded.centres_, &loaded.counts_, &loaded.buffer_weights_}) {
      for (const double v : *part) good = good && std::isfinite(v);
    }
    good = good && std::isfinite(loaded.distance_sum_) && std::isfinite(loaded.distance_weight_);
    if (!good) in.Fail("the state of k-means does not fit");
    if (!in.ok()) return in.status();
    if (!loaded.buffer_.empty() || (k > 0 && options_.batch > 1)) loaded.MakeRoom();
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<StreamingKMeans>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytesOf(inputs_) + 3 * kAllocation +
           sizeof(double) * (centres_.capacity() + counts_.capacity() + last_win_.capacity() +
                             buffer_.capacity() + buffer_weights_.capacity());
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return {{"records", std::to_string(records_)},
            {"skipped", std::to_string(skipped_)},
            {"centres", std::to_string(counts_.size())},
            {"reseeded", std::to_string(reseeded_)},
            {"mean_distance", std::to_string(MeanDistance())}};
  }

  const std::vector<double>& centres() const override { return centres_; }
  int64_t Nearest(const Input& input) const override {
    return counts_.empty() ? -1 : static_cast<int64_t>(Closest(input.dense.data()).first);
  }
  double AnomalyScore(const Input& input) const override {
    const double usual = MeanDistance();
    if (counts_.empty() || !(usual > 0)) return 0;
    const double score = std::sqrt(Closest(input.dense.data()).second) / usual;
    return std::min(score, std::numeric_limits<double>::max());
  }

 private:
  double MeanDistance() const {
    return distance_weight_ > 0 ? distance_sum_ / distance_weight_ : 0.0;
  }

  double SquaredDistance(const double* x, size_t c) const {
    return clusters::SquaredDistance(x, centres_.data() + c * size_, size_);
  }

  std::pair<size_t, double> Closest(const double* x) const {
    size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (size_t c = 0; c < counts_.size(); ++c) {
      const double distance = SquaredDistance(x, c);
      if (distance < least) {
        least = distance;
        best = c;
      }
    }
    return {best, least};
  }

  void Start(const std::vector<double>& centres) {
    centres_ = std::vector<double>(centres.begin(), centres.end());  // No room for more.
    counts_.assign(clusters_, 0.0);
    last_win_.assign(clusters_, moves_);
    if (options_.batch > 1) MakeRoom();
  }

  /// Records that wait: for seeding, later for their batch.
  size_t MostWaiting() const {
    return static_cast<size_t>(counts_.empty() ? options_.seed_buffer : options_.batch);
  }

  void MakeRoom() {
    buffer_.reserve(MostWaiting() * size_);
    buffer_weights_.reserve(MostWaiting());
  }

  /// The first centres are buffered records. Then the buffer is learnt.
  void Seed() {
    const std::vector<double> points = std::exchange(buffer_, {});
    const std::vector<double> weights = std::exchange(buffer_weights_, {});
    CounterRandom random(static_cast<uint64_t>(options_.seed), kSeedingDraws);
    std::vector<double> centres = clusters::ChooseSeeds(random, points, weights, size_, clusters_);
    FillMissing(points, centres);
    Start(centres);
    for (size_t p = 0; p < weights.size(); ++p) Move(points.data() + p * size_, weights[p]);
  }

  /// A seed's missing coordinates become the mean over the buffer (0 if it has none).
  void FillMissing(const std::vector<double>& points, std::vector<double>& centres) const {
    for (size_t i = 0; i < size_; ++i) {
      double mean = 0, n = 0;
      for (size_t at = i; at < points.size(); at += size_) {
        if (Usable(points[at])) mean += (points[at] - mean) / ++n;
      }
      for (size_t at = i; at < centres.size(); at += size_) {
        if (!Usable(centres[at])) centres[at] = mean;
      }
    }
  }

  void Move(const double* x, double weight) {
    const auto [c, squared] = Closest(x);
    MoveTo(x, weight, c, squared);
  }
  /// Nearest centres of all first, then the steps.
  void MoveBatch() {
    std::vector<std::pair<size_t, double>> nearest;
    nearest.reserve(buffer_weights_.size());
    for (size_t p = 0; p < buffer_weights_.size(); ++p) {
      nearest.push_back(Closest(buffer_.data() + p * size_));
    }
    for (size_t p = 0; p < nearest.size(); ++p) {
      MoveTo(buffer_.data() + p * size_, buffer_weights_[p], nearest[p].first, nearest[p].second);
    }
    buffer_.clear();
    buffer_weights_.clear();
  }

  void MoveTo(const double* x, double weight, size_t c, double squared) {
    ++moves_;
    for (double& count : counts_) count *= keep_;
    const double distance = std::sqrt(squared);
    const double usual = MeanDistance();
    distance_sum_ = distance_sum_ * keep_ + weight * distance;
    distance_weight_ = distance_weight_ * keep_ + weight;
    if (distance > usual) {
      const size_t dead = Dead();
      if (dead < counts_.size()) {
        for (size_t i = 0; i < size_; ++i) {
          // What the record lacks is taken over from the centre that it was nearest to.
          centres_[dead * size_ + i] = Usable(x[i]) ? x[i] : centres_[c * size_ + i];
        }
        counts_[dead] = weight;
        last_win_[dead] = moves_;
        ++reseeded_;
        return;
      }
    }
    last_win_[c] = moves_;
    counts_[c] += weight;
    const double step = options_.rate > 0 ? ConstantStep(weight) : weight / counts_[c];
    double* centre = centres_.data() + c * size_;
    for (size_t i = 0; i < size_; ++i) {
      if (Usable(x[i])) centre[i] += step * (x[i] - centre[i]);
    }
  }
  double ConstantStep(double weight) const {
    return weight == 1 ? options_.rate : 1 - std::pow(1 - options_.rate, weight);
  }

  /// The centre that has waited longest, if any has waited too long; else the number of centres.
  size_t Dead() const {
    if (options_.reseed_after == 0) return counts_.size();
    const auto oldest = std::min_element(last_win_.begin(), last_win_.end());
    if (moves_ - *oldest <= static_cast<uint64_t>(options_.reseed_after)) return counts_.size();
    return static_cast<size_t>(oldest - last_win_.begin());
  }

  KMeansOptions options_;
  InputSpec inputs_;
  size_t size_;
  size_t clusters_;
  double keep_;  // share of a count that is left after one record
  std::vector<double> centres_;
  std::vector<double> counts_;      // decayed weight of each centre; empty until they exist
  std::vector<uint64_t> last_win_;  // by centre, in moves
  double distance_sum_ = 0, distance_weight_ = 0;
  uint64_t records_ = 0, skipped_ = 0, moves_ = 0, reseeded_ = 0;
  std::vector<double> buffer_, buffer_weights_;
};

}  // namespace

void Describe(Params& params, KMeansOptions& options) {
  params.Integer("clusters", options.clusters, {1, 65536}, "Number of centres.");
  params.Number("rate", options.rate, kFraction,
                "Constant share of the way that the nearest centre moves towards a record; 0: a "
                "centre is the (decayed) mean of its records.");
  params.Number("half_life", options.half_life, kNotNegative,
                "Records until an old record counts half; 0: never. Not together with rate.");
  params.Integer("seed_buffer", options.seed_buffer, {1, 1e6},
                 "Records that the first centres are chosen from; at least as many as clusters.");
  params.Integer("reseed_after", options.reseed_after, kNotNegative,
                 "Records without being nearest until a centre is moved elsewhere; 0: never.");
  params.Integer("seed", options.seed, kNotNegative, "Of the choice of the first centres.");
  if (!params.Wants(options.batch > 1)) return;
  params.Integer("batch", options.batch, {1, 1e6},
                 "Records whose nearest centres are found before any of them moves one.");
}

Result<std::unique_ptr<Model>> MakeKMeans(const KMeansOptions& options, const InputSpec& inputs) {
  if (inputs.sparse_size > 0) return Status::Invalid("kmeans reads no sparse features");
  if (inputs.dense.empty()) return Status::Invalid("kmeans needs at least one number");
  for (const DenseAttribute& attribute : inputs.dense) {
    if (attribute.nominal) {
      return Status::Invalid("kmeans cannot measure distances in the nominal feature '" +
                             attribute.name + "'");
    }
  }
  if (options.clusters < 1 || options.clusters > 65536 || !(options.rate >= 0) ||
      options.rate > 1 || !(options.half_life >= 0) || std::isinf(options.half_life) ||
      options.reseed_after < 0 || options.seed < 0 || options.batch < 1 ||
      options.batch > 1'000'000) {
    return Status::Invalid("an option of kmeans is out of its range");
  }
  if (options.rate > 0 && options.half_life > 0) {
    return Status::Invalid("kmeans takes rate or half_life, not both");
  }
  if (options.seed_buffer < options.clusters || options.seed_buffer > 1'000'000) {
    return Status::Invalid("seed_buffer must be at least clusters, and at most a million");
  }
  if (!options.initial_centres.empty()) {
    if (options.initial_centres.size() !=
        static_cast<size_t>(options.clusters) * inputs.dense.size()) {
      return Status::Invalid("initial_centres must hold one row of inputs for each cluster");
    }
    for (const double x : options.initial_centres) {
      if (!Usable(x)) return Status::Invalid("initial_centres must be finite numbers");
    }
  }
  return std::unique_ptr<Model>(std::make_unique<StreamingKMeans>(options, inputs));
}

}  // namespace leat
