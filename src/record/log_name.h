/// What the name of a log says of what is in it. By its ending alone: folders may be called
/// anything.
#pragma once

#include <optional>
#include <string_view>

#include "leat/status.h"
#include "record/reader.h"

namespace leat {

/// JSON lines for .jsonl, .ndjson and .json, CSV for .csv and .tsv, before .gz or .zst where it is
/// compressed. None: it does not say.
std::optional<RecordFormat> FormatOfName(std::string_view path);

/// Unsupported for a name of something that is compressed in another way.
Status CheckCompression(std::string_view path);

}  // namespace leat
