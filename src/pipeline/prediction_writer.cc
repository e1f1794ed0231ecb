#include "pipeline/prediction_writer.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace leat {

std::pair<double, size_t> PredictionWriter::Decide(std::span<const double> p,
                                                   double threshold) const {
  if (p.empty()) return {0, 0};
  if (task_ == EvaluationTask::kRegression) return {p[0], 0};
  if (task_ == EvaluationTask::kBinary) return {p[1], p[1] >= threshold ? 1 : 0};
  const auto best = std::max_element(p.begin(), p.end());
  return {*best, static_cast<size_t>(best - p.begin())};
}

std::string PredictionWriter::Header() const {
  if (json_) return {};
  std::string out;
  AppendCsvCell(out, id_name_);
  if (!models_.empty()) {
    out += task_ == EvaluationTask::kRegression ? ",score,warm" : ",score,class,warm";
    if (routed_) out += ",model";
  }
  for (size_t m = routed_ ? 0 : 1; m < models_.size(); ++m) {
    out += ',';
    AppendCsvCell(out, models_[m] + ".score");
  }
  for (const size_t m : regions_) {
    const bool interval = task_ == EvaluationTask::kRegression;
    out += ',';
    AppendCsvCell(out, models_[m] + (interval ? ".lower" : ".set"));
    if (!interval) continue;
    out += ',';
    AppendCsvCell(out, models_[m] + ".upper");
  }
  for (const std::string& name : clusters_) {
    out += ',';
    AppendCsvCell(out, name + ".anomaly");
  }
  for (const auto& [name, slot] : features_) {
    out += ',';
    AppendCsvCell(out, name);
  }
  out += '\n';
  return out;
}

void PredictionWriter::AppendSet(std::span<const double> p, double radius,
                                 const std::vector<std::string>& classes, std::string& out) const {
  std::string cell;
  bool first = true;
  for (size_t c = 0; c < p.size() && c < classes.size(); ++c) {
    if (!(1 - p[c] <= radius)) continue;
    if (!first) cell += json_ ? ',' : '|';
    first = false;
    json_ ? AppendJsonString(cell, classes[c]) : void(cell += classes[c]);
  }
  json_ ? void(out += '[' + cell + ']') : AppendCsvCell(out, cell);
}

void PredictionWriter::Write(const Line& line, const std::vector<std::string>& classes,
                             std::string& out) const {
  const auto model = [&](size_t m) { return line.predictions.subspan(m * line.width, line.width); };
  // CSV puts values in the header's order; JSON names each one.
  const auto member = [&](std::string_view name) {
    out += ',';
    if (!json_) return;
    AppendJsonString(out, name);
    out += ':';
  };
  const auto number = [&](double value) {
    if (json_) {
      AppendJsonNumber(out, value);
    } else if (std::isfinite(value)) {
      AppendNumber(out, value);
    }
  };
  if (json_) {
    out += '{';
    AppendJsonString(out, id_name_);
    out += ':';
    AppendJsonString(out, line.id);
  } else {
    AppendCsvCell(out, line.id);
  }
  if (!models_.empty()) {
    const auto [score, decided] =
        Decide(model(line.serving.model),
               line.serving.threshold < 0 ? threshold_ : line.serving.threshold);
    member("score");
    number(score);
    if (task_ != EvaluationTask::kRegression) {
      member("class");
      const std::string_view name =
          decided < classes.size() ? std::string_view(classes[decided]) : std::string_view();
      json_ ? AppendJsonString(out, name) : AppendCsvCell(out, name);
    }
    member("warm");
    if (json_) {
      out += line.warm ? "true" : "false";
    } else {
      out += line.warm ? '1' : '0';
    }
    if (routed_) {
      member("model");
      const std::string& name = models_[line.serving.model];
      json_ ? AppendJsonString(out, name) : AppendCsvCell(out, name);
    }
    if (json_ && task_ == EvaluationTask::kMulticlass) {
      out += ",\"probabilities\":{";
      const auto p = model(line.serving.model);
      for (size_t c = 0; c < p.size() && c < classes.size(); ++c) {
        if (c > 0) out += ',';
        AppendJsonString(out, classes[c]);
        out += ':';
        AppendJsonNumber(out, p[c]);
      }
      out += '}';
    }
    for (size_t m = routed_ ? 0 : 1; m < models_.size(); ++m) {
      member(json_ ? models_[m] + ".score" : std::string());
      number(Decide(model(m), threshold_).first);
    }
  }
  for (const size_t m : regions_) {
    if (task_ != EvaluationTask::kRegression) {
      member(json_ ? models_[m] + ".set" : std::string());
      AppendSet(model(m), line.radii[m], classes, out);
      continue;
    }
    for (const bool upper : {false, true}) {
      member(json_ ? models_[m] + (upper ? ".upper" : ".lower") : std::string());
      // Without a prediction yet the radius is infinite, too.
      const double centre = line.width > 0 ? model(m)[0] : 0;
      number(upper ? centre + line.radii[m] : centre - line.radii[m]);
    }
  }
  for (size_t i = 0; i < clusters_.size(); ++i) {
    member(json_ ? clusters_[i] + ".anomaly" : std::string());
    number(line.anomaly[i]);
  }
  for (const auto& [name, slot] : features_) {
    member(name);
    number(line.slots[slot]);
  }
  out += json_ ? "}\n" : "\n";
}

}  // namespace leat
