#include <algorithm>

#include "drift/simple.h"
#include "drift/validate.h"
#include "leat/detectors.h"

namespace leat {
namespace {

class Seed {
 public:
  static constexpr std::string_view kName = "seed";
  static constexpr bool kRestarts = false;

  explicit Seed(const SeedOptions& options) : options_(options) {}

  static bool Takes(double x) { return drift::IsModerate(x); }

  DriftState Step(double x) {
    if (sizes_.empty() || open_ == 0) {
      if (static_cast<int64_t>(sizes_.size()) >= options_.max_blocks) Merge(0);
      sizes_.push_back(0), sums_.push_back(0), squares_.push_back(0);
    }
    const double n = sizes_.back(), mean = n > 0 ? sums_.back() / n : x;
    sizes_.back() += 1;
    sums_.back() += x;
    squares_.back() += n / (n + 1) * (x - mean) * (x - mean);
    if (++open_ < options_.block) return DriftState::kStable;
    open_ = 0;
    if (++blocks_ % options_.compress_every == 0) Compress();
    return Test() ? DriftState::kDrift : DriftState::kStable;
  }

  DriftDetector::Evidence evidence() const {
    double n = 0, sum = 0;
    for (size_t b = 0; b < sizes_.size(); ++b) n += sizes_[b], sum += sums_[b];
    return {statistic_, threshold_, before_, n > 0 ? sum / n : drift::kNone};
  }

  void Visit(auto& v) {
    v(sizes_), v(sums_), v(squares_), v(open_), v(blocks_), v(compressions_);
    v(statistic_), v(threshold_), v(before_);
  }
  bool Sound() const {
    bool good = sizes_.size() == sums_.size() && sizes_.size() == squares_.size() &&
                static_cast<int64_t>(sizes_.size()) <= options_.max_blocks && open_ >= 0 &&
                open_ < options_.block && blocks_ >= 0 && compressions_ >= 0 &&
                (open_ == 0 || !sizes_.empty());
    for (size_t b = 0; b < sizes_.size() && good; ++b) good = sizes_[b] > 0;
    return good;
  }
  size_t Bytes() const {
    return (sizes_.capacity() + sums_.capacity() + squares_.capacity()) * sizeof(double);
  }

 private:
  /// Block b takes in the one after it.
  void Merge(size_t b) {
    const double n = sizes_[b], m = sizes_[b + 1];
    const double d = sums_[b] / n - sums_[b + 1] / m;
    squares_[b] += squares_[b + 1] + d * d * n * m / (n + m);
    sums_[b] += sums_[b + 1];
    sizes_[b] += m;
    const auto at = static_cast<int64_t>(b) + 1;
    sizes_.erase(sizes_.begin() + at);
    sums_.erase(sums_.begin() + at);
    squares_.erase(squares_.begin() + at);
  }
  /// Borders between blocks whose means hardly differ are no candidates for a change.
  void Compress() {
    const double near =
        options_.epsilon * (1 + options_.growth * static_cast<double>(compressions_++));
    for (size_t b = 0; b + 1 < sizes_.size();) {
      if (std::fabs(sums_[b] / sizes_[b] - sums_[b + 1] / sizes_[b + 1]) < near) {
        Merge(b);
      } else {
        ++b;
      }
    }
  }
  bool Test() {
    double n = 0, sum = 0;
    for (size_t b = 0; b < sizes_.size(); ++b) n += sizes_[b], sum += sums_[b];
    const double mean = sum / n;
    double squares = 0;
    for (size_t b = 0; b < sizes_.size(); ++b) {
      const double d = sums_[b] / sizes_[b] - mean;
      squares += squares_[b] + sizes_[b] * d * d;
    }
    const double variance = squares / n;
    const double dd = std::log(2 * std::log(std::max(n, 3.0)) / options_.delta);
    double n0 = 0, sum0 = 0;
    for (size_t b = 0; b + 1 < sizes_.size(); ++b) {
      n0 += sizes_[b];
      sum0 += sums_[b];
      const double n1 = n - n0;
      const double m = 1 / n0 + 1 / n1;
      const double bound = std::sqrt(2 * m * variance * dd) + 2.0 / 3.0 * dd * m;
      const double difference = std::fabs(sum0 / n0 - (sum - sum0) / n1);
      if (!(difference > bound)) continue;
      statistic_ = difference;
      threshold_ = bound;
      before_ = sum0 / n0;
      const auto cut = static_cast<int64_t>(b) + 1;
      sizes_.erase(sizes_.begin(), sizes_.begin() + cut);
      sums_.erase(sums_.begin(), sums_.begin() + cut);
      squares_.erase(squares_.begin(), squares_.begin() + cut);
      compressions_ = 0;
      return true;
    }
    return false;
  }

  SeedOptions options_;
  std::vector<double> sizes_;    ///< Blocks, oldest first: how many values,
  std::vector<double> sums_;     ///< their sum,
  std::vector<double> squares_;  ///< and their squared deviations.
  int64_t open_ = 0;             ///< Values in the block that is being filled.
  int64_t blocks_ = 0;           ///< Blocks filled so far.
  int64_t compressions_ = 0;     ///< Since the last change.
  double statistic_ = 0;
  double threshold_ = 0;
  double before_ = 0;
};

}  // namespace

void Describe(Params& params, SeedOptions& options) {
  params.Number("delta", options.delta, kOpenFraction,
                "confidence: the chance of a false alarm that one test may have");
  params.Integer("block", options.block, {1, 1e6}, "values of a block; tests are at its end");
  params.Integer("compress_every", options.compress_every, {1, 1e9},
                 "blocks between two merges of blocks that are alike");
  params.Number("epsilon", options.epsilon, kNotNegative,
                "neighbouring blocks whose means differ by less are alike");
  params.Number("growth", options.growth, kNotNegative,
                "share by which `epsilon` grows at each merge since the last change");
  params.Integer("max_blocks", options.max_blocks, {2, 1e6},
                 "blocks kept at most; then the oldest two become one");
}

Result<std::unique_ptr<DriftDetector>> MakeSeed(const SeedOptions& options) {
  LEAT_RETURN_IF_ERROR(ValidateOptions("seed", options));
  return std::unique_ptr<DriftDetector>(
      std::make_unique<drift::SimpleDetector<Seed, SeedOptions>>(options));
}

}  // namespace leat
