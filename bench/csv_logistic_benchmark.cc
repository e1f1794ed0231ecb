// From CSV text in memory to a learnt logistic regression: records of the electricity stream are
// read, predicted and learnt one at a time, beside the floor of finding the line breaks. The stream
// is read from the folder LEAT_DATA; skipped with a message when absent.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/rows.h"
#include "leat/linear.h"
#include "record/memory_source.h"
#include "record/reader.h"

namespace leat {
namespace {

/// The electricity stream decompressed; empty if it is not there.
const std::string& Electricity() {
  static const std::string text = ReadData("electricity");
  return text;
}

/// False, with a message, if there is nothing to read.
bool HasData(benchmark::State& state) {
  if (!Electricity().empty()) return true;
  state.SkipWithError("electricity.csv.zst not found; set LEAT_DATA");
  return false;
}

void ReportRows(benchmark::State& state, uint64_t rows) {
  state.SetItemsProcessed(static_cast<int64_t>(rows));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(Electricity().size()));
  state.counters["per_row"] = benchmark::Counter(
      static_cast<double>(rows), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

Schema ElectricitySchema() {
  Schema schema;
  for (const char* name :
       {"date", "day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"}) {
    FieldSpec field;
    field.name = name;
    schema.fields.push_back(field);
  }
  schema.label_column = "class";
  schema.label_type = LabelType::kCategory;
  return schema;
}

/// Calls `use(record)` for every record; the number of them, or 0 if reading failed.
template <typename Use>
uint64_t ForEachRecord(const Use& use) {
  MemorySource source(Electricity());
  auto reader = OpenReader(source, ElectricitySchema(), {});
  if (!reader.ok()) return 0;
  Record record;
  Reject reject;
  for (uint64_t records = 0;;) {
    const auto outcome = (*reader)->Next(record, reject);
    if (!outcome.ok()) return 0;
    if (*outcome == ReadOutcome::kEnd) return records;
    if (*outcome != ReadOutcome::kRecord) continue;
    ++records;
    use(record);
  }
}

void FloorMemchrLines(benchmark::State& state) {
  if (!HasData(state)) return;
  const std::string& text = Electricity();
  uint64_t lines = 0;
  for (auto _ : state) {
    const char* p = text.data();
    const char* const end = p + text.size();
    while ((p = static_cast<const char*>(std::memchr(p, '\n', static_cast<size_t>(end - p))))) {
      ++p;
      ++lines;
    }
    benchmark::DoNotOptimize(lines);
  }
  ReportRows(state, lines);
}
BENCHMARK(FloorMemchrLines);

void ReadOnly(benchmark::State& state) {
  if (!HasData(state)) return;
  uint64_t rows = 0;
  for (auto _ : state) {
    rows += ForEachRecord([](const Record& r) { benchmark::DoNotOptimize(r.values.data()); });
  }
  ReportRows(state, rows);
}
BENCHMARK(ReadOnly);

/// `kFused`: predicted and learnt in one call, else one after the other.
template <LinearOptimizer kOptimizer, bool kFused>
void CsvToLogistic(benchmark::State& state) {
  if (!HasData(state)) return;
  LinearOptions options;
  options.optimizer = kOptimizer;
  options.learning_rate = 0.05;
  InputSpec inputs;
  inputs.dense.resize(ElectricitySchema().fields.size());
  uint64_t rows = 0, right = 0;
  for (auto _ : state) {
    auto made = MakeLogisticRegression(options, inputs);
    if (!made.ok()) return state.SkipWithError("cannot make the model");
    auto& model = static_cast<LinearModel&>(**made);
    std::vector<double> out;
    rows += ForEachRecord([&](const Record& record) {
      const Input input{record.values, {}};
      const double target = record.label_text.size() == 2 ? 1 : 0;  // UP or DOWN
      if (kFused) {
        model.PredictAndLearn(input, target, 1, out);
      } else {
        model.Predict(input, out);
        model.Learn(input, target, 1);
      }
      right += out.size() == 2 && (out[1] > 0.5) == (target == 1);
    });
  }
  ReportRows(state, rows);
  state.counters["accuracy"] = static_cast<double>(right) / static_cast<double>(rows);
}
BENCHMARK(CsvToLogistic<LinearOptimizer::kSgd, true>);
BENCHMARK(CsvToLogistic<LinearOptimizer::kSgd, false>);
BENCHMARK(CsvToLogistic<LinearOptimizer::kAdaGrad, true>);

}  // namespace
}  // namespace leat
