// Visits with three banners to show, and whether each of them would have been clicked: what an
// action earns is known for all of them, so that the regret of whatever chooses can be computed.
// Which banner is best depends on the visit; one banner for all is worse than knowing that.
#include <algorithm>
#include <array>

#include "connectors/generate/stream.h"

namespace leat::generate {
namespace {

constexpr size_t kBanners = 3;

class Banners final : public Generator {
 public:
  explicit Banners(const Setup& setup)
      : options_(setup.options),
        start_(setup.start),
        schedule_(setup.options),
        row_(setup.options.format,
             {"id", "time", "mobile", "evening", "returning", "click_a", "click_b", "click_c"}),
        random_(static_cast<uint64_t>(setup.options.seed), 7) {}

  std::string Header() const override { return row_.Header(); }

  bool Next(std::string& line) override {
    if (written_ == options_.rows) return false;
    const bool mobile = random_.Uniform() < 0.5, evening = random_.Uniform() < 0.4;
    const bool returning = random_.Uniform() < 0.3;
    const auto one = [](bool v) { return v ? 1.0 : 0.0; };
    const std::array<double, kBanners> rates = {0.07 + 0.12 * one(mobile) - 0.06 * one(evening),
                                                0.12 + 0.12 * one(evening) - 0.06 * one(mobile),
                                                0.06 + 0.14 * one(returning) - 0.04 * one(mobile)};
    // A change hands each banner the rate of the next one.
    const int64_t concept_now = schedule_.Concept(written_, random_);
    row_.Begin(line);
    row_.Integer(written_);
    row_.Time(start_ + options_.interval * written_);
    row_.Integer(mobile ? 1 : 0);
    row_.Integer(evening ? 1 : 0);
    row_.Integer(returning ? 1 : 0);
    for (size_t i = 0; i < kBanners; ++i) {
      const double rate = rates[(i + static_cast<size_t>(concept_now)) % kBanners];
      row_.Integer(random_.Uniform() < rate ? 1 : 0);
    }
    row_.End();
    ++written_;
    return true;
  }

 private:
  GenerateOptions options_;
  EventTime start_;
  Schedule schedule_;
  Row row_;
  CounterRandom random_;
  int64_t written_ = 0;
};

}  // namespace

std::unique_ptr<Generator> MakeBanners(const Setup& setup) {
  return std::make_unique<Banners>(setup);
}

}  // namespace leat::generate
