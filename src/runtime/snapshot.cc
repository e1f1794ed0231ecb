#include "runtime/snapshot.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/hash.h"
#include "leat/state.h"
#include "runtime/files.h"

namespace leat {
namespace {

constexpr std::string_view kMagic = "LEATSNAP";
constexpr uint32_t kVersion = 1;
constexpr size_t kDigestBytes = 32;

}  // namespace

Status WriteSnapshot(const std::string& path, std::string_view payload) {
  StateWriter head;
  head.U32(kVersion);
  head.U64(payload.size());
  return ReplaceFile(path, {kMagic, head.bytes(), payload, DigestHex(payload)});
}

bool SnapshotExists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

Result<std::string> ReadSnapshot(const std::string& path) {
  const Result<std::string> read = ReadFile(path);
  if (!read.ok()) return read.status();
  const std::string& bytes = *read;
  const auto corrupt = [&](std::string_view why) {
    return Status::Corrupt(fmt::format(
        "{}: {}; start afresh with --fresh, or restore the file from a copy", path, why));
  };
  const size_t head = kMagic.size() + sizeof(uint32_t) + sizeof(uint64_t);
  if (!bytes.starts_with(kMagic)) {
    return corrupt("not a saved state of leat");
  }
  if (bytes.size() < head + kDigestBytes) return corrupt("the saved state is cut short");
  StateReader reader(std::string_view(bytes).substr(kMagic.size()));
  const uint32_t version = reader.U32();
  const uint64_t size = reader.U64();
  if (version != kVersion) {
    return corrupt(fmt::format("saved state has format version {}, this build reads version {}",
                               version, kVersion));
  }
  if (size != bytes.size() - head - kDigestBytes) return corrupt("the saved state is cut short");
  std::string payload = bytes.substr(head, size);
  if (DigestHex(payload) != std::string_view(bytes).substr(head + size)) {
    return corrupt("the checksum does not match: the saved state is damaged");
  }
  return payload;
}

}  // namespace leat
