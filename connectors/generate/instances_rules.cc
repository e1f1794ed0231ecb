// Streams whose class follows a rule: SEA, Agrawal, sine, mixed, STAGGER.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/java_random.h"
#include "connectors/generate/instances.h"

namespace leat::generate {
namespace {

constexpr double kPi = 3.141592653589793;

std::vector<Attribute> Numbers(std::initializer_list<const char*> names) {
  std::vector<Attribute> attributes;
  for (const char* name : names) attributes.push_back({name, 0});
  return attributes;
}

class RuleStream : public InstanceStream {
 public:
  RuleStream(std::vector<Attribute> attributes, const RuleOptions& options)
      : InstanceStream(std::move(attributes), 2), options_(options), random_(options.seed) {}

  double Next(std::span<double> x) final {
    int drawn = Draw(x);
    // Balanced: draws until it is the other class's turn; class 1 begins.
    while (options_.balance && drawn != turn_) drawn = Draw(x);
    if (options_.balance) turn_ = 1 - turn_;
    return Finish(x, drawn);
  }

 protected:
  /// Writes an instance and returns its class.
  virtual int Draw(std::span<double> x) = 0;
  /// After an instance was chosen: what else is drawn, and noise.
  virtual int Finish(std::span<double>, int target) { return target; }

  RuleOptions options_;
  JavaRandom random_;

 private:
  int turn_ = 1;
};

/// Three numbers in [0, 10), the last of which says nothing.
class Sea final : public RuleStream {
 public:
  explicit Sea(const RuleOptions& options) : RuleStream(Numbers({"x1", "x2", "x3"}), options) {}

 private:
  int Draw(std::span<double> x) override {
    static constexpr std::array<double, 4> kThetas{8, 9, 7, 9.5};
    for (double& v : x) v = 10 * random_.Double();
    return x[0] + x[1] <= kThetas[static_cast<size_t>(options_.function - 1)] ? 0 : 1;
  }
  int Finish(std::span<double>, int target) override {
    return 1 + random_.Below(100) <= options_.noise ? 1 - target : target;
  }
};

class Agrawal final : public RuleStream {
 public:
  explicit Agrawal(const RuleOptions& options)
      : RuleStream({{"salary", 0},
                    {"commission", 0},
                    {"age", 0},
                    {"elevel", 5},
                    {"car", 20},
                    {"zipcode", 9},
                    {"hvalue", 0},
                    {"hyears", 0},
                    {"loan", 0}},
                   options) {}

 private:
  enum : size_t { kSalary, kCommission, kAge, kEducation, kCar, kZip, kHouse, kYears, kLoan };

  int Draw(std::span<double> x) override {
    x[kSalary] = 20'000 + 130'000 * random_.Double();
    x[kCommission] = x[kSalary] >= 75'000 ? 0 : 10'000 + 65'000 * random_.Double();
    x[kAge] = 20 + random_.Below(61);
    x[kEducation] = random_.Below(5);
    x[kCar] = random_.Below(20);
    x[kZip] = random_.Below(9);
    x[kHouse] = (9 - x[kZip]) * 100'000 * (0.5 + random_.Double());
    x[kYears] = 1 + random_.Below(30);
    x[kLoan] = random_.Double() * 500'000;
    const Applicant applicant{x[kSalary], x[kCommission], x[kAge], static_cast<int>(x[kEducation]),
                              x[kHouse],  x[kYears],      x[kLoan]};
    return IsGroupA(options_.function - 1, applicant) ? 0 : 1;
  }
  int Finish(std::span<double> x, int target) override {
    if (!(options_.noise > 0)) return target;
    x[kSalary] = Perturbed(x[kSalary], 130'000, 20'000, 150'000);
    if (x[kCommission] > 0) x[kCommission] = Perturbed(x[kCommission], 65'000, 10'000, 75'000);
    x[kAge] = std::floor(Perturbed(x[kAge], 60, 20, 80) + 0.5);
    // As published, whatever the house is worth: 135,000 is the most.
    x[kHouse] = Perturbed(x[kHouse], (9 - x[kZip]) * 100'000, 0, 135'000);
    x[kYears] = std::floor(Perturbed(x[kYears], 29, 1, 30) + 0.5);
    x[kLoan] = Perturbed(x[kLoan], 500'000, 0, 500'000);
    return target;
  }
  double Perturbed(double value, double range, double low, double high) {
    value += range * (2 * (random_.Double() - 0.5)) * options_.noise;
    return std::clamp(value, low, high);
  }
};

/// Below or above a curve of the first number; two more say nothing.
class Sine final : public RuleStream {
 public:
  explicit Sine(const RuleOptions& options)
      : RuleStream(
            options.relevant_only ? Numbers({"x1", "x2"}) : Numbers({"x1", "x2", "x3", "x4"}),
            options) {}

 private:
  int Draw(std::span<double> x) override {
    x[0] = random_.Double();
    x[1] = random_.Double();
    const bool first = options_.function <= 2;
    const double curve = first ? std::sin(x[0]) : 0.5 + 0.3 * std::sin(3 * kPi * x[0]);
    const bool below = x[1] < curve;
    return below == (options_.function % 2 == 1) ? 0 : 1;
  }
  int Finish(std::span<double> x, int target) override {
    for (size_t i = 2; i < x.size(); ++i) x[i] = random_.Double();
    return target;
  }
};

/// Two of three conditions, one of them below a curve.
class Mixed final : public RuleStream {
 public:
  explicit Mixed(const RuleOptions& options)
      : RuleStream({{"v", 2}, {"w", 2}, {"x", 0}, {"y", 0}}, options) {}

 private:
  int Draw(std::span<double> x) override {
    for (const size_t i : {0u, 1u}) x[i] = random_.Double() < 0.5 ? 0 : 1;
    for (const size_t i : {2u, 3u}) x[i] = random_.Double();
    const bool below = x[3] < 0.5 + 0.3 * std::sin(3 * kPi * x[2]);
    const bool two = x[0] + x[1] + (below ? 1 : 0) >= 2;
    return two == (options_.function == 1) ? 0 : 1;
  }
};

/// Size, color and shape of an object.
class Stagger final : public RuleStream {
 public:
  explicit Stagger(const RuleOptions& options)
      : RuleStream({{"size", 3}, {"color", 3}, {"shape", 3}}, options) {}

 private:
  int Draw(std::span<double> x) override {
    for (double& v : x) v = random_.Below(3);
    switch (options_.function) {
      case 1:  // Small and red.
        return x[0] == 0 && x[1] == 0 ? 1 : 0;
      case 2:  // Green, or a circle.
        return x[1] == 2 || x[2] == 0 ? 1 : 0;
      default:  // Medium or large.
        return x[0] >= 1 ? 1 : 0;
    }
  }
};

bool Between(double low, double x, double high) { return low <= x && x <= high; }

/// By age (under 40, under 60, older), whether an income is within a band.
bool BandOfAge(double age, double income) {
  if (age < 40) return Between(50'000, income, 100'000);
  if (age < 60) return Between(75'000, income, 125'000);
  return Between(25'000, income, 75'000);
}

bool EducationOfAge(double age, int level) {
  if (age < 40) return level <= 1;
  if (age < 60) return level >= 1 && level <= 3;
  return level >= 2;
}

}  // namespace

bool IsGroupA(int function, const Applicant& a) {
  const double income = a.salary + a.commission;
  const double taken = 2 * income / 3;
  switch (function) {
    case 0:
      return a.age < 40 || a.age >= 60;
    case 1:
      return BandOfAge(a.age, a.salary);
    case 2:
      return EducationOfAge(a.age, a.education);
    case 3: {
      const bool fits = EducationOfAge(a.age, a.education);
      if (a.age < 40) {
        return fits ? Between(25'000, a.salary, 75'000) : Between(50'000, a.salary, 100'000);
      }
      if (a.age < 60) {
        return fits ? Between(50'000, a.salary, 100'000) : Between(75'000, a.salary, 125'000);
      }
      return fits ? Between(50'000, a.salary, 100'000) : Between(25'000, a.salary, 75'000);
    }
    case 4: {
      const bool fits = BandOfAge(a.age, a.salary);
      if (a.age < 40) {
        return fits ? Between(100'000, a.loan, 300'000) : Between(200'000, a.loan, 400'000);
      }
      if (a.age < 60) {
        return fits ? Between(200'000, a.loan, 400'000) : Between(300'000, a.loan, 500'000);
      }
      return fits ? Between(300'000, a.loan, 500'000) : Between(100'000, a.loan, 300'000);
    }
    case 5:
      return BandOfAge(a.age, income);
    case 6:
      return taken - a.loan / 5 - 20'000 > 0;
    case 7:
      return taken - 5'000 * a.education - 20'000 > 0;
    case 8:
      return taken - 5'000 * a.education - a.loan / 5 - 10'000 > 0;
    default: {
      const double equity = a.house_years >= 20 ? a.house_value * (a.house_years - 20) / 10 : 0;
      return taken - 5'000 * a.education + equity / 5 - 10'000 > 0;
    }
  }
}

std::unique_ptr<InstanceStream> MakeSeaInstances(const RuleOptions& options) {
  return std::make_unique<Sea>(options);
}
std::unique_ptr<InstanceStream> MakeAgrawalInstances(const RuleOptions& options) {
  return std::make_unique<Agrawal>(options);
}
std::unique_ptr<InstanceStream> MakeSineInstances(const RuleOptions& options) {
  return std::make_unique<Sine>(options);
}
std::unique_ptr<InstanceStream> MakeMixedInstances(const RuleOptions& options) {
  return std::make_unique<Mixed>(options);
}
std::unique_ptr<InstanceStream> MakeStaggerInstances(const RuleOptions& options) {
  return std::make_unique<Stagger>(options);
}

}  // namespace leat::generate
