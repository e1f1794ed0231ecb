/// Writes parameters down: as rows of the reference page, or as resolved `name: value` lines.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/params_yaml.h"

namespace leat::config {

/// Collects one table of docs/configuration.md: name, type, range, default, meaning.
class DocParams final : public SectionParams {
 public:
  void Number(std::string_view name, double& value, Range range, std::string_view help) override;
  void Integer(std::string_view name, int64_t& value, Range range, std::string_view help) override;
  void Boolean(std::string_view name, bool& value, std::string_view help) override;
  void Text(std::string_view name, std::string& value, std::string_view help) override;
  void Choice(std::string_view name, int& value, std::span<const std::string_view> choices,
              std::string_view help) override;
  void Duration(std::string_view name, int64_t& micros, Range range_micros,
                std::string_view help) override;
  void Bytes(std::string_view name, int64_t& bytes, Range range, std::string_view help) override;
  void TextList(std::string_view name, std::vector<std::string>& values,
                std::string_view help) override;
  void NumberMap(std::string_view name, std::map<std::string, double>& values, Range range,
                 std::string_view help) override;
  void Shape(std::string_view name, std::string_view type, std::string_view fallback,
             std::string_view help) override;

  bool empty() const { return rows_.empty(); }
  /// The table in Markdown.
  std::string Table() const;
  struct Row {
    std::string name, type, fallback, help;
  };
  const std::vector<Row>& rows() const { return rows_; }

 private:
  void Add(std::string_view name, std::string type, std::string fallback, std::string_view help);

  std::vector<Row> rows_;
};

/// Collects the values that a struct holds, one `name: value` line each, in the order of its
/// Describe function. The same values always give the same text.
class ValueParams final : public SectionParams {
 public:
  explicit ValueParams(std::string indent = "") : indent_(std::move(indent)) {}
  bool Wants(bool matters) override { return matters; }
  void Number(std::string_view name, double& value, Range range, std::string_view help) override;
  void Integer(std::string_view name, int64_t& value, Range range, std::string_view help) override;
  void Boolean(std::string_view name, bool& value, std::string_view help) override;
  void Text(std::string_view name, std::string& value, std::string_view help) override;
  void Choice(std::string_view name, int& value, std::span<const std::string_view> choices,
              std::string_view help) override;
  void Duration(std::string_view name, int64_t& micros, Range range_micros,
                std::string_view help) override;
  void Bytes(std::string_view name, int64_t& bytes, Range range, std::string_view help) override;
  void TextList(std::string_view name, std::vector<std::string>& values,
                std::string_view help) override;
  void NumberMap(std::string_view name, std::map<std::string, double>& values, Range range,
                 std::string_view help) override;
  void Shape(std::string_view, std::string_view, std::string_view, std::string_view) override {}

  const std::string& text() const { return text_; }

 private:
  void Line(std::string_view name, const std::string& value);

  std::string indent_;
  std::string text_;
};

/// Text as YAML would read it back: plain when that is safe, else in double quotes.
std::string YamlText(const std::string& text);

}  // namespace leat::config
