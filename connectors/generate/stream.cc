#include "connectors/generate/stream.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "record/time_format.h"

namespace leat::generate {

std::string Row::Header() const {
  std::string out;
  if (json_) return out;
  for (const std::string& column : columns_) {
    if (!out.empty()) out += ',';
    out += column;
  }
  return out;
}

void Row::Begin(std::string& line) {
  line.clear();
  line_ = &line;
  next_ = 0;
}

void Row::Cell() {
  if (json_) {
    *line_ += next_ == 0 ? "{\"" : ",\"";
    *line_ += columns_[next_];
    *line_ += "\":";
  } else if (next_ > 0) {
    *line_ += ',';
  }
  ++next_;
}

void Row::Integer(int64_t value) {
  Cell();
  AppendNumber(*line_, value);
}

void Row::Number(double value) {
  Cell();
  AppendNumber(*line_, value);
}

void Row::Cents(int64_t cents) {
  Cell();
  AppendNumber(*line_, cents / 100);
  *line_ += '.';
  *line_ += static_cast<char>('0' + cents / 10 % 10);
  *line_ += static_cast<char>('0' + cents % 10);
}

void Row::Text(std::string_view value) {
  Cell();
  if (json_) {
    AppendJsonString(*line_, value);
  } else {
    AppendCsvCell(*line_, value);
  }
}

void Row::Time(EventTime time) { Text(FormatIso(time)); }

void Row::End() {
  if (json_) *line_ += '}';
}

Schedule::Schedule(const GenerateOptions& options)
    : kind_(options.drift),
      rows_(options.rows),
      drifts_(options.drifts),
      width_(options.drift_width > 0 ? static_cast<double>(options.drift_width)
                                     : static_cast<double>(options.rows) / 10),
      first_(options.concept_index) {}

double Schedule::Progress(int64_t row) const {
  if (kind_ == DriftKind::kNone) return 0;
  double progress = 0;
  for (int64_t k = 1; k <= drifts_; ++k) {
    const double at =
        static_cast<double>(k) * static_cast<double>(rows_) / static_cast<double>(drifts_ + 1);
    const double past = static_cast<double>(row) - at;
    if (kind_ != DriftKind::kGradual) {
      progress += past >= 0 ? 1 : 0;
    } else {
      progress += 1 / (1 + std::exp(-4 * past / width_));
    }
  }
  return progress;
}

int64_t Schedule::Concept(int64_t row, CounterRandom& random) const {
  if (kind_ == DriftKind::kNone) return first_;
  const double progress = Progress(row);
  const double whole = std::floor(progress);
  int64_t index = static_cast<int64_t>(whole);
  if (kind_ == DriftKind::kGradual && random.Uniform() < progress - whole) ++index;
  return first_ + (kind_ == DriftKind::kRecurring ? index % 2 : index);
}

}  // namespace leat::generate
