// How fast records are read: nanoseconds a row, beside the floor of touching the same bytes once.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "record/memory_source.h"
#include "record/number.h"
#include "record/reader.h"
#include "record/time_format.h"

namespace leat {
namespace {

constexpr int kRows = 100'000;

/// A fixed sequence; its quality does not matter here.
class Numbers {
 public:
  uint32_t Below(uint32_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>((state_ >> 33) % n);
  }

 private:
  uint64_t state_ = 1;
};

/// Nine columns as in the electricity stream: six-digit fractions, a small category, a class.
const std::string& ElectricityCsv() {
  static const std::string text = [] {
    std::string csv = "date,day,period,nswprice,nswdemand,vicprice,vicdemand,transfer,class\n";
    Numbers numbers;
    char line[160];
    for (int i = 0; i < kRows; ++i) {
      std::snprintf(line, sizeof(line), "0.%06u,%u,0.%06u,0.%06u,0.%06u,0.%06u,0.%06u,0.%06u,%s\n",
                    numbers.Below(1000000), 1 + numbers.Below(7), numbers.Below(1000000),
                    numbers.Below(1000000), numbers.Below(1000000), numbers.Below(1000000),
                    numbers.Below(1000000), numbers.Below(1000000),
                    numbers.Below(2) != 0 ? "UP" : "DOWN");
      csv += line;
    }
    return csv;
  }();
  return text;
}

Schema ElectricitySchema() {
  Schema schema;
  for (const char* name :
       {"date", "day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"}) {
    FieldSpec field;
    field.name = name;
    if (field.name == "day") field.type = FieldType::kCategory;
    schema.fields.push_back(field);
  }
  schema.label_column = "class";
  schema.label_type = LabelType::kCategory;
  return schema;
}

const std::string& CardCsv() {
  static const std::string text = [] {
    std::string csv = "transaction_id,tx_datetime,customer_id,terminal_id,tx_amount,tx_fraud\n";
    Numbers numbers;
    char line[160];
    for (unsigned i = 0; i < kRows; ++i) {
      std::snprintf(line, sizeof(line), "%u,2018-04-%02uT%02u:%02u:%02uZ,%u,%u,%u.%02u,%u\n", i,
                    1 + i * 30 / kRows, numbers.Below(24), numbers.Below(60), numbers.Below(60),
                    numbers.Below(5000), numbers.Below(10000), numbers.Below(200),
                    numbers.Below(100), numbers.Below(100) == 0 ? 1 : 0);
      csv += line;
    }
    return csv;
  }();
  return text;
}

const std::string& CardJson() {
  static const std::string text = [] {
    std::string json;
    Numbers numbers;
    char line[256];
    for (unsigned i = 0; i < kRows; ++i) {
      std::snprintf(
          line, sizeof(line),
          "{\"transaction_id\":%u,\"tx_datetime\":\"2018-04-%02uT%02u:%02u:%02uZ\","
          "\"customer_id\":%u,\"terminal_id\":%u,\"tx_amount\":%u.%02u,\"tx_fraud\":%s}\n",
          i, 1 + i * 30 / kRows, numbers.Below(24), numbers.Below(60), numbers.Below(60),
          numbers.Below(5000), numbers.Below(10000), numbers.Below(200), numbers.Below(100),
          numbers.Below(100) == 0 ? "true" : "false");
      json += line;
    }
    return json;
  }();
  return text;
}

Schema CardSchema() {
  Schema schema;
  schema.id_column = "transaction_id";
  schema.time_column = "tx_datetime";
  for (const char* name : {"customer_id", "terminal_id", "tx_amount"}) {
    FieldSpec field;
    field.name = name;
    field.type = field.name == "tx_amount" ? FieldType::kNumber : FieldType::kId;
    schema.fields.push_back(field);
  }
  schema.label_column = "tx_fraud";
  return schema;
}

void ReportRows(benchmark::State& state, size_t bytes) {
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
  state.counters["per_row"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kRows,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void ReadAll(benchmark::State& state, const std::string& text, const Schema& schema,
             RecordFormat format) {
  for (auto _ : state) {
    MemorySource source(text);
    ReaderOptions options;
    options.format = format;
    auto reader = OpenReader(source, schema, options);
    if (!reader.ok()) return state.SkipWithError("cannot open");
    Record record;
    Reject reject;
    uint64_t records = 0;
    for (;;) {
      const auto outcome = (*reader)->Next(record, reject);
      if (!outcome.ok()) return state.SkipWithError("cannot read");
      if (*outcome == ReadOutcome::kEnd) break;
      records += *outcome == ReadOutcome::kRecord ? 1 : 0;
      benchmark::DoNotOptimize(record.values.data());
    }
    if (records != kRows) return state.SkipWithError("records were lost");
  }
  ReportRows(state, text.size());
}

void BM_FloorMemchrLines(benchmark::State& state) {
  const std::string& text = ElectricityCsv();
  for (auto _ : state) {
    uint64_t lines = 0;
    const char* p = text.data();
    const char* const end = p + text.size();
    while (p != end) {
      p = static_cast<const char*>(std::memchr(p, '\n', static_cast<size_t>(end - p)));
      if (p == nullptr) break;
      ++p;
      ++lines;
    }
    benchmark::DoNotOptimize(lines);
  }
  ReportRows(state, text.size());
}
BENCHMARK(BM_FloorMemchrLines);

void BM_FloorMemchrFields(benchmark::State& state) {
  const std::string& text = ElectricityCsv();
  for (auto _ : state) {
    uint64_t fields = 0;
    const char* p = text.data();
    const char* const end = p + text.size();
    while ((p = static_cast<const char*>(std::memchr(p, ',', static_cast<size_t>(end - p))))) {
      ++p;
      ++fields;
    }
    benchmark::DoNotOptimize(fields);
  }
  ReportRows(state, text.size());
}
BENCHMARK(BM_FloorMemchrFields);

void BM_CsvElectricity(benchmark::State& state) {
  ReadAll(state, ElectricityCsv(), ElectricitySchema(), RecordFormat::kCsv);
}
BENCHMARK(BM_CsvElectricity);

void BM_CsvCards(benchmark::State& state) {
  ReadAll(state, CardCsv(), CardSchema(), RecordFormat::kCsv);
}
BENCHMARK(BM_CsvCards);

void BM_CsvSkip(benchmark::State& state) {
  const Schema schema = ElectricitySchema();
  for (auto _ : state) {
    MemorySource source(ElectricityCsv());
    auto reader = OpenReader(source, schema, {});
    if (!reader.ok() || !(*reader)->Skip(kRows).ok()) return state.SkipWithError("cannot skip");
  }
  ReportRows(state, ElectricityCsv().size());
}
BENCHMARK(BM_CsvSkip);

void BM_JsonCards(benchmark::State& state) {
  ReadAll(state, CardJson(), CardSchema(), RecordFormat::kJsonLines);
}
BENCHMARK(BM_JsonCards);

void BM_ParseIsoTime(benchmark::State& state) {
  const TimeParser parser;
  std::string_view text = "2018-04-01T00:00:31Z";
  EventTime time;
  for (auto _ : state) {
    benchmark::DoNotOptimize(text);
    benchmark::DoNotOptimize(parser.Parse(text, time));
    benchmark::DoNotOptimize(time);
  }
}
BENCHMARK(BM_ParseIsoTime);

void BM_ParsePatternTime(benchmark::State& state) {
  const auto parser = TimeParser::Compile({"%d/%m/%Y %H:%M:%S", "UTC"});
  std::string_view text = "01/04/2018 00:00:31";
  EventTime time;
  for (auto _ : state) {
    benchmark::DoNotOptimize(text);
    benchmark::DoNotOptimize(parser->Parse(text, time));
    benchmark::DoNotOptimize(time);
  }
}
BENCHMARK(BM_ParsePatternTime);

void BM_ParseNumber(benchmark::State& state) {
  std::string_view text = "0.439155";
  double value = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(text);
    benchmark::DoNotOptimize(ParseNumber(text, value));
    benchmark::DoNotOptimize(value);
  }
}
BENCHMARK(BM_ParseNumber);

}  // namespace
}  // namespace leat
