#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "record_testing.h"

namespace leat {
namespace {

using ::testing::HasSubstr;

Schema Cards() {
  Schema schema;
  schema.id_column = "id";
  schema.time_column = "at";
  schema.fields = {Field("customer", FieldType::kId), Field("amount", FieldType::kNumber),
                   Field("online", FieldType::kBoolean)};
  schema.label_column = "fraud";
  return schema;
}

Schema TextAndNumber() {
  Schema schema;
  schema.fields = {Field("a", FieldType::kCategory), Field("b", FieldType::kNumber)};
  return schema;
}

TEST(JsonReader, DecodesARecord) {
  const std::string line =
      R"({"id":17,"at":"2018-04-01T00:00:31Z","customer":"c-5","amount":57.16,)"
      R"("online":true,"extra":{"deep":[1,2,{"x":null}]},"fraud":false})";
  const auto all = ReadText(line + "\n", Cards(), Json());
  ASSERT_EQ(Codes(all), "ok");
  const Taken& r = all[0];
  EXPECT_EQ(r.id_text, "17");
  EXPECT_EQ(r.id, KeyOf("17"));
  EXPECT_EQ(FormatIso(r.time), "2018-04-01T00:00:31Z");
  EXPECT_EQ(r.texts[0], "c-5");
  EXPECT_EQ(r.values[1], 57.16);
  EXPECT_EQ(r.values[2], 1);
  EXPECT_TRUE(r.has_label);
  EXPECT_EQ(r.label, 0);
  EXPECT_EQ(r.line, 1u);
  EXPECT_EQ(r.number, 1u);
  EXPECT_EQ(r.raw, line);
}

TEST(JsonReader, TakesMembersInAnyOrderAndTheLastOfTheSameName) {
  const auto all = ReadText(
      "{\"b\":1,\"a\":\"x\"}\n{\"a\":\"y\",\"b\":2}\n{\"b\":3,\"b\":4,\"a\":\"z\"}\n"
      "{\"c\":0,\"b\":5,\"d\":0,\"a\":\"w\",\"e\":0}\n",
      TextAndNumber(), Json());
  ASSERT_EQ(Codes(all), "ok,ok,ok,ok");
  EXPECT_EQ(all[0].values[1], 1);
  EXPECT_EQ(all[1].texts[0], "y");
  EXPECT_EQ(all[2].values[1], 4);
  EXPECT_EQ(all[3].values[1], 5);
  EXPECT_EQ(all[3].texts[0], "w");
}

TEST(JsonReader, TakesNumbersAsTextAndTextAsNumbers) {
  const auto all =
      ReadText("{\"a\":7,\"b\":\"2.5\"}\n{\"a\":true,\"b\":-1e3}\n{\"a\":1.50,\"b\": 0 }\n",
               TextAndNumber(), Json());
  ASSERT_EQ(Codes(all), "ok,ok,ok");
  EXPECT_EQ(all[0].texts[0], "7");
  EXPECT_EQ(all[0].keys[0], KeyOf("7"));
  EXPECT_EQ(all[0].values[1], 2.5);
  EXPECT_EQ(all[1].texts[0], "true");
  EXPECT_EQ(all[1].values[1], -1000);
  EXPECT_EQ(all[2].texts[0], "1.50");
}

TEST(JsonReader, NullEmptyAndAbsentAreMissingAndAQuestionMarkIsNot) {
  const auto all =
      ReadText("{\"a\":null,\"b\":null}\n{}\n{\"a\":\"\",\"b\":\"\"}\n{\"a\":\"?\",\"b\":1}\n",
               TextAndNumber(), Json());
  ASSERT_EQ(Codes(all), "ok,ok,ok,ok");
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(std::isnan(all[i].values[1]));
    EXPECT_EQ(all[i].keys[0], 0u);
  }
  EXPECT_EQ(all[3].texts[0], "?");
  Schema required = TextAndNumber();
  required.fields[1].required = true;
  EXPECT_EQ(Codes(ReadText("{\"a\":\"x\"}\n", required, Json())), "missing_required");
}

TEST(JsonReader, UnescapesStringsAndNames) {
  const auto all = ReadText(R"({"\u0061":"Z\u00fcrich \"x\"\n\ud83d\ude00","b":1})"
                            "\n",
                            TextAndNumber(), Json());
  ASSERT_EQ(Codes(all), "ok");
  EXPECT_EQ(all[0].texts[0], "Z\xC3\xBCrich \"x\"\n\xF0\x9F\x98\x80");
}

TEST(JsonReader, FindsNestedMembersByPath) {
  Schema schema;
  schema.fields = {Field("country", FieldType::kCategory), Field("amount", FieldType::kNumber),
                   Field("issuer", FieldType::kCategory)};
  schema.fields[0].from = "card.country";
  schema.fields[2].from = "card.issuer.name";
  const auto all = ReadText(R"({"card":{"country":"CH","issuer":{"name":"B"}},"amount":1})"
                            "\n"
                            R"({"amount":2,"card":{"issuer":{"city":"X"},"country":"DE"}})"
                            "\n"
                            R"({"amount":3,"card":null})"
                            "\n"
                            R"({"amount":4,"card.country":"FR","card":{"country":"IT"}})"
                            "\n"
                            R"({"amount":5,"card":{"country":"IT"},"card.country":"FR"})"
                            "\n",
                            schema, Json());
  ASSERT_EQ(Codes(all), "ok,ok,ok,ok,ok");
  EXPECT_EQ(all[0].texts[0], "CH");
  EXPECT_EQ(all[0].texts[2], "B");
  EXPECT_EQ(all[1].texts[0], "DE");
  EXPECT_EQ(all[1].texts[2], "");
  EXPECT_EQ(all[2].texts[0], "");
  EXPECT_EQ(all[3].texts[0], "FR") << "the name as it stands wins over the path";
  EXPECT_EQ(all[4].texts[0], "FR");
}

TEST(JsonReader, RejectsNestedValuesWhereTheSchemaWantsOne) {
  const auto all = ReadText(
      "{\"a\":[1],\"b\":1}\n{\"a\":{},\"b\":1}\n{\"a\":\"x\",\"b\":[]}\n{\"a\":[],\"a\":\"x\"}\n",
      TextAndNumber(), Json());
  EXPECT_EQ(Codes(all), "malformed_json,malformed_json,malformed_json,ok");
  EXPECT_EQ(all[0].detail, "a holds an object or an array");
}

TEST(JsonReader, RejectsWhatIsNotOneObjectALine) {
  for (const char* line : {"[1]",
                           "7",
                           "\"x\"",
                           "null",
                           "true",
                           "{",
                           "}",
                           "{}}",
                           "{} {}",
                           "{}x",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "{\"a\":1 \"b\":2}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":01}",
                           "{\"a\":1.}",
                           "{\"a\":.5}",
                           "{\"a\":+1}",
                           "{\"a\":-}",
                           "{\"a\":1e}",
                           "{\"a\":NaN}",
                           "{\"a\":tru}",
                           "{\"a\":True}",
                           "{\"a\":nul}",
                           "{\"a\":truefalse}",
                           "{\"a\":\"x}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"x\":[1,2}",
                           "{\"x\":[1 2]}",
                           "{\"x\":[1,]}",
                           "{\"x\":{\"y\":tru}}",
                           "{\"x\":[01]}",
                           "{\"x\":\"\t\"}",
                           "{\"x\":1]",
                           "{\"a\":1}/",
                           "{\"x\":\"\\u12\"}",
                           "a,b"}) {
    EXPECT_EQ(Codes(ReadText(std::string(line) + "\n{\"a\":\"x\"}\n", TextAndNumber(), Json())),
              "malformed_json,ok")
        << line;
  }
}

TEST(JsonReader, RejectsBadValuesWithTheirCodes) {
  Schema schema = Cards();
  schema.fields[1].min = 0;
  EXPECT_EQ(Codes(ReadText(R"({"id":1,"at":"2018-04-01","amount":"abc"})"
                           "\n"
                           R"({"id":1,"at":"2018-04-01","amount":true})"
                           "\n"
                           R"({"id":1,"at":"2018-04-01","amount":"NaN"})"
                           "\n"
                           R"({"id":1,"at":"2018-04-01","amount":1e999})"
                           "\n"
                           R"({"id":1,"at":"2018-04-01","amount":-1})"
                           "\n"
                           R"({"id":1,"at":"2018-04-01","online":"maybe"})"
                           "\n"
                           R"({"id":1,"at":"2018-02-30"})"
                           "\n"
                           R"({"id":null,"at":"2018-04-01"})"
                           "\n"
                           R"({"id":1})"
                           "\n"
                           R"({"id":1,"at":"2018-04-01","fraud":"x"})"
                           "\n",
                           schema, Json())),
            "bad_number,bad_number,not_finite,not_finite,out_of_range,bad_boolean,bad_time,"
            "missing_id,missing_time,bad_label");
}

TEST(JsonReader, ReadsEpochTimesFromNumbers) {
  Schema schema;
  schema.time_column = "t";
  schema.time.format = "epoch_ms";
  const auto all = ReadText("{\"t\":1522540831250}\n{\"t\":\"1522540831250\"}\n", schema, Json());
  ASSERT_EQ(Codes(all), "ok,ok");
  EXPECT_EQ(FormatIso(all[0].time), "2018-04-01T00:00:31.250Z");
  EXPECT_EQ(all[1].time, all[0].time);
}

TEST(JsonReader, LimitsNesting) {
  const auto nest = [](int depth) {
    return "{\"x\":" + std::string(depth, '[') + std::string(depth, ']') + "}\n";
  };
  const auto all =
      ReadText(nest(200) + nest(300) + nest(100'000) + "{\"a\":\"x\"}\n", TextAndNumber(), Json());
  ASSERT_EQ(Codes(all), "ok,malformed_json,malformed_json,ok");
  EXPECT_THAT(all[1].detail, HasSubstr("deeper"));
}

TEST(JsonReader, TakesBothLineEndingsAMarkBlanksAndNoLastBreak) {
  const auto all = ReadText("\xEF\xBB\xBF{\"b\":1}\r\n\n  \n{\"b\":2}", TextAndNumber(), Json());
  ASSERT_EQ(Codes(all), "ok,ok");
  EXPECT_EQ(all[1].line, 4u);
  EXPECT_EQ(all[1].number, 2u);
  EXPECT_EQ(Codes(ReadText("", TextAndNumber(), Json())), "");
}

TEST(JsonReader, RejectsLongLinesAndBytesThatAreNotUtf8) {
  ReaderOptions options = Json();
  options.max_record_bytes = 16;
  EXPECT_EQ(
      Codes(ReadText("{\"b\":1234567890}\n{\"b\":12345678901}\n{\"b\":1234567890}\r\n{\"b\":1}",
                     TextAndNumber(), options)),
      "ok,too_large,ok,ok");
  EXPECT_EQ(Codes(ReadText("{\"a\":\"Z\xC3\xBC\"}\n{\"a\":\"Z\xFC\"}\n{\"x\":\"\xC0\xAF\"}\n",
                           TextAndNumber(), Json())),
            "ok,bad_utf8,bad_utf8");
}

TEST(JsonReader, OutcomesDoNotDependOnCutsAndSkippingEqualsReading) {
  std::string text = "\xEF\xBB\xBF";
  for (int i = 0; i < 30; ++i) {
    text += fmt::format("{{\"a\":\"k{}\",\"b\":{}}}\n", i, i * 0.5);
    if (i % 3 == 0) text += "{\"a\":\"q\\\"uote\\u00fc\",\"b\":1}\r\n\n";
    if (i % 4 == 0) text += "{\"a\":\"" + std::string(80, 'L') + "\"}\n";
    if (i % 5 == 0) text += "{\"a\":}\nnot json\n{\"b\":\"x\"}\n{\"a\":\"\xFC\"}\n";
  }
  ReaderOptions options = Json();
  options.max_record_bytes = 64;
  const auto whole = ReadText(text, TextAndNumber(), options);
  for (const char* code : {"malformed_json", "too_large", "bad_number", "bad_utf8"}) {
    EXPECT_THAT(Codes(whole), HasSubstr(code));
  }
  for (const size_t chunk : {1, 2, 3, 7, 64, 65, 333}) {
    const auto cut = ReadText(text, TextAndNumber(), options, chunk);
    ASSERT_EQ(cut.size(), whole.size());
    for (size_t i = 0; i < cut.size(); ++i) ASSERT_EQ(cut[i].Flat(), whole[i].Flat()) << chunk;
  }
  for (size_t skip = 0; skip <= whole.size(); skip += 5) {
    TextSource source(text, 29);
    const auto rest = ReadAll(source, TextAndNumber(), options, nullptr, skip);
    ASSERT_EQ(rest.size(), whole.size() - skip);
    for (size_t i = 0; i < rest.size(); ++i) {
      ASSERT_EQ(rest[i].Flat(), whole[skip + i].Flat()) << skip;
    }
  }
}

}  // namespace
}  // namespace leat
