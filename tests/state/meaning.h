/// Whether a state folder holds what state/FORMAT.md says that its numbers mean: what can be
/// computed from other numbers is.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "state/folder.h"

namespace leat::format {

inline constexpr int64_t kBeforeAll = std::numeric_limits<int64_t>::min();

inline std::string Hex128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

// ---- Keys, as the page has them ----

inline uint64_t KeyOfText(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= 19 &&
                      text.find_first_not_of("0123456789") == std::string::npos &&
                      (text == "0" || text[0] != '0');
  if (digits && std::stoull(text) < uint64_t{1} << 62) return std::stoull(text) + 1;
  return Xxh3(text) | uint64_t{1} << 63;
}

inline uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

inline uint64_t KeyOfFields(const std::vector<std::string>& texts) {
  if (texts.size() == 1) return KeyOfText(texts[0]);
  uint64_t key = 1;
  for (const std::string& text : texts) key = Mix(key ^ KeyOfText(text)) + 0x9e3779b97f4a7c15;
  return key == 0 ? 1 : key;
}

// ---- What the numbers mean ----

/// An accumulator of a horizon against the events and panes that the horizon covers.
inline void CheckAccumulator(const Value& log, size_t horizon, const Value& column,
                             const Value& accumulator, const Value& cells) {
  const Value &rows = log["rows"], &panes = log["panes"], &live = log["live"][horizon];
  const int64_t value = column["value"].Signed();
  const uint64_t keeps = accumulator["keeps"].bits;
  long double count = 0, sum = 0, size = 0;
  double min = std::numeric_limits<double>::infinity(), max = -min;
  for (size_t i = rows.size() - live["rows"].bits; i < rows.size(); ++i) {
    if (value < 0) {
      ++count;
      continue;
    }
    const double x = rows[i]["column"][static_cast<size_t>(value)].Real();
    if (std::isnan(x)) continue;
    ++count;
    sum += x;
    size += std::abs(x);
    min = std::min(min, x);
    max = std::max(max, x);
  }
  for (size_t i = panes.size() - live["panes"].bits; i < panes.size(); ++i) {
    if (value < 0) {
      count += panes[i]["events"].Number();
      continue;
    }
    const Value& pane = panes[i]["column"][static_cast<size_t>(value)];
    if (pane["count"].Number() == 0) continue;
    count += pane["count"].Number();
    sum += pane["sum"].Number();
    size += std::abs(pane["sum"].Number());
    min = std::min(min, pane["min"].Real());
    max = std::max(max, pane["max"].Real());
  }
  size_t at = accumulator["cell"].bits;
  EXPECT_EQ(cells[at++].Number(), count);
  const auto near = [&](long double found, long double wanted) {
    EXPECT_NEAR(static_cast<double>(found), static_cast<double>(wanted),
                static_cast<double>(1e-9L * (size + 1)));
  };
  if (keeps & 1) near(cells[at++].Number(), sum);
  if (keeps & 2) {
    near(cells[at].Number() * count + cells[at + 1].Number(), count == 0 ? 0 : sum);
    EXPECT_GE(cells[at + 2].Real(), 0);
    at += 3;
  }
  for (const bool smallest : {true, false}) {
    if ((keeps & (smallest ? 4 : 8)) == 0) continue;
    const double extreme = cells[at++].Real();
    if (!std::isnan(extreme)) {
      EXPECT_EQ(extreme, count == 0 ? 0 : smallest ? min : max);
    }
  }
}

inline void CheckKey(const Value& group, const Value& key) {
  const int64_t latest = key["latest"].Signed();
  for (const char* name : {"events", "labelled"}) {
    const Value* log = key.Find(name);
    if (log == nullptr) continue;
    int64_t before = kBeforeAll;
    for (const char* list : {"panes", "rows"}) {
      for (const Value& row : (*log)[list].items) {
        const int64_t at = row[list[0] == 'p' ? "newest" : "at"].Signed();
        EXPECT_LE(before, at);
        EXPECT_LE(at, latest);
        before = at;
      }
    }
  }
  std::set<size_t> cells;
  for (const Value& column : group["columns"].items) {
    const bool labelled = column["labelled"].bits != 0;
    for (const Value& accumulator : column["accumulators"].items) {
      size_t width = 1;
      for (const auto& [bit, size] : {std::pair{1, 1}, {2, 3}, {4, 1}, {8, 1}}) {
        if (accumulator["keeps"].bits & static_cast<uint64_t>(bit))
          width += static_cast<size_t>(size);
      }
      for (size_t i = 0; i < width; ++i) cells.insert(accumulator["cell"].bits + i);
      if (accumulator["over"].bits == 0) continue;
      const char* const kind = labelled ? "labelled" : "events";
      const std::vector<Value>& horizons = group[kind]["horizons"].items;
      const auto horizon = std::find_if(horizons.begin(), horizons.end(), [&](const Value& h) {
        return h.bits == accumulator["over"].bits;
      });
      ASSERT_NE(horizon, horizons.end());
      // Without a `value`, only what counts every event has a horizon.
      CheckAccumulator(key[kind], static_cast<size_t>(horizon - horizons.begin()), column,
                       accumulator, key["cells"]);
    }
    const auto own = [&](const char* name, size_t width, std::vector<size_t> times) {
      if (column[name].Signed() < 0) return;
      const size_t at = column[name].bits;
      for (size_t i = 0; i < width; ++i) cells.insert(at + i);
      for (const size_t i : times) {
        const int64_t time = key["cells"][at + i].Signed();
        EXPECT_TRUE(time == kBeforeAll || (time > 0 && time <= latest)) << name << time;
      }
    };
    own("last", 2, {1});
    own("since", 1, {0});
    own("run", 4, {1, 2, 3});
  }
  EXPECT_EQ(cells.size(), group["cells"].bits);
  if (!cells.empty()) {
    EXPECT_EQ(*cells.rbegin(), group["cells"].bits - 1);
  }
}

/// What one place of inputs holds.
inline void CheckInputs(const Value& inputs, std::span<const Value> numbers, size_t marker) {
  size_t dense = 0, entries = 0, targets = 0;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  uint64_t sparse = 0;
  for (const Value& input : inputs["inputs"].items) {
    const uint64_t encode = input["encode"].bits;
    dense += (encode == 0 || encode >= 4 ? 1 : 0) + input["missing_indicator"].bits;
    targets += encode == 5 ? 1 : 0;
    if (input["sparse"].bits == 0) continue;
    ++entries;
    ranges.emplace_back(sparse, sparse + input["sparse"].bits);
    sparse += input["sparse"].bits;
  }
  ASSERT_EQ(marker, dense + entries);
  ASSERT_EQ(numbers.size(), dense + entries + 1 + targets);
  if (std::isnan(numbers[marker].Real())) return;
  ASSERT_EQ(numbers[marker].Number(), entries);
  for (size_t i = 0; i < entries; ++i) {
    const uint64_t bits = numbers[dense + i].bits;
    const auto index = static_cast<uint32_t>(bits);
    EXPECT_GE(index, ranges[i].first);
    EXPECT_LT(index, ranges[i].second);
    const float value = std::bit_cast<float>(static_cast<uint32_t>(bits >> 32));
    EXPECT_TRUE(value == 1 || value == -1);
  }
}

inline void CheckPending(const Folder& folder) {
  const Value& layout = folder.parts.at("layout");
  std::vector<std::pair<uint64_t, uint64_t>> places;
  for (const Value& place : layout["places"].items) {
    places.emplace_back(place["at"].bits, place["size"].bits);
  }
  std::sort(places.begin(), places.end());
  size_t end = 0;
  for (const auto& [at, size] : places) {
    EXPECT_EQ(at, end);
    end += size;
  }
  EXPECT_EQ(end, layout["predictions_at"].bits - layout["inputs_at"].bits);
  for (const Item& item : folder.Of("pending")) {
    const Value& value = item.value;
    EXPECT_LE(item.key["sequence"].bits, folder.parts.at("labels")["account"]["sequence"].bits);
    EXPECT_LE(value["event"].Signed(), folder.parts.at("pipeline")["now"].Signed());
    EXPECT_TRUE(value["held"].bits == 1 || value["release"].Signed() == kBeforeAll);
    EXPECT_EQ(value["id"].bits, KeyOfText(value["id_text"].text.substr(0, value["id_size"].bits)));
    const std::span<const Value> inputs(value["inputs"].items);
    for (const Value& place : layout["places"].items) {
      const auto part = folder.parts.find(place["name"].text);
      if (part == folder.parts.end()) {
        EXPECT_TRUE(place["name"].text.starts_with("distances/") ||
                    place["name"].text.starts_with("asked/"));
        continue;
      }
      CheckInputs(part->second, inputs.subspan(place["at"].bits, place["size"].bits),
                  place["marker"].bits - place["at"].bits);
    }
    if (value["classes"].bits < 2) continue;
    for (size_t m = 0; m < layout["models"].size(); ++m) {  // Probabilities.
      long double sum = 0;
      for (size_t c = 0; c < value["classes"].bits; ++c) {
        sum += value["predictions"][m * value["classes"].bits + c].Number();
      }
      EXPECT_NEAR(static_cast<double>(sum), 1, 1e-6);
    }
  }
}

inline uint64_t BucketOf(double score) {
  if (score > 0.5) return 65535 - BucketOf(1 - score);
  const uint64_t upper = std::bit_cast<uint64_t>(score) >> 42;
  return upper > 991 * 1024 ? upper - 991 * 1024 : 0;
}

/// The cumulative sums against the labels of a window that holds all of them.
inline void CheckBinarySums(const Value& e) {
  std::array<double, 4> cells{};
  std::array<double, 15> bins{};
  std::array<double, 2> seen{};
  std::map<uint64_t, double> histogram;
  double loss = 0, squared = 0, no_change = 0, majority = 0;
  bool previous = false;
  const auto& labels = e["latest"].items;
  for (size_t i = 0; i < labels.size(); ++i) {
    uint64_t times = 1;
    if (i + 1 < labels.size() && labels[i + 1]["packed"].bits == ~uint64_t{0}) {
      times = static_cast<uint64_t>(labels[i + 1]["loss"].Real()) + 1;
    }
    const uint64_t packed = labels[i]["packed"].bits;
    if (packed == ~uint64_t{0}) continue;
    const bool truth = (packed & 1) != 0;
    const double score = std::bit_cast<double>(packed >> 2);
    for (uint64_t t = 0; t < times; ++t) {
      cells[2 * (packed & 1) + (packed >> 1 & 1)] += 1;
      bins[std::min<size_t>(14, static_cast<size_t>(score * 15))] += 1;
      histogram[BucketOf(score)] += 1;
      loss += labels[i]["loss"].Real();
      squared += (score - (truth ? 1 : 0)) * (score - (truth ? 1 : 0));
      no_change += truth == previous ? 1 : 0;
      majority += truth == (seen[1] > seen[0]) ? 1 : 0;
      seen[truth ? 1 : 0] += 1;
      previous = truth;
    }
  }
  const Value& sums = e["cumulative"];
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(sums["cells"][i].Real(), cells[i]);
  for (size_t i = 0; i < 15; ++i) EXPECT_EQ(sums["bins"][i]["weight"].Real(), bins[i]);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(e["seen"][i].Real(), seen[i]);
  EXPECT_EQ(e["previous"].bits, previous ? 1u : 0u);
  EXPECT_NEAR(sums["loss"].Real(), loss, 1e-6);
  EXPECT_NEAR(sums["squared"].Real(), squared, 1e-6);
  EXPECT_EQ(sums["no_change"].Real(), no_change);
  EXPECT_EQ(sums["majority"].Real(), majority);
  EXPECT_EQ(e["histogram"].size(), histogram.size());
  for (const Value& bucket : e["histogram"].items) {
    EXPECT_EQ(bucket["weight"][0].Real() + bucket["weight"][1].Real(),
              histogram[bucket["bucket"].bits]);
  }
}

inline void CheckEvaluator(const Value& evaluator, uint64_t scored) {
  const Value& e = evaluator["evaluator"];
  const uint64_t labels = e["labels"].bits;
  EXPECT_LE(labels, scored);  // Less for a model that came later.
  if (e.type == "binary") {
    EXPECT_LE(e["closed_sum"].Real(), e["closed"].Real());
    EXPECT_LE(e["closed_fading_sum"].Real(), e["closed_fading"].Real());
    EXPECT_EQ(e["closed"].Real(), std::round(e["closed"].Real()));
    long double seen = 0, cells = 0, histogram = 0, bins = 0, window = 0;
    for (const Value& v : e["seen"].items) seen += v.Number();
    for (const Value& v : e["cumulative"]["cells"].items) cells += v.Number();
    for (const Value& v : e["cumulative"]["bins"].items) bins += v["weight"].Number();
    uint64_t before = 65536;
    for (const Value& bucket : e["histogram"].items) {
      EXPECT_LT(bucket["bucket"].bits, before);
      before = bucket["bucket"].bits;
      for (const Value& v : bucket["weight"].items) histogram += v.Number();
    }
    for (const Value& label : e["latest"].items) {
      const bool repeat = label["packed"].bits == std::numeric_limits<uint64_t>::max();
      window += repeat ? label["loss"].Number() : 1;
      if (repeat) continue;
      const double score = std::bit_cast<double>(label["packed"].bits >> 2);
      EXPECT_GE(score, 0);
      EXPECT_LE(score, 1);
    }
    if (labels <= e["window"].bits) CheckBinarySums(e);
    for (const long double sum : {seen, cells, histogram, bins}) EXPECT_EQ(sum, labels);
    EXPECT_EQ(e["cumulative"]["bins"].size(), 15u);
    EXPECT_EQ(window, std::min(labels, e["window"].bits));
    return;
  }
  EXPECT_EQ(e["latest"].size(), std::min(labels, e["window"].bits));
  if (e.type == "multiclass") {
    EXPECT_GE(e["fade"].Real(), 1);
    for (const Value& seen : e["seen"].items) {
      EXPECT_LE(seen.Number(), e["seen"][e["majority"].bits].Number());
    }
    if (e["latest"].size() > 0) {
      EXPECT_EQ(e["previous"].bits, e["latest"].items.back()["truth"].bits);
    }
    long double cells = 0;
    for (const Value& v : e["cumulative"]["confusion"].items) cells += v.Number();
    EXPECT_EQ(cells, labels);
    std::map<size_t, double> confusion;
    std::map<std::string, double> sums;
    for (const Value& label : e["latest"].items) {
      EXPECT_LT(label["truth"].bits, e["seen"].size());
      EXPECT_LT(label["predicted"].bits, e["seen"].size());
      EXPECT_LE(label["confidence"].Real(), 1);
      ++confusion[label["truth"].bits * e["cumulative"]["classes"].bits + label["predicted"].bits];
      for (const char* name : {"weight", "loss", "squared", "no_change", "majority"}) {
        sums[name] += label[name].Real();
      }
    }
    if (labels > e["window"].bits) return;
    for (const auto& [name, sum] : sums) {
      EXPECT_NEAR(e["cumulative"][name].Real(), sum, 1e-6) << name;
    }
    for (const auto& [cell, count] : confusion) {
      EXPECT_EQ(e["cumulative"]["confusion"][cell].Real(), count);
    }
    return;
  }
  EXPECT_EQ(e["cumulative"]["count"].bits, std::bit_cast<uint64_t>(static_cast<double>(labels)));
  if (labels > e["window"].bits) return;
  std::map<std::string, double> sums;
  double mean = 0, count = 0, deviations = 0;
  for (const Value& label : e["latest"].items) {
    const double truth = label["truth"].Real(), error = truth - label["prediction"].Real();
    sums["count"] += 1;
    sums["weight"] += label["weight"].Real();
    sums["error"] += error;
    sums["absolute"] += std::abs(error);
    sums["squared"] += error * error;
    sums["relative"] += truth == 0 ? 0 : std::abs(error / truth);
    sums["relative_weight"] += truth == 0 ? 0 : 1;
    sums["max"] = std::max(sums["max"], std::abs(error));
    const double before = truth - mean;
    mean += before / ++count;
    deviations += before * (truth - mean);
  }
  sums["mean"] = mean;
  sums["deviations"] = deviations;
  for (const auto& [name, sum] : sums) {
    EXPECT_NEAR(e["cumulative"][name].Real() / sum, 1, 1e-9) << name;
  }
  EXPECT_NEAR(e["mean"].Real(), mean, 1e-6);
}

inline void CheckTree(const Value& tree) {
  EXPECT_EQ(tree["weight"].Number(), tree["learnt"].Number());  // Every record weighs 1.
  const size_t nodes = tree["nodes"].size();
  for (size_t id = 0; id < nodes; ++id) {
    const Value& node = tree["nodes"][id];
    if (node["active"].bits == 1) {
      long double weight = 0;
      for (const Value& count : node["counts"].items) weight += count.Number();
      const Value& leaf = node["leaf"];
      for (const char* part : {"last_attempt", "majority_right", "bayes_right"}) {
        EXPECT_LE(leaf[part].Number(), weight);
      }
    }
    if (node["kind"].bits == 0) continue;
    ASSERT_LT(node["attribute"].bits, tree["nominal"].size());
    EXPECT_EQ(node["kind"].bits == 1, tree["nominal"][node["attribute"].bits].bits == 0);
    const uint64_t first = node["first"].bits;
    if (node["kind"].bits < 3) {
      EXPECT_GT(first, id);
      EXPECT_LT(first + 1, nodes);
      continue;
    }
    for (const Value& child : tree["branches"][first]["children"].items) {
      EXPECT_TRUE(child.bits == 0xffffffff || (child.bits > id && child.bits < nodes));
    }
  }
}

inline void CheckRow(const Value& row, size_t width) {
  EXPECT_EQ(row["intercept"].size(), width);
  EXPECT_EQ(row["dense"].size() % width, 0u);
  const size_t received = row["received"].size();
  EXPECT_TRUE(received == 0 || received * width == row["dense"].size());
  const size_t each = row["indices"].size() == 0 ? 0 : row["values"].size() / row["indices"].size();
  EXPECT_TRUE(each == 0 || each == width || each == width + 1);
  EXPECT_EQ(each * row["indices"].size(), row["values"].size());
}

inline void CheckModel(const Value& part) {
  const Value& learner = part["model"]["learner"];
  const Value& model = learner.type == "bounded" ? learner["model"] : learner;
  const bool tree = model.type == "tree" || model.type == "tree-with-values";
  if (tree) CheckTree(model["body"]);
  if (model.type == "logistic" || model.type == "linear") {
    EXPECT_EQ(model["skipped"].bits, 0u);
    EXPECT_EQ(model["records"].bits, part["learnt"].bits);
  }
  if (tree) {
    const Value& body = model["body"];
    EXPECT_EQ(body["learnt"].bits + body["ignored"].bits + body["stopped"].bits,
              part["learnt"].bits);
  }
  if (model.type == "bernoulli") {  // Dense inputs are known as present or absent.
    std::map<uint64_t, long double> sums;
    const size_t classes = model["classes"]["weights"].size();
    for (const auto& [name, sign] : {std::pair{"known", 1}, {"present", -1}, {"absent", -1}}) {
      const Value& table = model[name];
      for (size_t i = 0; i < table["counts"].size(); ++i) {
        const uint64_t feature = table["features"][i / classes].bits;
        if (sign > 0) sums[feature];
        if (sums.contains(feature)) sums[feature] += sign * table["counts"][i].Number();
      }
    }
    for (const auto& [feature, sum] : sums) EXPECT_EQ(sum, 0) << feature;
  }
  if (model.type == "gaussian") {
    const size_t classes = model["classes"]["weights"].size();
    EXPECT_EQ(classes == 0 ? 0 : model["moments"].size() % classes, 0u);
  }
  const auto width = [&] {  // Numbers of a coordinate, by optimizer.
    constexpr size_t kNumbers[] = {1, 2, 4, 2, 2, 2, 3, 3, 4, 3, 3, 3, 1, 2, 3};
    return kNumbers[model["optimizer"].bits];
  };
  if (model.type == "bayesian-linear") {
    EXPECT_EQ(model["skipped"].bits, 0u);
    EXPECT_EQ(model["records"].bits, part["learnt"].bits);
  }
  if (model.type == "logistic") {
    for (const Value& row : model["rows"].items) CheckRow(row, width());
  }
  if (model.type == "linear") CheckRow(model["row"], width());
  if (model.type == "kmeans") {
    const bool seeded = model["counts"].size() > 0;
    EXPECT_EQ(model["records"].bits, model["moves"].bits + model["buffer_weights"].size());
    EXPECT_EQ(model["moves"].bits > 0, seeded);
    EXPECT_EQ(model["reseeded"].bits, 0u);  // Nothing asks for it.
    EXPECT_EQ(seeded ? model["centres"].size() % model["counts"].size() : 0, 0u);
    for (const Value& win : model["last_win"].items) EXPECT_LE(win.bits, model["moves"].bits);
    if (seeded) {
      EXPECT_NEAR(model["distance_weight"].Real(), model["moves"].Real(), 1e-6);
    }
  }
  if (model.type == "clustream" || model.type == "denstream" || model.type == "dbstream") {
    const Value& of = model["of"];
    EXPECT_EQ(of["centres"].size(), 2 * of["micro"].size());  // Amount and weight.
    double weight = 0;
    std::set<uint64_t> born;
    for (const Value& micro : of["micro"].items) {
      weight += micro["weight"].Real();
      EXPECT_LE(micro["weight"].Real(), static_cast<double>(of["records"].bits) + 1e-6);
      EXPECT_LT(micro["born"].bits, of["records"].bits);
      EXPECT_LE(micro["time"].Real(), static_cast<double>(of["records"].bits));
      EXPECT_TRUE(born.insert(micro["born"].bits).second);
    }
    if (model.type != "dbstream") {  // There a record counts in each that it lies in.
      EXPECT_LE(weight, static_cast<double>(of["records"].bits) + 1e-6);
    }
    if (model.type == "clustream") {
      EXPECT_EQ(model["macro"].size(), 2 * of["clusters"].bits);
    }
    if (model.type == "dbstream") {
      for (const Value& shared : model["shared"].items) {
        EXPECT_TRUE(born.contains(shared["older"].bits) && born.contains(shared["newer"].bits));
      }
    }
  }
}

inline void CheckDetector(const Value& part) {
  const Value& detector = part["detector"];
  if (detector.type == "ddm") {
    const double rate = detector["rate"].Real();
    EXPECT_GE(rate, 0);
    EXPECT_LE(rate, 1);
    if (detector["count"].bits > 0) {
      EXPECT_NEAR(detector["deviation"].Real(),
                  std::sqrt(std::max(0.0, rate * (1 - rate)) / detector["count"].Real()), 1e-9);
    }
    const double lowest = detector["lowest_level"].Real();
    if (!std::isinf(lowest)) {
      EXPECT_EQ(lowest, detector["lowest_rate"].Real() + detector["lowest_deviation"].Real());
      const double least = detector["lowest_rate"].Real();
      EXPECT_GE(detector["lowest_deviation"].Real() + 1e-9,
                std::sqrt(least * (1 - least) / detector["count"].Real()));
    }
    return;
  }
  if (detector.type != "adwin") return;
  uint64_t width = 0;
  long double total = 0;
  for (size_t r = 0; r < detector["rows"].size(); ++r) {
    const Value& buckets = detector["rows"][r]["buckets"];
    width += buckets.size() << r;
    for (const Value& bucket : buckets.items) {
      total += bucket["sum"].Number();
      EXPECT_GE(bucket["squares"].Number(), 0);
      if (r == 0) {
        EXPECT_EQ(bucket["squares"].Number(), 0);
      }
    }
  }
  EXPECT_NEAR(static_cast<double>(total), detector["total"].Real(),
              1e-6 * (1 + std::abs(detector["total"].Real())));
  EXPECT_GE(detector["squares"].Real(), 0);
  EXPECT_EQ(width, detector["width"].bits);
}

/// The lines of the shape's section, one entry each; models by name.
inline std::set<std::string> EntriesOf(const std::string& shape, const std::string& section) {
  std::set<std::string> entries;
  std::istringstream in(shape);
  std::string current, entry;
  for (std::string line; std::getline(in, line);) {
    const bool begins = section == "drift:" ? line.starts_with("  - ") : line == "    inputs:";
    const bool ends = !line.starts_with("   ") && !line.starts_with("  -");
    if ((begins || ends) && !entry.empty()) entries.insert(std::exchange(entry, {}));
    if (line[0] != ' ') current = line;
    if (current == section && (begins || (!entry.empty() && !ends))) entry += line + "\n";
  }
  if (!entry.empty()) entries.insert(entry);
  return entries;
}

/// The sums are those of the units, and every unit is somewhere.
inline void CheckExperiment(const Folder& folder, const std::string& name, const Value& part) {
  const Value& experiment = part["experiment"];
  const Value& ledger = experiment["ledger"];
  const uint64_t variants = ledger["variants"].bits, metrics = ledger["metrics"].bits;
  EXPECT_EQ(experiment["comparisons"].size(), metrics * variants);
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> counted;
  std::map<uint64_t, uint64_t> exposed, lost;
  std::set<uint64_t> orders;
  uint64_t bots = 0;
  for (const Item& item : folder.Of("windows")) {
    if (item.key["group"].bits != GroupOf(name)) continue;
    const Value& unit = item.value;
    const uint64_t flags = unit["flags"].bits, variant = unit["variant"].bits;
    EXPECT_LT(unit["order"].bits, ledger["came"].bits);
    EXPECT_TRUE(orders.insert(unit["order"].bits).second);
    EXPECT_LT(variant, variants);
    if ((flags & 4) != 0) {
      ++bots;
    } else if ((flags & 2) != 0) {
      ++lost[variant];
    } else if ((flags & 1) != 0) {
      ++exposed[variant];
    }
    for (uint64_t m = 0; m < metrics; ++m) {
      if ((unit["included"].bits >> m & 1) != 0) ++counted[{m, variant}];
    }
    for (const Value& entry : unit["entries"].items) EXPECT_LT(entry["metric"].bits, metrics);
    if ((flags & 7) == 0) {
      EXPECT_GT(unit["entries"].size(), 0u);  // Else it would be forgotten.
    }
  }
  EXPECT_EQ(bots, ledger["bots"].bits);
  for (uint64_t v = 0; v < variants; ++v) {
    EXPECT_EQ(exposed[v], ledger["exposed"][v].bits);
    EXPECT_EQ(lost[v], ledger["lost"][v].bits);
    for (uint64_t m = 0; m < metrics; ++m) {
      EXPECT_EQ((counted[{m, v}]), ledger["totals"][m * variants + v]["units"].bits);
      const Value& comparison = experiment["comparisons"][m * variants + v];
      if (comparison["has_bets"].bits != 0) {
        EXPECT_GE(comparison["bets"]["n"].Real(), static_cast<double>(counted[{m, v}]));
      }
      EXPECT_LT(comparison["past"]["points"].size(), 256u);
    }
  }
  for (const Value& decision : experiment["decisions"].items) {
    EXPECT_LT(decision["metric"].bits, metrics);
    EXPECT_LT(decision["variant"].bits, variants);
  }
}

inline void CheckBandit(const Value& part) {
  const Value& bandit = part["bandit"];
  uint64_t chosen = 0;
  for (const Value& times : bandit["chosen"].items) chosen += times.bits;
  EXPECT_EQ(chosen, bandit["account"][0].bits);
  EXPECT_EQ(chosen, bandit["account"][4].bits + bandit["waiting"].size());
  double sum = 0;
  for (const Value& p : bandit["policy"]["p"].items) sum += p.Real();
  EXPECT_NEAR(sum, 1, 1e-12);
  for (const Value& score : bandit["scores"].items) {
    EXPECT_EQ(score["sums"][0].Real(), static_cast<double>(bandit["account"][4].bits));
  }
}

inline void CheckParts(const Folder& folder) {
  const Value& manifest = folder.manifest;
  const std::string& shape = manifest["shape"].text;
  EXPECT_EQ(manifest["fingerprint"].text, Hex128(shape));
  const Value& pipeline = folder.parts.at("pipeline");
  EXPECT_EQ(pipeline["read"].bits, manifest["epoch"]["records"].bits);
  EXPECT_EQ(pipeline["read"].bits, pipeline["taken"].bits + pipeline["rejected"].bits);
  EXPECT_LE(pipeline["first"].Signed(), pipeline["now"].Signed());

  const Value& labels = folder.parts.at("labels")["account"];
  EXPECT_EQ(labels["predicted"].bits,
            labels["matched"].bits + labels["expired"].bits + folder.Of("pending").size());
  uint64_t waiting = 0;
  for (const Value& early : labels["waiting"].items) waiting += early["present"].bits;
  EXPECT_EQ(labels["labels"].bits, labels["matched"].bits + labels["late"].bits +
                                       labels["duplicate"].bits + labels["corrected"].bits +
                                       labels["orphan"].bits + waiting);
  std::map<std::string, uint64_t> rejects;
  for (const Value& reason : pipeline["reasons"].items) {
    rejects[reason["code"].text] = reason["count"].bits;
  }
  EXPECT_EQ(labels["duplicate"].bits, rejects["duplicate_label"]);
  EXPECT_EQ(labels["corrected"].bits, rejects["corrected_label"]);
  EXPECT_EQ(labels["orphan"].bits, rejects["orphan_label"]);
  for (const Value& dictionary : folder.parts.at("features")["dictionaries"].items) {
    for (const Value& word : dictionary["words"].items) {
      EXPECT_EQ(word["id"].bits, KeyOfText(word["value"].text));
    }
  }
  std::set<std::string> hashes[2];
  for (const std::string& entry : EntriesOf(shape, "models:")) hashes[0].insert(Hex128(entry));
  for (const std::string& entry : EntriesOf(shape, "drift:")) hashes[1].insert(Hex128(entry));
  const uint64_t scored = folder.parts.at("evaluation")["labels"].bits;
  for (const auto& [part, list] : {std::pair{"evaluation", "samples"}, {"drift", "marks"}}) {
    for (const Value& item : folder.parts.at(part)[list].items) {
      EXPECT_LE(item["labels"].bits, scored);
      EXPECT_GE(item["at"].Signed(), pipeline["first"].Signed());
      EXPECT_LE(item["at"].Signed(), pipeline["now"].Signed());
    }
  }
  for (const auto& [name, part] : folder.parts) {
    SCOPED_TRACE(name);
    const std::string tail = name.substr(name.find('/') + 1, 32);
    if (name.starts_with("inputs/")) {
      EXPECT_TRUE(hashes[0].contains(tail)) << shape;
    }
    if (name.starts_with("drift/")) {
      EXPECT_TRUE(hashes[1].contains(tail)) << shape;
    }
    if (name.starts_with("model/")) {
      EXPECT_EQ(part["name"].text, name.substr(6));
      CheckModel(part);
    }
    if (name.starts_with("quality/")) {
      ASSERT_GT(part["squared"].size(), 0u);
      EXPECT_EQ(part["points"].size() % part["squared"].size(), 0u);
      EXPECT_LE(part["squared"].size(), 512u);
      EXPECT_LE(part["scored"].bits, pipeline["taken"].bits);
    }
    if (name.starts_with("requests/")) {
      EXPECT_LE(part["seen"].bits, pipeline["taken"].bits);
      EXPECT_LE(part["learnt"].bits, part["requested"].bits);
    }
    if (name.starts_with("drift/")) CheckDetector(part);
    if (name.starts_with("evaluation/")) CheckEvaluator(part, scored);
    if (name.starts_with("experiment/")) CheckExperiment(folder, name.substr(11), part);
    if (name.starts_with("bandit/")) CheckBandit(part);
  }
}

inline void CheckWindows(const Folder& folder) {
  const std::vector<Value>& groups = folder.parts.at("features")["groups"].items;
  const size_t slots = folder.parts.at("features")["slots"].size();
  for (const Value& group : groups) {
    for (const Value& slot : group["by"].items) EXPECT_LT(slot.bits, slots);
    for (const Value& column : group["columns"].items) {
      for (const Value& window : column["windows"].items) EXPECT_LT(window["slot"].bits, slots);
    }
  }
  for (const Item& item : folder.Of("windows")) {
    if (item.key["group"].bits >> 63 != 0) continue;  // A unit.
    const Value& group = groups.at(item.key["group"].bits);
    SCOPED_TRACE(fmt::format("group {} key {}", item.key["group"].bits, item.key["key"].bits));
    if (group["by"].size() == 0) {
      EXPECT_EQ(item.key["key"].bits, 1u);
    }
    CheckKey(group, item.value);
    if (::testing::Test::HasFailure()) return;
  }
}

/// The keys of a group are those of what its fields can be.
inline void CheckKeys(const Folder& folder, size_t group,
                      const std::vector<std::vector<std::string>>& all) {
  std::set<uint64_t> keys;
  for (const std::vector<std::string>& texts : all) keys.insert(KeyOfFields(texts));
  size_t found = 0;
  for (const Item& item : folder.Of("windows")) {
    if (item.key["group"].bits != group) continue;
    ++found;
    EXPECT_TRUE(keys.contains(item.key["key"].bits)) << group;
  }
  EXPECT_EQ(found, keys.size());
}

/// What always holds of the numbers of a block, wherever it is.
inline void CheckNumbers(const Value& value) {
  const auto rising = [](const std::vector<Value>& list) {
    return std::is_sorted(list.begin(), list.end(),
                          [](const Value& a, const Value& b) { return a.Number() < b.Number(); });
  };
  const auto number = [&](const char* name) { return value[name].Number(); };
  const std::string type = value.kind == Value::Kind::kBlock ? value.type : "";
  if (type == "quantile") {
    const auto &heights = value["heights"].items, &positions = value["positions"].items;
    if (number("count") >= 5) {
      EXPECT_TRUE(rising(heights));
      EXPECT_TRUE(rising(positions));
      EXPECT_EQ(positions[0].Number(), 1);
      EXPECT_EQ(positions[4].Number(), number("count"));
      EXPECT_EQ(value["desired"][4].Number(), number("count"));
    }
  } else if (type == "robust") {
    if (value["median"]["count"].bits >= 5) {
      const auto at = [&](const char* name) { return value[name]["heights"][2].Number(); };
      EXPECT_LE(at("low"), at("median"));
      EXPECT_LE(at("median"), at("high"));
    }
  } else if (type == "moments") {
    EXPECT_GE(number("count"), 0);
    EXPECT_GE(number("squares"), 0);
    if (number("count") > 0) {
      EXPECT_EQ(number("count"), std::round(number("count")));
    }
  } else if (type == "minmax") {
    EXPECT_LE(number("min"), number("max"));
  } else if (type == "pane-column" && number("count") > 0) {
    EXPECT_GE(number("squares"), 0);
    EXPECT_LE(number("min"), number("sum") / number("count") + 1e-9L * std::abs(number("min")));
    EXPECT_GE(number("max"), number("sum") / number("count") - 1e-9L * std::abs(number("max")));
  } else if (type == "class-stats") {
    for (size_t i = 0; i < value["weight"].size(); ++i) {
      if (value["weight"][i].Number() == 0) continue;
      const long double slack = 1e-9L * std::abs(value["mean"][i].Number());
      EXPECT_LE(value["min"][i].Number(), value["mean"][i].Number() + slack);
      EXPECT_GE(value["max"][i].Number(), value["mean"][i].Number() - slack);
      EXPECT_GE(value["squares"][i].Number(), 0);
    }
  } else if (type == "value-weights") {
    long double sum = 0;
    for (const Value& weight : value["weights"].items) sum += weight.Number();
    EXPECT_NEAR(static_cast<double>(sum), value["total"].Real(), 1e-6);
  } else if (type == "bins") {
    EXPECT_TRUE(rising(value["edges"].items));
    EXPECT_TRUE(std::isinf(value["edges"].items.back().Real()));
  } else if (type == "frequencies" || type == "target-means") {
    const char* const count = type == "frequencies" ? "records" : "labels";
    long double sum = 0, before = -1;
    for (const Value& item : value["values"].items) {
      sum += item[count].Number();
      EXPECT_LT(before, item["value"].Number());
      before = item["value"].Number();
    }
    EXPECT_EQ(sum, number(count));
  } else if (type == "regression-sums") {
    EXPECT_LE(std::abs(number("error")), number("absolute") * (1 + 1e-9L));
    EXPECT_LE(number("symmetric"), number("weight") * (1 + 1e-9L));
    EXPECT_LE(number("relative_weight"), number("weight") * (1 + 1e-9L));
    EXPECT_GE(number("deviations"), 0);
    EXPECT_GE(number("absolute") / number("weight"), 0);
    EXPECT_LE(number("absolute") / number("weight"), number("max") * (1 + 1e-9L));
  } else if (type == "binary-sums" || type == "multiclass-sums") {
    for (const char* share : {"no_change", "majority"}) EXPECT_LE(number(share), number("weight"));
    const char* const cells = type == "binary-sums" ? "cells" : "confusion";
    long double sum = 0;
    for (const Value& cell : value[cells].items) sum += cell.Number();
    if (sum > 0) {  // Else no metric asked for them.
      EXPECT_NEAR(static_cast<double>(sum / number("weight")), 1, 1e-9);
    }
  } else if (type == "period") {
    EXPECT_GT(value["top"].size(), 0u);
    for (const Value& ranked : value["top"].items) {
      EXPECT_LE(value["top"][0]["score"].Number(), ranked["score"].Number());
      EXPECT_LE(ranked["positive"].bits, 1u);
    }
    EXPECT_LE(number("tied_positive"), number("tied"));
    EXPECT_GE(number("first_order"), 0);
    EXPECT_LT(number("first_order"), 1e9L);
    EXPECT_GE(number("fading_weight"), 1);
  } else if (type == "class-weights") {
    long double sum = 0;
    for (const Value& weight : value["weights"].items) sum += weight.Number();
    EXPECT_EQ(sum, number("total"));
    EXPECT_EQ(sum, number("records"));
  }
  for (const auto& [name, field] : value.fields) CheckNumbers(field);
  for (const Value& item : value.items) CheckNumbers(item);
}

/// The chain after a single epoch.
inline void CheckChain(const Folder& folder) {
  const Value& epoch = folder.manifest["epoch"];
  ASSERT_EQ(epoch["number"].bits, 1u);
  uint64_t chain = 0;
  for (const Value& sink : folder.manifest["sinks"].items) {
    std::string bytes = ReadFile(sink.text);
    if (sink.text.ends_with(".csv")) bytes.erase(0, bytes.find('\n') + 1);
    chain = Xxh3(bytes, chain);
  }
  EXPECT_EQ(Mix(chain ^ folder.parts.at("pipeline")["chain"].bits), epoch["chain"].bits);
}

inline void CheckMeaning(const Folder& folder) {
  for (const auto& [name, part] : folder.parts) {
    SCOPED_TRACE(name);
    CheckNumbers(part);
  }
  for (const Item& item : folder.Of("windows")) CheckNumbers(item.value);
  CheckParts(folder);
  CheckPending(folder);
  CheckWindows(folder);
  for (const Item& item : folder.Of("ids")) {
    const std::string& kind = item.key["kind"].text;
    EXPECT_TRUE(kind == "s" || kind == "v") << kind;
    int64_t forgotten = item.value["forgotten"].Signed();
    for (const Value& id : item.value["ids"].items) {
      EXPECT_NE(id["id"].bits, 0u);
      // What is forgotten when a run is written was remembered before it.
      EXPECT_GT(id["until"].Signed() >> 1, kind == "v" ? forgotten : kBeforeAll);
      if (kind == "s") {
        EXPECT_EQ(id["until"].bits & 1, 1u);
      }
    }
    for (size_t i = 0; kind == "v" && i < item.value["ids"].size(); ++i) {
      const bool matched = (item.value["ids"][i]["until"].bits & 1) != 0;
      EXPECT_TRUE(matched || item.value["marks"][i].bits == 0);
    }
  }
}

}  // namespace leat::format
