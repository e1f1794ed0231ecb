/// A state folder, read as state/FORMAT.md says: no part of leat is used.
#pragma once

#include <rocksdb/db.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "state/notation.h"

namespace leat::format {

inline uint64_t Xxh3(std::string_view bytes, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

/// Every key and value of the store, by column family, in order.
using Families = std::map<std::string, std::vector<std::pair<std::string, std::string>>>;

inline void Require(bool holds, const std::string& what) {
  if (!holds) throw FormatError(what);
}

inline Families ReadStore(const std::string& path) {
  std::vector<std::string> names;
  rocksdb::Status status = rocksdb::DB::ListColumnFamilies({}, path, &names);
  Require(status.ok(), status.ToString());
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) descriptors.emplace_back().name = name;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  status = rocksdb::DB::OpenForReadOnly({}, path, descriptors, &handles, &opened);
  Require(status.ok(), status.ToString());
  const std::unique_ptr<rocksdb::DB> db(opened);
  Families families;
  for (size_t i = 0; i < names.size(); ++i) {
    auto& pairs = families[names[i]];
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator({}, handles[i]));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      pairs.emplace_back(it->key().ToString(), it->value().ToString());
    }
    Require(it->status().ok(), it->status().ToString());
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  return families;
}

struct Item {
  Value key, value;
};

struct Folder {
  bool has_snapshot = false;
  Value manifest;
  std::vector<Value> epochs;  ///< Of the journal, after the snapshot.
  size_t entries = 0;         ///< Of its files, those that do not count included.
  std::map<std::string, Value> parts;
  std::map<std::string, std::vector<Item>> items;  ///< By family.

  const std::vector<Item>& Of(const std::string& family) const { return items.at(family); }
};

/// The group of the units of an experiment.
inline uint64_t GroupOf(const std::string& experiment) {
  return Xxh3(experiment) >> 1 | uint64_t{1} << 63;
}

/// Reads folders by the page.
class FolderReader {
 public:
  explicit FolderReader(const Notation& notation) : notation_(notation) {}

  Folder Read(const std::string& path) const {
    Folder folder;
    const Families families = ReadStore(path + "/store");
    Require(families.size() == notation_.items().size() + 1, "another number of column families");
    Require(families.at("default").empty(), "the default family is not empty");
    ReadManifest(families.at("manifest"), folder);
    auto rows = notation_.items();
    for (auto& row : rows) {
      if (row.at(0) == "ids" && folder.manifest["format"].bits == 1) {
        row = {"ids", "id-key", "id-item"};
      }
      std::vector<Item>& items = folder.items[row[0]];
      for (const auto& [key, value] : families.at(row[0])) {
        items.push_back({notation_.Read(row.at(1), key), {}});
      }
    }
    ReadParts(families.at("parts"), folder);
    for (const auto& row : rows) {
      if (row[0] == "manifest" || row[0] == "parts") continue;
      std::vector<Item>& items = folder.items[row[0]];
      const auto& pairs = families.at(row[0]);
      for (size_t i = 0; i < pairs.size(); ++i) {
        // Units of experiments are among the windows.
        const bool unit = row[0] == "windows" && items[i].key["group"].bits >> 63 != 0;
        const bool marked = row[0] == "ids" && items[i].key["kind"].text == "v";
        const std::string block = unit ? "unit-item" : marked ? "marked-run" : row.at(2);
        const auto arguments = ArgumentsOf(block, folder, items[i].key);
        items[i].value = notation_.Read(block, pairs[i].second, arguments);
      }
    }
    ReadJournal(path, folder);
    return folder;
  }

 private:
  using Arguments = std::map<std::string, long double>;

  void ReadManifest(const std::vector<std::pair<std::string, std::string>>& pairs,
                    Folder& folder) const {
    Require(pairs.size() == 1, "there is not one manifest");
    const Value sealed = notation_.ReadMessage("Sealed", pairs[0].second);
    Require(Xxh3(sealed["manifest"].text) == sealed["hash"].bits, "the manifest's hash is wrong");
    folder.manifest = notation_.ReadMessage("Manifest", sealed["manifest"].text);
    Require(folder.manifest["format"].bits == 1 || folder.manifest["format"].bits == 2,
            "another format");
    Require(folder.manifest["piece_bytes"].bits == 65536, "other pieces");
    folder.has_snapshot = true;
  }

  void ReadParts(const std::vector<std::pair<std::string, std::string>>& pairs,
                 Folder& folder) const {
    std::map<std::string, std::vector<std::string>> pieces;
    const std::vector<Item>& items = folder.items["parts"];
    for (size_t i = 0; i < pairs.size(); ++i) {
      std::vector<std::string>& own = pieces[items[i].key["name"].text];
      Require(items[i].key["index"].bits == own.size(), "a piece is missing");
      Require(notation_.Read("piece", pairs[i].second)["bytes"].size() <= 65536, "a large piece");
      own.push_back(pairs[i].second);
    }
    for (const Value& part : folder.manifest["parts"].items) {
      const std::string& name = part["name"].text;
      std::string bytes;
      const std::vector<std::string>& own = pieces[name];
      for (size_t i = 0; i < own.size(); ++i) {
        Require(i + 1 == own.size() || own[i].size() == 65536, name + " has a small piece");
        bytes += own[i];
      }
      Require(bytes.size() == part["bytes"].bits, name + " has another size");
      Require(Xxh3(bytes) == part["hash"].bits, "the hash of " + name + " is wrong");
      folder.parts[name] = notation_.Read(notation_.PartBlock(name), bytes);
      pieces.erase(name);
    }
    Require(pieces.empty(), "there are pieces of no part");
    for (const std::string& pattern : notation_.PartPatterns()) {
      Require(pattern.ends_with('*') || folder.parts.contains(pattern), pattern + " is missing");
    }
  }

  /// What a block is to be told, from the parts that the page names.
  static const Value& LedgerOf(const Folder& folder, uint64_t group) {
    for (const auto& [name, part] : folder.parts) {
      if (name.starts_with("experiment/") && GroupOf(name.substr(11)) == group) {
        return part["experiment"]["ledger"];
      }
    }
    throw FormatError("a unit of no experiment");
  }

  static Arguments ArgumentsOf(const std::string& block, const Folder& folder, const Value& key) {
    if (block == "window-item") {
      const Value& group = folder.parts.at("features")["groups"][key["group"].bits];
      const Value &events = group["events"], &labelled = group["labelled"];
      return {{"event_horizons", events["horizons"].size()},
              {"event_values", events["values"].Number()},
              {"label_horizons", labelled["horizons"].size()},
              {"label_values", labelled["values"].Number()},
              {"cells", group["cells"].Number()},
              {"sets", group["sets"].Number()}};
    }
    if (block == "unit-item") {
      const Value& ledger = LedgerOf(folder, key["group"].bits);
      return {{"values", ledger["values"].Number()}, {"segments", ledger["segments"].Number()}};
    }
    if (block == "pending-item") {
      const Value& layout = folder.parts.at("layout");
      return {{"inputs_at", layout["inputs_at"].Number()},
              {"predictions_at", layout["predictions_at"].Number()},
              {"models", layout["models"].size()}};
    }
    return {};
  }

  void ReadJournal(const std::string& path, Folder& folder) const {
    std::vector<std::string> names;
    bool lock = false;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("journal-")) names.push_back(name);
      lock = lock || (name == "lock" && entry.file_size() == 0);
      Require(name == "lock" || name == "store" || name.starts_with("journal-"),
              name + " does not belong here");
    }
    Require(lock, "there is no lock");
    std::sort(names.begin(), names.end());
    uint64_t next = folder.manifest["epoch"]["number"].bits + 1;
    for (const std::string& name : names) {
      Require(name.size() == 28, name + " is no name of a journal");
      uint64_t number = std::stoull(name.substr(8));
      Require(name != names.front() || number <= next, "the journal begins after the snapshot");
      const Value journal = notation_.Read("journal", ReadFile(path + "/" + name));
      Require(journal["state_id"].bits == folder.manifest["state_id"].bits, "another state");
      for (const Value& entry : journal["entries"].items) {
        const std::string& message = entry["message"].text;
        Require(Xxh3(message, number) == entry["sum"].bits, "the sum of an entry is wrong");
        ++folder.entries;
        const Value epochs = notation_.ReadMessage("Epochs", message);
        for (const Value& epoch : epochs["epochs"].items) {
          Require(epoch["number"].bits == number++, "an epoch is not where it should be");
          if (epoch["number"].bits < next) continue;
          Require(epoch["number"].bits == next++, "an epoch is missing");
          folder.epochs.push_back(epoch);
        }
      }
    }
  }

  const Notation& notation_;
};

}  // namespace leat::format
