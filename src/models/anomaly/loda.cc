/// LODA: densities of the last window along random sparse projections.
#include <cmath>
#include <utility>

#include "base/random.h"
#include "leat/anomaly.h"
#include "models/anomaly/window.h"
#include "models/ensembles/fast_math.h"

namespace leat {
namespace {

constexpr uint64_t kProjectionDraws = 0x6c6f6461;  // Names this component's random numbers.

class Loda final : public anomaly::WindowDetector {
 public:
  Loda(const LodaOptions& options, const InputSpec& inputs)
      : WindowDetector(inputs, options.window),
        options_(options),
        projections_(static_cast<size_t>(options.projections)),
        bins_(static_cast<size_t>(options.bins)),
        inputs_of_each_(static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(size_))))),
        usual_(size_) {
    // A pure function of the options: not part of the state.
    terms_.reserve(projections_ * inputs_of_each_);
    std::vector<uint32_t> attributes(size_);
    for (size_t p = 0; p < projections_; ++p) {
      CounterRandom random(static_cast<uint64_t>(options.seed), kProjectionDraws, p << 32);
      for (size_t i = 0; i < size_; ++i) attributes[i] = static_cast<uint32_t>(i);
      for (size_t i = 0; i < inputs_of_each_; ++i) {
        std::swap(attributes[i], attributes[i + random.Below(size_ - i)]);
        terms_.push_back({random.Normal(), attributes[i]});
      }
    }
  }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.clear();
    if (ranges_.empty() || input.dense.size() < size_) return;
    out.push_back(MeanSurprise(input.dense.data()) - usual_surprise_);
  }

  void Save(StateWriter& out) const override {
    out.Section("loda", 1);
    SaveWindow(out);
    out.Array(usual_);
    out.Array(ranges_);
    out.Array(surprise_);
    out.F64(usual_surprise_);
  }

  Status Load(StateReader& in) override {
    in.Section("loda", 1);
    Loda loaded(options_, inputs_);
    loaded.LoadWindow(in);
    anomaly::LoadUsual(in, loaded.usual_, size_);
    in.Array(loaded.ranges_);
    in.Array(loaded.surprise_);
    loaded.usual_surprise_ = in.F64();
    bool good = (loaded.ranges_.empty() || loaded.ranges_.size() == projections_) &&
                loaded.surprise_.size() == loaded.ranges_.size() * (bins_ + 1) &&
                std::isfinite(loaded.usual_surprise_);
    for (const Range& r : loaded.ranges_) {
      good = good && std::isfinite(r.low) && r.width > 0 && std::isfinite(r.width);
    }
    for (const double s : loaded.surprise_) good = good && std::isfinite(s);
    if (in.ok() && !good) in.Fail("the state of LODA does not fit");
    if (!in.ok()) return in.status();
    *this = std::move(loaded);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Loda>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + window_.HeapBytes() + sizeof(anomaly::Usual) * usual_.capacity() +
           sizeof(Term) * terms_.capacity() + sizeof(Range) * ranges_.capacity() +
           sizeof(double) * surprise_.capacity();
  }

 private:
  struct Term {
    double factor;
    uint64_t attribute;
  };
  struct Range {
    double low = 0, width = 1;  ///< Of the first bin, and of each.
  };

  /// NaN if it needs a missing value.
  double Project(size_t projection, const double* scaled) const {
    const Term* term = terms_.data() + projection * inputs_of_each_;
    double sum = 0;
    for (size_t i = 0; i < inputs_of_each_; ++i, ++term)
      sum += term->factor * scaled[term->attribute];
    return sum;
  }
  /// Values in units of their usual range; NaN for missing ones. Lives until the next call.
  const double* Scaled(const double* x) const {
    thread_local std::vector<double> scaled;
    scaled.resize(size_);
    for (size_t i = 0; i < size_; ++i) {
      const anomaly::Usual& usual = usual_[i];
      scaled[i] = anomaly::Usable(x[i]) ? (x[i] - usual.median) / (usual.high - usual.low)
                                        : std::numeric_limits<double>::quiet_NaN();
    }
    return scaled.data();
  }

  /// The bin of a projected value, `bins_` outside of them all.
  size_t Bin(const Range& range, double z) const {
    const double at = (z - range.low) / range.width;
    return at >= 0 && at < static_cast<double>(bins_) ? static_cast<size_t>(at) : bins_;
  }

  /// What is usual, if every projection misses something.
  double MeanSurprise(const double* x) const {
    double sum = 0, n = 0;
    const double* scaled = Scaled(x);
    for (size_t p = 0; p < projections_; ++p) {
      const double z = Project(p, scaled);
      if (std::isnan(z)) continue;
      sum += surprise_[p * (bins_ + 1) + Bin(ranges_[p], z)];
      ++n;
    }
    return n > 0 ? sum / n : usual_surprise_;
  }

  void Build() override {
    thread_local std::vector<double> values, ordered, counts, projected;
    for (size_t i = 0; i < size_; ++i) {
      window_.Column(i, values);
      usual_[i].Fit(values, 0.05);
    }
    ranges_.resize(projections_);
    surprise_.resize(projections_ * (bins_ + 1));
    projected.resize(projections_ * window_.size());
    for (size_t r = 0; r < window_.size(); ++r) {
      const double* scaled = Scaled(window_.row(r));
      for (size_t p = 0; p < projections_; ++p) {
        projected[p * window_.size() + r] = Project(p, scaled);
      }
    }
    double usual_sum = 0, usual_projections = 0;
    for (size_t p = 0; p < projections_; ++p) {
      values.clear();
      for (size_t r = 0; r < window_.size(); ++r) {
        const double z = projected[p * window_.size() + r];
        if (!std::isnan(z)) values.push_back(z);
      }
      Range& range = ranges_[p];
      anomaly::Usual span;
      ordered = values;
      span.Fit(ordered, 0.02);
      const double length = 2 * (span.high - span.low);
      range = {span.low - 0.25 * length, length / static_cast<double>(bins_)};
      counts.assign(bins_ + 1, 0.5);
      for (const double z : values) counts[Bin(range, z)] += 1;
      const double outside = counts[bins_] - 0.5;
      // What is outside has half a record for the width of a bin, however many there were.
      counts[bins_] = 0.5;
      const double all = static_cast<double>(values.size()) + 0.5 * static_cast<double>(bins_ + 1);
      for (size_t b = 0; b <= bins_; ++b) {
        const double surprise =
            -0.6931471805599453 * ensembles::Log2(counts[b] / all / range.width);
        surprise_[p * (bins_ + 1) + b] = surprise;
        if (values.empty()) continue;
        const double records = b < bins_ ? counts[b] - 0.5 : outside;
        usual_sum += records * surprise / static_cast<double>(values.size());
      }
      usual_projections += values.empty() ? 0 : 1;
    }
    usual_surprise_ = usual_projections > 0 ? usual_sum / usual_projections : 0;
  }

  LodaOptions options_;
  size_t projections_, bins_, inputs_of_each_;
  std::vector<Term> terms_;  ///< Projection after projection.
  std::vector<anomaly::Usual> usual_;
  std::vector<Range> ranges_;     ///< By projection; empty before the first full window.
  std::vector<double> surprise_;  ///< Minus log-density, by projection and bin, and outside.
  double usual_surprise_ = 0;
};

}  // namespace

void Describe(Params& params, LodaOptions& options) {
  params.Integer("projections", options.projections, {1, 10'000}, "Number of random projections.");
  params.Integer("histogram_bins", options.bins, {2, 1000}, "Bins of a histogram.");
  params.Integer("window", options.window, {10, 100'000},
                 "Records of a reference window; scores compare with the last full one.");
  params.Integer("seed", options.seed, kNotNegative, "Of the projections.");
}

Result<std::unique_ptr<Model>> MakeLoda(const LodaOptions& options, const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(anomaly::CheckMake("loda", options, inputs));
  return std::unique_ptr<Model>(std::make_unique<Loda>(options, inputs));
}

}  // namespace leat
