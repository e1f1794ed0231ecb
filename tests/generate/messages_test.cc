#include "connectors/generate/messages.h"

#include <gtest/gtest.h>

#include "connectors/generate/generate.h"
#include "record/time_format.h"

namespace leat {
namespace {

constexpr std::string_view kRow =
    R"({"transaction_id":7,"tx_datetime":"2018-04-01T00:00:31Z","customer_id":12,)"
    R"("tx_amount":3.50,"tx_fraud":1})";

EventTime At(std::string_view text) {
  EventTime time;
  EXPECT_TRUE(TimeParser().Parse(text, time));
  return time;
}

TEST(GeneratedMessages, ARecordIsItsRow) {
  GeneratedMessages messages({.key = "customer_id"});
  const auto message = messages.Record(kRow);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->payload, kRow);
  EXPECT_EQ(message->key, "12");
  EXPECT_EQ(message->time, At("2018-04-01T00:00:31Z"));
  EXPECT_EQ(messages.waiting(), 0u);
}

TEST(GeneratedMessages, LabelsComeLater) {
  GeneratedMessages messages(
      {.key = "customer_id", .separate_labels = true, .labels_after = 7 * kDay});
  const auto message = messages.Record(kRow);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->payload,
            R"({"transaction_id":7,"tx_datetime":"2018-04-01T00:00:31Z","customer_id":12,)"
            R"("tx_amount":3.50})");
  GeneratedMessage label;
  EXPECT_FALSE(messages.Label(At("2018-04-08T00:00:30Z"), label));
  EXPECT_EQ(messages.next_label(), At("2018-04-08T00:00:31Z"));
  ASSERT_TRUE(messages.Label(At("2018-04-08T00:00:31Z"), label));
  EXPECT_EQ(label.key, "12");
  EXPECT_EQ(label.payload,
            R"({"transaction_id":7,"tx_fraud":1,"known_at":"2018-04-08T00:00:31Z"})");
  EXPECT_EQ(messages.waiting(), 0u);
}

TEST(GeneratedMessages, LiveOnesHaveTheTimeOfTheirSending) {
  GeneratedMessages messages({.key = "", .separate_labels = true, .labels_after = kSecond});
  const EventTime now = At("2024-05-01T12:00:00.000250Z");
  const auto message = messages.Record(kRow, now);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->time, now);
  EXPECT_EQ(GeneratedTime(message->payload), now);
  EXPECT_EQ(message->key, "");
  EXPECT_EQ(messages.next_label(), now + kSecond);
}

TEST(GeneratedMessages, AKeyIsAColumn) {
  GeneratedMessages messages({.key = "customer"});
  EXPECT_EQ(messages.Record(kRow).status().message(), "--key: no column customer");
}

TEST(GeneratedMessages, EveryStreamEndsWithItsLabel) {
  for (const std::string_view name : GeneratorNames()) {
    GenerateOptions options;
    options.name = name;
    options.rows = 3;
    options.format = GenerateFormat::kJsonLines;
    auto generator = MakeGenerator(options);
    ASSERT_TRUE(generator.ok());
    GeneratedMessages messages({.key = "", .separate_labels = true});
    std::string row;
    while ((*generator)->Next(row)) {
      EXPECT_NE(GeneratedTime(row), EventTime()) << row;
      const auto message = messages.Record(row);
      ASSERT_TRUE(message.ok());
      const size_t last = row.rfind(",\"");
      EXPECT_EQ(message->payload, row.substr(0, last) + "}");
      GeneratedMessage label;
      ASSERT_TRUE(messages.Label(message->time, label));
      EXPECT_NE(label.payload.find(row.substr(last, row.size() - 1 - last)), std::string::npos)
          << label.payload;
    }
  }
}

}  // namespace
}  // namespace leat
