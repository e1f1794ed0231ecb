/// Appending numbers and text to output buffers, in the one way that every sink shares.
///
/// Numbers are the shortest decimals that read back as the same double. In JSON, numbers that are
/// not finite are null, and text that is not UTF-8 keeps its valid part (each bad byte becomes
/// U+FFFD).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leat {

void AppendNumber(std::string& out, double value);
void AppendNumber(std::string& out, int64_t value);
void AppendJsonNumber(std::string& out, double value);
/// With the surrounding quotes.
void AppendJsonString(std::string& out, std::string_view text);
/// A CSV cell, quoted when it must be (RFC 4180).
void AppendCsvCell(std::string& out, std::string_view text);

}  // namespace leat
