// Feeds arbitrary bytes to the JSON lines reader. The first byte chooses how the source cuts, the
// second the largest record.
#include <cstdint>

#include "fuzz/fuzz_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  leat::ReaderOptions options;
  options.format = leat::RecordFormat::kJsonLines;
  options.max_record_bytes = data[1] < 128 ? 1 + data[1] : size_t{1} << 16;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  leat::CheckReader(bytes, options, 1 + data[0] % 32);
  return 0;
}
