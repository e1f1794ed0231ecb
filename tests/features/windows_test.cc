#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "tests/features/events.h"

namespace leat {
namespace {

constexpr Micros kMin = kMinute;

TEST(Window, AggregatesByHand) {
  Graph g({Window("n", Aggregate::kCount, "", 10 * kSecond),
           Window("sum", Aggregate::kSum, "amount", 10 * kSecond),
           Window("mean", Aggregate::kMean, "amount", 10 * kSecond),
           Window("std", Aggregate::kStd, "amount", 10 * kSecond),
           Window("min", Aggregate::kMin, "amount", 10 * kSecond),
           Window("max", Aggregate::kMax, "amount", 10 * kSecond),
           Window("last", Aggregate::kLast, "amount", 10 * kSecond),
           Window("kinds", Aggregate::kDistinct, "amount", 10 * kSecond),
           Window("places", Aggregate::kDistinct, "terminal", 10 * kSecond)});
  g.Step(Card(0, "c", "t1", 2));
  EXPECT_EQ(g.Get("n"), 1);
  EXPECT_TRUE(std::isnan(g.Get("std")));
  g.Step(Card(4, "c", "t2", 4));
  g.Step(Card(9, "c", "t1", 9));
  EXPECT_EQ(g.Get("n"), 3);
  EXPECT_EQ(g.Get("sum"), 15);
  EXPECT_EQ(g.Get("mean"), 5);
  EXPECT_DOUBLE_EQ(g.Get("std"), std::sqrt(13.0));  // (9 + 1 + 16) / 2
  EXPECT_EQ(g.Get("min"), 2);
  EXPECT_EQ(g.Get("max"), 9);
  EXPECT_EQ(g.Get("last"), 9);
  EXPECT_EQ(g.Get("kinds"), 3);
  EXPECT_EQ(g.Get("places"), 2);
  // At 10 s the event at 0 s has left: the window is open on the left.
  g.Step(Card(10, "c", "t3", kNaN));
  EXPECT_EQ(g.Get("n"), 3);
  EXPECT_EQ(g.Get("sum"), 13);
  EXPECT_EQ(g.Get("min"), 4);
  EXPECT_EQ(g.Get("last"), 9);  // A missing amount does not enter.
  EXPECT_EQ(g.Get("kinds"), 2);
  EXPECT_EQ(g.Get("places"), 3);
  // Another key knows nothing of it.
  g.Step(Card(10, "d", "t1", 1));
  EXPECT_EQ(g.Get("n"), 1);
  EXPECT_EQ(g.Get("sum"), 1);
}

TEST(Window, SquaresThatHaveNoNumberAreMissingAsLongAsTheirValuesStay) {
  for (const double huge : {1e155, -1e200, 1e308}) {
    Graph g({Window("std", Aggregate::kStd, "amount", 10 * kSecond),
             Window("all", Aggregate::kStd, "amount", 0)});
    g.Step(Card(0, "c", "t", 3));
    g.Step(Card(1, "c", "t", huge));
    EXPECT_TRUE(std::isnan(g.Get("std"))) << huge;
    g.Step(Card(4, "c", "t", 2));
    EXPECT_TRUE(std::isnan(g.Get("std"))) << huge;
    g.Step(Card(10.5, "c", "t", 4));
    EXPECT_TRUE(std::isnan(g.Get("std"))) << huge;
    g.Step(Card(11, "c", "t", 6));
    EXPECT_DOUBLE_EQ(g.Get("std"), 2) << huge;  // Of 2, 4 and 6.
    EXPECT_TRUE(std::isnan(g.Get("all"))) << huge;
    g.Step(Card(14.5, "c", "t", 6));
    EXPECT_DOUBLE_EQ(g.Get("std"), std::sqrt(4.0 / 3)) << huge;
  }
}

TEST(Window, EmptyIsZeroForCountAndSumAndMissingOtherwise) {
  Graph g({Window("n", Aggregate::kCount, "", kMin, {"customer"}, "amount > 10"),
           Window("sum", Aggregate::kSum, "amount", kMin, {"customer"}, "amount > 10"),
           Window("mean", Aggregate::kMean, "amount", kMin, {"customer"}, "amount > 10"),
           Window("max", Aggregate::kMax, "amount", kMin, {"customer"}, "amount > 10"),
           Window("last", Aggregate::kLast, "amount", kMin, {"customer"}, "amount > 10"),
           Window("since", Aggregate::kSince, "amount > 10", 0),
           Window("run", Aggregate::kRun, "amount > 10", 0)});
  g.Step(Card(0, "c", "t", 1));
  EXPECT_EQ(g.Get("n"), 0);
  EXPECT_EQ(g.Get("sum"), 0);
  EXPECT_EQ(g.Get("run"), 0);
  for (const char* name : {"mean", "max", "last", "since"}) {
    EXPECT_TRUE(std::isnan(g.Get(name))) << name;
  }
}

TEST(Window, WithoutAKeyIsMissing) {
  Graph g({Window("n", Aggregate::kCount, "", kMin), Window("m", Aggregate::kSince, "", 0)});
  g.Step(Card(0, "", "t", 1));
  EXPECT_TRUE(std::isnan(g.Get("n")));
  EXPECT_TRUE(std::isnan(g.Get("m")));
}

TEST(Window, SinceLooksBackFromTheCurrentEventAndRunIncludesIt) {
  Graph g({Window("since", Aggregate::kSince, "amount > 10", 0),
           Window("previous", Aggregate::kSince, "", 0),
           Window("run", Aggregate::kRun, "amount > 10", 0),
           Before(Window("run_before", Aggregate::kRun, "amount > 10", 0)),
           Window("recent_run", Aggregate::kRun, "amount > 10", 5 * kSecond)});
  g.Step(Card(0, "c", "t", 20));
  EXPECT_TRUE(std::isnan(g.Get("since")));
  EXPECT_EQ(g.Get("run"), 1);
  g.Step(Card(3, "c", "t", 30));
  EXPECT_EQ(g.Get("since"), 3);
  EXPECT_EQ(g.Get("run"), 2);
  EXPECT_EQ(g.Get("run_before"), 1);
  g.Step(Card(7, "c", "t", 40));
  EXPECT_EQ(g.Get("run"), 3);
  EXPECT_EQ(g.Get("recent_run"), 2);
  g.Step(Card(8, "c", "t", 1));
  EXPECT_EQ(g.Get("since"), 1);
  EXPECT_EQ(g.Get("run"), 0);
  g.Step(Card(9.5, "c", "t", kNaN));  // Missing compares as false.
  EXPECT_EQ(g.Get("since"), 2.5);
  EXPECT_EQ(g.Get("previous"), 1.5);
}

TEST(Window, BeforeLeavesTheCurrentEventOut) {
  Graph g({Window("n", Aggregate::kCount, "", 10 * kSecond),
           Before(Window("n_before", Aggregate::kCount, "", 10 * kSecond)),
           Before(Window("mean_before", Aggregate::kMean, "amount", 10 * kSecond)),
           Expr("ratio", "amount / mean_before"),
           Before(Window("unique_before", Aggregate::kDistinct, "terminal", 10 * kSecond))});
  g.Step(Card(0, "c", "t", 4));
  EXPECT_EQ(g.Get("n_before"), 0);
  EXPECT_TRUE(std::isnan(g.Get("ratio")));
  g.Step(Card(1, "c", "u", 8));
  EXPECT_EQ(g.Get("n"), 2);
  EXPECT_EQ(g.Get("n_before"), 1);
  EXPECT_EQ(g.Get("ratio"), 2);
  EXPECT_EQ(g.Get("unique_before"), 1);
  g.Step(Card(10.5, "c", "u", 8));
  EXPECT_EQ(g.Get("n_before"), 1);
}

TEST(Window, ExpressionsSeeEarlierFeaturesAsTheyWere) {
  // The mean includes the current event where it stands in the list; what is counted is the ratio
  // each event had at its own time.
  Graph g({Window("mean", Aggregate::kMean, "amount", kDay), Expr("ratio", "amount / mean"),
           Window("big", Aggregate::kCount, "", kDay, {"customer"}, "ratio > 1.5")});
  EXPECT_EQ(g.Take(Card(0, "c", "t", 10), "big"), 0);  // mean 10
  EXPECT_EQ(g.Take(Card(1, "c", "t", 90), "big"), 1);  // mean 50, ratio 1.8
  EXPECT_EQ(g.Take(Card(2, "c", "t", 80), "big"), 1);  // mean 60, ratio 1.33
}

TEST(Window, KeysCanBeSeveralFieldsOrNone) {
  Graph g({Window("pair", Aggregate::kCount, "", kMin, {"customer", "terminal"}),
           Window("all", Aggregate::kCount, "", kMin, {}),
           Window("channel_n", Aggregate::kCount, "", kMin, {"channel"})});
  g.Step(Card(0, "c", "t", 1));
  g.Step(Card(1, "c", "u", 1));
  g.Step(Card(2, "t", "c", 1, "shop"));  // Swapped: another pair.
  EXPECT_EQ(g.Get("pair"), 1);
  EXPECT_EQ(g.Get("all"), 3);
  EXPECT_EQ(g.Get("channel_n"), 1);
  g.Step(Card(3, "c", "t", 1));
  EXPECT_EQ(g.Get("pair"), 2);
}

TEST(Window, UnboundedKeepsEverything) {
  Graph g({Window("n", Aggregate::kCount, "", 0), Window("std", Aggregate::kStd, "amount", 0),
           Window("mean", Aggregate::kMean, "amount", 0),
           Window("max", Aggregate::kMax, "amount", 0),
           Window("last", Aggregate::kLast, "channel", 0)});
  for (int i = 0; i < 1000; ++i) g.Step(Card(1e6 * i, "c", "t", 1e6 + i % 10));
  EXPECT_EQ(g.Get("n"), 1000);
  EXPECT_NEAR(g.Get("mean"), 1e6 + 4.5, 1e-7);
  EXPECT_NEAR(g.Get("std"), std::sqrt(8.25 * 1000 / 999), 1e-9);
  EXPECT_EQ(g.Get("max"), 1e6 + 9);
  EXPECT_TRUE(g->IsCategory(*g->SlotOf("last")));
  EXPECT_EQ(g->CategoryName(*g->SlotOf("last"), 0), "web");
}

TEST(Window, LateEventsSeeTheKeysLatestWindowAndEnterAtTheirOwnTime) {
  Graph g({Window("n", Aggregate::kCount, "", 10 * kSecond),
           Window("last", Aggregate::kLast, "amount", 0)});
  g.Step(Card(100, "c", "t", 1));
  EXPECT_EQ(g.Take(Card(95, "c", "t", 2), "n"), 2);     // (90, 100]
  EXPECT_EQ(g.Get("last"), 1);                          // By event time.
  EXPECT_EQ(g.Take(Card(80, "c", "t", 3), "n"), 2);     // Outside: enters nothing.
  EXPECT_EQ(g.Take(Card(105.5, "c", "t", 4), "n"), 2);  // 95 has left, 100 has not.
}

TEST(Window, RunsPlaceLateEventsExactlyAndDegradeAsStated) {
  Graph g({Window("run", Aggregate::kRun, "amount", 0)});
  g.Step(Card(10, "c", "t", 0));
  g.Step(Card(20, "c", "t", 1));
  EXPECT_EQ(g.Take(Card(15, "c", "t", 1), "run"), 2);  // Between the break and the run: part of it.
  EXPECT_EQ(g.Take(Card(5, "c", "t", 1), "run"), 2);   // Before the break.
  EXPECT_EQ(g.Take(Card(12, "c", "t", 0), "run"), 2);  // Breaks before the run starts.
  EXPECT_EQ(g.Take(Card(11, "c", "t", 1), "run"), 2);
  EXPECT_EQ(g.Take(Card(30, "c", "t", 1), "run"), 3);
  EXPECT_EQ(g.Take(Card(25, "c", "t", 0), "run"), 1);  // Inside: only the newest is certain.
}

// ---- Against a window recomputed from all events ----

struct Event {
  double time;  // Seconds.
  int key;
  double amount;
  bool label;
  double known;  // When the label is known.
};

struct Expected {
  double n = 0, sum = 0, mean = kNaN, std = kNaN, min = kNaN, max = kNaN, last = kNaN, distinct = 0;
};

Expected Recompute(const std::vector<const Event*>& entered, double now, double over) {
  Expected e;
  double last_time = -1e300, squares = 0;
  std::set<double> values;
  for (const Event* x : entered) {
    if (x->time <= now - over || x->time > now) continue;
    e.n += 1;
    e.sum += x->amount;
    if (!(e.min <= x->amount)) e.min = x->amount;
    if (!(e.max >= x->amount)) e.max = x->amount;
    if (x->time >= last_time) {
      last_time = x->time;
      e.last = x->amount;
    }
    values.insert(x->amount);
  }
  e.distinct = static_cast<double>(values.size());
  if (e.n > 0) e.mean = e.sum / e.n;
  for (const Event* x : entered) {
    if (x->time <= now - over || x->time > now) continue;
    squares += (x->amount - e.mean) * (x->amount - e.mean);
  }
  if (e.n > 1) e.std = std::sqrt(squares / (e.n - 1));
  return e;
}

std::vector<FeatureSpec> AllOver(const std::string& prefix, const std::string& value,
                                 const std::string& where, bool before = false) {
  std::vector<FeatureSpec> out;
  for (const int seconds : {7, 40, 300}) {
    const std::string tail = prefix + std::to_string(seconds);
    const Micros over = seconds * kSecond;
    const std::vector<std::string> by = {"customer"};
    out.push_back(Window("n" + tail, Aggregate::kCount, "", over, by, where));
    out.push_back(Window("sum" + tail, Aggregate::kSum, value, over, by, where));
    out.push_back(Window("mean" + tail, Aggregate::kMean, value, over, by, where));
    out.push_back(Window("std" + tail, Aggregate::kStd, value, over, by, where));
    out.push_back(Window("min" + tail, Aggregate::kMin, value, over, by, where));
    out.push_back(Window("max" + tail, Aggregate::kMax, value, over, by, where));
    out.push_back(Window("last" + tail, Aggregate::kLast, value, over, by, where));
    out.push_back(Window("distinct" + tail, Aggregate::kDistinct, value, over, by, where));
  }
  for (FeatureSpec& spec : out) spec.before = before;
  return out;
}

void ExpectAll(const Graph& g, const std::string& prefix, const std::vector<const Event*>& entered,
               double now, int step) {
  for (const int seconds : {7, 40, 300}) {
    const std::string tail = prefix + std::to_string(seconds);
    const Expected e = Recompute(entered, now, seconds);
    ASSERT_EQ(g.Get("n" + tail), e.n) << tail << " at " << step;
    ASSERT_TRUE(Near(g.Get("sum" + tail), e.sum, 1e-10)) << tail << " at " << step;
    ASSERT_TRUE(Near(g.Get("mean" + tail), e.mean, 1e-10)) << tail << " at " << step;
    ASSERT_TRUE(Near(g.Get("std" + tail), e.std, 1e-7))
        << tail << " at " << step << ": " << g.Get("std" + tail) << " for " << e.std;
    ASSERT_TRUE(Near(g.Get("min" + tail), e.min, 0)) << tail << " at " << step;
    ASSERT_TRUE(Near(g.Get("max" + tail), e.max, 0)) << tail << " at " << step;
    ASSERT_TRUE(Near(g.Get("last" + tail), e.last, 0)) << tail << " at " << step;
    ASSERT_EQ(g.Get("distinct" + tail), e.distinct) << tail << " at " << step;
  }
}

std::vector<Event> RandomEvents(int count, double lateness, uint64_t seed) {
  CounterRandom random(seed, 7);
  std::vector<Event> events;
  double time = 1000;
  for (int i = 0; i < count; ++i) {
    time += random.Uniform() < 0.02 ? random.Uniform(0, 400) : random.Uniform(0, 2);
    const bool late = random.Uniform() < 0.2;
    // Quarters of a second, so that the differences below are exact.
    const double at = std::floor((time - (late ? random.Uniform(0, lateness) : 0)) * 4) / 4;
    // Amounts repeat (distinct), and now and then are enormous (cancellation).
    double amount = static_cast<double>(random.Below(30)) + 0.1;
    if (random.Uniform() < 0.005) amount *= 1e5;
    events.push_back({at, static_cast<int>(random.Below(3)), amount, random.Uniform() < 0.3,
                      time + random.Uniform(0, 60)});
  }
  return events;
}

TEST(Window, MatchesRecomputationWithLateEvents) {
  std::vector<FeatureSpec> specs = AllOver("b", "amount", "", true);
  for (auto& s : AllOver("w", "amount", "amount > 10")) specs.push_back(s);
  for (auto& s : AllOver("a", "amount", "")) specs.push_back(s);
  Graph g(specs);
  const std::vector<Event> events = RandomEvents(6000, 50, 3);
  std::vector<std::vector<const Event*>> all(3), big(3);
  std::vector<double> latest(3, -1e300);
  const char* const names[] = {"x", "y", "z"};
  for (int i = 0; i < static_cast<int>(events.size()); ++i) {
    const Event& e = events[static_cast<size_t>(i)];
    const auto k = static_cast<size_t>(e.key);
    latest[k] = std::max(latest[k], e.time);
    g.Step(Card(e.time, names[k], "t", e.amount));
    ASSERT_NO_FATAL_FAILURE(ExpectAll(g, "b", all[k], latest[k], i));
    all[k].push_back(&e);
    if (e.amount > 10) big[k].push_back(&e);
    ASSERT_NO_FATAL_FAILURE(ExpectAll(g, "a", all[k], latest[k], i));
    ASSERT_NO_FATAL_FAILURE(ExpectAll(g, "w", big[k], latest[k], i));
  }
}

TEST(Window, LabelledEventsEnterWhenKnownAtTheirOwnTime) {
  std::vector<FeatureSpec> specs = AllOver("l", "amount", "label");
  specs.push_back(Window("risk", Aggregate::kMean, "label", 40 * kSecond));
  specs.push_back(Window("clean", Aggregate::kCount, "", 40 * kSecond, {"customer"}, "not label"));
  Graph g(specs);
  std::vector<Event> events = RandomEvents(4000, 0, 11);
  std::vector<std::vector<const Event*>> fraud(3), known(3);
  std::vector<std::pair<const Event*, std::vector<double>>> waiting;
  const char* const names[] = {"x", "y", "z"};
  double now = 0;
  for (int i = 0; i < static_cast<int>(events.size()); ++i) {
    const Event& e = events[static_cast<size_t>(i)];
    now = std::max(now, e.time);
    for (size_t w = 0; w < waiting.size();) {
      const Event* known_now = waiting[w].first;
      if (known_now->known > now) {
        ++w;
        continue;
      }
      const auto k = static_cast<size_t>(known_now->key);
      known[k].push_back(known_now);
      if (known_now->label) fraud[k].push_back(known_now);
      const auto micros = static_cast<int64_t>(std::llround(known_now->time * 1e6));
      g->OnLabel(EventTime{micros}, known_now->label ? 1 : 0, waiting[w].second);
      waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(w));
    }
    const auto k = static_cast<size_t>(e.key);
    const Record record = Card(e.time, names[k], "t", e.amount);
    g.Step(record);
    ASSERT_NO_FATAL_FAILURE(ExpectAll(g, "l", fraud[k], e.time, i));
    const Expected f = Recompute(fraud[k], e.time, 40), a = Recompute(known[k], e.time, 40);
    ASSERT_TRUE(Near(g.Get("risk"), a.n > 0 ? f.n / a.n : kNaN, 1e-12)) << i;
    ASSERT_EQ(g.Get("clean"), a.n - f.n) << i;
    waiting.emplace_back(&e, g.Kept(record));
  }
  EXPECT_GT(fraud[0].size(), 100u);
}

TEST(Window, ALabelIsNeverSeenBeforeOnLabel) {
  Graph g({Window("risk", Aggregate::kMean, "label", kDay, {"terminal"}),
           Window("run", Aggregate::kRun, "label", 0, {"terminal"}),
           Window("since", Aggregate::kSince, "label", 0, {"terminal"})});
  const Record first = Card(0, "c", "t", 5);
  g.Step(first);
  const std::vector<double> payload = g.Kept(first);
  g.Step(Card(10, "c", "t", 5));
  EXPECT_TRUE(std::isnan(g.Get("risk")));
  EXPECT_EQ(g.Get("run"), 0);
  g->OnLabel(first.time, 1, payload);
  g.Step(Card(20, "c", "t", 5));
  EXPECT_EQ(g.Get("risk"), 1);
  EXPECT_EQ(g.Get("run"), 1);
  EXPECT_EQ(g.Get("since"), 20);
  g.Step(Card(86'400.5, "c", "t", 5));
  EXPECT_TRUE(std::isnan(g.Get("risk")));  // The labelled event has left (t - 1d, t].
}

TEST(Window, LabelledDistinctCountsIds) {
  Graph g({Window("victims", Aggregate::kDistinct, "customer", kDay, {"terminal"}, "label")});
  for (const char* customer : {"a", "b", "a", "c"}) {
    const Record r = Card(1, customer, "t", 5);
    g.Step(r);
    g->OnLabel(r.time, customer[0] != 'c' ? 1 : 0, g.Kept(r));
  }
  EXPECT_EQ(g.Take(Card(2, "z", "t", 5), "victims"), 2);
}

}  // namespace
}  // namespace leat
