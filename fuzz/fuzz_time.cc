// Compiles a format and a zone and reads a text with them: format, zone and text are separated by
// line feeds. What is read must be within range and, written as ISO 8601, read back to itself.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "record/number.h"
#include "record/time_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto part = [&] {
    const std::string_view head = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), head.size() + 1));
    return std::string(head);
  };
  leat::TimeFormat format;
  format.format = part();
  format.zone = part();
  auto parser = leat::TimeParser::Compile(format);
  if (!parser.ok()) parser = leat::TimeParser();
  leat::EventTime time;
  if (parser->Parse(text, time)) {
    const std::string iso = leat::FormatIso(time);
    leat::EventTime again;
    if (iso.empty() || !leat::TimeParser().Parse(iso, again) || again != time) std::abort();
  }
  // The zone file reader, on the same bytes.
  const auto zone = leat::TimeZone::FromTzif(text);
  if (zone.ok()) static_cast<void>(zone->OffsetOfLocal(1522540831));
  // And the two ways to read a number.
  double fast = 0;
  double slow = 0;
  const leat::NumberText outcome = leat::ParseNumber(text, fast);
  if (outcome != leat::ParseNumberSlow(text, slow)) std::abort();
  if (outcome == leat::NumberText::kOk && fast != slow) std::abort();
  return 0;
}
