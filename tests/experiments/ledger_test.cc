// The ledger of an experiment against a batch over the same events, in any order.
#include "experiments/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "base/hash.h"
#include "base/random.h"
#include "state/memory/memory_store.h"

namespace leat::experiments {
namespace {

constexpr int64_t kStart = 20'000 * kDay;

struct Event {
  enum Kind { kExposure, kOutcome, kBot } kind;
  uint64_t unit;
  int64_t time;
  uint64_t id;
  size_t what;  ///< Variant or metric.
  double value, denominator;
};

LedgerOptions Options(Micros lateness) {
  LedgerOptions options;
  options.variants = 3;
  options.lateness = lateness;
  options.days_before = 5;
  options.segments = {"country"};
  options.metrics = {{"converted", MetricKind::kProportion, 0, 2 * kDay, 0, true, false},
                     {"revenue", MetricKind::kSum, 0, 3 * kDay, 50, true, true},
                     {"clicks", MetricKind::kSum, 0, 0, 0, true, false},
                     {"ratio", MetricKind::kRatio, 0, 2 * kDay, 0, true, false},
                     {"returned", MetricKind::kProportion, kDay, kDay, 0, false, false}};
  return options;
}

std::string_view CountryOf(uint64_t unit) {
  return unit % 3 == 0 ? "NL" : unit % 3 == 1 ? "DE" : "FR";
}

/// A month of some units: outcomes before and after exposure, second exposures, a few of another
/// variant, bots, repeated ids.
std::vector<Event> Events(uint64_t seed, size_t units) {
  CounterRandom random(seed, 7);
  std::vector<Event> out;
  uint64_t id = 1;
  for (uint64_t unit = 1; unit <= units; ++unit) {
    const uint64_t key = Mix64(unit);
    const int64_t exposed = kStart + static_cast<int64_t>(random.Uniform(6, 24) * kDay);
    const size_t variant = random.Below(3);
    const auto at = [&](double days) { return exposed + static_cast<int64_t>(days * kDay); };
    if (random.Uniform() < 0.9) {
      const uint64_t times = 1 + random.Below(3);
      for (uint64_t k = 0; k < times; ++k) {
        out.push_back(
            {Event::kExposure, key, at(k == 0 ? 0 : random.Uniform(-0.3, 6)), id++, variant, 0, 0});
      }
      if (random.Uniform() < 0.05) {
        out.push_back(
            {Event::kExposure, key, at(random.Uniform(-0.3, 4)), id++, (variant + 1) % 3, 0, 0});
      }
    }
    for (uint64_t k = random.Poisson(12); k > 0; --k) {
      const size_t metric = random.Below(5);
      const int64_t time = at(random.Uniform(-8, 8));
      out.push_back(
          {Event::kOutcome, key, time, id++, metric, random.Uniform(0, 30), random.Uniform(1, 3)});
      if (random.Uniform() < 0.03) out.push_back(out.back());
    }
    if (random.Uniform() < 0.02)
      out.push_back({Event::kBot, key, at(random.Uniform(-2, 9)), 0, 0, 0, 0});
  }
  return out;
}

/// In an order in which nothing is later than `lateness`.
std::vector<Event> Shuffled(std::vector<Event> events, Micros lateness, uint64_t seed) {
  CounterRandom random(seed, 9);
  std::vector<std::tuple<int64_t, uint64_t, Event>> keyed;
  for (const Event& e : events) {
    const auto delay = static_cast<int64_t>(random.Uniform() * static_cast<double>(lateness));
    keyed.emplace_back(e.time + delay, random.Next(), e);
  }
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
  });
  events.clear();
  for (const auto& item : keyed) events.push_back(std::get<2>(item));
  return events;
}

class Feed {
 public:
  explicit Feed(Ledger& ledger) : ledger_(ledger) {}
  void Take(const Event& e) {
    now_ = std::max(now_, EventTime{e.time});
    ledger_.Advance(now_);
    switch (e.kind) {
      case Event::kExposure: {
        const uint32_t country = ledger_.SegmentCode(0, CountryOf(e.unit));
        ledger_.Exposure(e.unit, e.what, {e.time}, e.id, {&country, 1});
        break;
      }
      case Event::kOutcome:
        ledger_.Outcome(e.unit, e.what, e.value, e.denominator, {e.time}, e.id);
        break;
      case Event::kBot:
        ledger_.FlagBot(e.unit);
        break;
    }
  }
  EventTime now() const { return now_; }

 private:
  Ledger& ledger_;
  EventTime now_;
};

struct Answer {
  std::vector<Aggregate> totals;
  std::vector<UnitHistogram> revenue;  ///< By variant.
  std::map<std::string, std::vector<Aggregate>> by_country;
  std::vector<int64_t> exposed, lost;
  int64_t bots = 0;
  friend bool operator==(const Answer&, const Answer&) = default;
};

Answer AnswerOf(const Ledger& ledger) {
  Answer out;
  const LedgerOptions& o = ledger.options();
  const auto segments = ledger.Segments();
  for (size_t m = 0; m < o.metrics.size(); ++m) {
    for (size_t v = 0; v < o.variants; ++v) {
      out.totals.push_back(ledger.Total(m, v));
      for (const auto& s : segments) out.by_country[s.value].push_back(ledger.Of(0, s.code, m, v));
    }
  }
  for (size_t v = 0; v < o.variants; ++v) {
    out.revenue.push_back(ledger.Histogram(1, v));
    out.exposed.push_back(ledger.exposed(v));
    out.lost.push_back(ledger.lost(v));
  }
  out.bots = ledger.bots();
  return out;
}

/// The definitions, unit by unit, with all events at hand; windows that `end` has not passed are
/// left out.
Answer Batch(const std::vector<Event>& events, const LedgerOptions& o, int64_t end) {
  std::map<uint64_t, std::vector<Event>> by_unit;
  std::set<uint64_t> ids;
  for (const Event& e : events) {
    if (e.id == 0 || ids.insert(e.id).second) by_unit[e.unit].push_back(e);
  }
  Answer out;
  out.totals.resize(o.metrics.size() * o.variants);
  out.revenue.resize(o.variants);
  out.exposed.resize(o.variants);
  out.lost.resize(o.variants);
  for (const char* country : {"DE", "FR", "NL"}) out.by_country[country].resize(out.totals.size());
  for (const auto& [unit, list] : by_unit) {
    bool bot = false;
    std::set<size_t> variants;
    std::pair<int64_t, size_t> first{std::numeric_limits<int64_t>::max(), 0};
    for (const Event& e : list) {
      bot = bot || e.kind == Event::kBot;
      if (e.kind != Event::kExposure) continue;
      variants.insert(e.what);
      first = std::min(first, {e.time, e.what});
    }
    if (bot) {
      ++out.bots;
      continue;
    }
    if (variants.empty()) continue;
    if (variants.size() > 1) {
      ++out.lost[first.second];
      continue;
    }
    ++out.exposed[first.second];
    for (size_t m = 0; m < o.metrics.size(); ++m) {
      const MetricOptions& metric = o.metrics[m];
      if (metric.window > 0 && first.first + metric.from + metric.window > end) continue;
      int64_t y = 0, d = 0, x = 0, w = 0;
      for (const Event& e : list) {
        if (e.kind != Event::kOutcome || e.what != m) continue;
        const int64_t since = e.time - first.first;
        if (since >= metric.from && (metric.window == 0 || since < metric.from + metric.window)) {
          y += ToFixed(e.value);
          d += ToFixed(e.denominator);
        }
        const int64_t days = first.first / kDay - e.time / kDay;
        if (since < 0 && metric.cuped && days >= 1 && days <= o.days_before) {
          x += ToFixed(e.value);
          w += ToFixed(e.denominator);
        }
      }
      if (metric.kind == MetricKind::kProportion) {
        y = y > 0 ? kFixedOne : 0;
        x = x > 0 ? kFixedOne : 0;
      }
      if (metric.cap > 0)
        y = std::min(y, ToFixed(metric.cap)), x = std::min(x, ToFixed(metric.cap));
      if (metric.kind != MetricKind::kRatio) d = w = 0;
      const size_t cell = m * o.variants + first.second;
      out.totals[cell].Add({y, d, x, w});
      if (metric.histogram) out.revenue[first.second].Add(y);
      out.by_country[std::string(CountryOf(unit))][cell].Add({y, d, x, w});
    }
  }
  return out;
}

TEST(Ledger, AnyOrderWithinTheLatenessGivesTheBatchAnswer) {
  const Micros lateness = 12 * kHour;
  const std::vector<Event> events = Events(3, 3000);
  int64_t end = 0;
  for (const Event& e : events) end = std::max(end, e.time);
  const Answer expected = Batch(events, Options(lateness), end - lateness);
  EXPECT_GT(expected.totals[0].n(), 100);
  EXPECT_GT(expected.lost[0], 5);
  EXPECT_GT(expected.bots, 20);
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    Ledger ledger(Options(lateness));
    Feed feed(ledger);
    for (const Event& e : Shuffled(events, seed == 1 ? 0 : lateness, seed)) feed.Take(e);
    EXPECT_EQ(ledger.account().late, 0);
    EXPECT_TRUE(AnswerOf(ledger) == expected) << "seed " << seed;
    if (seed > 1) {
      EXPECT_GT(ledger.account().earlier, 10) << "no exposure was late";
    }
    const LedgerAccount& a = ledger.account();
    EXPECT_EQ(a.exposures + a.outcomes, a.first + a.repeated + a.earlier + a.second_variant +
                                            a.counted + a.before_window + a.after_window +
                                            a.waiting + a.late + a.duplicate + a.of_bots +
                                            a.of_lost + a.refused);
  }
}

TEST(Ledger, PartitionsByUnitAddUpToTheWhole) {
  const Micros lateness = 6 * kHour;
  const std::vector<Event> events = Shuffled(Events(4, 1500), lateness, 5);
  Ledger whole(Options(lateness));
  Feed feed(whole);
  for (const Event& e : events) feed.Take(e);
  for (const uint64_t parts : {4, 16}) {
    std::deque<Ledger> ledgers;
    while (ledgers.size() < parts) ledgers.emplace_back(Options(lateness));
    for (uint64_t p = 0; p < parts; ++p) {
      Feed part(ledgers[p]);
      for (const Event& e : events) {
        if (e.unit % parts == p) part.Take(e);
      }
      ledgers[p].Advance(feed.now());
    }
    for (size_t m = 0; m < whole.options().metrics.size(); ++m) {
      for (size_t v = 0; v < 3; ++v) {
        Aggregate sum;
        for (const Ledger& ledger : ledgers) sum.Merge(ledger.Total(m, v));
        EXPECT_TRUE(sum == whole.Total(m, v)) << parts << " parts, metric " << m;
      }
    }
  }
}

TEST(Ledger, EventsBehindTheWatermarkAreLeftOutAndCounted) {
  Ledger ledger(Options(kHour));
  ledger.Advance({kStart + 10 * kDay});
  ledger.Exposure(1, 0, {kStart + 10 * kDay - kHour - 1});
  ledger.Exposure(2, 0, {kStart + 10 * kDay - kHour});
  EXPECT_EQ(ledger.account().late, 1);
  EXPECT_EQ(ledger.exposed(0), 1);
}

TEST(Ledger, SavedAndLoadedItGoesOnBitForBit) {
  const Micros lateness = 12 * kHour;
  const std::vector<Event> events = Shuffled(Events(5, 800), lateness, 6);
  Ledger whole(Options(lateness));
  Feed feed(whole);
  for (size_t cut : {events.size() / 3, events.size() / 2}) {
    Ledger before(Options(lateness));
    Feed first(before);
    for (size_t i = 0; i < cut; ++i) first.Take(events[i]);
    StateWriter saved;
    before.Save(saved);
    Ledger after(Options(lateness));
    StateReader in(saved.bytes());
    ASSERT_TRUE(after.Load(in).ok()) << in.status().message();
    EXPECT_TRUE(in.AtEnd());
    EventTime now = first.now();
    Feed second(after), uncut(before);
    for (size_t i = cut; i < events.size(); ++i) {
      // Both feeds must know the same time.
      now = std::max(now, EventTime{events[i].time});
      before.Advance(now);
      after.Advance(now);
      uncut.Take(events[i]);
      second.Take(events[i]);
    }
    StateWriter a, b;
    before.Save(a);
    after.Save(b);
    EXPECT_EQ(a.bytes(), b.bytes());
  }
}

/// A ledger with a store, of which little stays in memory.
class Stored {
 public:
  explicit Stored(Micros lateness) : lateness_(lateness) { Open(); }
  Ledger& operator*() { return *ledger_; }
  /// A snapshot, taken while `during` goes on between its items; then all that is cold is given up.
  void Snapshot(const std::function<void()>& during, size_t memory) {
    const auto batch = store_.NewBatch();
    StateWriter head;
    ledger_->SaveHead(head);
    Units& units = ledger_->blocks();
    units.BeginSave(*batch);
    while (!units.SaveMore(7)) during();
    ASSERT_TRUE(store_.Write(*batch).ok());
    units.EndSave();
    head_ = head.Take();
    for (int i = 0; i < 20; ++i) units.Evict(memory);
    most_ = std::max(most_, units.BlockBytes());
  }
  /// As after a stop: what a snapshot has not seen is gone.
  void Reopen(size_t memory) {
    Open();
    StateReader in(head_);
    ASSERT_TRUE(ledger_->LoadHead(in).ok());
    size_t taken = 0;
    const Status loaded =
        store_.Scan(Family::kWindows, {}, [&](std::string_view key, std::string_view value) {
          const bool fits = ledger_->blocks().BlockBytes() < memory;
          taken += fits ? 1 : 0;
          return ledger_->LoadItem(OrderedU64(key.substr(1)), value, fits);
        });
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    EXPECT_GT(ledger_->blocks().cold_keys(), taken);
    ledger_->blocks().Track(store_, "u");
  }
  size_t most() const { return most_; }

 private:
  void Open() {
    ledger_ = std::make_unique<Ledger>(Options(lateness_));
    if (head_.empty()) ledger_->blocks().Track(store_, "u");
  }
  const Micros lateness_;
  MemoryStore store_;
  std::unique_ptr<Ledger> ledger_;
  std::string head_;
  size_t most_ = 0;
};

TEST(Ledger, ATenthOfTheUnitsInMemoryGivesTheSameNumbersAndBytes) {
  const Micros lateness = 12 * kHour;
  const std::vector<Event> events = Shuffled(Events(8, 4000), lateness, 7);
  Ledger whole(Options(lateness));
  Feed feed(whole);
  for (const Event& e : events) feed.Take(e);
  const size_t memory = whole.blocks().BlockBytes() / 10;

  Stored stored(lateness);
  auto few = std::make_unique<Feed>(*stored);
  size_t i = 0, cold = 0;
  EventTime now;
  const auto take = [&] {
    if (i == events.size()) return;
    now = std::max(now, EventTime{events[i].time});
    (*stored).Advance(now);
    few->Take(events[i++]);
  };
  for (size_t round = 1; i < events.size(); ++round) {
    for (int k = 0; k < 500; ++k) take();
    stored.Snapshot(take, memory);
    cold = std::max(cold, (*stored).blocks().cold_keys());
    ASSERT_TRUE((*stored).blocks().status().ok());
    if (round % 9 != 0) continue;
    stored.Snapshot([] {}, memory);
    stored.Reopen(memory);
    few = std::make_unique<Feed>(*stored);
  }
  EXPECT_GT(cold, 3000u);
  EXPECT_LT(stored.most(), 2 * memory);
  EXPECT_TRUE(AnswerOf(*stored) == AnswerOf(whole));
  StateWriter a, b;
  whole.Save(a);
  (*stored).Save(b);
  EXPECT_TRUE(a.bytes() == b.bytes());
}

TEST(Ledger, AUnitThatIsMissingInTheStoreIsAnError) {
  Stored stored(kHour);
  Feed feed(*stored);
  for (const Event& e : Shuffled(Events(9, 200), kHour, 1)) feed.Take(e);
  stored.Snapshot([] {}, 0);
  EXPECT_GT((*stored).blocks().cold_keys(), 100u);
  MemoryStore empty;
  (*stored).blocks().Track(empty, "u");
  for (uint64_t unit = 1; unit <= 200; ++unit) (*stored).FlagBot(Mix64(unit));
  EXPECT_FALSE((*stored).blocks().status().ok());
}

TEST(Ledger, DamagedStateIsRefused) {
  Ledger ledger(Options(kHour));
  Feed feed(ledger);
  for (const Event& e : Shuffled(Events(6, 50), kHour, 1)) feed.Take(e);
  StateWriter saved;
  ledger.Save(saved);
  for (size_t cut = 0; cut < saved.bytes().size(); cut += 97) {
    Ledger other(Options(kHour));
    StateReader in(std::string_view(saved.bytes()).substr(0, cut));
    EXPECT_FALSE(other.Load(in).ok()) << cut;
  }
}

TEST(Ledger, MemoryIsBoundedByTheUnitsAllowed) {
  LedgerOptions options = Options(kHour);
  options.max_units = 1000;
  Ledger ledger(options);
  size_t most = 0;
  for (uint64_t unit = 1; unit <= 50'000; ++unit) {
    const EventTime now{kStart + static_cast<int64_t>(unit) * kMinute};
    ledger.Advance(now);
    ledger.Exposure(Mix64(unit), 0, now, unit);
    most = std::max(most, ledger.MemoryBytes());
  }
  EXPECT_EQ(ledger.units(), 1000);
  EXPECT_EQ(ledger.account().refused, 49'000);
  EXPECT_LT(most, 2'000'000u);
}

TEST(Ledger, UnitsThatAreNeverExposedAreForgotten) {
  Ledger ledger(Options(kHour));
  for (uint64_t unit = 1; unit <= 2000; ++unit) {
    const EventTime now{kStart + static_cast<int64_t>(unit) * kHour};
    ledger.Advance(now);
    ledger.Outcome(Mix64(unit), 1, 3, 1, now);
  }
  // Five days before the day of the watermark, its own day, and the next timer.
  EXPECT_LE(ledger.units(), 24 * 7 + 1);
}

TEST(Ledger, WithoutACovariateTheyAreForgottenWithinADay) {
  LedgerOptions options = Options(kHour);
  for (MetricOptions& metric : options.metrics) metric.cuped = false;
  Ledger ledger(options);
  for (uint64_t unit = 1; unit <= 500; ++unit) {
    const EventTime now{kStart + static_cast<int64_t>(unit) * kHour};
    ledger.Advance(now);
    ledger.Outcome(Mix64(unit), 1, 3, 1, now);
  }
  EXPECT_LE(ledger.units(), 24 + 2);
}

TEST(Ledger, WhatACovariateNeedsIsKeptBesideWhatItDoesNot) {
  constexpr size_t kWithout = 4, kWith = 1;
  Ledger ledger(Options(kHour));
  const auto at = [](int64_t hours) { return EventTime{kStart + hours * kHour}; };
  ledger.Outcome(1, kWithout, 1, 1, at(1));
  ledger.Outcome(2, kWithout, 1, 1, at(1));
  ledger.Outcome(2, kWith, 3, 1, at(2));
  ledger.Advance(at(28));
  EXPECT_EQ(ledger.units(), 1) << "the one that only did what is no covariate is gone";
  for (int64_t hour = 29; hour < 72; ++hour) ledger.Advance(at(hour));
  EXPECT_EQ(ledger.units(), 1);
  ledger.Exposure(2, 0, at(72));
  ledger.Advance(at(72 + 24 * 4));
  EXPECT_EQ(ledger.Total(kWith, 0).CupedMean().n, 1);
  EXPECT_EQ(ledger.Total(kWith, 0).CupedMean().x, 3);
  ledger.Outcome(3, kWith, 3, 1, at(72 + 24 * 4));
  ledger.Advance(at(72 + 24 * 11));
  EXPECT_EQ(ledger.units(), 1) << "behind its days a covariate is forgotten, too";
}

TEST(Aggregate, TakingOutLeavesNothingBehind) {
  Aggregate sum;
  CounterRandom random(1, 1);
  std::vector<Contribution> all;
  for (int i = 0; i < 1000; ++i) {
    all.push_back({ToFixed(random.Uniform(-1e9, 1e9)), ToFixed(random.Normal()),
                   ToFixed(random.Normal() * 1e6), ToFixed(random.Uniform())});
    sum.Add(all.back());
  }
  for (const Contribution& c : all) sum.Add(c, -1);
  EXPECT_TRUE(sum == Aggregate{});
}

TEST(UnitHistogram, QuantilesAreWithinOnePercent) {
  UnitHistogram histogram;
  std::vector<double> values;
  CounterRandom random(2, 1);
  for (int i = 0; i < 20'001; ++i) {
    values.push_back(std::exp(2 * random.Normal()));
    histogram.Add(ToFixed(values.back()));
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.1, 0.5, 0.9, 0.99}) {
    const double exact = values[static_cast<size_t>(q * 20'000)];
    EXPECT_NEAR(histogram.Quantile(q) / exact, 1, 0.01) << q;
  }
  const double cap = histogram.UpperEdge(0.99);
  const MeanSums capped = histogram.CappedAt(cap);
  double sum = 0, squares = 0;
  for (const double v : values) {
    // The cap is a bucket's edge: values of that bucket are kept as they are.
    sum += std::min(v, cap);
    squares += std::min(v, cap) * std::min(v, cap);
  }
  EXPECT_NEAR(capped.sum / sum, 1, 1e-6);
  EXPECT_NEAR(capped.sum_squares / squares, 1, 1e-6);
}

}  // namespace
}  // namespace leat::experiments
