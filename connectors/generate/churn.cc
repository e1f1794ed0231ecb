// Subscribers of a telephone company, one row a month (30 days) each, and whether they leave within
// the next 30 days. Calls to support, late payments and falling usage push towards leaving; tenure
// holds back. In the second regime (drift) a competitor courts premium plans: what the plan and the
// charge mean turns round, usage falls for all, and support calls weigh less.
#include <algorithm>
#include <array>
#include <cmath>

#include "connectors/generate/stream.h"

namespace leat::generate {
namespace {

constexpr Micros kMonth = 30 * kDay;

struct Plan {
  std::string_view name;
  double charge, minutes, gigabytes;
};
constexpr std::array<Plan, 3> kPlans{
    {{"basic", 15, 180, 2}, {"plus", 30, 400, 8}, {"premium", 55, 700, 30}}};

struct Subscriber {
  int64_t id = 0;
  int64_t tenure = 0;  ///< Months.
  int plan = 0;
  double habit = 1;    ///< Usage against that of the plan.
  double trouble = 1;  ///< Rate of support calls, a month.
};

class Churn final : public Generator {
 public:
  explicit Churn(const Setup& setup)
      : options_(setup.options),
        start_(setup.start),
        schedule_(setup.options),
        row_(setup.options.format,
             {"row_id", "month_end", "subscriber_id", "plan", "tenure_months", "minutes", "data_gb",
              "support_calls", "late_payments", "charge", "churned"}),
        random_(static_cast<uint64_t>(setup.options.seed), 3) {
    subscribers_.resize(static_cast<size_t>(options_.subscribers));
    for (Subscriber& s : subscribers_) {
      Join(s);
      s.tenure = static_cast<int64_t>(random_.Below(48));
    }
  }

  std::string Header() const override { return row_.Header(); }

  bool Next(std::string& line) override {
    if (written_ == options_.rows) return false;
    const int64_t month = written_ / options_.subscribers;
    const int64_t place = written_ % options_.subscribers;
    Subscriber& s = subscribers_[static_cast<size_t>(place)];
    const double progress = schedule_.Progress(written_);
    const double whole = std::floor(progress);
    // Odd changes lead to the second regime, even ones back.
    const double w =
        static_cast<int64_t>(whole) % 2 == 0 ? progress - whole : 1 - (progress - whole);

    const Plan& plan = kPlans[static_cast<size_t>(s.plan)];
    s.habit = std::clamp(s.habit * std::exp(0.15 * random_.Normal() - 0.02 - 0.02 * w), 0.05, 4.0);
    const auto minutes = std::llround(plan.minutes * s.habit * std::exp(0.2 * random_.Normal()));
    const auto decigigabytes =
        std::llround(10 * plan.gigabytes * s.habit * std::exp(0.3 * random_.Normal()));
    const auto calls = static_cast<int64_t>(random_.Poisson(s.trouble));
    const auto late = static_cast<int64_t>(random_.Poisson(0.15));
    const double charge = plan.charge * (1 + 0.1 * std::max(0.0, s.habit - 1));
    const double years = static_cast<double>(s.tenure) / 12;
    const double before = (s.plan == 0 ? 0.5 : 0.0) - (s.plan == 2 ? 0.6 : 0.0);
    const double after = (s.plan == 2 ? 1.6 : 0.0) + (s.plan == 0 ? -0.5 : 0.0);
    const double score = -4.2 + (0.75 - 0.45 * w) * static_cast<double>(calls) +
                         0.8 * static_cast<double>(late) + 1.6 * (1 - std::min(s.habit, 1.5)) -
                         0.35 * std::min(years, 4.0) + (1 - w) * before + w * after;
    const bool churned = random_.Uniform() < 1 / (1 + std::exp(-score));

    row_.Begin(line);
    row_.Integer(written_);
    // Subscribers have their days of the month in turn, so time never falls.
    row_.Time(start_ + month * kMonth + kMonth / options_.subscribers * place / kSecond * kSecond);
    row_.Integer(s.id);
    row_.Text(plan.name);
    row_.Integer(s.tenure);
    row_.Integer(minutes);
    row_.Number(static_cast<double>(decigigabytes) / 10);
    row_.Integer(calls);
    row_.Integer(late);
    row_.Cents(std::llround(charge * 100));
    row_.Integer(churned ? 1 : 0);
    row_.End();

    ++written_;
    ++s.tenure;
    if (churned) Join(s);
    return true;
  }

 private:
  /// A new subscriber takes the place of one who left.
  void Join(Subscriber& s) {
    s.id = next_id_++;
    s.tenure = 0;
    const double u = random_.Uniform();
    s.plan = u < 0.45 ? 0 : u < 0.8 ? 1 : 2;
    s.habit = std::exp(0.3 * random_.Normal());
    s.trouble = 0.3 + 0.7 * random_.Exponential();
  }

  GenerateOptions options_;
  EventTime start_;
  Schedule schedule_;
  Row row_;
  CounterRandom random_;
  std::vector<Subscriber> subscribers_;
  int64_t next_id_ = 0;
  int64_t written_ = 0;
};

}  // namespace

std::unique_ptr<Generator> MakeChurn(const Setup& setup) { return std::make_unique<Churn>(setup); }

}  // namespace leat::generate
