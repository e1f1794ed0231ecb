#include "pipeline/model_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/text.h"

namespace leat {
namespace {

/// Names shown of a long list.
constexpr size_t kShown = 12;

std::string Listed(std::span<const std::string> items) {
  std::string out;
  for (size_t i = 0; i < items.size() && i < kShown; ++i) out += (i > 0 ? ", " : "") + items[i];
  if (items.size() > kShown) out += fmt::format(" and {} more", items.size() - kShown);
  return out.empty() ? "none" : out;
}

/// The name in `name: value`.
std::string_view NameIn(std::string_view line) { return line.substr(0, line.find(": ")); }
std::string_view ValueIn(std::string_view line) {
  const size_t at = line.find(": ");
  return at == std::string_view::npos ? std::string_view() : line.substr(at + 2);
}

/// Compares lines `name: value`: by name where both have the same names in the same order, else as
/// a whole.
void Compare(std::string_view what, const std::vector<std::string>& found,
             const std::vector<std::string>& expected, std::vector<std::string>& out) {
  const auto same_name = [](const std::string& a, const std::string& b) {
    return NameIn(a) == NameIn(b);
  };
  if (!std::equal(found.begin(), found.end(), expected.begin(), expected.end(), same_name)) {
    std::vector<std::string> a, b;
    for (const std::string& line : found) a.emplace_back(NameIn(line));
    for (const std::string& line : expected) b.emplace_back(NameIn(line));
    out.push_back(fmt::format("{}s: found {}; expected {}", what, Listed(a), Listed(b)));
    return;
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i] == expected[i]) continue;
    out.push_back(fmt::format("{} {}: found {}, expected {}", what, NameIn(found[i]),
                              ValueIn(found[i]), ValueIn(expected[i])));
  }
}

bool BeginsWith(const std::vector<std::string>& list, const std::vector<std::string>& with) {
  return list.size() >= with.size() && std::equal(with.begin(), with.end(), list.begin());
}

}  // namespace

std::vector<std::string> Differences(const ModelState& found, const ModelState& expected) {
  std::vector<std::string> out;
  if (found.task != expected.task) {
    out.push_back(fmt::format("task: found {}, expected {}", found.task, expected.task));
  }
  if (found.type != expected.type) {
    out.push_back(fmt::format("type: found {}, expected {}", found.type, expected.type));
    return out;  // Its parameters are others as well.
  }
  Compare("parameter", LinesOf(found.parameters), LinesOf(expected.parameters), out);
  const size_t before = out.size();
  Compare("input", found.inputs, expected.inputs, out);
  if (out.size() == before) {
    std::vector<std::string> a, b;
    for (const auto& f : found.features) a.push_back(f.name + (f.nominal ? " (nominal)" : ""));
    for (const auto& f : expected.features) b.push_back(f.name + (f.nominal ? " (nominal)" : ""));
    if (a != b) {
      out.push_back(fmt::format("what it sees: found {}; expected {}", Listed(a), Listed(b)));
    }
    if (found.sparse_size != expected.sparse_size) {
      out.push_back(fmt::format("sparse inputs: found {}, expected {}", found.sparse_size,
                                expected.sparse_size));
    }
    for (const ModelState::Categories& known : expected.categories) {
      const auto own = std::find_if(found.categories.begin(), found.categories.end(),
                                    [&](const auto& c) { return c.input == known.input; });
      if (own == found.categories.end()) {
        out.push_back(fmt::format("input {}: not known by code in the file", known.input));
      } else if (!BeginsWith(known.values, own->values)) {
        out.push_back(fmt::format("values of {}, by code: found {}; expected {}", known.input,
                                  Listed(own->values), Listed(known.values)));
      }
    }
  }
  if (!BeginsWith(expected.classes, found.classes)) {
    out.push_back(fmt::format("classes: found {}; expected {}", Listed(found.classes),
                              Listed(expected.classes)));
  }
  return out;
}

}  // namespace leat
