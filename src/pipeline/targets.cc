#include "pipeline/targets.h"

#include "evaluation/metrics.h"

namespace leat {

Targets::Targets(const LabelConfig& label)
    : type_(label.type), positive_(label.positive), expired_(label.expired_class) {
  switch (type_) {
    case LabelType::kNumber:
      task_ = EvaluationTask::kRegression;
      break;
    case LabelType::kBoolean:
      task_ = EvaluationTask::kBinary;
      classes_ = {"false", "true"};
      break;
    case LabelType::kCategory:
      task_ = positive_.empty() ? EvaluationTask::kMulticlass : EvaluationTask::kBinary;
      if (!positive_.empty()) classes_ = {"not " + positive_, positive_};
      break;
  }
}

double Targets::HoldText(std::string_view text) {
  const uint64_t key = KeyOf(text);
  const auto [it, fresh] = code_of_.try_emplace(key, static_cast<uint32_t>(texts_.size()));
  if (fresh) {
    texts_.emplace_back(text);
    class_of_.push_back(-1);
  }
  return it->second;
}

bool Targets::Takes(const Record& record) const {
  if (task_ != EvaluationTask::kMulticlass) return true;
  // The class of expiry has its place, whether or not something has expired yet.
  const auto room = static_cast<size_t>(ConfusionMatrix::kMaxClasses - (expired_.empty() ? 0 : 1));
  if (texts_.size() < room) return true;
  return record.label_text == expired_ || code_of_.contains(KeyOf(record.label_text));
}

double Targets::Hold(const Record& record) {
  if (type_ != LabelType::kCategory) return record.label;
  if (!positive_.empty()) return record.label_text == positive_ ? 1 : 0;
  return HoldText(record.label_text);
}

double Targets::Release(double held) {
  if (task_ != EvaluationTask::kMulticlass) return held;
  int32_t& index = class_of_[static_cast<size_t>(held)];
  if (index < 0) {
    index = static_cast<int32_t>(classes_.size());
    classes_.push_back(texts_[static_cast<size_t>(held)]);
  }
  return index;
}

double Targets::OfText(std::string_view text) {
  if (task_ == EvaluationTask::kMulticlass) return Release(HoldText(text));
  if (type_ == LabelType::kCategory) return text == positive_ ? 1 : 0;
  return text == "true" || text == "1" ? 1 : 0;
}

void Targets::Save(StateWriter& out) const {
  out.Section("targets", 1);
  out.U64(classes_.size());
  for (const std::string& name : classes_) out.Text(name);
  out.U64(texts_.size());
  for (const std::string& text : texts_) out.Text(text);
  out.Array(class_of_);
}

void Targets::Load(StateReader& in) {
  in.Section("targets", 1);
  classes_.resize(in.Count(8));
  for (std::string& name : classes_) name = in.Text();
  texts_.resize(in.Count(8));
  for (std::string& text : texts_) text = in.Text();
  in.Array(class_of_);
  if (class_of_.size() != texts_.size()) in.Fail("label codes and classes do not match");
  for (const int32_t c : class_of_) {
    if (c < -1 || c >= static_cast<int32_t>(classes_.size())) in.Fail("a label code has no class");
  }
  code_of_.clear();
  for (uint32_t i = 0; in.ok() && i < texts_.size(); ++i) code_of_[KeyOf(texts_[i])] = i;
}

}  // namespace leat
