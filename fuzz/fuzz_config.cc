// ParseConfig takes any bytes: it returns a configuration or problems, and never crashes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pipeline/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view yaml(reinterpret_cast<const char*>(data), size);
  const auto config = leat::ParseConfig(yaml, "fuzz.yaml");
  if (config.ok()) (void)leat::DescribeConfig(*config);
  return 0;
}
