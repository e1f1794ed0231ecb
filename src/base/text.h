/// Appending numbers and text to output buffers, in the one way that every sink shares; taking text
/// apart.
///
/// Numbers are the shortest decimals that read back as the same double. In JSON, numbers that are
/// not finite are null, and text that is not UTF-8 keeps its valid part (each bad byte becomes
/// U+FFFD).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leat {

void AppendNumber(std::string& out, double value);
void AppendNumber(std::string& out, int64_t value);
void AppendJsonNumber(std::string& out, double value);
/// With the surrounding quotes.
void AppendJsonString(std::string& out, std::string_view text);
/// A CSV cell, quoted when it must be (RFC 4180).
void AppendCsvCell(std::string& out, std::string_view text);

/// The lines of a text, without their ends; what follows the last end is one if it is not empty.
std::vector<std::string> LinesOf(std::string_view text);

}  // namespace leat
