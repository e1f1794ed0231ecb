/// Committees and balanced classifiers.
#include "leat/composition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "models/composition/race.h"
#include "models/heap.h"
#include "models/model_test.h"
#include "models/registry.h"

namespace leat {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

InputSpec Inputs() { return {{{"x", false, 0}, {"y", false, 0}, {"color", true, 0}}, 0}; }

CommitteeOptions Options(CommitteeMethod method) {
  CommitteeOptions options;
  options.method = method;
  options.members = {"hoeffding_tree grace_period=50", "naive_bayes",
                     "hoeffding_tree leaf_prediction=majority_class"};
  return options;
}

std::unique_ptr<Model> New(const CommitteeOptions& options) {
  auto made = MakeCommittee(options, Inputs());
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

/// Three classes, or as many as asked for: the class is where x lies, or for odd rows y.
struct Example {
  std::vector<double> x;
  double label;
  Input input() const { return {x, {}}; }
};
Example Make(uint64_t i, uint64_t classes = 3) {
  CounterRandom random(8, 1, i * 8);
  const auto label = static_cast<double>(random.Below(classes));
  const double a = label + 0.6 * random.Normal(), b = label + 0.6 * random.Normal();
  return {{i % 7 == 0 ? kNaN : a, 1e9 * b, static_cast<double>(random.Below(5))}, label};
}

double LogLoss(Model& model, uint64_t from, uint64_t to) {
  std::vector<double> out;
  double loss = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Make(i);
    model.Predict(e.input(), out);
    const auto c = static_cast<size_t>(e.label);
    loss -= std::log(std::max(c < out.size() ? out[c] : 0, 1e-6));
    model.Learn(e.input(), e.label, 1);
  }
  return loss / static_cast<double>(to - from);
}

class EveryMethod : public testing::TestWithParam<CommitteeMethod> {};

TEST_P(EveryMethod, ContinuesBitEqualAfterLoadingAndSaysItsMemory) {
  CommitteeOptions options = Options(GetParam());
  options.round = 500;
  for (const uint64_t cut : {0u, 1u, 450u, 1300u}) {
    auto whole = New(options);
    LogLoss(*whole, 0, cut);
    const std::string bytes = Saved(*whole);
    const auto loaded = Reloaded(*whole);
    EXPECT_EQ(LogLoss(*whole, cut, cut + 1200), LogLoss(*loaded, cut, cut + 1200));
    ASSERT_TRUE(Saved(*whole) == Saved(*loaded));
  }
  const std::string bytes = Saved(*New(options));
  for (size_t cut = 0; cut < bytes.size(); cut += 11) {
    auto victim = New(options);
    StateReader in(std::string_view(bytes).substr(0, cut));
    EXPECT_EQ(victim->Load(in).code(), StatusCode::kCorrupt) << cut;
  }
#ifndef __SANITIZE_ADDRESS__
  LogLoss(*New(options), 0, 100);
  const size_t before = HeapBytes();
  auto model = New(options);
  LogLoss(*model, 0, 4000);
  const auto held = static_cast<double>(HeapBytes() - before);
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / held, 1, 0.1);
#endif
}

TEST_P(EveryMethod, GivesProbabilitiesWhateverComes) {
  auto model = New(Options(GetParam()));
  std::vector<double> out;
  model->Predict(Make(0).input(), out);
  EXPECT_TRUE(out.empty());
  CounterRandom random(9, 9);
  const double extremes[] = {
      0, 1e308, -1e139, kNaN, 1e9, 1, std::numeric_limits<double>::infinity()};
  for (int i = 0; i < 3000; ++i) {
    const std::vector<double> x = {extremes[random.Below(7)], extremes[random.Below(7)],
                                   static_cast<double>(random.Below(50))};
    model->Predict({x, {}}, out);
    double sum = 0;
    for (const double p : out) {
      ASSERT_TRUE(p >= 0 && p <= 1) << i;
      sum += p;
    }
    if (!out.empty()) {
      ASSERT_NEAR(sum, 1, 1e-9);
    }
    const double labels[] = {0, 1, static_cast<double>(i / 1000), kNaN, -1, 0.5};
    model->Learn({x, {}}, labels[random.Below(6)], random.Below(9) == 0 ? 1e12 : 1);
  }
  EXPECT_EQ(out.size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Committee, EveryMethod,
                         testing::Values(CommitteeMethod::kHedge, CommitteeMethod::kStacking,
                                         CommitteeMethod::kRace));

TEST(Committee, IsNotWorseThanItsBestMember) {
  double best = 1e9;
  for (const std::string& text : Options(CommitteeMethod::kHedge).members) {
    CommitteeOptions twice = Options(CommitteeMethod::kRace);
    twice.members = {text, text};
    auto alone = New(twice);
    LogLoss(*alone, 0, 2000);
    best = std::min(best, LogLoss(*alone, 2000, 8000));
  }
  for (const auto method :
       {CommitteeMethod::kHedge, CommitteeMethod::kStacking, CommitteeMethod::kRace}) {
    auto committee = New(Options(method));
    LogLoss(*committee, 0, 2000);
    EXPECT_LT(LogLoss(*committee, 2000, 8000), best + 0.01);
  }
}

TEST(Committee, StackingBeatsMembersThatAreTooSure) {
  CommitteeOptions options = Options(CommitteeMethod::kStacking);
  options.members = {"naive_bayes", "naive_bayes"};
  auto stacked = New(options);
  options.method = CommitteeMethod::kRace;
  auto alone = New(options);
  // The same number three times: naive Bayes takes them for three.
  const auto loss = [](Model& model) {
    std::vector<double> out;
    double sum = 0;
    for (uint64_t i = 0; i < 5000; ++i) {
      CounterRandom random(8, 2, i * 8);
      const auto label = static_cast<double>(random.Below(2));
      const double v = label + 1.5 * random.Normal();
      const std::vector<double> x = {v, v, 0};
      model.Predict({x, {}}, out);
      const auto c = static_cast<size_t>(label);
      if (i > 500) sum -= std::log(std::max(c < out.size() ? out[c] : 0, 1e-6));
      model.Learn({x, {}}, label, 1);
    }
    return sum;
  };
  EXPECT_LT(loss(*stacked), 0.97 * loss(*alone));
}

/// Which members are left, a digit each.
std::string Left(const Model& model) {
  std::string kept;
  for (const auto& [name, value] : model.Summary()) kept += value == "dropped" ? "0" : "1";
  return kept.substr(1);
}

TEST(Committee, ARaceDropsThoseThatLoseThreeRoundsAndKeepsOneOfEquals) {
  CommitteeOptions options = Options(CommitteeMethod::kRace);
  options.members = {"naive_bayes", "naive_bayes",
                     "hoeffding_tree grace_period=1000000 leaf_prediction=majority_class"};
  options.round = 400;
  auto model = New(options);
  LogLoss(*model, 0, 1190);
  EXPECT_EQ(Left(*model), "111");
  LogLoss(*model, 1190, 1210);
  EXPECT_EQ(Left(*model), "100");
  LogLoss(*model, 1210, 3000);
  EXPECT_EQ(Left(*model), "100");
}

TEST(Committee, ARaceKeepsThoseThatNothingTellsApart) {
  CommitteeOptions options = Options(CommitteeMethod::kRace);
  options.members = {"adaptive_random_forest trees=3 seed=1",
                     "adaptive_random_forest trees=3 seed=2"};
  options.round = 100;
  auto model = New(options);
  LogLoss(*model, 0, 1000);
  EXPECT_EQ(Left(*model), "11");
}

TEST(Race, WaitsForRareClassesAndForThoseThatCatchUp) {
  const std::vector<uint8_t> here = {1, 1};
  // The second is worse where the label is 1, which is one in a hundred.
  Race race(2, 1000);
  size_t rounds = 0, labels = 0;
  while (race.lost().empty() && labels < 100'000) {
    const size_t label = labels % 100 == 0 ? 1 : 0;
    const double noise = labels % 2 == 0 ? 0.01 : -0.01;
    const double losses[] = {0.1, 0.1 + noise + (label == 1 ? 2 : 0)};
    rounds += race.Judge(losses, here, label, 2) ? 1 : 0;
    ++labels;
  }
  EXPECT_EQ(rounds, Race::kRounds);
  EXPECT_NEAR(static_cast<double>(labels), 3 * 5000, 300);  // 50 of the rare class a round.
  EXPECT_EQ(race.lost(), std::vector<size_t>{1});
  EXPECT_EQ(race.leader(), 0u);

  // One that is worse for longer, but less and less so, is not lost.
  Race closing(2, 1000);
  for (size_t i = 0; i < 20'000; ++i) {
    const double behind = 1 - static_cast<double>(i) / 20'000;
    const double losses[] = {0.1, 0.1 + behind};
    closing.Judge(losses, here, i % 2, 2);
    ASSERT_TRUE(closing.lost().empty()) << i;
  }
}

TEST(Committee, RefusesMembersThatCannotBe) {
  const auto message = [](std::vector<std::string> members) {
    CommitteeOptions options;
    options.members = std::move(members);
    const auto made = MakeCommittee(options, Inputs());
    EXPECT_FALSE(made.ok());
    return std::string(made.status().message());
  };
  EXPECT_EQ(message({}), "committee: found 0 members, expected 2 to 64");
  EXPECT_EQ(message({"naive_bayes", "naive_bayes x=1"}),
            "committee: member 'naive_bayes x=1': there is no option 'x'");
  EXPECT_EQ(message({"naive_bayes", "tree"}),
            "committee: member 'tree': no type that a member can have");
  EXPECT_EQ(message({"naive_bayes", "committee"}),
            "committee: member 'committee': no type that a member can have");
  EXPECT_EQ(message({"naive_bayes", "linear_regression"}),
            "committee: member 'linear_regression': it is no classifier");
  EXPECT_EQ(message({"naive_bayes", "naive_bayes coverage=0.9"}),
            "committee: member 'naive_bayes coverage=0.9': coverage: a member's regions are not "
            "used; give it to the committee");
}

TEST(Committee, ReadsWhateverItsMembersRead) {
  // Categories one-hot: no dense inputs.
  const InputSpec sparse{{}, 16};
  CommitteeOptions options;
  options.members = {"logistic_regression", "multinomial_nb"};
  auto made = MakeCommittee(options, sparse);
  ASSERT_TRUE(made.ok()) << made.status().message();
  CommitteeRegressorOptions of_numbers;
  of_numbers.members = {"linear_regression", "linear_regression optimizer=sgd"};
  auto numbers = MakeCommitteeRegressor(of_numbers, sparse);
  ASSERT_TRUE(numbers.ok()) << numbers.status().message();
  std::vector<double> out;
  for (uint32_t i = 0; i < 2000; ++i) {
    const std::vector<SparseEntry> entries = {{i % 4, 1}, {4 + i % 3, 1}};
    (*made)->Learn({{}, entries}, i % 4 == 1 ? 1 : 0, 1);
    (*numbers)->Learn({{}, entries}, i % 4 == 1 ? 5 : 2, 1);
  }
  const std::vector<SparseEntry> entries = {{1, 1}, {4, 1}};
  (*made)->Predict({{}, entries}, out);
  EXPECT_GT(out.at(1), 0.9);
  (*numbers)->Predict({{}, entries}, out);
  EXPECT_NEAR(out.at(0), 5, 0.5);
  // What a member cannot read is refused, and whose fault it is.
  options.members = {"logistic_regression", "hoeffding_tree"};
  const auto refused = MakeCommittee(options, sparse);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().message().substr(0, 36), "committee: member 'hoeffding_tree': ");
}

// ---- Committees of regressors ----

CommitteeRegressorOptions Regressors(CommitteeMethod method) {
  CommitteeRegressorOptions options;
  options.method = method;
  options.members = {"hoeffding_regression_tree grace_period=50", "knn_regressor window=200",
                     "hoeffding_regression_tree grace_period=1000000"};
  return options;
}
std::unique_ptr<Model> New(const CommitteeRegressorOptions& options,
                           const InputSpec& inputs = Inputs()) {
  auto made = MakeCommitteeRegressor(options, inputs);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}
/// A bent surface, 1e6 times as large, with gaps and an input that is 1e9 times as large.
Example Surface(uint64_t i) {
  CounterRandom random(8, 5, i * 8);
  const double a = random.Uniform(-2, 2), b = random.Uniform(-2, 2);
  return {{i % 7 == 0 ? kNaN : a, 1e9 * b, static_cast<double>(random.Below(5))},
          1e6 * (a * a + b + 0.1 * random.Normal())};
}
double SquaredError(Model& model, uint64_t from, uint64_t to) {
  std::vector<double> out;
  double sum = 0;
  for (uint64_t i = from; i < to; ++i) {
    const Example e = Surface(i);
    model.Predict(e.input(), out);
    EXPECT_EQ(out.size(), 1u);
    sum += (out.at(0) - e.label) * (out.at(0) - e.label);
    model.Learn(e.input(), e.label, 1);
  }
  return sum / static_cast<double>(to - from);
}

class EveryRegressorMethod
    : public testing::TestWithParam<std::pair<CommitteeMethod, CommitteeLoss>> {
 protected:
  static CommitteeRegressorOptions Options() {
    CommitteeRegressorOptions options = Regressors(GetParam().first);
    options.loss = GetParam().second;
    options.round = 500;
    return options;
  }
};

TEST_P(EveryRegressorMethod, ContinuesBitEqualAfterLoadingAndSaysItsMemory) {
  for (const uint64_t cut : {0u, 1u, 450u, 1300u}) {
    auto whole = New(Options());
    SquaredError(*whole, 0, cut);
    const std::string bytes = Saved(*whole);
    const auto loaded = Reloaded(*whole);
    EXPECT_EQ(SquaredError(*whole, cut, cut + 1200), SquaredError(*loaded, cut, cut + 1200));
    ASSERT_TRUE(Saved(*whole) == Saved(*loaded));
    if (cut == 450) {
      ExpectRefusesCutState(*whole, bytes);
    }
  }
#ifndef __SANITIZE_ADDRESS__
  SquaredError(*New(Options()), 0, 100);
  const size_t before = HeapBytes();
  auto model = New(Options());
  SquaredError(*model, 0, 4000);
  const auto held = static_cast<double>(HeapBytes() - before);
  EXPECT_NEAR(static_cast<double>(model->MemoryBytes()) / held, 1, 0.1);
#endif
}

TEST_P(EveryRegressorMethod, IsNotMuchWorseThanItsBestMember) {
  double best = 1e300;
  for (const std::string& text : Options().members) {
    CommitteeRegressorOptions twice = Regressors(CommitteeMethod::kRace);
    twice.members = {text, text};
    auto alone = New(twice);
    SquaredError(*alone, 0, 2000);
    best = std::min(best, SquaredError(*alone, 2000, 8000));
  }
  auto committee = New(Options());
  SquaredError(*committee, 0, 2000);
  EXPECT_LT(SquaredError(*committee, 2000, 8000), 1.05 * best);
}

TEST_P(EveryRegressorMethod, GivesNumbersWhateverComes) {
  auto model = New(Options());
  CounterRandom random(9, 9);
  const double extremes[] = {
      0, 1e308, -1e139, kNaN, 1e9, 1, std::numeric_limits<double>::infinity()};
  std::vector<double> out;
  for (int i = 0; i < 3000; ++i) {
    const std::vector<double> x = {extremes[random.Below(7)], extremes[random.Below(7)],
                                   static_cast<double>(random.Below(50))};
    model->Predict({x, {}}, out);
    ASSERT_EQ(out.size(), 1u);
    ASSERT_TRUE(std::isfinite(out[0])) << i;
    const double targets[] = {0, 1, -1e99, kNaN, 1e9, extremes[6]};
    model->Learn({x, {}}, targets[random.Below(6)], random.Below(9) == 0 ? 1e12 : 1);
  }
  const std::string bytes = Saved(*model);
  StateReader in(bytes);
  EXPECT_TRUE(model->Fresh()->Load(in).ok()) << in.status().message();
}

INSTANTIATE_TEST_SUITE_P(
    Committee, EveryRegressorMethod,
    testing::Values(std::pair(CommitteeMethod::kHedge, CommitteeLoss::kSquared),
                    std::pair(CommitteeMethod::kHedge, CommitteeLoss::kAbsolute),
                    std::pair(CommitteeMethod::kStacking, CommitteeLoss::kSquared),
                    std::pair(CommitteeMethod::kRace, CommitteeLoss::kAbsolute)));

TEST(CommitteeRegressor, StackingStretchesWhatMeansOfNeighborsFlatten) {
  CommitteeRegressorOptions options;
  options.members = {"knn_regressor window=300 neighbors=60", "knn_regressor window=300"};
  const auto error = [&](CommitteeMethod method) {
    options.method = method;
    auto model = New(options);
    SquaredError(*model, 0, 3000);
    return SquaredError(*model, 3000, 8000);
  };
  EXPECT_LT(error(CommitteeMethod::kStacking), error(CommitteeMethod::kRace));
}

TEST(CommitteeRegressor, TheLossSaysWhoLeads) {
  // Nearly always 0, at times 10: the mean wins by squares, the median by distances.
  for (const CommitteeLoss loss : {CommitteeLoss::kSquared, CommitteeLoss::kAbsolute}) {
    CommitteeRegressorOptions options;
    options.members = {"linear_regression loss=squared learning_rate=0.01 optimizer=sgd",
                       "linear_regression loss=absolute learning_rate=0.001 optimizer=sgd"};
    options.method = CommitteeMethod::kRace;
    options.half_life = 2000;
    options.loss = loss;
    auto model = New(options, Numbers(3));
    const std::vector<double> x = {0, 0, 0};
    for (uint64_t i = 0; i < 1900; ++i) {
      model->Learn({x, {}}, CounterRandom(1, 1, i).Uniform() < 0.2 ? 10 : 0, 1);
    }
    std::vector<double> out;
    model->Predict({x, {}}, out);
    if (loss == CommitteeLoss::kSquared) {
      EXPECT_NEAR(out[0], 2, 1);
    } else {
      EXPECT_LT(std::fabs(out[0]), 0.3);
    }
  }
}

TEST(CommitteeRegressor, RefusesMembersThatPredictNoNumber) {
  CommitteeRegressorOptions options;
  options.members = {"knn_regressor", "naive_bayes"};
  const auto made = MakeCommitteeRegressor(options, Inputs());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().message(),
            "committee_regressor: member 'naive_bayes': it does not predict a number");
}

// ---- One against the rest ----

std::string Fact(const Model& model, const std::string& wanted) {
  for (const auto& [name, value] : model.Summary()) {
    if (name == wanted) return value;
  }
  return "";
}

TEST(OneVsRest, HasAsManyMembersAsItMayAndCountsTheRest) {
  const auto learn = [](Model& model, std::initializer_list<double> labels) {
    for (const double label : labels) model.Learn(Make(0).input(), label, 1);
  };
  auto three = New("one_vs_rest member=naive_bayes max_classes=3", Inputs());
  learn(*three, {0, 2, 3, 1, 400});
  EXPECT_EQ(Fact(*three, "classes"), "3");
  EXPECT_EQ(Fact(*three, "rows ignored"), "2");
  auto usual = New("one_vs_rest member=naive_bayes", Inputs());
  learn(*usual, {0, 255, 256, 65'535});
  EXPECT_EQ(Fact(*usual, "classes"), "256");
  EXPECT_EQ(Fact(*usual, "rows ignored"), "2");
  // A state that has more, as those of before there was a bound may, opens and goes on.
  auto many = New("one_vs_rest member=naive_bayes max_classes=1000", Inputs());
  learn(*many, {0, 299});
  const std::string bytes = Saved(*many);
  StateReader in(bytes);
  ASSERT_TRUE(usual->Load(in).ok()) << in.status().message();
  learn(*usual, {299, 298, 300});
  EXPECT_EQ(Fact(*usual, "members"), "3 of naive_bayes");
  EXPECT_EQ(Fact(*usual, "rows ignored"), "1");
  EXPECT_FALSE(MakeOneVsRest({"naive_bayes", 1}, Inputs()).ok());
}

TEST(OneVsRest, MayBeItsOwnMember) {
  auto nested = New("one_vs_rest member=one_vs_rest", Inputs());
  std::vector<std::unique_ptr<Model>> members;
  std::vector<double> out, said;
  for (uint64_t i = 0; i < 600; ++i) {
    const Example e = Make(i);
    nested->Predict(e.input(), out);
    std::vector<double> expected;
    double sum = 0;
    for (const auto& member : members) {
      said.clear();
      if (member != nullptr) member->Predict(e.input(), said);
      expected.push_back(said.size() > 1 ? said[1] : 0);
      sum += expected.back();
    }
    if (sum > 0) {
      for (double& p : expected) p /= sum;
      ASSERT_EQ(out, expected) << i;
    }
    // At first of weights that trees do not learn, so that the innermost say nothing.
    const double weight = i < 8 ? 1e20 : 1;
    nested->Learn(e.input(), e.label, weight);
    const auto label = static_cast<size_t>(e.label);
    if (members.size() <= label) members.resize(label + 1);
    if (members[label] == nullptr) members[label] = New("one_vs_rest", Inputs());
    for (size_t c = 0; c < members.size(); ++c) {
      if (members[c] != nullptr) members[c]->Learn(e.input(), c == label ? 1 : 0, weight);
    }
  }
  EXPECT_EQ(out.size(), 3u);
}

// ---- What mistakes cost ----

std::unique_ptr<Model> Weighted(const std::string& type, const ClassWeightOptions& options) {
  auto made = MakeWeighted(std::move(*NewModelFactory(type)->Make(Inputs())), options);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

TEST(Weighted, LearnsARecordWithTheWeightOfItsClass) {
  ClassWeightOptions options;
  options.class_weights = {{"1", 7}, {"2", 0.5}};
  auto weighted = Weighted("naive_bayes", options);
  auto plain = New("naive_bayes", Inputs());
  const double weights[] = {1, 7, 0.5};
  std::vector<double> a, b;
  for (uint64_t i = 0; i < 600; ++i) {
    const Example e = Make(i);
    weighted->Learn(e.input(), e.label, 2);
    plain->Learn(e.input(), e.label, 2 * weights[static_cast<size_t>(e.label)]);
    weighted->Predict(Make(i + 1).input(), a);
    plain->Predict(Make(i + 1).input(), b);
    ASSERT_EQ(a, b) << i;
  }
}

TEST(Weighted, BalancedIsTheShareOfTheOthersOverItsOwn) {
  ClassWeightOptions options;
  options.class_weight = ClassWeight::kBalanced;
  auto weighted = Weighted("naive_bayes", options);
  auto plain = New("naive_bayes", Inputs());
  double counts[3] = {};
  std::vector<double> a, b;
  for (uint64_t i = 0; i < 600; ++i) {
    const Example e = Make(i);
    const auto c = static_cast<size_t>(e.label);
    counts[c] += 1;
    double total = 0, seen = 0;
    for (const double count : counts) total += count, seen += count > 0 ? 1 : 0;
    weighted->Learn(e.input(), e.label, 1);
    plain->Learn(e.input(), e.label, total / (seen * counts[c]));
    weighted->Predict(Make(i + 1).input(), a);
    plain->Predict(Make(i + 1).input(), b);
    ASSERT_EQ(a, b) << i;
  }
}

TEST(Weighted, ContinuesBitEqualAfterLoadingAndSaysItsMemory) {
  ClassWeightOptions options;
  options.class_weight = ClassWeight::kBalanced;
  options.class_weights = {{"2", 3}};
  auto whole = Weighted("hoeffding_tree", options);
  LogLoss(*whole, 0, 2000);
  const std::string bytes = Saved(*whole);
  auto loaded = Reloaded(*whole);
  EXPECT_EQ(LogLoss(*whole, 2000, 3000), LogLoss(*loaded, 2000, 3000));
  EXPECT_TRUE(Saved(*whole) == Saved(*loaded));
  EXPECT_EQ(whole->MemoryBytes(), loaded->MemoryBytes());
  ExpectRefusesCutState(*whole, bytes);
}

TEST(Weighted, IsTheModelItselfWhereNothingIsAskedForAndRefusesWhatIsNoClass) {
  auto plain = New("naive_bayes", Inputs());
  const Model* const address = plain.get();
  auto same = MakeWeighted(std::move(plain), {});
  EXPECT_EQ(same->get(), address);
  for (const auto& [text, weight] :
       std::map<std::string, double>{{"fraud", 2}, {"1x", 2}, {"-1", 2}, {"65536", 2}, {"0", 0}}) {
    ClassWeightOptions options;
    options.class_weights = {{text, weight}};
    EXPECT_FALSE(MakeWeighted(New("naive_bayes", Inputs()), options).ok()) << text;
  }
  ClassWeightOptions options;
  options.class_weight = ClassWeight::kBalanced;
  EXPECT_FALSE(MakeWeighted(New("forest_regressor", Inputs()), options).ok());
}

// ---- Rare classes ----

std::unique_ptr<Model> Balanced(Balance balance) {
  BalanceOptions options;
  options.balance = balance;
  auto plain = NewModelFactory("naive_bayes")->Make(Inputs());
  EXPECT_TRUE(plain.ok());
  auto made = MakeBalanced(std::move(*plain), options);
  EXPECT_TRUE(made.ok());
  return std::move(*made);
}

/// One in fifty is of class 1, some deviations to the right.
Example Rare(uint64_t i) {
  CounterRandom random(8, 3, i * 8);
  const double label = random.Below(50) == 0 ? 1 : 0;
  return {{2 * label + random.Normal(), random.Normal(), 0}, label};
}

class EveryBalance : public testing::TestWithParam<Balance> {};

TEST_P(EveryBalance, SaysTheProbabilitiesOfTheStreamNotOfWhatWasLearnt) {
  auto model = Balanced(GetParam());
  std::vector<double> out;
  double said = 0, happened = 0;
  for (uint64_t i = 0; i < 30'000; ++i) {
    const Example e = Rare(i);
    model->Predict(e.input(), out);
    if (i >= 5000) {
      said += out.at(1);
      happened += e.label;
    }
    model->Learn(e.input(), e.label, 1);
  }
  EXPECT_NEAR(said / happened, 1, 0.12);
}

TEST_P(EveryBalance, ContinuesBitEqualAfterLoading) {
  auto whole = Balanced(GetParam());
  for (uint64_t i = 0; i < 3000; ++i) whole->Learn(Rare(i).input(), Rare(i).label, 1);
  const std::string bytes = Saved(*whole);
  auto loaded = whole->Fresh();
  StateReader in(bytes);
  ASSERT_TRUE(loaded->Load(in).ok());
  EXPECT_TRUE(in.AtEnd());
  std::vector<double> a, b;
  for (uint64_t i = 3000; i < 5000; ++i) {
    whole->Predict(Rare(i).input(), a);
    loaded->Predict(Rare(i).input(), b);
    ASSERT_EQ(a, b);
    whole->Learn(Rare(i).input(), Rare(i).label, 1);
    loaded->Learn(Rare(i).input(), Rare(i).label, 1);
  }
  EXPECT_TRUE(Saved(*whole) == Saved(*loaded));
  EXPECT_EQ(whole->MemoryBytes(), loaded->MemoryBytes());
}

INSTANTIATE_TEST_SUITE_P(Balanced, EveryBalance,
                         testing::Values(Balance::kWeights, Balance::kSampling));

/// Holds the weight that it last learnt, and says nothing.
class Scales final : public Model {
 public:
  explicit Scales(double& weight) : weight_(&weight) {}
  Task task() const override { return Task::kClassification; }
  void Predict(const Input&, std::vector<double>& out) const override { out.clear(); }
  void Learn(const Input&, double, double weight) override { *weight_ = weight; }
  void Save(StateWriter&) const override {}
  Status Load(StateReader&) override { return Status::Ok(); }
  std::unique_ptr<Model> Fresh() const override { return std::make_unique<Scales>(*weight_); }
  size_t MemoryBytes() const override { return sizeof *this; }

 private:
  double* weight_;
};

TEST(Balanced, SamplesAVeryRareClassAsOftenAsItsHighestRateSays) {
  double weight = 0;
  BalanceOptions options;
  options.balance = Balance::kSampling;
  options.half_life = 1e9;
  auto model = std::move(*MakeBalanced(std::make_unique<Scales>(weight), options));
  for (int i = 0; i < 10'000; ++i) model->Learn({}, 0, 1);
  // Shares below 1 in 2000 have the highest rate, 1000.
  double sum = 0, squares = 0;
  constexpr int kRare = 4;
  for (int i = 0; i < kRare; ++i) {
    model->Learn({}, 1, 1);
    sum += weight;
    squares += weight * weight;
    for (int j = 0; j < 3000; ++j) model->Learn({}, 0, 1);
  }
  EXPECT_NEAR(sum / kRare, 1000, 5 * std::sqrt(1000.0 / kRare));
  EXPECT_GT(squares / kRare - sum / kRare * sum / kRare, 0);  // Each has draws of its own.
}

TEST(Balanced, LearnsEveryClassEquallyOften) {
  auto plain = NewModelFactory("hoeffding_tree")->Make(Inputs());
  BalanceOptions options;
  options.balance = Balance::kSampling;
  auto model = std::move(*MakeBalanced(std::move(*plain), options));
  // A tree that only knows counts, before its first split: its word, uncorrected, is the share.
  std::vector<double> out;
  for (uint64_t i = 0; i < 2000; ++i) model->Learn(Rare(i).input(), Rare(i).label, 1);
  const std::vector<double> unknown = {kNaN, kNaN, kNaN};
  model->Predict({unknown, {}}, out);
  EXPECT_NEAR(out.at(1), 0.02, 0.01);
  EXPECT_EQ(MakeBalanced(std::move(model), {})->get()->task(), Task::kClassification);
}

}  // namespace
}  // namespace leat
