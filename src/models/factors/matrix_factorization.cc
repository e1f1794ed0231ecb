/// Matrix factorization over two ids; see leat/factors.h.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "leat/factors.h"
#include "models/ensembles/target_range.h"
#include "models/factors/id_table.h"
#include "models/heap_bytes.h"
#include "models/trees/range_check.h"

namespace leat {
namespace {

using ensembles::TargetRange;
using factors::IdTable;
using factors::kMostFactor;

constexpr double kMostError = 10;  // Deviations of the target that a step follows.

class MatrixFactorization final : public Model {
 public:
  MatrixFactorization(const MatrixFactorizationOptions& options, const InputSpec& inputs)
      : options_(options), inputs_(inputs), users_(options, 0), items_(options, 1) {}

  Task task() const override { return Task::kRegression; }

  void Predict(const Input& input, std::vector<double>& out) const override {
    out.assign(1, 0);
    if (learnt_ == 0) return;
    const auto [user, item] = Ids(input);
    const double* const u = user ? users_.Find(*user) : nullptr;
    const double* const v = item ? items_.Find(*item) : nullptr;
    out[0] = targets_.Bounded(targets_.mean + targets_.Deviation(learnt_) * Score(u, v));
  }

  void Learn(const Input& input, double target, double weight) override {
    const auto [user, item] = Ids(input);
    if ((!user && !item) || !TargetRange::IsLesson(target, weight)) {
      ++ignored_;
      return;
    }
    targets_.Meet(target, learnt_++);
    double* const u = user ? users_.Touch(*user) : nullptr;
    double* const v = item ? items_.Touch(*item) : nullptr;
    const double deviation = targets_.Deviation(learnt_);
    if (!(deviation > 0)) return;
    const double wanted = (target - targets_.mean) / deviation;
    const double error = std::clamp(wanted - Score(u, v), -kMostError, kMostError);
    // A record that counts more moves further, but never beyond what it asks for.
    const double rate = std::min(1.0, options_.learning_rate * weight);
    const auto moved = [&](double number, double slope) {
      return std::clamp(number + rate * (error * slope - options_.l2 * number), -kMostFactor,
                        kMostFactor);
    };
    for (size_t f = 1; f <= static_cast<size_t>(options_.factors) && u && v; ++f) {
      const double before = u[f];
      u[f] = moved(before, v[f]);
      v[f] = moved(v[f], before);
    }
    if (u != nullptr) u[0] = moved(u[0], 1);
    if (v != nullptr) v[0] = moved(v[0], 1);
  }

  void Save(StateWriter& out) const override {
    out.Section("matrix_factorization", 1);
    out.U64(learnt_);
    out.U64(ignored_);
    targets_.Save(out);
    users_.Save(out);
    items_.Save(out);
  }

  Status Load(StateReader& in) override {
    MatrixFactorization other(options_, inputs_);
    in.Section("matrix_factorization", 1);
    other.learnt_ = in.U64();
    other.ignored_ = in.U64();
    if (!other.targets_.Load(in)) in.Fail("the targets of a matrix factorization cannot be");
    if (in.ok()) other.users_.Load(in);
    if (in.ok()) other.items_.Load(in);
    if (!in.ok()) return in.status();
    *this = std::move(other);
    return Status::Ok();
  }

  std::unique_ptr<Model> Fresh() const override {
    return std::make_unique<MatrixFactorization>(options_, inputs_);
  }
  size_t MemoryBytes() const override {
    return sizeof *this + HeapBytesOf(inputs_) + users_.HeapBytes() + items_.HeapBytes();
  }
  std::vector<std::pair<std::string, std::string>> Summary() const override {
    return {{"records", std::to_string(learnt_)},
            {"skipped", std::to_string(ignored_)},
            {"users", std::to_string(users_.size())},
            {"users forgotten", std::to_string(users_.forgotten())},
            {"items", std::to_string(items_.size())},
            {"items forgotten", std::to_string(items_.forgotten())}};
  }

 private:
  struct Pair {
    std::optional<uint64_t> user, item;
  };
  /// The ids of a record; nothing where one is missing.
  Pair Ids(const Input& input) const {
    std::optional<uint64_t> ids[2];
    size_t n = 0;
    for (const double code : input.dense) {
      if (n == 2) break;
      if (code >= 0 && code < 0x1p53) ids[n] = static_cast<uint64_t>(code);
      ++n;
    }
    for (const SparseEntry& entry : input.sparse) {
      if (n == 2) break;
      // Apart from the codes of the dense part.
      ids[n++] = (uint64_t{1} << 60) + entry.index;
    }
    return {ids[0], ids[1]};
  }
  double Score(const double* u, const double* v) const {
    double score = (u != nullptr ? u[0] : 0) + (v != nullptr ? v[0] : 0);
    if (u == nullptr || v == nullptr) return score;
    for (size_t f = 1; f <= static_cast<size_t>(options_.factors); ++f) score += u[f] * v[f];
    return score;
  }

  MatrixFactorizationOptions options_;
  InputSpec inputs_;
  TargetRange targets_;
  uint64_t learnt_ = 0;
  uint64_t ignored_ = 0;
  IdTable users_, items_;
};

}  // namespace

void Describe(Params& params, MatrixFactorizationOptions& options) {
  params.Integer("factors", options.factors, {0, 256},
                 "Hidden numbers of each id, whose products are what pairs say; 0: biases alone.");
  params.Number("learning_rate", options.learning_rate, {0, 1, true, false},
                "Size of a step, in deviations of the target.");
  params.Number("l2", options.l2, kFraction, "Pull of biases and factors towards 0 at each step.");
  params.Number("spread", options.spread, {0, 1, true, false},
                "Factors start at random between minus and plus this.");
  params.Integer("max_ids", options.max_ids, {1, 1e8},
                 "Known at once, of users and of items each; one more makes the one learnt longest "
                 "ago forgotten.");
  params.Integer("seed", options.seed, {0, 1e15}, "Of the factors at the start.");
}

Result<std::unique_ptr<Model>> MakeMatrixFactorization(const MatrixFactorizationOptions& options,
                                                       const InputSpec& inputs) {
  LEAT_RETURN_IF_ERROR(trees::CheckRanges(options));
  for (const DenseAttribute& attribute : inputs.dense) {
    if (attribute.nominal) continue;
    return Status::Invalid("matrix_factorization reads ids, and '" + attribute.name +
                           "' is a number");
  }
  // How many sparse entries a record has is not known here; they are the ids that are not dense.
  const size_t dense = inputs.dense.size();
  if (dense > 2 || (dense < 2) != (inputs.sparse_size > 0)) {
    return Status::Invalid(
        "matrix_factorization reads two ids, of the user and of the item, and nothing else");
  }
  return std::unique_ptr<Model>(std::make_unique<MatrixFactorization>(options, inputs));
}

}  // namespace leat
