#include "runtime/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/hash.h"
#include "leat/state.h"

namespace leat {
namespace {

constexpr std::string_view kName = "journal-";
constexpr std::string_view kMagic = "LEATJRNL";
constexpr uint32_t kVersion = 2;
constexpr size_t kDigits = 20;
constexpr size_t kSizes = 2 * sizeof(uint32_t);
constexpr const char* kWaysOut =
    "start afresh with --fresh, take the log again with --rebuild, or restore the folder from a "
    "copy";

std::string PathOf(const std::string& folder, uint64_t first) {
  return (std::filesystem::path(folder) / fmt::format("{}{:0{}}", kName, first, kDigits)).string();
}

/// An entry that is whole.
struct Entry {
  state::Epochs message;
  size_t bytes = 0;  ///< That it takes in the file.
};

/// The entry that `bytes` begins with, if it is whole.
std::optional<Entry> WholeEntry(std::string_view bytes) {
  StateReader in(bytes);
  const uint32_t size = in.U32(), inverse = in.U32();
  Entry entry;
  entry.bytes = kSizes + size_t{size} + sizeof(uint64_t);
  if (!in.ok() || size == 0 || inverse != ~size || entry.bytes > bytes.size()) return std::nullopt;
  const std::string_view payload = bytes.substr(kSizes, size);
  if (!entry.message.ParseFromArray(payload.data(), static_cast<int>(size)) ||
      entry.message.epochs().empty()) {
    return std::nullopt;
  }
  StateReader sum(bytes.substr(kSizes + size));
  if (sum.U64() != Hash64(payload, entry.message.epochs(0).number())) return std::nullopt;
  return entry;
}

std::string HeadOf(uint64_t state_id) {
  StateWriter head;
  head.U32(kVersion);
  head.U64(state_id);
  return std::string(kMagic) + head.Take();
}

std::string EntryOf(std::span<const Epoch> epochs) {
  state::Epochs message;
  for (const Epoch& epoch : epochs) *message.add_epochs() = ToMessage(epoch, EpochForm::kJournal);
  const std::string payload = message.SerializeAsString();
  StateWriter bytes;
  bytes.U32(static_cast<uint32_t>(payload.size()));
  bytes.U32(~static_cast<uint32_t>(payload.size()));
  bytes.Items(std::span<const char>(payload));
  bytes.U64(Hash64(payload, epochs.front().number));
  return bytes.Take();
}

/// Whether anything was appended behind the broken entry that `bytes` begins with: something behind
/// its end, if it can still say where that is, or a whole entry somewhere.
bool MoreFollows(std::string_view bytes) {
  StateReader in(bytes);
  const uint32_t size = in.U32(), inverse = in.U32();
  const size_t end = kSizes + size_t{size} + sizeof(uint64_t);
  if (in.ok() && size != 0 && inverse == ~size && end < bytes.size() &&
      bytes.find_first_not_of('\0', end) != std::string_view::npos) {
    return true;
  }
  for (size_t at = 1; at + kSizes < bytes.size(); ++at) {
    if (WholeEntry(bytes.substr(at))) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<Journal::File>> Journal::Files() const {
  std::vector<File> found;
  LEAT_ASSIGN_OR_RETURN(const bool there, files_.Exists(folder_));
  if (!there) return found;
  LEAT_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(folder_));
  for (const std::string& name : names) {
    if (!name.starts_with(kName) || name.size() != kName.size() + kDigits) continue;
    const std::string digits = name.substr(kName.size());
    if (digits.find_first_not_of("0123456789") != std::string::npos) continue;
    found.push_back({std::stoull(digits), (std::filesystem::path(folder_) / name).string()});
  }
  std::sort(found.begin(), found.end(),
            [](const File& a, const File& b) { return a.first < b.first; });
  return found;
}

Result<size_t> Journal::CountFiles() const {
  LEAT_ASSIGN_OR_RETURN(const std::vector<File> found, Files());
  return found.size();
}

Status Journal::Parse(const File& file, std::string_view bytes, uint64_t state_id,
                      std::vector<Epoch>& epochs) {
  const auto corrupt = [&](std::string_view why) {
    return Status::Corrupt(fmt::format("{}: {}; {}", file.path, why, kWaysOut));
  };
  if (!bytes.starts_with(kMagic)) return corrupt("not a journal of leat");
  StateReader head(bytes.substr(kMagic.size()));
  const uint32_t version = head.U32();
  const uint64_t id = head.U64();
  if (!head.ok()) return corrupt("the journal is cut short");
  if (version != kVersion) {
    return corrupt(
        fmt::format("journal has version {}, this build reads version {}", version, kVersion));
  }
  if (id != state_id) return corrupt("the journal belongs to another state");
  std::string_view rest = bytes.substr(kMagic.size() + sizeof(version) + sizeof(id));
  for (uint64_t number = file.first; !rest.empty();) {
    const std::optional<Entry> entry = WholeEntry(rest);
    if (!entry) {
      // An append that a crash cut short: part of it, or of its blocks. Then nothing follows.
      if (MoreFollows(rest)) {
        return corrupt(fmt::format("the entry of epoch {} is damaged", number));
      }
      break;
    }
    for (const state::Epoch& epoch : entry->message.epochs()) {
      if (epoch.number() != number) {
        return corrupt(fmt::format("epoch {} is where {} should be", epoch.number(), number));
      }
      epochs.push_back(FromMessage(epoch));
      ++number;
    }
    rest.remove_prefix(entry->bytes);
  }
  return Status::Ok();
}

Result<std::vector<Epoch>> Journal::Read(uint64_t state_id, uint64_t after) const {
  std::vector<Epoch> epochs;
  LEAT_ASSIGN_OR_RETURN(const std::vector<File> found, Files());
  if (!found.empty() && found.front().first > after + 1) {
    return Status::Corrupt(fmt::format(
        "{}: the journal begins at epoch {}, the snapshot is of epoch {}: they do not belong "
        "together; {}",
        folder_, found.front().first, after, kWaysOut));
  }
  for (size_t i = 0; i < found.size(); ++i) {
    // All that a file before the snapshot holds is in the snapshot.
    if (i + 1 < found.size() && found[i + 1].first <= after + 1) continue;
    LEAT_ASSIGN_OR_RETURN(const std::string bytes, files_.Read(found[i].path));
    LEAT_RETURN_IF_ERROR(Parse(found[i], bytes, state_id, epochs));
  }
  std::erase_if(epochs, [&](const Epoch& epoch) { return epoch.number <= after; });
  for (size_t i = 0; i < epochs.size(); ++i) {
    if (epochs[i].number == after + 1 + i) continue;
    return Status::Corrupt(
        fmt::format("{}: the journal has no epoch {} but has epoch {}: a file is missing; {}",
                    folder_, after + 1 + i, epochs[i].number, kWaysOut));
  }
  return epochs;
}

Status Journal::Keep(uint64_t state_id, uint64_t last) {
  LEAT_ASSIGN_OR_RETURN(std::vector<File> found, Files());
  // The newest first, and for good before another one is cut: what is left has no gap.
  bool removed = false;
  for (; !found.empty() && found.back().first > last + 1; found.pop_back(), removed = true) {
    LEAT_RETURN_IF_ERROR(files_.Remove(found.back().path));
  }
  if (removed) LEAT_RETURN_IF_ERROR(files_.SyncFolder(folder_));
  if (found.empty()) return Status::Ok();
  // Only to the last file was anything being appended.
  const File& file = found.back();
  LEAT_ASSIGN_OR_RETURN(const std::string bytes, files_.Read(file.path));
  std::vector<Epoch> epochs;
  LEAT_RETURN_IF_ERROR(Parse(file, bytes, state_id, epochs));
  std::erase_if(epochs, [&](const Epoch& epoch) { return epoch.number > last; });
  const std::string entry = epochs.empty() ? std::string() : EntryOf(epochs);
  return files_.Replace(file.path, {HeadOf(state_id), entry});
}

Status Journal::Begin(uint64_t state_id, uint64_t epoch) {
  const std::string path = PathOf(folder_, epoch + 1);
  file_.reset();
  LEAT_RETURN_IF_ERROR(files_.Replace(path, {HeadOf(state_id)}));
  LEAT_ASSIGN_OR_RETURN(file_, files_.OpenForAppend(path, std::nullopt));
  return Status::Ok();
}

Status Journal::Append(std::span<const Epoch> epochs) {
  if (!file_) return Status::Io(fmt::format("{}: the journal is not open", folder_));
  LEAT_RETURN_IF_ERROR(file_->Append(EntryOf(epochs)));
  return file_->Sync();
}

Status Journal::Drop(uint64_t epoch) {
  LEAT_ASSIGN_OR_RETURN(const std::vector<File> found, Files());
  for (size_t i = 0; i + 1 < found.size(); ++i) {
    if (found[i + 1].first <= epoch + 1) LEAT_RETURN_IF_ERROR(files_.Remove(found[i].path));
  }
  return Status::Ok();
}

Status Journal::Remove() {
  file_.reset();
  LEAT_ASSIGN_OR_RETURN(const std::vector<File> found, Files());
  for (const File& file : found) LEAT_RETURN_IF_ERROR(files_.Remove(file.path));
  return found.empty() ? Status::Ok() : files_.SyncFolder(folder_);
}

}  // namespace leat
