#include "record/log_name.h"

#include <array>
#include <span>
#include <string>

namespace leat {
namespace {

constexpr std::array<std::string_view, 2> kUnpacked{".gz", ".zst"};
constexpr std::array<std::string_view, 5> kOthers{".xz", ".bz2", ".lz4", ".zip", ".7z"};
constexpr std::array<std::string_view, 3> kJson{".jsonl", ".ndjson", ".json"};
constexpr std::array<std::string_view, 2> kCsv{".csv", ".tsv"};

/// The one of the endings that a path has; empty: none.
std::string_view EndingOf(std::string_view path, std::span<const std::string_view> endings) {
  for (const std::string_view ending : endings) {
    if (path.ends_with(ending)) return ending;
  }
  return {};
}

}  // namespace

std::optional<RecordFormat> FormatOfName(std::string_view path) {
  path.remove_suffix(EndingOf(path, kUnpacked).size());
  if (!EndingOf(path, kJson).empty()) return RecordFormat::kJsonLines;
  if (!EndingOf(path, kCsv).empty()) return RecordFormat::kCsv;
  return std::nullopt;
}

Status CheckCompression(std::string_view path) {
  const std::string_view ending = EndingOf(path, kOthers);
  if (ending.empty()) return Status::Ok();
  return Status::Unsupported(std::string(path) +
                             ": a log may be compressed as .gz or .zst, not as " +
                             std::string(ending));
}

}  // namespace leat
