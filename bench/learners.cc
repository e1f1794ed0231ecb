/// Learners on the real streams, in memory, prequential from the first row on: accuracy (or RMSE
/// and MAE), log-loss and rows a second, the mean of several seeds, beside no-change and majority.
///
///   learners STREAM TYPE [option=value ...] [seeds=5] [shuffle=1] [lags=1] [scale=1] [one_hot=1]
/// `lags` adds the last targets as inputs; `scale` scales numbers by the rows before; `one_hot`
/// turns a category into a number for each of its values, 1 or 0.
///
///   learners electricity adaptive_random_forest trees=10 seeds=5
///   learners electricity rows > electricity.csv
///
/// `rows` prints the stream as every learner here sees it, for other programs: a line of names, a
/// line that says how many categories each column has (0: numbers), then numbers only, missing ones
/// empty, the target last. `types` alone prints what there is. With `json=1` a line of JSON.
///
/// STREAM is a file of the folder LEAT_DATA without .csv.zst; TYPE a model
/// type of the configuration, with its options, or `majority` / `no_change`. Figures of speed are
/// processor time of predicting and learning on this thread (Model::PredictAndLearn); reading is
/// not in them.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text_params.h"
#include "bench/rows.h"
#include "features/scalers.h"
#include "models/registry.h"

namespace leat {
namespace {

struct Stream : Rows {
  bool regression = false;
  size_t classes = 0;
};

bool IsNominal(const std::string& stream, const std::string& column) {
  if (stream == "electricity") return column == "day";
  if (stream == "covertype20k") {
    return column.starts_with("wilderness_area") || column.starts_with("soil_type");
  }
  if (stream == "kddcup99_10percent") {
    return column == "protocol_type" || column == "service" || column == "flag";
  }
  return false;
}

std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') {
      cells.emplace_back();
    } else if (c != '\r' && c != '"') {
      cells.back() += c;
    }
  }
  return cells;
}

/// The target is the last column.
Stream Read(const std::string& name) {
  const std::string text = ReadData(name);
  Stream stream;
  stream.regression = name == "bike_sharing" || name == "metro_traffic" || name == "friedman";
  std::vector<std::string> header;
  std::vector<std::map<std::string, double>> codes;
  std::vector<bool> nominal;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    const std::vector<std::string> cells = Cells(text.substr(at, end - at));
    at = end + 1;
    if (header.empty()) {
      header = cells;
      codes.resize(header.size());
      nominal.resize(header.size());
      for (size_t c = 0; c + 1 < header.size(); ++c) nominal[c] = IsNominal(name, header[c]);
      nominal.back() = !stream.regression;
      continue;
    }
    if (cells.size() != header.size()) continue;
    for (size_t c = 0; c < cells.size(); ++c) {
      double value = std::numeric_limits<double>::quiet_NaN();
      char* stop = nullptr;
      const double number = std::strtod(cells[c].c_str(), &stop);
      if (stream.values.empty() && stop == cells[c].c_str() && !cells[c].empty()) nominal[c] = true;
      if (nominal[c]) {
        value = codes[c].emplace(cells[c], static_cast<double>(codes[c].size())).first->second;
      } else if (!cells[c].empty() && cells[c] != "?") {
        value = number;
      }
      (c + 1 < cells.size() ? stream.values : stream.targets).push_back(value);
    }
  }
  for (size_t c = 0; c + 1 < header.size(); ++c) {
    stream.spec.dense.push_back({header[c], nominal[c], 0});
  }
  stream.classes = codes.empty() ? 0 : codes.back().size();
  return stream;
}

/// The last targets as inputs, the latest first: legitimate where labels come at once.
void AddLags(Stream& stream, int lags) {
  const size_t width = stream.spec.dense.size();
  std::vector<double> values;
  for (size_t r = 0; r < stream.rows(); ++r) {
    const double* row = stream.values.data() + r * width;
    values.insert(values.end(), row, row + width);
    for (size_t lag = 1; lag <= static_cast<size_t>(lags); ++lag) {
      values.push_back(r >= lag ? stream.targets[r - lag]
                                : std::numeric_limits<double>::quiet_NaN());
    }
  }
  stream.values = std::move(values);
  for (int lag = 1; lag <= lags; ++lag) {
    stream.spec.dense.push_back({"lag" + std::to_string(lag), !stream.regression, 0});
  }
}

void Shuffle(Stream& stream) {
  CounterRandom random(1, 1);
  const size_t width = stream.spec.dense.size();
  for (size_t r = stream.rows(); r > 1; --r) {
    const size_t other = random.Below(r);
    std::swap(stream.targets[r - 1], stream.targets[other]);
    std::swap_ranges(stream.values.begin() + static_cast<int64_t>((r - 1) * width),
                     stream.values.begin() + static_cast<int64_t>(r * width),
                     stream.values.begin() + static_cast<int64_t>(other * width));
  }
}

/// Numbers by mean and deviation of the rows before, beforehand.
void Scale(Stream& stream) {
  const size_t width = stream.spec.dense.size();
  std::vector<StandardScaler> scalers(width);
  for (size_t i = 0; i < stream.values.size(); ++i) {
    if (stream.spec.dense[i % width].nominal) continue;
    const double value = stream.values[i];
    stream.values[i] = scalers[i % width].Transform(value);
    scalers[i % width].Learn(value);
  }
}

void OneHot(Stream& stream) {
  const size_t width = stream.spec.dense.size();
  std::vector<size_t> codes(width);
  for (size_t i = 0; i < stream.values.size(); ++i) {
    if (!stream.spec.dense[i % width].nominal || std::isnan(stream.values[i])) continue;
    codes[i % width] = std::max(codes[i % width], static_cast<size_t>(stream.values[i]) + 1);
  }
  InputSpec spec;
  for (size_t c = 0; c < width; ++c) {
    const std::string& name = stream.spec.dense[c].name;
    if (!stream.spec.dense[c].nominal) spec.dense.push_back({name, false, 0});
    for (size_t v = 0; v < codes[c]; ++v)
      spec.dense.push_back({name + std::to_string(v), false, 0});
  }
  std::vector<double> values;
  values.reserve(stream.rows() * spec.dense.size());
  for (size_t i = 0; i < stream.values.size(); ++i) {
    const double value = stream.values[i];
    if (!stream.spec.dense[i % width].nominal) values.push_back(value);
    for (size_t v = 0; v < codes[i % width]; ++v) {
      values.push_back(value == static_cast<double>(v) ? 1 : 0);
    }
  }
  stream.spec = std::move(spec);
  stream.values = std::move(values);
}

double Seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Figures {
  double accuracy = 0, log_loss = 0, rmse = 0, mae = 0, auc = 0, seconds = 0, bytes = 0, state = 0;
};

/// The chance that a positive scores above a negative, ties as half.
double RocAuc(std::vector<std::pair<double, bool>> scores) {
  std::sort(scores.begin(), scores.end());
  double below = 0, wins = 0, positives = 0;
  for (size_t i = 0; i < scores.size();) {
    double p = 0, n = 0;
    const double score = scores[i].first;
    for (; i < scores.size() && scores[i].first == score; ++i) (scores[i].second ? p : n) += 1;
    wins += p * (below + n / 2);
    below += n;
    positives += p;
  }
  return positives > 0 && below > 0 ? wins / (positives * below) : 0;
}

Figures Run(Model& model, const Stream& stream) {
  Figures figures;
  std::vector<double> out;
  double loss = 0, right = 0, squares = 0, absolute = 0, peak = 0;
  std::vector<std::pair<double, bool>> scores;
  scores.reserve(stream.rows());
  const double start = Seconds();
  for (size_t r = 0; r < stream.rows(); ++r) {
    const double target = stream.targets[r];
    model.PredictAndLearn(stream.row(r), target, 1, out);
    if (r % 1000 == 0) peak = std::max(peak, static_cast<double>(model.MemoryBytes()));
    if (stream.regression) {
      const double error = (out.empty() ? 0 : out[0]) - target;
      squares += error * error;
      absolute += std::fabs(error);
      continue;
    }
    const auto label = static_cast<size_t>(target);
    const size_t best = static_cast<size_t>(
        out.empty() ? 0 : std::max_element(out.begin(), out.end()) - out.begin());
    right += best == label ? 1 : 0;
    const double p = label < out.size() ? out[label] : 0;
    loss -= std::log(std::clamp(p, 1e-15, 1 - 1e-15));
    if (stream.classes == 2) scores.emplace_back(out.size() > 1 ? out[1] : 0, label == 1);
  }
  figures.seconds = Seconds() - start;
  const auto rows = static_cast<double>(stream.rows());
  figures.accuracy = right / rows;
  figures.log_loss = loss / rows;
  figures.rmse = std::sqrt(squares / rows);
  figures.mae = absolute / rows;
  figures.bytes = std::max(peak, static_cast<double>(model.MemoryBytes()));
  if (stream.classes == 2) figures.auc = RocAuc(std::move(scores));
  StateWriter state;
  model.Save(state);
  figures.state = static_cast<double>(state.bytes().size());
  return figures;
}

/// The share of targets that repeat the one before.
double NoChange(const Stream& stream) {
  double same = 0, last = 0;
  for (const double target : stream.targets) {
    same += target == last ? 1 : 0;
    last = target;
  }
  return same / static_cast<double>(stream.rows());
}

void PrintRows(const Stream& stream) {
  for (const auto& column : stream.spec.dense) std::printf("%s,", column.name.c_str());
  std::printf("target\n");
  const size_t width = stream.spec.dense.size();
  for (size_t c = 0; c < width; ++c) {
    double categories = 0;
    for (size_t r = 0; stream.spec.dense[c].nominal && r < stream.rows(); ++r) {
      categories = std::max(categories, stream.values[r * width + c] + 1);
    }
    std::printf("%.0f,", categories);
  }
  std::printf("%zu\n", stream.regression ? 0 : stream.classes);
  for (size_t r = 0; r < stream.rows(); ++r) {
    for (const double value : stream.row(r).dense) {
      value == value ? std::printf("%.17g,", value) : std::printf(",");
    }
    std::printf("%.17g\n", stream.targets[r]);
  }
}

struct Score {
  std::string learner;
  double accuracy = 0, rmse = 0, mae = 0;
};

std::vector<Score> Baselines(const Stream& stream) {
  double majority = 0, squares = 0, absolute = 0;
  std::vector<double> counts(std::max<size_t>(stream.classes, 1));
  double last = 0;
  for (const double target : stream.targets) {
    squares += (target - last) * (target - last);
    absolute += std::fabs(target - last);
    if (!stream.regression) {
      const auto best = std::max_element(counts.begin(), counts.end()) - counts.begin();
      majority += static_cast<double>(best) == target ? 1 : 0;
      counts[static_cast<size_t>(target)] += 1;
    }
    last = target;
  }
  const auto rows = static_cast<double>(stream.rows());
  if (stream.regression) return {{"no_change", 0, std::sqrt(squares / rows), absolute / rows}};
  return {{"no_change", NoChange(stream)}, {"majority", majority / rows}};
}

void PrintBaselines(const std::string& name, const Stream& stream, bool json) {
  for (const Score& s : Baselines(stream)) {
    if (json)
      std::printf("{\"stream\":\"%s\",\"learner\":\"%s\",", name.c_str(), s.learner.c_str());
    const char* const numbers = json ? "\"rmse\":%.6g,\"mae\":%.6g}\n" : "rmse %.4f mae %.4f\n";
    const char* const classes = json ? "\"accuracy\":%.6f}\n" : "accuracy %.4f\n";
    if (!json) std::printf("%-28s ", s.learner.c_str());
    stream.regression ? std::printf(numbers, s.rmse, s.mae) : std::printf(classes, s.accuracy);
  }
}

/// Of each type, what it learns.
void PrintTypes() {
  for (const std::string_view type : ModelTypes()) {
    constexpr const char* kTasks[] = {"classification", "regression", "clustering", "anomaly"};
    std::printf("%s %s\n", std::string(type).c_str(),
                kTasks[static_cast<int>(NewModelFactory(type)->task())]);
  }
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "types") {
    PrintTypes();
    return 0;
  }
  if (argc < 3) {
    std::fprintf(stderr,
                 "usage: learners STREAM TYPE [option=value ...] [seeds=N] [shuffle=1] [lags=K] "
                 "[scale=1] [one_hot=1]\n");
    return 2;
  }
  std::map<std::string, std::string> options;
  for (int i = 3; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t at = text.find('=');
    if (at != std::string::npos) options[text.substr(0, at)] = text.substr(at + 1);
  }
  const auto take = [&](const char* name, int fallback) {
    const auto found = options.find(name);
    if (found == options.end()) return fallback;
    const int value = std::atoi(found->second.c_str());
    options.erase(found);
    return value;
  };
  const int seeds = take("seeds", 1);
  Stream stream = Read(argv[1]);
  if (stream.rows() == 0) {
    std::fprintf(stderr, "no stream %s: LEAT_DATA names the folder of streams\n", argv[1]);
    return 3;
  }
  if (take("shuffle", 0) != 0) Shuffle(stream);
  if (const int lags = take("lags", 0); lags > 0) AddLags(stream, lags);
  if (take("scale", 0) != 0) Scale(stream);
  if (take("one_hot", 0) != 0) OneHot(stream);
  const std::string type = argv[2];
  if (type == "baselines") {
    PrintBaselines(argv[1], stream, take("json", 0) != 0);
    return 0;
  }
  if (type == "rows") {
    PrintRows(stream);
    return 0;
  }
  const bool json = take("json", 0) != 0;
  Figures sum;
  double lowest = 1e300, highest = 0;
  for (int seed = 1; seed <= seeds; ++seed) {
    auto factory = NewModelFactory(type);
    if (factory == nullptr) {
      std::fprintf(stderr, "no type %s\n", type.c_str());
      return 2;
    }
    if (factory->task() != (stream.regression ? Task::kRegression : Task::kClassification)) {
      std::fprintf(stderr, "%s does not learn the target of %s\n", type.c_str(), argv[1]);
      return 2;
    }
    if (seeds > 1) options["seed"] = std::to_string(seed);
    TextParams setter(options);
    factory->Describe(setter);
    if (!setter.status().ok()) {
      std::fprintf(stderr, "%s\n", std::string(setter.status().message()).c_str());
      return 2;
    }
    auto model = factory->Make(stream.spec);
    if (!model.ok()) {
      std::fprintf(stderr, "%s\n", std::string(model.status().message()).c_str());
      return 2;
    }
    const Figures f = Run(**model, stream);
    sum.accuracy += f.accuracy / seeds;
    sum.log_loss += f.log_loss / seeds;
    sum.rmse += f.rmse / seeds;
    sum.mae += f.mae / seeds;
    sum.auc += f.auc / seeds;
    sum.seconds += f.seconds / seeds;
    sum.bytes = std::max(sum.bytes, f.bytes);
    sum.state = std::max(sum.state, f.state);
    const double main = stream.regression ? f.rmse : f.accuracy;
    lowest = std::min(lowest, main);
    highest = std::max(highest, main);
    if (seed == seeds) {
      for (const auto& [name, text] : (*model)->Summary()) {
        std::fprintf(stderr, "  %s: %s\n", name.c_str(), text.c_str());
      }
    }
  }
  const double speed = static_cast<double>(stream.rows()) / sum.seconds;
  if (json) {
    const double same = NoChange(stream);
    std::printf("{\"stream\":\"%s\",\"learner\":\"%s\",", argv[1], type.c_str());
    if (stream.regression) {
      std::printf("\"rmse\":%.6g,\"mae\":%.6g,", sum.rmse, sum.mae);
    } else {
      std::printf("\"accuracy\":%.6f,\"kappa_t\":%.6f,\"log_loss\":%.6f,", sum.accuracy,
                  (sum.accuracy - same) / (1 - same), sum.log_loss);
    }
    std::printf("\"rows_per_second\":%.0f,\"memory\":%.0f,\"state\":%.0f}\n", speed, sum.bytes,
                sum.state);
  } else if (stream.regression) {
    std::printf("%s %s: rmse %.4f mae %.4f rows/s %.0f bytes %.0f (rmse %.4f to %.4f)\n", argv[1],
                type.c_str(), sum.rmse, sum.mae, speed, sum.bytes, lowest, highest);
  } else {
    std::printf(
        "%s %s: accuracy %.4f log_loss %.4f auc %.4f rows/s %.0f bytes %.0f (%.4f to %.4f)\n",
        argv[1], type.c_str(), sum.accuracy, sum.log_loss, sum.auc, speed, sum.bytes, lowest,
        highest);
  }
  return 0;
}

}  // namespace
}  // namespace leat

int main(int argc, char** argv) { return leat::Main(argc, argv); }
