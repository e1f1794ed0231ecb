// Events of many keys, for measuring what a large state costs: every key comes once, in no order;
// then keys come as often as `skew` says, key floor(keys * u^skew) with u uniform in [0, 1). A key
// has a level of its own; values far above it are more often positive; after a change, those far
// below.
#include <cmath>

#include "connectors/generate/stream.h"

namespace leat::generate {
namespace {

class Keyed final : public Generator {
 public:
  explicit Keyed(const Setup& setup)
      : options_(setup.options),
        start_(setup.start),
        schedule_(setup.options),
        row_(setup.options.format, {"event_id", "time", "key", "value", "positive"}),
        random_(static_cast<uint64_t>(setup.options.seed), 4) {}

  std::string Header() const override { return row_.Header(); }

  bool Next(std::string& line) override {
    if (written_ == options_.rows) return false;
    const auto keys = static_cast<uint64_t>(options_.keys);
    uint64_t key = 0;
    if (static_cast<uint64_t>(written_) < keys) {
      // 1, 1 + step, 1 + 2 step, ... runs through all residues: the step shares no factor.
      constexpr uint64_t kPrime = 2'654'435'761;
      key = (static_cast<uint64_t>(written_) % keys * (kPrime % keys == 0 ? 1 : kPrime)) % keys;
    } else {
      double share = random_.Uniform(), u = share;
      for (int64_t i = 1; i < options_.skew; ++i) share *= u;
      key = static_cast<uint64_t>(share * static_cast<double>(keys));
    }
    const double level = 10 + static_cast<double>(Mix64(key) % 90);
    const double value = level * random_.Exponential();
    const bool odd = schedule_.Concept(written_, random_) % 2 != 0;
    const bool telling = odd ? value < level / 20 : value > 4 * level;
    const bool positive = random_.Uniform() < (telling ? 0.3 : 0.005);
    row_.Begin(line);
    row_.Integer(written_);
    row_.Time({start_.micros + written_ * options_.interval});
    row_.Integer(static_cast<int64_t>(key));
    row_.Cents(static_cast<int64_t>(value * 100));
    row_.Integer(positive ? 1 : 0);
    row_.End();
    ++written_;
    return true;
  }

 private:
  const GenerateOptions options_;
  const EventTime start_;
  const Schedule schedule_;
  Row row_;
  CounterRandom random_;
  int64_t written_ = 0;
};

}  // namespace

std::unique_ptr<Generator> MakeKeyed(const Setup& setup) { return std::make_unique<Keyed>(setup); }

}  // namespace leat::generate
