// Runs every file of tests/bad_input/records against what expected.tsv says of it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "connectors/file/file_source.h"
#include "record_testing.h"

namespace leat {
namespace {

const std::filesystem::path kFolder = "tests/bad_input/records";

struct Expectation {
  std::string file, schema, outcome;
};

std::vector<Expectation> Expectations() {
  std::vector<Expectation> all;
  std::ifstream index(kFolder / "expected.tsv");
  for (std::string line; std::getline(index, line);) {
    if (line.starts_with('#')) continue;
    const size_t first = line.find('\t');
    const size_t second = line.find('\t', first + 1);
    all.push_back({line.substr(0, first), line.substr(first + 1, second - first - 1),
                   line.substr(second + 1)});
  }
  return all;
}

/// `cards`, the same with long records (`wide`), or one field of every other type (`types`).
Schema SchemaOf(const std::string& name) {
  Schema schema;
  if (name == "types") {
    schema.fields = {Field("i", FieldType::kInteger), Field("b", FieldType::kBoolean),
                     Field("t", FieldType::kTime)};
    return schema;
  }
  schema.id_column = "id";
  schema.time_column = "at";
  schema.fields = {Field("customer", FieldType::kId, true), Field("amount", FieldType::kNumber),
                   Field("kind", FieldType::kCategory)};
  schema.fields[1].min = 0;
  schema.fields[1].max = 1e6;
  schema.fields[2].allowed = {"web", "shop"};
  schema.label_column = "fraud";
  return schema;
}

std::string OutcomeOf(ByteSource& source, const Expectation& expected) {
  ReaderOptions options;
  options.max_record_bytes = expected.schema == "wide" ? 1000 : 256;
  if (expected.file.ends_with(".jsonl")) options.format = RecordFormat::kJsonLines;
  std::string error;
  const auto all = ReadAll(source, SchemaOf(expected.schema), options, &error);
  for (const Taken& taken : all) {
    EXPECT_LE(taken.raw.size(), 1024u);
    EXPECT_EQ(taken.detail.empty(), taken.outcome == ReadOutcome::kRecord) << taken.Flat();
  }
  if (!error.empty()) return "error:" + error;
  return all.empty() ? "none" : Codes(all);
}

TEST(BadInput, EveryFileHasItsDocumentedOutcome) {
  const auto all = Expectations();
  ASSERT_GE(all.size(), 45u);
  for (const Expectation& expected : all) {
    SCOPED_TRACE(expected.file);
    auto source = OpenFile((kFolder / expected.file).string());
    ASSERT_TRUE(source.ok()) << source.status().message();
    const std::string outcome = OutcomeOf(**source, expected);
    if (expected.outcome.starts_with("error:")) {
      EXPECT_TRUE(outcome.starts_with("error:")) << outcome;
      EXPECT_NE(outcome.find(expected.outcome.substr(6)), std::string::npos) << outcome;
    } else {
      EXPECT_EQ(outcome, expected.outcome);
    }
  }
}

TEST(BadInput, OutcomesDoNotDependOnHowTheSourceCuts) {
  for (const Expectation& expected : Expectations()) {
    SCOPED_TRACE(expected.file);
    std::ifstream file(kFolder / expected.file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    TextSource whole(text);
    const std::string outcome = OutcomeOf(whole, expected);
    for (const size_t chunk : {1, 2, 7}) {
      TextSource cut(text, chunk);
      EXPECT_EQ(OutcomeOf(cut, expected), outcome) << chunk;
    }
  }
}

TEST(BadInput, EveryFileIsListedAndEveryCodeIsCovered) {
  std::set<std::string> listed;
  std::string outcomes;
  for (const Expectation& expected : Expectations()) {
    EXPECT_TRUE(listed.insert(expected.file).second) << expected.file << " is listed twice";
    outcomes += expected.outcome + ",";
  }
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename().string();
    if (name == "expected.tsv" || name.starts_with('.')) continue;
    EXPECT_EQ(listed.count(name), 1u) << name << " is not listed";
  }
  for (const char* code :
       {"malformed_csv", "malformed_json", "field_count", "too_large", "bad_utf8", "missing_id",
        "missing_time", "missing_required", "bad_number", "not_finite", "bad_integer",
        "bad_boolean", "bad_time", "out_of_range", "not_allowed", "bad_label"}) {
    EXPECT_NE(outcomes.find(code), std::string::npos) << code;
  }
}

}  // namespace
}  // namespace leat
