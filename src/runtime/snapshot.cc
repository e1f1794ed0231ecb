#include "runtime/snapshot.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "leat/state.h"

namespace leat {
namespace {

constexpr std::string_view kMagic = "LEATSNAP";
constexpr uint32_t kVersion = 1;
constexpr size_t kDigestBytes = 32;

}  // namespace

Status WriteSnapshot(const std::string& path, std::string_view payload, FileSystem& files) {
  StateWriter head;
  head.U32(kVersion);
  head.U64(payload.size());
  return files.Replace(path, {kMagic, head.bytes(), payload, DigestHex(payload)});
}

bool SnapshotExists(const std::string& path, FileSystem& files) {
  const Result<bool> exists = files.Exists(path);
  return !exists.ok() || *exists;
}

Result<std::string> ReadSnapshot(const std::string& path, FileSystem& files) {
  const Result<std::string> read = files.Read(path);
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
