#include "pipeline/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"

namespace leat {
namespace {

constexpr size_t kShownLines = 6;
/// How the sections of what may come and go begin.
constexpr std::string_view kComing[] = {"experiment ", "bandit "};

/// The lines that are in one text only: `- ` those of before, `+ ` those of now.
std::string Difference(const std::string& before, const std::string& now) {
  const std::vector<std::string> a = LinesOf(before), b = LinesOf(now);
  const std::multiset<std::string> in_a(a.begin(), a.end()), in_b(b.begin(), b.end());
  std::string out;
  size_t shown = 0, left = 0;
  const auto show = [&](char sign, const std::vector<std::string>& lines,
                        const std::multiset<std::string>& other) {
    for (const std::string& line : lines) {
      if (other.count(line) > 0) continue;
      if (shown++ < kShownLines) {
        out += fmt::format("\n  {} {}", sign, line);
      } else {
        ++left;
      }
    }
  };
  show('-', a, in_b);
  show('+', b, in_a);
  if (left > 0) out += fmt::format("\n  and {} lines more", left);
  return out;
}

}  // namespace

Shape ParseShape(std::string_view canonical) {
  Shape shape;
  std::string section, model;
  for (const std::string& line : LinesOf(canonical)) {
    if (!line.starts_with(" ")) {
      section = line;
    } else if (section == "models:") {
      if (!line.starts_with("   ")) {
        model = line.substr(2, line.size() - 3);
      } else {
        shape.models[model] += line + "\n";
      }
      continue;
    } else if (section == "drift:") {
      if (line.starts_with("  - ")) shape.drift.emplace_back();
      shape.drift.back() += line + "\n";
      continue;
    }
    if (section != "models:" && section != "drift:") shape.sections[section] += line + "\n";
  }
  return shape;
}

std::string_view InputsOf(std::string_view model) {
  const size_t at = model.find("    inputs:\n");
  return at == std::string_view::npos ? std::string_view() : model.substr(at);
}

Result<std::vector<std::string>> CompareShapes(std::string_view before, std::string_view now) {
  const Shape a = ParseShape(before), b = ParseShape(now);
  std::string refused;
  std::vector<std::string> changes;
  std::set<std::string> sections;
  for (const auto& [name, text] : a.sections) sections.insert(name);
  for (const auto& [name, text] : b.sections) sections.insert(name);
  const auto text_of = [](const std::map<std::string, std::string>& texts,
                          const std::string& name) {
    const auto it = texts.find(name);
    return it == texts.end() ? std::string() : it->second;
  };
  for (const std::string& name : sections) {
    const std::string was = text_of(a.sections, name), is = text_of(b.sections, name);
    const bool comes = std::any_of(std::begin(kComing), std::end(kComing),
                                   [&](auto prefix) { return name.starts_with(prefix); });
    if (was != is && comes && (was.empty() || is.empty())) {
      changes.push_back(fmt::format("the {} {}", std::string_view(name).substr(0, name.size() - 1),
                                    was.empty() ? "is new" : "is gone: its state is dropped"));
    } else if (was != is) {
      refused += Difference(was, is);
    }
  }
  for (const auto& [name, text] : b.models) {
    const auto was = a.models.find(name);
    if (was == a.models.end()) {
      changes.push_back(fmt::format("the model '{}' is new: it has learnt nothing yet", name));
    } else if (was->second != text) {
      refused += fmt::format("\n  the model '{}' has changed (a changed model needs another name):",
                             name) +
                 Difference(was->second, text);
    }
  }
  for (const auto& [name, text] : a.models) {
    if (!b.models.contains(name)) {
      changes.push_back(fmt::format("the model '{}' is gone: what it had learnt is dropped", name));
    }
  }
  std::multiset<std::string> detectors(a.drift.begin(), a.drift.end());
  size_t fresh = 0;
  for (const std::string& text : b.drift) {
    const auto it = detectors.find(text);
    if (it == detectors.end()) {
      ++fresh;
    } else {
      detectors.erase(it);
    }
  }
  if (fresh > 0) changes.push_back(fmt::format("{} drift detectors are new", fresh));
  if (!detectors.empty()) {
    changes.push_back(fmt::format("{} drift detectors are gone", detectors.size()));
  }
  if (refused.empty()) return changes;
  return Status::Corrupt("the state was made by another configuration:" + refused);
}

}  // namespace leat
