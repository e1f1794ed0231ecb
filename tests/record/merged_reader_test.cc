// Several logs as one.
#include "record/merged_reader.h"

#include <gtest/gtest.h>

#include <cmath>

#include "record/memory_source.h"

namespace leat {
namespace {

Schema Wanted() {
  Schema schema;
  schema.id_column = "id";
  schema.time_column = "time";
  schema.time.format = "epoch_s";
  for (const auto& [name, type] :
       {std::pair{"shown", FieldType::kCategory}, std::pair{"spent", FieldType::kNumber}}) {
    FieldSpec& field = schema.fields.emplace_back();
    field.name = name;
    field.type = type;
  }
  return schema;
}

struct Logs {
  MemorySource visits{"id,time,shown\nv1,10,a\nv2,20,b\nv3,20,a\nbroken,x,a\nv4,40,b\n"};
  MemorySource orders{"time,spent,id\n5,1.5,o1\n20,2.5,o2\n21,3,o3\n50,4,o4\n"};
  std::unique_ptr<RecordReader> reader;
  Logs() {
    ReaderOptions options;
    options.absent_is_missing = true;
    std::vector<std::unique_ptr<RecordReader>> readers;
    for (MemorySource* source : {&visits, &orders}) {
      auto opened = OpenReader(*source, Wanted(), options);
      EXPECT_TRUE(opened.ok()) << opened.status().message();
      if (opened.ok()) readers.push_back(std::move(*opened));
    }
    reader = MergeReaders(std::move(readers));
  }
  std::vector<std::string> Rest() {
    std::vector<std::string> rest;
    Record record;
    Reject reject;
    for (;;) {
      const auto outcome = reader->Next(record, reject);
      EXPECT_TRUE(outcome.ok());
      if (!outcome.ok() || *outcome == ReadOutcome::kEnd) return rest;
      if (*outcome == ReadOutcome::kReject) {
        rest.push_back(std::to_string(record.number) + " " + std::string(reject.code));
        continue;
      }
      rest.push_back(std::to_string(record.number) + " " + std::string(record.id_text) + " " +
                     std::string(record.texts[0]) + " " +
                     (std::isnan(record.values[1]) ? "-" : std::to_string(record.values[1])));
    }
  }
};

TEST(MergedReader, RecordsComeInTheOrderOfTimeAndAbsentColumnsAreMissing) {
  Logs logs;
  EXPECT_EQ(logs.Rest(), (std::vector<std::string>{
                             "1 o1  1.500000", "2 v1 a -", "3 v2 b -", "4 v3 a -", "5 bad_time",
                             "6 o2  2.500000", "7 o3  3.000000", "8 v4 b -", "9 o4  4.000000"}));
}

TEST(MergedReader, WhatIsPassedOverIsWhatWouldHaveBeenRead) {
  const std::vector<std::string> all = Logs().Rest();
  for (size_t skip = 0; skip <= all.size(); ++skip) {
    Logs logs;
    ASSERT_TRUE(logs.reader->Skip(skip).ok());
    EXPECT_EQ(logs.Rest(),
              std::vector<std::string>(all.begin() + static_cast<ptrdiff_t>(skip), all.end()));
  }
  Logs logs;
  EXPECT_FALSE(logs.reader->Skip(all.size() + 1).ok());
}

TEST(MergedReader, IdAndTimeAreNeverAbsent) {
  MemorySource source("time,spent\n5,1\n");
  ReaderOptions options;
  options.absent_is_missing = true;
  EXPECT_FALSE(OpenReader(source, Wanted(), options).ok());
}

}  // namespace
}  // namespace leat
