#include "record/time_format.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/hash.h"
#include "record/civil.h"

namespace leat {
namespace {

constexpr int64_t kApril = 1522540800;  // 2018-04-01T00:00:00Z, by `date -u -d 2018-04-01 +%s`.

std::optional<int64_t> Micros(const TimeFormat& format, std::string_view text) {
  const auto parser = TimeParser::Compile(format);
  if (!parser.ok()) {
    ADD_FAILURE() << parser.status().message();
    return std::nullopt;
  }
  EventTime time;
  if (!parser->Parse(text, time)) {
    EXPECT_EQ(time, EventTime()) << "a refused text changed the time";
    return std::nullopt;
  }
  return time.micros;
}
std::optional<int64_t> Iso(std::string_view text, const std::string& zone = "UTC") {
  return Micros({"", zone}, text);
}
std::string CompileError(const TimeFormat& format) {
  const auto parser = TimeParser::Compile(format);
  return parser.ok() ? "" : std::string(parser.status().message());
}
bool HasZones() { return std::filesystem::exists("/usr/share/zoneinfo/Europe/Zurich"); }

TEST(Civil, DaysAndDatesAreInverse) {
  static_assert(DaysFromCivil(1970, 1, 1) == 0);
  static_assert(DaysFromCivil(2000, 3, 1) == 11017);
  static_assert(DaysFromCivil(1969, 12, 31) == -1);
  int64_t expected = DaysFromCivil(1, 1, 1);
  for (int32_t year = 1; year <= 9999; year += year < 3000 ? 1 : 97) {
    expected = DaysFromCivil(year, 1, 1);
    for (int32_t month = 1; month <= 12; ++month) {
      for (int32_t day = 1; day <= DaysInMonth(year, month); ++day, ++expected) {
        ASSERT_EQ(DaysFromCivil(year, month, day), expected);
        const CivilDate date = CivilFromDays(expected);
        ASSERT_TRUE(date.year == year && date.month == month && date.day == day) << expected;
      }
    }
  }
}

TEST(IsoTime, ReadsEveryAllowedForm) {
  const std::pair<const char*, int64_t> cases[] = {
      {"2018-04-01T00:00:31Z", kApril * kSecond + 31 * kSecond},
      {"2018-04-01t00:00:31z", kApril * kSecond + 31 * kSecond},
      {"2018-04-01 00:00:31", kApril * kSecond + 31 * kSecond},
      {"2018-04-01", kApril * kSecond},
      {"2018-04-01T06:30", kApril * kSecond + 390 * kMinute},
      {"2018-04-01T06:30Z", kApril * kSecond + 390 * kMinute},
      {"2018-04-01T00:00:00.5Z", kApril * kSecond + 500'000},
      {"2018-04-01T00:00:00,25", kApril * kSecond + 250'000},
      {"2018-04-01T00:00:00.123456789Z", kApril * kSecond + 123'456},
      {"2018-04-01T02:00:00+02:00", kApril * kSecond},
      {"2018-04-01T02:00:00+0200", kApril * kSecond},
      {"2018-04-01T02:00:00+02", kApril * kSecond},
      {"2018-03-31T18:30:00-05:30", kApril * kSecond},
      {"2019-11-24 00:01:29.788335+00:00", 1574553689'788335},
      {"1970-01-01T00:00:00Z", 0},
      {"1969-12-31T23:59:59.999999Z", -1},
      {"2000-02-29", 951782400 * kSecond},
      {"0001-01-01", -62135596800 * kSecond},
      {"9999-12-31T23:59:59.999999Z", 253402300799'999999},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(Iso(text), expected) << text;
}

TEST(IsoTime, RefusesWhatIsNotATime) {
  for (const char* text : {"",
                           "2018",
                           "2018-04",
                           "2018-4-1",
                           "2018-04-01T",
                           "2018-04-01T00",
                           "2018-04-01T0000",
                           "2018-04-01T00:00:",
                           "2018-04-01T00:00:3",
                           "2018-04-01T00:00:31.",
                           "2018-04-01T00:00:31ZZ",
                           "2018-04-01T00:00:31 Z",
                           "2018-04-01Z",
                           "2018-04-01T00:00:31+2",
                           "2018-04-01T00:00:31+24:00",
                           "2018-04-01T00:00:31+02:6",
                           "2018-04-01T00:00:31+02:60",
                           "2018/04/01",
                           "20180401",
                           "x018-04-01",
                           "2018-04-0x",
                           "2018-04-01X00:00:31",
                           "2018-04-01T00-00-31",
                           "-2018-04-01",
                           " 2018-04-01",
                           "2018-04-01 ",
                           "1522540831"}) {
    EXPECT_EQ(Iso(text), std::nullopt) << text;
  }
}

TEST(IsoTime, ChecksDaysAgainstMonthAndLeapYear) {
  for (const char* text : {"2018-00-01", "2018-13-01", "2018-04-00", "2018-04-31", "2018-02-29",
                           "1900-02-29", "2100-02-29", "2018-01-32", "0000-01-01"}) {
    EXPECT_EQ(Iso(text), std::nullopt) << text;
  }
  EXPECT_TRUE(Iso("2020-02-29"));
  EXPECT_TRUE(Iso("2018-12-31"));
}

TEST(IsoTime, RefusesLeapSecondsAndHour24) {
  EXPECT_EQ(Iso("2016-12-31T23:59:60Z"), std::nullopt);
  EXPECT_EQ(Iso("2018-04-01T24:00:00Z"), std::nullopt);
  EXPECT_EQ(Iso("2018-04-01T23:60:00Z"), std::nullopt);
  EXPECT_TRUE(Iso("2016-12-31T23:59:59Z"));
}

TEST(IsoTime, AnOffsetMayNotLeaveTheRange) {
  EXPECT_EQ(Iso("0001-01-01T00:00:00+01:00"), std::nullopt);
  EXPECT_EQ(Iso("9999-12-31T23:59:59-00:01"), std::nullopt);
}

TEST(EpochTime, ReadsSecondsAndMilliseconds) {
  const TimeFormat seconds{"epoch_s", "UTC"};
  EXPECT_EQ(Micros(seconds, "1522540831"), 1522540831 * kSecond);
  EXPECT_EQ(Micros(seconds, "1522540831.25"), 1522540831'250000);
  EXPECT_EQ(Micros(seconds, "1522540831.1234567"), 1522540831'123456);
  EXPECT_EQ(Micros(seconds, "-1.5"), -1'500000);
  EXPECT_EQ(Micros(seconds, "1.5225408e9"), kApril * kSecond);
  EXPECT_EQ(Micros(seconds, "0"), 0);
  const TimeFormat millis{"epoch_ms", "UTC"};
  EXPECT_EQ(Micros(millis, "1522540831250"), 1522540831'250000);
  EXPECT_EQ(Micros(millis, "1522540831250.75"), 1522540831'250750);
  for (const char* text : {"", "-", ".", "abc", "1522540831s", "nan", "inf", "1e300", "1e", "1 ",
                           "99999999999999999999", "2018-04-01"}) {
    EXPECT_EQ(Micros(seconds, text), std::nullopt) << text;
    EXPECT_EQ(Micros(millis, text), std::nullopt) << text;
  }
  EXPECT_EQ(Micros(seconds, "253402300799"), 253402300799 * kSecond);
  EXPECT_EQ(Micros(seconds, "253402300800"), std::nullopt) << "year 10000";
}

TEST(PatternTime, ReadsWhatItSays) {
  struct Case {
    const char* pattern;
    const char* text;
    const char* iso;
  };
  const Case cases[] = {
      {"%d/%m/%Y %H:%M:%S", "01/04/2018 00:00:31", "2018-04-01T00:00:31Z"},
      {"%d/%m/%Y %H:%M", "1/4/2018 7:05", "2018-04-01T07:05:00Z"},
      {"%Y%m%d%H%M%S", "20180401000031", "2018-04-01T00:00:31Z"},
      {"%F %T", "2018-04-01 00:00:31", "2018-04-01T00:00:31Z"},
      {"%F %T.%f", "2018-04-01 00:00:31.25", "2018-04-01T00:00:31.250Z"},
      {"%d %b %Y", "01 apr 2018", "2018-04-01T00:00:00Z"},
      {"%d %B %Y", "01 April 2018", "2018-04-01T00:00:00Z"},
      {"%B %d, %Y", "MAY 31, 2018", "2018-05-31T00:00:00Z"},
      {"%d%b%Y", "01Sep2018", "2018-09-01T00:00:00Z"},
      {"%m/%d/%y", "4/1/18", "2018-04-01T00:00:00Z"},
      {"%m/%d/%y", "4/1/69", "1969-04-01T00:00:00Z"},
      {"%m/%d/%y", "4/1/68", "2068-04-01T00:00:00Z"},
      {"%Y-%j", "2018-091", "2018-04-01T00:00:00Z"},
      {"%Y-%j", "2020-366", "2020-12-31T00:00:00Z"},
      {"%F %I:%M %p", "2018-04-01 12:05 AM", "2018-04-01T00:05:00Z"},
      {"%F %I:%M %p", "2018-04-01 12:05 pm", "2018-04-01T12:05:00Z"},
      {"%F %I%p", "2018-04-01 11PM", "2018-04-01T23:00:00Z"},
      {"%d/%b/%Y:%T %z", "01/Apr/2018:02:00:31 +0200", "2018-04-01T00:00:31Z"},
      {"%FT%T%z", "2018-04-01T00:00:31Z", "2018-04-01T00:00:31Z"},
      {"%F   %T", "2018-04-01 00:00:31", "2018-04-01T00:00:31Z"},
      {"100%% %F", "100% 2018-04-01", "2018-04-01T00:00:00Z"},
  };
  for (const Case& c : cases) {
    const auto micros = Micros({c.pattern, "UTC"}, c.text);
    ASSERT_TRUE(micros) << c.pattern << " " << c.text;
    EXPECT_EQ(FormatIso({*micros}), c.iso) << c.pattern;
  }
}

TEST(PatternTime, RefusesWhatDoesNotFit) {
  const std::pair<const char*, const char*> cases[] = {
      {"%F %T", "2018-04-01"},
      {"%F %T", "2018-04-01 00:00:31x"},
      {"%F", "2018-02-29"},
      {"%F", "18-04-01"},
      {"%F %T", "2018-04-01 00:00:60"},
      {"%F %T", "2018-04-01 24:00:00"},
      {"%Y-%j", "2018-366"},
      {"%Y-%j", "2018-000"},
      {"%d %b %Y", "01 foo 2018"},
      {"%F %I %p", "2018-04-01 13 PM"},
      {"%F %I %p", "2018-04-01 0 AM"},
      {"%F %I %p", "2018-04-01 1 XM"},
      {"%F %T %z", "2018-04-01 00:00:31 CET"},
      {"%F %T.%f", "2018-04-01 00:00:31."},
      {"%m/%d/%Y", "31/04/2018"},
      {"%F", ""},
  };
  for (const auto& [pattern, text] : cases) {
    EXPECT_EQ(Micros({pattern, "UTC"}, text), std::nullopt) << pattern << " " << text;
  }
}

TEST(PatternTime, CompilesOnlyCompletePatterns) {
  EXPECT_NE(CompileError({"iso", "UTC"}).find("epoch_s"), std::string::npos);
  EXPECT_NE(CompileError({"%H:%M", "UTC"}).find("needs a year"), std::string::npos);
  EXPECT_NE(CompileError({"%Y-%m", "UTC"}).find("needs a month and a day"), std::string::npos);
  EXPECT_NE(CompileError({"%F %Y", "UTC"}).find("%Y is given twice"), std::string::npos);
  EXPECT_NE(CompileError({"%F %I:%M", "UTC"}).find("%I and %p"), std::string::npos);
  EXPECT_NE(CompileError({"%F %H %p", "UTC"}).find("%I and %p"), std::string::npos);
  EXPECT_NE(CompileError({"%F %j", "UTC"}).find("%j"), std::string::npos);
  EXPECT_NE(CompileError({"%F %M", "UTC"}).find("%M needs %H"), std::string::npos);
  EXPECT_NE(CompileError({"%F %Q", "UTC"}).find("%Q is not offered"), std::string::npos);
  EXPECT_NE(CompileError({"%F %", "UTC"}).find("lone %"), std::string::npos);
}

TEST(Zone, FixedOffsetsApplyToTextWithoutOne) {
  EXPECT_EQ(Iso("2018-04-01T02:00:00", "+02:00"), kApril * kSecond);
  EXPECT_EQ(Iso("2018-03-31T18:30:00", "-0530"), kApril * kSecond);
  EXPECT_EQ(Iso("2018-04-01T02:00:00Z", "+02:00"), (kApril + 7200) * kSecond);
  EXPECT_EQ(Micros({"%F %T", "+02:00"}, "2018-04-01 02:00:00"), kApril * kSecond);
}

TEST(Zone, UnknownNamesAreRefusedWithAWayOut) {
  for (const char* zone : {"Mars/Olympus", "CEST+x", "../../etc/passwd", "/etc/localtime", "Europe",
                           "+25:00", "+2", "zone.tab"}) {
    const std::string error = CompileError({"", zone});
    EXPECT_NE(error.find(zone), std::string::npos) << zone;
  }
  EXPECT_NE(CompileError({"", "Mars/Olympus"}).find("IANA"), std::string::npos);
}

TEST(Zone, FollowsDaylightSavingTime) {
  if (!HasZones()) GTEST_SKIP() << "no zone data on this machine";
  // Zurich: +01:00, from 2018-03-25T01:00Z +02:00, until 2018-10-28T01:00Z.
  const auto zurich = [](std::string_view text) {
    return FormatIso({Iso(text, "Europe/Zurich").value()});
  };
  EXPECT_EQ(zurich("2018-01-15T12:00:00"), "2018-01-15T11:00:00Z");
  EXPECT_EQ(zurich("2018-07-15T12:00:00"), "2018-07-15T10:00:00Z");
  EXPECT_EQ(zurich("2018-03-25T01:59:59"), "2018-03-25T00:59:59Z");
  EXPECT_EQ(zurich("2018-03-25T03:00:00"), "2018-03-25T01:00:00Z");
  // 02:30 did not exist: read with the offset before the change.
  EXPECT_EQ(zurich("2018-03-25T02:30:00"), "2018-03-25T01:30:00Z");
  // 02:30 came twice: the first of the two.
  EXPECT_EQ(zurich("2018-10-28T02:30:00"), "2018-10-28T00:30:00Z");
  EXPECT_EQ(zurich("2018-10-28T03:00:00"), "2018-10-28T02:00:00Z");
  // An offset in the text wins over the zone.
  EXPECT_EQ(zurich("2018-07-15T12:00:00-04:00"), "2018-07-15T16:00:00Z");
}

TEST(Zone, FollowsItsRuleBeyondTheListedChanges) {
  if (!HasZones()) GTEST_SKIP() << "no zone data on this machine";
  const auto in = [](std::string_view text, const std::string& zone) {
    return FormatIso({Iso(text, zone).value()});
  };
  // In 2500, 28 March is the last Sunday of March, and 31 October that of October.
  EXPECT_EQ(in("2500-03-28T01:59:59", "Europe/Zurich"), "2500-03-28T00:59:59Z");
  EXPECT_EQ(in("2500-03-28T03:00:00", "Europe/Zurich"), "2500-03-28T01:00:00Z");
  EXPECT_EQ(in("2500-10-31T02:59:59", "Europe/Zurich"), "2500-10-31T00:59:59Z");
  EXPECT_EQ(in("2500-10-31T03:00:00", "Europe/Zurich"), "2500-10-31T02:00:00Z");
  EXPECT_EQ(in("9999-07-01T12:00:00", "America/New_York"), "9999-07-01T16:00:00Z");
  EXPECT_EQ(in("9999-01-01T12:00:00", "America/New_York"), "9999-01-01T17:00:00Z");
  // South of the equator summer spans the new year.
  EXPECT_EQ(in("2500-01-01T12:00:00", "Australia/Sydney"), "2500-01-01T01:00:00Z");
  EXPECT_EQ(in("2500-07-01T12:00:00", "Australia/Sydney"), "2500-07-01T02:00:00Z");
  // A zone without summer time, at +05:30.
  EXPECT_EQ(in("2500-07-01T12:00:00", "Asia/Kolkata"), "2500-07-01T06:30:00Z");
}

TEST(Zone, RefusesDamagedZoneFiles) {
  for (const std::string& bytes :
       {std::string(), std::string("TZif"), std::string("TZif2") + std::string(39, '\0'),
        std::string("TZif") + std::string(200, '\0'), "TZif2" + std::string(200, '\xff'),
        std::string(300, 'x')}) {
    EXPECT_FALSE(TimeZone::FromTzif(bytes).ok()) << bytes.size();
  }
}

TEST(FormatIso, IsReadBackToTheSameTime) {
  EXPECT_EQ(FormatIso({(kApril + 31) * kSecond}), "2018-04-01T00:00:31Z");
  EXPECT_EQ(FormatIso({-1}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatIso({kMillisecond}), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(FormatIso({}), "");
  EXPECT_EQ(FormatIso({std::numeric_limits<int64_t>::max()}), "");
  const int64_t first = Iso("0001-01-01").value();
  const int64_t last = Iso("9999-12-31T23:59:59.999999Z").value();
  EXPECT_EQ(FormatIso({first - 1}), "");
  EXPECT_EQ(FormatIso({last + 1}), "");
  for (uint64_t i = 0; i < 20000; ++i) {
    const int64_t micros =
        first + static_cast<int64_t>(Mix64(i) % static_cast<uint64_t>(last - first + 1));
    ASSERT_EQ(Iso(FormatIso({micros})), micros) << micros;
  }
}

}  // namespace
}  // namespace leat
