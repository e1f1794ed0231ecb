#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
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
                   Field("kind", FieldType::kCategory)};
  schema.fields[1].min = 0;
  schema.label_column = "fraud";
  return schema;
}
const std::string kHeader = "id,at,customer,amount,kind,fraud\n";

/// A schema of one text field `a` and a number `b`.
Schema TextAndNumber() {
  Schema schema;
  schema.fields = {Field("a", FieldType::kCategory), Field("b", FieldType::kNumber)};
  return schema;
}

TEST(CsvReader, DecodesARecord) {
  const auto all = ReadText(kHeader + "17,2018-04-01T00:00:31Z,596,57.16,online,1\n", Cards());
  ASSERT_EQ(Codes(all), "ok");
  const Taken& r = all[0];
  EXPECT_EQ(r.number, 1u);
  EXPECT_EQ(r.line, 2u);
  EXPECT_EQ(r.raw, "17,2018-04-01T00:00:31Z,596,57.16,online,1");
  EXPECT_EQ(r.id_text, "17");
  EXPECT_EQ(r.id, KeyOf("17"));
  EXPECT_EQ(FormatIso(r.time), "2018-04-01T00:00:31Z");
  EXPECT_TRUE(std::isnan(r.values[0]));
  EXPECT_EQ(r.keys[0], KeyOf("596"));
  EXPECT_EQ(r.texts[0], "596");
  EXPECT_EQ(r.values[1], 57.16);
  EXPECT_EQ(r.keys[1], 0u);
  EXPECT_EQ(r.texts[1], "");
  EXPECT_EQ(r.texts[2], "online");
  EXPECT_TRUE(r.has_label);
  EXPECT_EQ(r.label, 1);
}

TEST(CsvReader, FindsColumnsByNameAndIgnoresOthers) {
  const auto all = ReadText(
      "x,fraud,amount,y,kind,at,customer,id\n"
      "junk,0,3,\"more,junk\",shop,2018-04-01,5,9\n",
      Cards());
  ASSERT_EQ(Codes(all), "ok");
  EXPECT_EQ(all[0].id_text, "9");
  EXPECT_EQ(all[0].values[1], 3);
  EXPECT_EQ(all[0].texts[2], "shop");
  EXPECT_EQ(all[0].label, 0);
}

TEST(CsvReader, ReadsAFieldFromAnotherColumnAndOneColumnTwice) {
  Schema schema;
  schema.id_column = "n";
  schema.fields = {Field("size", FieldType::kNumber), Field("label_text", FieldType::kCategory)};
  schema.fields[0].from = "n";
  schema.fields[1].from = "y";
  schema.label_column = "y";
  schema.label_type = LabelType::kCategory;
  const auto all = ReadText("n,y\n5,UP\n", schema);
  ASSERT_EQ(Codes(all), "ok");
  EXPECT_EQ(all[0].id_text, "5");
  EXPECT_EQ(all[0].values[0], 5);
  EXPECT_EQ(all[0].texts[1], "UP");
  EXPECT_EQ(all[0].label_text, "UP");
}

TEST(CsvReader, NumbersStandInForAbsentIdsAndTimes) {
  const auto all = ReadText("a,b\nx,1\ny,bad\nz,3\n", TextAndNumber());
  ASSERT_EQ(Codes(all), "ok,bad_number,ok");
  EXPECT_EQ(all[2].id_text, "3");
  EXPECT_EQ(all[2].id, KeyOf("3"));
  EXPECT_EQ(all[2].time.micros, 3 * kSecond);
  EXPECT_FALSE(all[2].has_label);
}

TEST(CsvReader, NamesTheNearestColumnWhenOneIsAbsent) {
  const std::string error = ErrorOf("id,at,customer,ammount,kind,fraud\n", Cards());
  EXPECT_THAT(error, HasSubstr("'amount'"));
  EXPECT_THAT(error, HasSubstr("did you mean 'ammount'?"));
  EXPECT_THAT(ErrorOf("a,c\n", TextAndNumber()), HasSubstr("'b' is not in the header"));
  EXPECT_THAT(ErrorOf("p,q,r\n", Cards()), HasSubstr("it has p, q, r"));
}

TEST(CsvReader, RefusesInputThatCannotBeRead) {
  EXPECT_THAT(ErrorOf("", TextAndNumber()), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("\n\n", TextAndNumber()), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("a,b,b\n1,2,3\n", TextAndNumber()), HasSubstr("'b' twice"));
  EXPECT_THAT(ErrorOf("a,\"b\n", TextAndNumber()), HasSubstr("header is not readable"));
  EXPECT_THAT(ErrorOf(std::string("\xFF\xFE") + "a\0,\0b\0", TextAndNumber()), HasSubstr("UTF-16"));
  ReaderOptions options;
  options.delimiter = '"';
  EXPECT_THAT(ErrorOf("a,b\n", TextAndNumber(), options), HasSubstr("delimiter"));
  options = {};
  options.max_record_bytes = 0;
  EXPECT_THAT(ErrorOf("a,b\n", TextAndNumber(), options), HasSubstr("max_record_bytes"));
}

TEST(CsvReader, RefusesSchemasThatMakeNoSense) {
  Schema schema = TextAndNumber();
  schema.fields[0].min = 1;
  EXPECT_THAT(ErrorOf("a,b\n", schema), HasSubstr("only numbers"));
  schema = TextAndNumber();
  schema.fields[1].allowed = {"x"};
  EXPECT_THAT(ErrorOf("a,b\n", schema), HasSubstr("only categories"));
  schema = TextAndNumber();
  schema.fields[1].min = 2;
  schema.fields[1].max = 1;
  EXPECT_THAT(ErrorOf("a,b\n", schema), HasSubstr("min 2 is not at most max 1"));
  schema = TextAndNumber();
  schema.time_column = "b";
  schema.time.zone = "Mars/Olympus";
  EXPECT_THAT(ErrorOf("a,b\n", schema), HasSubstr("b: unknown time zone"));
}

TEST(CsvReader, UnderstandsQuotes) {
  const auto all = ReadText(
      "a,b\n"
      "\"x,y\",1\n"
      "\"say \"\"hi\"\"\",2\n"
      "\"two\nlines\",3\n"
      "\"\",4\n"
      "\"\"\"\",5\n"
      "z,\"6\"\n",
      TextAndNumber());
  ASSERT_EQ(Codes(all), "ok,ok,ok,ok,ok,ok");
  EXPECT_EQ(all[0].texts[0], "x,y");
  EXPECT_EQ(all[1].texts[0], "say \"hi\"");
  EXPECT_EQ(all[1].raw, "\"say \"\"hi\"\"\",2");
  EXPECT_EQ(all[2].texts[0], "two\nlines");
  EXPECT_EQ(all[3].texts[0], "");
  EXPECT_EQ(all[3].keys[0], 0u);
  EXPECT_EQ(all[4].texts[0], "\"");
  EXPECT_EQ(all[5].values[1], 6);
  // The line break within a record counts as a line.
  EXPECT_EQ(all[2].line, 4u);
  EXPECT_EQ(all[3].line, 6u);
}

TEST(CsvReader, SeveralFieldsWithDoubledQuotesKeepTheirTexts) {
  Schema schema;
  for (const char* name : {"a", "b", "c"}) {
    schema.fields.push_back(Field(name, FieldType::kCategory));
  }
  const std::string longest(500, 'x');
  const auto all =
      ReadText("a,b,c\n\"1\"\"" + longest + "\",\"2\"\"" + longest + "\",\"3\"\"\"\n", schema);
  ASSERT_EQ(Codes(all), "ok");
  EXPECT_EQ(all[0].texts[0], "1\"" + longest);
  EXPECT_EQ(all[0].texts[1], "2\"" + longest);
  EXPECT_EQ(all[0].texts[2], "3\"");
}

TEST(CsvReader, TakesBothLineEndingsAMarkAndNoLastBreak) {
  const auto lf = ReadText("a,b\nx,1\ny,2\n", TextAndNumber());
  for (const char* text : {"a,b\r\nx,1\r\ny,2\r\n", "a,b\nx,1\ny,2",
                           "\xEF\xBB\xBF"
                           "a,b\r\nx,1\r\ny,2",
                           "a,b\r\nx,1\ny,2\r", "\"a\",\"b\"\r\n\"x\",\"1\"\r\n\"y\",\"2\"\r\n",
                           "a,b\nx,1\ny,\"2\"", "a,b\nx,1\ny,\"2\"\r"}) {
    const auto all = ReadText(text, TextAndNumber());
    ASSERT_EQ(Codes(all), "ok,ok") << text;
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(all[i].texts[0], lf[i].texts[0]) << text;
      EXPECT_EQ(all[i].values[1], lf[i].values[1]) << text;
      EXPECT_EQ(all[i].line, lf[i].line) << text;
    }
  }
}

TEST(CsvReader, SkipsBlankLinesButCountsThemAsLines) {
  const auto all = ReadText("\n\na,b\n\r\nx,1\n\n\ny,2\n\n", TextAndNumber());
  ASSERT_EQ(Codes(all), "ok,ok");
  EXPECT_EQ(all[0].line, 5u);
  EXPECT_EQ(all[1].line, 8u);
  EXPECT_EQ(all[1].number, 2u);
}

TEST(CsvReader, ALoneReturnIsData) {
  const auto all = ReadText("a,b\nx\ry,1\n", TextAndNumber());
  ASSERT_EQ(Codes(all), "ok");
  EXPECT_EQ(all[0].texts[0], "x\ry");
}

TEST(CsvReader, TakesOtherDelimiters) {
  ReaderOptions options;
  for (const char delimiter : {';', '\t', '|', ' '}) {
    options.delimiter = delimiter;
    const std::string d(1, delimiter);
    const auto all = ReadText("a" + d + "b\n1,5" + d + "2\n", TextAndNumber(), options);
    ASSERT_EQ(Codes(all), "ok");
    EXPECT_EQ(all[0].texts[0], "1,5");
    EXPECT_EQ(all[0].values[1], 2);
  }
}

TEST(CsvReader, EmptyAndQuestionMarkAreMissing) {
  Schema schema = Cards();
  const auto all = ReadText(
      kHeader + "1,2018-04-01,,,,\n2,2018-04-01,?,?,?,?\n3,2018-04-01, , ,\"\",\n", schema);
  ASSERT_EQ(Codes(all), "ok,ok,ok");
  for (const Taken& r : all) {
    EXPECT_TRUE(std::isnan(r.values[1]));
    EXPECT_EQ(r.keys[2], 0u);
    EXPECT_EQ(r.texts[2], "");
    EXPECT_FALSE(r.has_label);
    EXPECT_TRUE(std::isnan(r.label));
  }
  EXPECT_EQ(all[0].keys[0], 0u);
  EXPECT_EQ(all[2].texts[0], " ") << "ids keep their spaces";
}

TEST(CsvReader, MissingRequiredFieldsAreRejected) {
  Schema schema = Cards();
  for (FieldSpec& field : schema.fields) field.required = true;
  EXPECT_EQ(Codes(ReadText(kHeader + "1,2018-04-01,,2,k,0\n"
                                     "1,2018-04-01,5,?,k,0\n"
                                     "1,2018-04-01,5,2,,0\n"
                                     ",2018-04-01,5,2,k,0\n"
                                     "1,,5,2,k,0\n"
                                     "1,2018-04-01,5,2,k,\n",
                           schema)),
            "missing_required,missing_required,missing_required,missing_id,missing_time,ok");
}

TEST(CsvReader, DecodesEveryTypeOfField) {
  Schema schema;
  schema.fields = {Field("n", FieldType::kNumber), Field("i", FieldType::kInteger),
                   Field("b", FieldType::kBoolean), Field("t", FieldType::kTime)};
  const auto all = ReadText(
      "n,i,b,t\n"
      " 1.5 ,7,true,2018-04-01\n"
      "-2e3,-8.0,No,1970-01-01T00:00:01.5Z\n"
      "1,9007199254740992,T, 1970-01-01 \n",
      schema);
  ASSERT_EQ(Codes(all), "ok,ok,ok");
  EXPECT_EQ(all[0].values, (std::vector<double>{1.5, 7, 1, 1522540800}));
  EXPECT_EQ(all[1].values, (std::vector<double>{-2000, -8, 0, 1.5}));
  EXPECT_EQ(all[2].values, (std::vector<double>{1, 9007199254740992.0, 1, 0}));
}

TEST(CsvReader, ReadsEverySpellingOfABoolean) {
  Schema schema;
  schema.fields = {Field("b", FieldType::kBoolean)};
  const auto yes = ReadText("b\ntrue\nTRUE\n1\nyes\nYes\nt\nT\n", schema);
  const auto no = ReadText("b\nfalse\nFalse\n0\nno\nNO\nf\nF\n", schema);
  ASSERT_EQ(Codes(yes), "ok,ok,ok,ok,ok,ok,ok");
  ASSERT_EQ(Codes(no), "ok,ok,ok,ok,ok,ok,ok");
  for (const Taken& r : yes) EXPECT_EQ(r.values[0], 1);
  for (const Taken& r : no) EXPECT_EQ(r.values[0], 0);
  EXPECT_EQ(Codes(ReadText("b\n2\nyess\n1.0\non\n-1\n\"tr\nue\"\n", schema)),
            "bad_boolean,bad_boolean,bad_boolean,bad_boolean,bad_boolean,bad_boolean");
}

TEST(CsvReader, ChecksRangesAndLists) {
  Schema schema;
  schema.fields = {Field("n", FieldType::kNumber), Field("i", FieldType::kInteger),
                   Field("c", FieldType::kCategory)};
  schema.fields[0].min = 0;
  schema.fields[0].max = 10;
  schema.fields[1].max = 5;
  schema.fields[2].allowed = {"red", "7", "blue"};
  const auto all = ReadText(
      "n,i,c\n0,5,red\n10,-9,7\n-0.001,1,red\n10.5,1,red\n1,6,red\n1,1,green\n1,1,07\n,,\n",
      schema);
  EXPECT_EQ(Codes(all), "ok,ok,out_of_range,out_of_range,out_of_range,not_allowed,not_allowed,ok");
  EXPECT_EQ(all[2].detail, "n: '-0.001' is not within 0 and 10");
  EXPECT_EQ(all[4].detail, "i: '6' is above 5");
  EXPECT_EQ(all[5].detail, "c: 'green' is not one of the allowed values");
}

TEST(CsvReader, RejectsBadValuesWithTheirCodes) {
  Schema schema;
  schema.fields = {Field("n", FieldType::kNumber), Field("i", FieldType::kInteger),
                   Field("t", FieldType::kTime)};
  EXPECT_EQ(Codes(ReadText("n,i,t\nabc,1,\nnan,1,\n-inf,1,\n1e999,1,\n1,1.5,\n1,x,\n1,inf,\n"
                           "1,9007199254740994,\n1,1e300,\n1,1,yesterday\n",
                           schema)),
            "bad_number,not_finite,not_finite,not_finite,bad_integer,bad_integer,not_finite,"
            "out_of_range,out_of_range,bad_time");
}

TEST(CsvReader, TellsLabelsApart) {
  Schema schema;
  schema.label_column = "y";
  EXPECT_EQ(Codes(ReadText("y\n1\n2\nmaybe\n", schema)), "ok,bad_label,bad_label");
  schema.label_type = LabelType::kNumber;
  const auto numbers = ReadText("y,x\n 2.5 ,\n,\nnan,\nabc,\n", schema);
  ASSERT_EQ(Codes(numbers), "ok,ok,bad_label,bad_label");
  EXPECT_EQ(numbers[0].label, 2.5);
  EXPECT_FALSE(numbers[1].has_label);
  schema.label_type = LabelType::kCategory;
  const auto texts = ReadText("y,x\nUP,\n,\n", schema);
  EXPECT_EQ(texts[0].label_text, "UP");
  EXPECT_TRUE(texts[0].has_label);
  EXPECT_FALSE(texts[1].has_label);
}

TEST(CsvReader, CountsFields) {
  const auto all = ReadText("a,b\nx\nx,1,\nx,1\nx,1,2,3,4,5,6\n,\n", TextAndNumber());
  EXPECT_EQ(Codes(all), "field_count,field_count,ok,field_count,ok");
  EXPECT_EQ(all[3].detail, "7 fields where the header has 2");
}

TEST(CsvReader, AStrayQuoteCostsOneLine) {
  const auto all = ReadText("a,b\n\"x,1\ny,2\nz,3\n", TextAndNumber());
  ASSERT_EQ(Codes(all), "malformed_csv,ok,ok");
  EXPECT_EQ(all[0].raw, "\"x,1");
  EXPECT_EQ(all[0].line, 2u);
  EXPECT_EQ(all[1].line, 3u);
  EXPECT_EQ(all[2].number, 3u);
  EXPECT_EQ(Codes(ReadText("a,b\nx\"y,1\nz,3\n", TextAndNumber())), "malformed_csv,ok");
  EXPECT_EQ(Codes(ReadText("a,b\n\"x\"y,1\nz,3\n", TextAndNumber())), "malformed_csv,ok");
  EXPECT_EQ(Codes(ReadText("a,b\n\"x\" ,1\nz,3\n", TextAndNumber())), "malformed_csv,ok");
  EXPECT_EQ(Codes(ReadText("a,b\nz,3\n\"", TextAndNumber())), "ok,malformed_csv");
}

TEST(CsvReader, RecordsThatAreTooLargeAreSkipped) {
  ReaderOptions options;
  options.max_record_bytes = 20;
  const std::string fits(18, 'x');  // With ",1" it has 20 bytes.
  const std::string over(19, 'x');
  EXPECT_EQ(Codes(ReadText(
                "a,b\n" + fits + ",1\n" + over + ",1\n" + fits + ",1\r\n" + over + ",1\r\nz,2\n",
                TextAndNumber(), options)),
            "ok,too_large,ok,too_large,ok");
  // A quoted field that runs on is cut at its first line, and reading resumes with the next.
  const auto all =
      ReadText("a,b\n\"x,1\nyyyyyyyyyyyy,2\nzzzzzzzz,3\n\"k\",4\n", TextAndNumber(), options);
  EXPECT_EQ(Codes(all), "too_large,ok,ok,ok");
  EXPECT_EQ(all[0].raw, "\"x,1");
  // Far beyond what is held at once.
  const auto huge = ReadText("a,b\n" + std::string(3'000'000, 'x') + ",1\nz,2\n", TextAndNumber());
  ASSERT_EQ(Codes(huge), "too_large,ok");
  EXPECT_EQ(huge[0].raw, std::string(1024, 'x'));
  EXPECT_EQ(huge[1].line, 3u);
}

TEST(CsvReader, LongRecordsWithinTheLimitAreWhole) {
  const std::string text(900'000, 'x');
  const auto all = ReadText("a,b\nu,0\n\"" + text + "\n" + "\",1\nz,2\n", TextAndNumber());
  ASSERT_EQ(Codes(all), "ok,ok,ok");
  EXPECT_EQ(all[1].texts[0], text + "\n");
}

TEST(CsvReader, RejectsBytesThatAreNotUtf8) {
  EXPECT_EQ(Codes(ReadText("a,b\nZ\xC3\xBCrich,1\nZ\xFCrich,2\nok,3\n\xED\xA0\x80,4\n\xC0\xAF,5\n",
                           TextAndNumber())),
            "ok,bad_utf8,ok,bad_utf8,bad_utf8");
}

TEST(CsvReader, AFailureOfTheSourceIsAnErrorNotAnEnd) {
  TextSource source("a,b\nx,1\ny,2\n", 4, 9);
  auto reader = OpenReader(source, TextAndNumber(), {});
  ASSERT_TRUE(reader.ok());
  Record record;
  Reject reject;
  ASSERT_EQ(*(*reader)->Next(record, reject), ReadOutcome::kRecord);
  const auto broken = (*reader)->Next(record, reject);
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.status().code(), StatusCode::kIo);
  EXPECT_FALSE((*reader)->Next(record, reject).ok());
  EXPECT_FALSE((*reader)->Skip(1).ok());
}

TEST(CsvReader, TheEndStaysTheEnd) {
  TextSource source("a,b\nx,1\n");
  auto reader = OpenReader(source, TextAndNumber(), {});
  ASSERT_TRUE(reader.ok());
  Record record;
  Reject reject;
  ASSERT_EQ(*(*reader)->Next(record, reject), ReadOutcome::kRecord);
  EXPECT_EQ(*(*reader)->Next(record, reject), ReadOutcome::kEnd);
  EXPECT_EQ(*(*reader)->Next(record, reject), ReadOutcome::kEnd);
}

TEST(CsvReader, ReadsIntoAnyRecordItIsGiven) {
  TextSource source("a,b\nx,1\n?,2\n");
  auto reader = OpenReader(source, TextAndNumber(), {});
  ASSERT_TRUE(reader.ok());
  Record used;
  used.values = {9, 9, 9};
  used.keys = {9, 9, 9};
  used.texts = {"old", "old", "old"};
  used.has_label = true;
  used.label = 9;
  used.label_text = "old";
  Reject reject;
  ASSERT_EQ(*(*reader)->Next(used, reject), ReadOutcome::kRecord);
  EXPECT_EQ(used.values.size(), 2u);
  EXPECT_EQ(used.keys[1], 0u);
  EXPECT_EQ(used.texts[1], "");
  EXPECT_FALSE(used.has_label);
  EXPECT_EQ(used.label_text, "");
  Record fresh;
  ASSERT_EQ(*(*reader)->Next(fresh, reject), ReadOutcome::kRecord);
  EXPECT_EQ(fresh.values[1], 2);
  EXPECT_EQ(fresh.texts[0], "");
}

/// Text that exercises every path: quotes, doubled quotes, CRLF, blanks, rejects and long records.
std::string Everything() {
  std::string text =
      "\xEF\xBB\xBF"
      "a,b\r\n";
  for (int i = 0; i < 40; ++i) {
    text += fmt::format("plain{},{}\n", i, i * 0.25);
    if (i % 3 == 0) text += "\"quoted, \"\"twice\"\"\",1\r\n";
    if (i % 4 == 0) text += "\"two\r\nlines\",\"2\"\r\n";
    if (i % 5 == 0) text += "\n\r\n";
    if (i % 6 == 0) text += "bad\"quote,3\n";
    if (i % 7 == 0) text += "\"closed\"late,4\nZ\xC3\xBCrich,5\nbroken \xFC,6\n";
    if (i % 8 == 0) text += "one\ntoo,many,fields\n";
    if (i % 10 == 0) text += std::string(70, 'L') + ",7\n\"" + std::string(70, 'Q') + "\n\",8\n";
  }
  return text + "last,\"9";
}

TEST(CsvReader, OutcomesDoNotDependOnHowTheSourceCuts) {
  ReaderOptions options;
  options.max_record_bytes = 64;
  const std::string text = Everything();
  const auto whole = ReadText(text, TextAndNumber(), options);
  ASSERT_GT(whole.size(), 80u);
  for (const char* code : {"malformed_csv", "too_large", "field_count", "bad_utf8"}) {
    EXPECT_THAT(Codes(whole), HasSubstr(code));
  }
  for (const size_t chunk : {1, 2, 3, 5, 7, 16, 61, 64, 65, 100, 1000}) {
    const auto cut = ReadText(text, TextAndNumber(), options, chunk);
    ASSERT_EQ(cut.size(), whole.size()) << chunk;
    for (size_t i = 0; i < cut.size(); ++i) ASSERT_EQ(cut[i].Flat(), whole[i].Flat()) << chunk;
  }
}

TEST(CsvReader, SkippingEqualsReadingOn) {
  ReaderOptions options;
  options.max_record_bytes = 64;
  const std::string text = Everything();
  const auto whole = ReadText(text, TextAndNumber(), options);
  for (size_t skip = 0; skip <= whole.size(); skip += 1 + skip / 8) {
    TextSource source(text, 37);
    const auto rest = ReadAll(source, TextAndNumber(), options, nullptr, skip);
    ASSERT_EQ(rest.size(), whole.size() - skip);
    for (size_t i = 0; i < rest.size(); ++i) {
      ASSERT_EQ(rest[i].Flat(), whole[skip + i].Flat()) << skip;
    }
  }
  TextSource source("a,b\nx,1\n");
  std::string error;
  ReadAll(source, TextAndNumber(), options, &error, 2);
  EXPECT_THAT(error, HasSubstr("ended after 1 of 2"));
}

// Records read ahead are all looked at only when no more is at hand: their views must live so long.
TEST(CsvReader, RecordsReadAheadAreTheSameAndStayAlive) {
  ReaderOptions options;
  options.max_record_bytes = 64;
  const std::string text = Everything();
  const auto whole = ReadText(text, TextAndNumber(), options);
  for (const size_t chunk : {7, 64, 100, 1000}) {
    TextSource source(text, chunk);
    auto reader = OpenReader(source, TextAndNumber(), options);
    ASSERT_TRUE(reader.ok());
    size_t seen = 0, longest = 0;
    for (;;) {
      std::deque<std::pair<Record, Reject>> held(1);
      std::vector<ReadOutcome> outcomes = {*(*reader)->Next(held[0].first, held[0].second)};
      if (outcomes[0] == ReadOutcome::kEnd) break;
      for (;;) {
        auto& [record, reject] = held.emplace_back();
        const auto outcome = (*reader)->NextAtHand(record, reject);
        if (!outcome) break;
        outcomes.push_back(*outcome);
      }
      longest = std::max(longest, outcomes.size());
      for (size_t i = 0; i < outcomes.size(); ++i) {
        ASSERT_EQ(Take(outcomes[i], held[i].first, held[i].second).Flat(), whole[seen++].Flat());
      }
    }
    EXPECT_EQ(seen, whole.size()) << chunk;
    EXPECT_GT(longest, chunk >= 64 ? 1u : 0u) << chunk;
  }
}

// Many records with the window edges of the index falling everywhere in them.
TEST(CsvReader, ReadsManyBlocks) {
  std::string text = "a,b\n";
  for (int i = 0; i < 60'000; ++i) text += fmt::format("k{},{}\n", i % 97, i);
  TextSource source(text, 65'537);
  auto reader = OpenReader(source, TextAndNumber(), {});
  ASSERT_TRUE(reader.ok());
  Record record;
  Reject reject;
  for (int i = 0; i < 60'000; ++i) {
    ASSERT_EQ(*(*reader)->Next(record, reject), ReadOutcome::kRecord);
    ASSERT_EQ(record.values[1], i);
    ASSERT_EQ(record.texts[0], fmt::format("k{}", i % 97));
    ASSERT_EQ(record.line, static_cast<uint64_t>(i) + 2);
  }
  EXPECT_EQ(*(*reader)->Next(record, reject), ReadOutcome::kEnd);
}

}  // namespace
}  // namespace leat
