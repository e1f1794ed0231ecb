#include "pipeline/scoreboard.h"

#include <algorithm>

#include "base/text.h"
#include "record/time_format.h"

namespace leat {
namespace {

constexpr size_t kMaxSamples = 2000;
constexpr std::string_view kServed = "as served";
constexpr std::pair<View, std::string_view> kViews[] = {
    {View::kCumulative, "cumulative"}, {View::kWindow, "window"}, {View::kFading, "fading"}};

int PriorIndex(EvaluationTask task) {
  // Regression has no class frequencies: its prior is the mean.
  const auto names = Baselines::Names(task);
  const auto wanted = task == EvaluationTask::kRegression ? "mean" : "prior";
  const auto it = std::find(names.begin(), names.end(), wanted);
  return static_cast<int>(std::min<std::ptrdiff_t>(it - names.begin(), std::ssize(names) - 1));
}

void SaveValues(StateWriter& out, const MetricValues& values) {
  out.U64(values.size());
  for (const auto& [name, value] : values) {
    out.Text(name);
    out.F64(value);
  }
}

MetricValues LoadValues(StateReader& in) {
  MetricValues values(in.Count(16));
  for (auto& [name, value] : values) {
    name = in.Text();
    value = in.F64();
  }
  return values;
}

}  // namespace

Scoreboard::Scoreboard(EvaluationTask task, const EvaluationOptions& options,
                       std::vector<std::string> model_names, bool routed)
    : task_(task),
      options_(options),
      models_(model_names.size()),
      baselines_(task),
      prior_index_(PriorIndex(task)) {
  waiting_.reserve(kBatch);
  for (std::string& name : model_names) {
    rows_.push_back({std::move(name), false, false, MakeEvaluator(task, options)});
  }
  if (routed) rows_.push_back({std::string(kServed), false, true, MakeEvaluator(task, options)});
  for (const std::string_view name : Baselines::Names(task)) {
    rows_.push_back({std::string(name), true, false, MakeEvaluator(task, options)});
  }
}

void Scoreboard::Add(EventTime time, std::span<const double> predictions, size_t width,
                     double target, const std::optional<Serving>& served) {
  std::vector<double>& values = waiting_predictions_;
  const size_t baseline_width = baselines_.width(), own = width * models_;
  const int baselines = static_cast<int>(Baselines::Names(task_).size());
  // In place: a copy would wait until what was just written can be read at another width.
  Waiting& label = waiting_.emplace_back();
  label.time = time;
  label.target = target;
  label.at = values.size();
  label.width = width;
  label.baseline_width = baseline_width;
  label.served = served;
  values.resize(label.at + own + static_cast<size_t>(baselines) * baseline_width);
  double* out = std::copy_n(predictions.data(), own, values.data() + label.at);
  for (int i = 0; i < baselines; ++i, out += baseline_width) {
    if (i == prior_index_ && prior_.size() == baseline_width) {
      std::copy(prior_.begin(), prior_.end(), out);  // Known since the last label.
    } else {
      baselines_.Write(i, out);
    }
  }
  baselines_.Learn(target);
  baselines_.Predict(prior_index_, prior_);
  ++labels_;
  if (waiting_.size() >= kBatch || values.size() >= kBatchDoubles) ScoreWaiting();
}

void Scoreboard::ScoreWaiting() const {
  size_t models = 0, baselines = 0;
  for (const Row& row : rows_) {
    const auto scored = [&](const Waiting& label) -> Scored {
      const size_t width = row.baseline ? label.baseline_width : label.width;
      const size_t model = row.served ? label.served->model : models;
      const size_t at = label.at + model * label.width + baselines * label.baseline_width;
      return {.time = label.time,
              .probabilities = std::span(waiting_predictions_).subspan(at, width),
              .target = label.target,
              .threshold = row.served ? label.served->threshold : -1};
    };
    scored_.clear();
    for (const Waiting& label : waiting_) {
      if (!row.served || label.served) scored_.push_back(scored(label));
    }
    row.evaluator->AddAll(scored_);
    if (row.served) continue;
    ++(row.baseline ? baselines : models);
  }
  waiting_.clear();
  waiting_predictions_.clear();
}

MetricValues Scoreboard::Chosen(const MetricValues& all) const {
  if (options_.metrics.empty()) return all;
  MetricValues chosen;
  for (const std::string& name : options_.metrics) {
    const auto it =
        std::find_if(all.begin(), all.end(), [&](const auto& v) { return v.first == name; });
    if (it != all.end()) chosen.push_back(*it);
  }
  return chosen;
}

void Scoreboard::WriteRow(EventTime time, std::string& out) {
  if (labels_ == last_row_) return;
  last_row_ = labels_;
  ScoreWaiting();
  Report::CurveSample sample{labels_, time, {}};
  out += "{\"labels\":";
  AppendNumber(out, labels_);
  out += ",\"time\":";
  AppendJsonString(out, FormatIso(time));
  out += ",\"models\":{";
  bool first_row = true;
  for (const Row& row : rows_) {
    if (!first_row) out += ',';
    first_row = false;
    AppendJsonString(out, row.name);
    out += row.baseline ? ":{\"baseline\":true" : ":{\"baseline\":false";
    for (const auto& [view, view_name] : kViews) {
      const MetricValues values = Chosen(row.evaluator->ChosenValues(view));
      if (view == View::kWindow) sample.rows.push_back(values);
      out += ',';
      AppendJsonString(out, view_name);
      out += ":{";
      bool first = true;
      for (const auto& [name, value] : values) {
        if (!first) out += ',';
        first = false;
        AppendJsonString(out, name);
        out += ':';
        AppendJsonNumber(out, value);
      }
      out += '}';
    }
    out += '}';
  }
  out += "}}\n";
  if (samples_seen_++ % sample_stride_ == 0) curve_.push_back(std::move(sample));
  if (curve_.size() > kMaxSamples) {
    size_t kept = 0;
    for (size_t i = 0; i < curve_.size(); i += 2) curve_[kept++] = std::move(curve_[i]);
    curve_.resize(kept);
    sample_stride_ *= 2;
  }
}

void Scoreboard::FillReport(Report& report) const {
  ScoreWaiting();
  report.task = task_;
  report.curve = curve_;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    Report::Row out;
    out.name = row.name;
    out.baseline = row.baseline;
    out.serves = i == 0 && !row.baseline;
    out.cumulative = row.evaluator->Values(View::kCumulative);
    out.window = row.evaluator->Values(View::kWindow);
    if (task_ == EvaluationTask::kBinary) {
      out.precision_recall = row.evaluator->PrecisionRecall();
      out.calibration = row.evaluator->Calibration();
    }
    report.rows.push_back(std::move(out));
  }
}

void Scoreboard::Save(StateWriter& out) const {
  ScoreWaiting();
  for (const Row& row : rows_) row.evaluator->Save(out);
  SaveRest(out);
}

Status Scoreboard::Load(StateReader& in) {
  waiting_.clear();
  waiting_predictions_.clear();
  for (Row& row : rows_) LEAT_RETURN_IF_ERROR(row.evaluator->Load(in));
  return LoadRest(in);
}

std::vector<PartAccess> Scoreboard::Parts() {
  std::vector<PartAccess> parts;
  for (Row& row : rows_) {
    const std::string kind = row.baseline ? "baseline/" : "model/";
    parts.push_back({row.served ? "evaluation/served" : "evaluation/" + kind + row.name,
                     [this, &row](StateWriter& out) {
                       ScoreWaiting();
                       row.evaluator->Save(out);
                     },
                     [&row](StateReader& in) { return row.evaluator->Load(in); }, true});
  }
  parts.push_back({"evaluation",
                   [this](StateWriter& out) {
                     ScoreWaiting();
                     SaveRest(out);
                   },
                   [this](StateReader& in) { return LoadRest(in); }});
  return parts;
}

void Scoreboard::SaveRest(StateWriter& out) const {
  out.Section("scoreboard", 2);
  baselines_.Save(out);
  out.Array(prior_);
  for (const int64_t v : {labels_, last_row_, samples_seen_, sample_stride_}) out.I64(v);
  out.U64(rows_.size());
  for (const Row& row : rows_) {
    out.Text(row.name);
    out.Bool(row.baseline);
  }
  out.U64(curve_.size());
  for (const Report::CurveSample& sample : curve_) {
    out.I64(sample.labels);
    out.I64(sample.time.micros);
    for (const MetricValues& values : sample.rows) SaveValues(out, values);
  }
}

Status Scoreboard::LoadRest(StateReader& in) {
  in.Section("scoreboard", 2);
  LEAT_RETURN_IF_ERROR(baselines_.Load(in));
  in.Array(prior_);
  for (int64_t* v : {&labels_, &last_row_, &samples_seen_, &sample_stride_}) *v = in.I64();
  if (sample_stride_ < 1) in.Fail("the report's sample stride is not positive");
  // Where the rows of the samples are now; those of models that are gone are passed over.
  std::vector<size_t> places(in.Count(9));
  for (size_t& place : places) {
    const std::string name = in.Text();
    const bool baseline = in.Bool();
    const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& r) {
      return r.name == name && r.baseline == baseline;
    });
    place = static_cast<size_t>(row - rows_.begin());
  }
  curve_.resize(in.Count(16));
  for (Report::CurveSample& sample : curve_) {
    sample.labels = in.I64();
    sample.time.micros = in.I64();
    sample.rows.assign(rows_.size(), {});
    for (const size_t place : places) {
      MetricValues values = LoadValues(in);
      if (place < rows_.size()) sample.rows[place] = std::move(values);
    }
  }
  return in.status();
}

size_t Scoreboard::MemoryBytes() const {
  size_t bytes = curve_.size() * rows_.size() * 512 + waiting_.capacity() * sizeof(Waiting) +
                 waiting_predictions_.capacity() * sizeof(double);
  for (const Row& row : rows_) bytes += row.evaluator->MemoryBytes();
  return bytes;
}

}  // namespace leat
