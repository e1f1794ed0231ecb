// Visits to a shop whose users are in four experiments that the shop assigns: `offer` has a real
// effect, `layout` is an A/A, `banner` loses some of its treatment's users on the way, and `search`
// breaks more pages than it should. Each column has the user's variant at every visit. A user's
// taste decides how often and for how much it buys, before and after: CUPED has something to use.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"
#include "connectors/generate/stream.h"

namespace leat::generate {
namespace {

constexpr double kNewcomers = 0.15;   ///< Share of visits by users who were never here.
constexpr double kMemory = 4000;      ///< Users who may come back.
constexpr double kOfferLift = 0.15;   ///< Of the chance to buy.
constexpr double kBannerLoss = 0.15;  ///< Of the treatment's users are not written down.
constexpr double kErrors = 0.04, kSearchErrors = 0.08;
constexpr std::array<std::string_view, 3> kCountries{"DE", "FR", "NL"};

class Shop final : public Generator {
 public:
  explicit Shop(const Setup& setup)
      : options_(setup.options),
        start_(setup.start),
        schedule_(setup.options),
        row_(setup.options.format, {"event_id", "time", "user_id", "country", "offer", "layout",
                                    "banner", "search", "revenue", "errors"}),
        random_(static_cast<uint64_t>(setup.options.seed), 5) {}

  std::string Header() const override { return row_.Header(); }

  bool Next(std::string& line) override {
    if (written_ == options_.rows) return false;
    int64_t user = users_;
    if (users_ == 0 || random_.Uniform() < kNewcomers) {
      ++users_;
    } else {
      const double u = random_.Uniform();
      const auto back =
          static_cast<int64_t>(u * u * std::min(kMemory, static_cast<double>(users_)));
      user = users_ - 1 - back;
    }
    // What a user is follows from its number.
    CounterRandom fixed(static_cast<uint64_t>(options_.seed), 6,
                        Mix64(static_cast<uint64_t>(user)));
    const double taste = std::exp(0.8 * fixed.Normal());
    const std::string_view country = kCountries[fixed.Below(3)];
    std::array<bool, 4> treated{};
    for (bool& t : treated) t = fixed.Uniform() < 0.5;
    // Odd changes turn the offer's effect round, even ones back.
    const double progress = schedule_.Progress(written_);
    const double whole = std::floor(progress);
    const double moved =
        static_cast<int64_t>(whole) % 2 == 0 ? progress - whole : 1 - (progress - whole);
    const double lift = kOfferLift * (1 - 2 * moved);
    const bool lost = fixed.Uniform() < kBannerLoss;
    const double wanted = 0.12 * std::min(taste, 3.0) * (treated[0] ? 1 + lift : 1);
    const bool buys = random_.Uniform() < wanted;
    const double spends = 10 * taste * std::exp(0.4 * random_.Normal());
    const bool fails = random_.Uniform() < (treated[3] ? kSearchErrors : kErrors);

    row_.Begin(line);
    row_.Integer(written_);
    row_.Time(start_ + options_.interval * written_);
    row_.Integer(user);
    row_.Text(country);
    const auto variant = [](bool t) -> std::string_view { return t ? "treatment" : "control"; };
    row_.Text(variant(treated[0]));
    row_.Text(variant(treated[1]));
    row_.Text(treated[2] && lost ? std::string_view() : variant(treated[2]));
    row_.Text(variant(treated[3]));
    row_.Cents(buys ? std::llround(100 * spends) : 0);
    row_.Integer(fails ? 1 : 0);
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
  int64_t users_ = 0, written_ = 0;
};

}  // namespace

std::unique_ptr<Generator> MakeShop(const Setup& setup) { return std::make_unique<Shop>(setup); }

}  // namespace leat::generate
