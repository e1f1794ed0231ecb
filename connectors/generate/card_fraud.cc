// Card transactions. Each customer has a place, a habit of spending and a rate; each terminal a
// place. A customer pays at terminals nearby. Three kinds of fraud:
//   1. every amount above a threshold;
//   2. each day some terminals are compromised: all their transactions of the next weeks;
//   3. each day some customers' credentials leak: a third of their transactions of the next weeks,
//      with the amount multiplied.
// Under drift the habits (amounts, hours) and the frauds (threshold, multiplier, number of
// terminals and how long they last) move from one regime to another and back.
#include <algorithm>
#include <cmath>

#include "connectors/generate/stream.h"

namespace leat::generate {
namespace {

constexpr double kMap = 100;

struct Customer {
  float x, y;
  float mean_amount, per_day;
  int64_t leaked_until = 0;  ///< Day (exclusive) until which the credentials are abused.
  uint32_t first_terminal = 0, terminal_count = 0;  ///< In `nearby`.
};

struct Terminal {
  float x, y;
  int64_t compromised_until = 0;
};

struct Transaction {
  int64_t second;
  int64_t customer;
  int64_t terminal;
  int64_t cents;
  bool fraud;
};

/// What changes under drift; `at` blends the two regimes.
struct Regime {
  double spending = 1, noon = 43'200, threshold = 220, multiplier = 5, terminals = 2, days = 28;

  static Regime At(double progress) {
    // Odd changes lead to the second regime, even ones back.
    const double whole = std::floor(progress);
    const double part = progress - whole;
    const double w = static_cast<int64_t>(whole) % 2 == 0 ? part : 1 - part;
    const Regime a{}, b{1.5, 61'200, 350, 2.5, 6, 10};
    const auto mix = [w](double from, double to) { return from + w * (to - from); };
    return {mix(a.spending, b.spending),   mix(a.noon, b.noon),
            mix(a.threshold, b.threshold), mix(a.multiplier, b.multiplier),
            mix(a.terminals, b.terminals), mix(a.days, b.days)};
  }
};

class CardFraud final : public Generator {
 public:
  explicit CardFraud(const Setup& setup)
      : options_(setup.options),
        start_(setup.start),
        schedule_(setup.options),
        row_(setup.options.format, {"transaction_id", "tx_datetime", "customer_id", "terminal_id",
                                    "tx_amount", "tx_fraud"}),
        random_(static_cast<uint64_t>(setup.options.seed), 2) {
    Populate();
  }

  std::string Header() const override { return row_.Header(); }

  bool Next(std::string& line) override {
    if (written_ == options_.rows) return false;
    while (at_ == today_.size()) NextDay();
    const Transaction& tx = today_[at_++];
    row_.Begin(line);
    row_.Integer(written_++);
    row_.Time(start_ + (day_ - 1) * kDay + tx.second * kSecond);
    row_.Integer(tx.customer);
    row_.Integer(tx.terminal);
    row_.Cents(tx.cents);
    row_.Integer(tx.fraud ? 1 : 0);
    row_.End();
    return true;
  }

 private:
  void Populate() {
    CounterRandom random(static_cast<uint64_t>(options_.seed), 1);
    const auto coordinate = [&] { return static_cast<float>(random.Uniform(0, kMap)); };
    terminals_.resize(static_cast<size_t>(options_.terminals));
    for (Terminal& t : terminals_) t = {coordinate(), coordinate()};
    customers_.resize(static_cast<size_t>(options_.customers));
    for (Customer& c : customers_) {
      c.x = coordinate();
      c.y = coordinate();
      c.mean_amount = static_cast<float>(random.Uniform(5, 100));
      // Above zero, so that a day with a transaction always comes.
      c.per_day = static_cast<float>(std::max(0.01, random.Uniform(0, 4)));
    }
    FindNearby();
  }

  /// Terminals within the radius of each customer, by a grid with cells of that size; the nearest
  /// one alone where there is none.
  void FindNearby() {
    const int cells = std::clamp(static_cast<int>(kMap / options_.radius), 1, 500);
    const double size = kMap / cells;
    const auto cell = [&](float v) { return std::min(static_cast<int>(v / size), cells - 1); };
    std::vector<std::vector<uint32_t>> grid(static_cast<size_t>(cells * cells));
    for (uint32_t i = 0; i < terminals_.size(); ++i) {
      grid[static_cast<size_t>(cell(terminals_[i].x) * cells + cell(terminals_[i].y))].push_back(i);
    }
    const auto squared = [&](const Customer& c, uint32_t t) {
      const double dx = c.x - terminals_[t].x, dy = c.y - terminals_[t].y;
      return dx * dx + dy * dy;
    };
    for (Customer& c : customers_) {
      c.first_terminal = static_cast<uint32_t>(nearby_.size());
      const int reach = static_cast<int>(std::ceil(options_.radius / size));
      for (int i = std::max(cell(c.x) - reach, 0); i <= std::min(cell(c.x) + reach, cells - 1);
           ++i) {
        for (int j = std::max(cell(c.y) - reach, 0); j <= std::min(cell(c.y) + reach, cells - 1);
             ++j) {
          for (const uint32_t t : grid[static_cast<size_t>(i * cells + j)]) {
            if (nearby_.size() - c.first_terminal >= kMostNearby) break;
            if (squared(c, t) <= options_.radius * options_.radius) nearby_.push_back(t);
          }
        }
      }
      if (nearby_.size() == c.first_terminal) {
        uint32_t best = 0;
        for (uint32_t t = 1; t < terminals_.size(); ++t) {
          if (squared(c, t) < squared(c, best)) best = t;
        }
        nearby_.push_back(best);
      }
      c.terminal_count = static_cast<uint32_t>(nearby_.size()) - c.first_terminal;
    }
  }

  void NextDay() {
    const Regime regime = Regime::At(schedule_.Progress(written_));
    Compromise(regime);
    today_.clear();
    at_ = 0;
    for (size_t i = 0; i < customers_.size(); ++i) {
      const Customer& c = customers_[i];
      for (uint64_t n = random_.Poisson(c.per_day); n > 0; --n) {
        const double second = regime.noon + 20'000 * random_.Normal();
        const double mean = c.mean_amount * regime.spending;
        double amount = mean * (1 + 0.5 * random_.Normal());
        if (amount < 0) amount = random_.Uniform(0, 2 * mean);
        const uint64_t pick = random_.Below(c.terminal_count);
        const bool abused = random_.Uniform() < 1.0 / 3 && c.leaked_until > day_;
        // Outside the day: the habit has no transaction then, as in the source.
        if (!(second >= 0 && second < 86'400)) continue;
        const uint32_t terminal = nearby_[c.first_terminal + pick];
        const bool fraud =
            amount > regime.threshold || terminals_[terminal].compromised_until > day_ || abused;
        if (abused) amount *= regime.multiplier;
        today_.push_back({static_cast<int64_t>(second), static_cast<int64_t>(i), terminal,
                          std::llround(amount * 100), fraud});
      }
    }
    std::stable_sort(today_.begin(), today_.end(),
                     [](const auto& a, const auto& b) { return a.second < b.second; });
    ++day_;
  }

  void Compromise(const Regime& regime) {
    const auto until = day_ + static_cast<int64_t>(std::llround(regime.days));
    const auto count = std::llround(regime.terminals);
    for (int64_t i = 0; i < count; ++i) {
      Terminal& t = terminals_[random_.Below(terminals_.size())];
      t.compromised_until = std::max(t.compromised_until, until);
    }
    for (int i = 0; i < 3; ++i) {
      Customer& c = customers_[random_.Below(customers_.size())];
      c.leaked_until = std::max(c.leaked_until, day_ + 14);
    }
  }

  /// So that a wide radius costs no more than this a customer.
  static constexpr size_t kMostNearby = 1'000;

  GenerateOptions options_;
  EventTime start_;
  Schedule schedule_;
  Row row_;
  CounterRandom random_;
  std::vector<Customer> customers_;
  std::vector<Terminal> terminals_;
  std::vector<uint32_t> nearby_;
  std::vector<Transaction> today_;
  size_t at_ = 0;
  int64_t day_ = 0;  ///< The next day to be drawn; `today_` is the one before.
  int64_t written_ = 0;
};

}  // namespace

std::unique_ptr<Generator> MakeCardFraud(const Setup& setup) {
  return std::make_unique<CardFraud>(setup);
}

}  // namespace leat::generate
