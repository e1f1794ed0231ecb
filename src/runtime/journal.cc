#include "runtime/journal.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.h"
#include "leat/state.h"

namespace leat {
namespace {

constexpr std::string_view kMagic = "LEATJRNL";
constexpr uint32_t kVersion = 1;
constexpr size_t kHead = 12;
constexpr size_t kPayload = 8 * 8 + 1;  // Of an entry in this version.

}  // namespace

void Epoch::Save(StateWriter& out) const {
  out.U64(number);
  out.U64(position.records);
  out.U64(position.labels);
  for (const uint64_t length : lengths) out.U64(length);
  out.U64(chain);
}

void Epoch::Load(StateReader& in) {
  number = in.U64();
  position.records = in.U64();
  position.labels = in.U64();
  for (uint64_t& length : lengths) length = in.U64();
  chain = in.U64();
}

bool Journal::Exists() const {
  const Result<bool> exists = files_.Exists(path_);
  return !exists.ok() || *exists;
}

Result<std::vector<Epoch>> Journal::Read() const {
  std::vector<Epoch> epochs;
  if (!Exists()) return epochs;
  LEAT_ASSIGN_OR_RETURN(const std::string bytes, files_.Read(path_));
  const auto corrupt = [&](std::string_view why) {
    return Status::Corrupt(fmt::format(
        "{}: {}; start afresh with --fresh, or restore the folder from a copy", path_, why));
  };
  if (bytes.size() < kHead || !bytes.starts_with(kMagic)) return corrupt("not a journal of leat");
  StateReader head(std::string_view(bytes).substr(kMagic.size()));
  if (const uint32_t version = head.U32(); version != kVersion) {
    return corrupt(
        fmt::format("journal has version {}, this build reads version {}", version, kVersion));
  }
  std::string_view rest = std::string_view(bytes).substr(kHead);
  while (!rest.empty()) {
    StateReader in(rest);
    const uint32_t size = in.U32();
    const size_t whole = sizeof(uint32_t) + size_t{size} + sizeof(uint64_t);
    // An append that a crash cut short: part of an entry, or space that was never filled.
    if (!in.ok()) break;
    if (std::all_of(rest.begin(), rest.end(), [](char c) { return c == 0; })) break;
    if (size != kPayload) return corrupt(fmt::format("an entry of {} bytes", size));
    if (whole > rest.size()) break;
    const std::string_view payload = rest.substr(sizeof(uint32_t), size);
    StateReader sum(rest.substr(sizeof(uint32_t) + size));
    const uint64_t before = epochs.empty() ? 0 : epochs.back().number;
    if (sum.U64() != Hash64(payload, before)) {
      if (whole == rest.size()) break;  // The last one: its bytes never all came.
      return corrupt(fmt::format("the entry after epoch {} is damaged", before));
    }
    StateReader entry(payload);
    Epoch epoch;
    epoch.Load(entry);
    epoch.finished = entry.Bool();
    if (!entry.ok() || !entry.AtEnd() || (before != 0 && epoch.number != before + 1)) {
      return corrupt(fmt::format("the entry after epoch {} does not follow it", before));
    }
    epochs.push_back(epoch);
    rest.remove_prefix(whole);
  }
  return epochs;
}

Status Journal::Restart() {
  file_.reset();
  StateWriter head;
  head.U32(kVersion);
  LEAT_RETURN_IF_ERROR(files_.Replace(path_, {kMagic, head.bytes()}));
  LEAT_ASSIGN_OR_RETURN(file_, files_.OpenForAppend(path_, std::nullopt));
  last_ = 0;
  return Status::Ok();
}

Status Journal::Append(std::span<const Epoch> epochs) {
  if (!file_) return Status::Io(fmt::format("{}: cannot write: it is not open", path_));
  std::string bytes;
  for (const Epoch& epoch : epochs) {
    StateWriter size, payload, sum;
    epoch.Save(payload);
    payload.Bool(epoch.finished);
    size.U32(static_cast<uint32_t>(payload.bytes().size()));
    sum.U64(Hash64(payload.bytes(), last_));
    bytes += size.bytes() + payload.bytes() + sum.bytes();
    last_ = epoch.number;
  }
  LEAT_RETURN_IF_ERROR(file_->Append(bytes));
  return file_->Sync();
}

}  // namespace leat
