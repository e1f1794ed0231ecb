#include "leat/fourier.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/random.h"
#include "models/heap_bytes.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

constexpr uint64_t kDraws = 0x666f7572696572;  // Names this component's random numbers.
constexpr double kFarthest = 1e6;
constexpr double kTurn = 6.283185307179586;

/// The cosine of so many turns; the error is a few times 1e-16.
double CosineOfTurns(double turns) {
  const double within = turns - std::floor(turns);
  // -sin(angle) with an angle of a quarter of a turn at most.
  const double angle = kTurn * (0.25 - std::fabs(within - 0.5));
  const double square = angle * angle;
  double series = 1;
  for (const double next : {1.0 / 420, 1.0 / 342, 1.0 / 272, 1.0 / 210, 1.0 / 156, 1.0 / 110,
                            1.0 / 72, 1.0 / 42, 1.0 / 20, 1.0 / 6}) {
    series = 1 - series * (square * next);
  }
  return -angle * series;
}

/// By input D numbers, then D offsets, all in turns.
struct Waves {
  Waves(const FourierOptions& options, size_t width)
      : inputs(width), count(static_cast<size_t>(options.features)), numbers((inputs + 1) * count) {
    CounterRandom random(static_cast<uint64_t>(options.seed), kDraws);
    const double scale = 1 / (kTurn * options.width * std::sqrt(static_cast<double>(inputs)));
    for (size_t i = 0; i < inputs * count; ++i) numbers[i] = scale * random.Normal();
    for (size_t i = inputs * count; i < numbers.size(); ++i) numbers[i] = random.Uniform();
  }
  size_t inputs, count;
  std::vector<double> numbers;
};

class Fourier final : public Model {
 public:
  Fourier(std::unique_ptr<Model> model, std::shared_ptr<const Waves> waves)
      : model_(std::move(model)), waves_(std::move(waves)) {}

  Task task() const override { return model_->task(); }
  void Predict(const Input& input, std::vector<double>& out) const override {
    model_->Predict(Mapped(input), out);
  }
  void Learn(const Input& input, double target, double weight) override {
    model_->Learn(Mapped(input), target, weight);
  }
  void Save(StateWriter& out) const override { model_->Save(out); }
  Status Load(StateReader& in) override { return model_->Load(in); }
  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<Fourier>(model_->Fresh(), waves_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + sizeof(Waves) + 2 * kAllocation +
           sizeof(double) * waves_->numbers.capacity() + model_->MemoryBytes();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return model_->Summary();
  }

 private:
  /// Valid until the next call on this thread.
  Input Mapped(const Input& input) const {
    thread_local std::vector<double> z;
    const size_t count = waves_->count;
    const double* wave = waves_->numbers.data() + (waves_->numbers.size() - count);
    z.assign(wave, wave + count);
    wave = waves_->numbers.data();
    for (const double x : input.dense.first(std::min(input.dense.size(), waves_->inputs))) {
      const double clean = std::isfinite(x) ? std::clamp(x, -kFarthest, kFarthest) : 0;
      for (size_t j = 0; j < count; ++j) z[j] += clean * wave[j];
      wave += count;
    }
    const double height = std::sqrt(2 / static_cast<double>(count));
    for (double& v : z) v = height * CosineOfTurns(v);
    return {z, input.sparse};
  }

  std::unique_ptr<Model> model_;
  std::shared_ptr<const Waves> waves_;  ///< Fresh ones share them.
};

}  // namespace

void Describe(Params& params, FourierOptions& options) {
  if (!params.Wants(options.features > 0)) return;
  params.Integer("fourier_features", options.features, {0, 65'536},
                 "Random cosines of the dense inputs that stand in their place, so that the model "
                 "learns curves, too; 0: the inputs as they are. Scale the inputs.");
  params.Number("fourier_width", options.width, {1e-3, 1e3},
                "How far a record reaches, in units of the root of the number of inputs: smaller "
                "follows finer curves.");
  params.Integer("fourier_seed", options.seed, {0, 1e15}, "Of the random cosines.");
}

Result<std::unique_ptr<Model>> MakeFourier(const FourierOptions& options, const InputSpec& inputs,
                                           const MakeForInputs& make) {
  auto plain = make(inputs);
  if (options.features == 0 || !plain.ok()) return plain;
  LEAT_RETURN_IF_ERROR(trees::CheckRanges(options));
  if (inputs.dense.empty()) {
    return Status::Invalid("fourier_features needs dense inputs; encode at least one as a number");
  }
  InputSpec mapped;
  mapped.dense.resize(static_cast<size_t>(options.features));
  mapped.sparse_size = inputs.sparse_size;
  LEAT_ASSIGN_OR_RETURN(std::unique_ptr<Model> model, make(mapped));
  return std::unique_ptr<Model>(std::make_unique<Fourier>(
      std::move(model), std::make_shared<const Waves>(options, inputs.dense.size())));
}

}  // namespace leat
