/// Synthetic streams, written row by row: for demos, tests and benchmarks.
///
/// Streams: `card-fraud` (after the simulator that Le Borgne, Siblini, Lebichot and Bontempi
/// describe in "Reproducible Machine Learning for Credit Card Fraud Detection", chapter 3), `churn`
/// and `shop` (our own), `sea` (Street and Kim 2001), `agrawal` (Agrawal, Imielinski and Swami
/// 1993) and `random-tree` (Domingos and Hulten 2000). Deviations are named in docs/generators.md.
/// Order: event time never falls. Memory: the population (customers, terminals, subscribers) and
/// one day of transactions, whatever the number of rows. Cost: well under a microsecond a row for
/// the artificial streams. Determinism: the same options give the same bytes. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

enum class DriftKind { kNone, kAbrupt, kGradual };
enum class GenerateFormat { kCsv, kJsonLines };

struct GenerateOptions {
  std::string name;  ///< Of the stream; see GeneratorNames.
  int64_t rows = 100'000;
  int64_t seed = 1;
  GenerateFormat format = GenerateFormat::kCsv;
  std::string start = "2018-04-01";  ///< Event time of the beginning, ISO 8601, UTC.
  Micros interval = kSecond;         ///< Between rows of the artificial streams.
  DriftKind drift = DriftKind::kNone;
  int64_t drifts = 1;         ///< Changes, at equal distances.
  int64_t drift_width = 0;    ///< Rows that a gradual change takes; 0: a tenth of the rows.
  int64_t concept_index = 0;  ///< Which variant a stream begins with.
  double noise = 0;           ///< Share of labels that are flipped (artificial streams).
  int64_t customers = 5'000;
  int64_t terminals = 10'000;
  double radius = 5;  ///< Of a customer's terminals, on a map of 100 x 100.
  int64_t subscribers = 10'000;
  int64_t keys = 1'000'000;
  int64_t skew = 2;  ///< 1: all keys equally often; more: few keys have most of the events.
};
/// Names all options but `name`.
void Describe(Params& params, GenerateOptions& options);

class Generator {
 public:
  virtual ~Generator() = default;
  /// The first line of the file (CSV), without its newline; empty for JSON lines.
  virtual std::string Header() const = 0;
  /// Replaces `line` by the next row, without its newline; false after the last.
  virtual bool Next(std::string& line) = 0;
};

/// Sorted: agrawal, banners, card-fraud, churn, keyed, random-tree, sea, shop.
std::span<const std::string_view> GeneratorNames();
std::string_view GeneratorSummary(std::string_view name);

/// Invalid for an unknown name, an option out of range, or a start that is no time.
Result<std::unique_ptr<Generator>> MakeGenerator(const GenerateOptions& options);

}  // namespace leat
