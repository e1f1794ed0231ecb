#include "record/log_name.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

TEST(LogName, SaysItsFormatByItsEndingAlone) {
  for (const char* name : {"a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz", "b.csv/a.json.zst"}) {
    EXPECT_EQ(FormatOfName(name), RecordFormat::kJsonLines) << name;
  }
  for (const char* name : {"a.csv", "a.tsv", "a.csv.zst", "/data/a.json.d/tx.csv"}) {
    EXPECT_EQ(FormatOfName(name), RecordFormat::kCsv) << name;
  }
  for (const char* name : {"", "-", "a.csv.old", "/data/a.json/log", "a.gz", "csv"}) {
    EXPECT_EQ(FormatOfName(name), std::nullopt) << name;
  }
}

TEST(LogName, SaysWhatCannotBeRead) {
  for (const char* name : {"-", "a.csv", "a.csv.gz", "a.csv.zst", "a.xz/log"}) {
    EXPECT_TRUE(CheckCompression(name).ok()) << name;
  }
  for (const char* name : {"a.csv.xz", "a.csv.bz2", "a.zip"}) {
    const Status refused = CheckCompression(name);
    EXPECT_EQ(refused.code(), StatusCode::kUnsupported) << name;
    EXPECT_EQ(refused.message().find(name), 0u) << refused.message();
  }
}

}  // namespace
}  // namespace leat
