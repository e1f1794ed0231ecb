#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <limits>

#include "evaluation/evaluation.h"
#include "evaluation/report_chart.h"
#include "evaluation/report_text.h"

namespace leat {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const EventTime kApril{1'522'540'800'000'000};  // 2018-04-01T00:00:00Z.

Report Sample() {
  Report report;
  report.pipeline = "card-fraud";
  report.class_names = {"genuine", "fraud"};
  for (const char* name : {"linear", "prior"}) {
    Report::Row row;
    row.name = name;
    row.baseline = row.name == "prior";
    row.serves = !row.baseline;
    row.cumulative = {{"accuracy", row.baseline ? 0.75 : 0.875},
                      {"roc_auc", row.baseline ? 0.5 : 0.9375},
                      {"log_loss", row.baseline ? 0.0625 : 0.03125},
                      {"precision_at_k", kNan},
                      {"positive_share", 0.25}};
    row.window = row.cumulative;
    if (!row.baseline) {
      row.precision_recall = {{0.5, 1, 1}, {1, 0.5, 4}};
      row.calibration = {{0.25, 0.125, 8}, {0.75, 0.5, 8}};
      row.summary = {{"type", "logistic_regression"}};
    }
    report.rows.push_back(row);
  }
  for (int64_t i = 1; i <= 3; ++i) {
    report.curve.push_back(
        {i * 10'000,
         kApril + i * kDay,
         {{{"roc_auc", 0.8 + 0.05 * static_cast<double>(i)}}, {{"roc_auc", 0.5}}}});
  }
  report.drift = {
      {kApril + 2 * kDay, 21'000, "adwin", "error", "alert", "tx-7", 0.01, 0.02, 0.01, false}};
  report.records = {{"read", 30'010}, {"scored", 30'000}, {"rejected", 10}};
  report.rejects = {{"bad_number", 10}};
  report.labels = {{"predicted", 30'000}, {"matched", 29'000}, {"expired", 400}, {"pending", 600},
                   {"early", 1},          {"late", 2},         {"duplicate", 3}, {"orphan", 4}};
  report.first = kApril;
  report.last = kApril + 3 * kDay;
  report.digest = "00ff";
  report.memory_bytes = 3 << 20;
  return report;
}

TEST(ReportTextTest, NumbersAndTimesAreWrittenOneWay) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
  EXPECT_EQ(FormatCount(-1234), "-1,234");
  EXPECT_EQ(FormatMetric(0.5, "-"), "0.5000");
  EXPECT_EQ(FormatMetric(-0.00001, "-"), "0.0000");
  EXPECT_EQ(FormatMetric(0.00001, "-"), "1.0e-05");
  EXPECT_EQ(FormatMetric(kNan, "none"), "none");
  EXPECT_EQ(FormatBytes(512), "512 bytes");
  EXPECT_EQ(FormatBytes(3 << 20), "3.0 MiB");
  EXPECT_EQ(FormatTime(kApril), "2018-04-01T00:00:00Z");
  EXPECT_EQ(FormatTime(kApril + 1'500'000), "2018-04-01T00:00:01.5Z");
  EXPECT_EQ(FormatTime(EventTime{-1}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatTime(EventTime{}), "-");
}

TEST(ReportTextTest, EveryMetricHasALabelAndADirection) {
  for (const std::string_view name : MetricNames()) {
    EXPECT_FALSE(MetricLabel(name).empty()) << name;
  }
  for (const auto task :
       {EvaluationTask::kBinary, EvaluationTask::kMulticlass, EvaluationTask::kRegression}) {
    const MetricValues values = MakeEvaluator(task, {})->Values(View::kCumulative);
    for (const auto names : {TableMetrics(task), CurveMetrics(task), KeyMetrics(task)}) {
      for (const std::string_view name : names) {
        EXPECT_TRUE(std::any_of(values.begin(), values.end(), [&](const auto& v) {
          return v.first == name;
        })) << name;
      }
    }
  }
  EXPECT_TRUE(IsBetter(BetterDirection("log_loss"), 0.1, 0.2));
  EXPECT_TRUE(IsBetter(BetterDirection("roc_auc"), 0.9, kNan));
  EXPECT_FALSE(IsBetter(BetterDirection("roc_auc"), kNan, 0.9));
}

TEST(ReportTextTest, EscapingLeavesNoMarkupAndNoBadBytes) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
  EXPECT_EQ(EscapeHtml("\xC3\xA9"), "\xC3\xA9");
  EXPECT_EQ(EscapeHtml("a\x01"), "a\xEF\xBF\xBD");
  EXPECT_EQ(ValidUtf8("\xC3("), "\xEF\xBF\xBD(");
  EXPECT_EQ(ValidUtf8("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(ValidUtf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // A surrogate.
  EXPECT_EQ(ValidUtf8("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // Overlong.
}

TEST(ReportChartTest, TicksAreRoundAndInsideTheLimits) {
  EXPECT_THAT(RoundTicks(0, 1, 5),
              ElementsAre(0, ::testing::DoubleEq(0.2), ::testing::DoubleEq(0.4),
                          ::testing::DoubleNear(0.6, 1e-12), ::testing::DoubleEq(0.8), 1));
  EXPECT_THAT(RoundTicks(3, 3, 5), ElementsAre());
  EXPECT_THAT(RoundTicks(0.1, std::nextafter(0.1, 1), 5), ElementsAre());
  EXPECT_THAT(RoundTicks(-1e300, std::nextafter(-1e300, 0), 5), ElementsAre());
  EXPECT_EQ(TickLabel(0.2, 0.2), "0.2");
  EXPECT_EQ(TickLabel(0.25, 0.05), "0.25");
  EXPECT_EQ(TickLabel(200'000, 100'000), "200k");
  EXPECT_EQ(TickLabel(1'500'000, 500'000), "1.5M");
  EXPECT_EQ(TickLabel(-1e-17, 0.1), "0");
}

TEST(RenderTableTest, ShowsModelsThenBaselinesThenTheAccounts) {
  const std::string table = RenderTable(Sample());
  const size_t model = table.find("* linear"), rule = table.find("-----"),
               baseline = table.find("  prior"), account = table.find("labels    predicted");
  ASSERT_NE(model, std::string::npos);
  EXPECT_LT(model, rule);
  EXPECT_LT(rule, baseline);
  EXPECT_LT(baseline, account);
  EXPECT_THAT(table, HasSubstr("predicted 30,000 = matched 29,000 + expired 400 + pending 600\n"));
  EXPECT_THAT(table, HasSubstr("early 1, late 2, duplicate 3, orphan 4\n"));
  EXPECT_THAT(table, HasSubstr("rejects   bad_number 10\n"));
  EXPECT_THAT(table, HasSubstr("drift     1 found, 0 warnings\n"));
  EXPECT_THAT(table, HasSubstr("record       tx-7 adwin of error: mean 0.0100 -> 0.0200, alert\n"));
  EXPECT_THAT(table, HasSubstr("digest 00ff"));
  EXPECT_THAT(table, Not(HasSubstr("nan")));
}

TEST(RenderTableTest, ColumnsLineUp) {
  const std::string table = RenderTable(Sample());
  size_t head = table.find("all labels"), row = table.find("* linear");
  EXPECT_EQ(table.find('\n', head) - head, table.find('\n', row) - row);
}

TEST(RenderTableTest, ControlCharactersCannotBreakLines) {
  Report report = Sample();
  report.rejects = {{"bad\x1b[2J\nreason", 1}};
  EXPECT_THAT(RenderTable(report), HasSubstr("bad?[2J?reason 1"));
}

TEST(RenderJsonTest, ParsesAndHoldsTheValues) {
  const boost::json::value json = boost::json::parse(RenderJson(Sample()));
  EXPECT_EQ(json.at("pipeline").as_string(), "card-fraud");
  EXPECT_EQ(json.at("task").as_string(), "binary");
  EXPECT_EQ(json.at("first").as_string(), "2018-04-01T00:00:00Z");
  EXPECT_EQ(json.at("labels").at("expired").as_int64(), 400);
  const boost::json::value& row = json.at("rows").at(0);
  EXPECT_TRUE(row.at("serves").as_bool());
  EXPECT_EQ(row.at("cumulative").at("roc_auc").as_double(), 0.9375);
  EXPECT_TRUE(row.at("cumulative").at("precision_at_k").is_null());
  EXPECT_EQ(row.at("precision_recall").at(1).at(1).as_double(), 0.5);
  EXPECT_EQ(row.at("summary").at("type").as_string(), "logistic_regression");
  EXPECT_EQ(json.at("curve").at(2).at("labels").as_int64(), 30'000);
  EXPECT_EQ(json.at("curve").at(2).at("rows").at(1).at("roc_auc").as_double(), 0.5);
  EXPECT_EQ(json.at("drift").at(0).at("kind").as_string(), "drift");
  EXPECT_EQ(json.at("digest").as_string(), "00ff");
}

TEST(RenderJsonTest, IsValidForForeignBytesAndInfinities) {
  Report report = Sample();
  report.drift[0].record_id = "\xFF\"\\\n";
  report.drift[0].statistic = std::numeric_limits<double>::infinity();
  report.first = EventTime{};
  const boost::json::value json = boost::json::parse(RenderJson(report));
  EXPECT_EQ(json.at("drift").at(0).at("record").as_string(), "\xEF\xBF\xBD\"\\\n");
  EXPECT_TRUE(json.at("drift").at(0).at("statistic").is_null());
  EXPECT_TRUE(json.at("first").is_null());
}

TEST(RenderTest, ClustersAreShownWhereThereAreAny) {
  Report report = Sample();
  for (const auto& render : {RenderTable, RenderJson, RenderHtml}) {
    EXPECT_THAT(render(report), Not(HasSubstr("segments")));
  }
  EXPECT_THAT(RenderJson(report), Not(HasSubstr("\"clusters\"")));
  report.clusters = {{"segments<",
                      500,
                      {{"inertia", 1.25},
                       {"window_inertia", 1.5},
                       {"silhouette", 0.625},
                       {"davies_bouldin", kNan},
                       {"calinski_harabasz", 321.5},
                       {"clusters", 4}},
                      {{"records", "1000"}}}};
  const std::string table = RenderTable(report);
  EXPECT_THAT(table,
              HasSubstr("segments<    1.2500    1.5000    0.6250         -    321.50         "
                        "4       500\n"));
  const auto parsed = boost::json::parse(RenderJson(report));
  const auto& row = parsed.at("clusters").at(0);
  EXPECT_EQ(row.at("name").as_string(), "segments<");
  EXPECT_EQ(row.at("sampled").as_int64(), 500);
  EXPECT_EQ(row.at("values").at("silhouette").to_number<double>(), 0.625);
  EXPECT_TRUE(row.at("values").at("davies_bouldin").is_null());
  EXPECT_EQ(row.at("summary").at("records").as_string(), "1000");
  const std::string page = RenderHtml(report);
  EXPECT_THAT(page, HasSubstr("<h2>Clusters</h2>"));
  EXPECT_THAT(page, HasSubstr("segments&lt;"));
}

TEST(RenderTest, WallTimeReachesTheHtmlOnly) {
  Report slow = Sample();
  slow.seconds = 123.4;
  EXPECT_EQ(RenderTable(slow), RenderTable(Sample()));
  EXPECT_EQ(RenderJson(slow), RenderJson(Sample()));
  EXPECT_THAT(RenderHtml(slow), HasSubstr("123.4 s"));
  EXPECT_EQ(RenderHtml(Sample()), RenderHtml(Sample()));
}

TEST(RenderHtmlTest, HoldsEveryPartAndNothingFromElsewhere) {
  const std::string html = RenderHtml(Sample());
  for (const char* part :
       {"ROC AUC of linear", "Over time", "All labels", "Last window", "Precision and recall",
        "Calibration", "Label account", "Drift", "Rejects", "Models", "State digest"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_THAT(html, HasSubstr("0.4375 better</span><br>than prior at 0.5000"));
  EXPECT_THAT(html, HasSubstr("<b>29,000</b> matched"));
  EXPECT_THAT(html, HasSubstr("drift of adwin on error"));  // The mark on the curve.
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme"));
  for (const char* foreign : {"src=", "@import", "<link", "<img", "url(http", "nan"}) {
    EXPECT_THAT(html, Not(HasSubstr(foreign)));
  }
}

TEST(RenderHtmlTest, EveryChartIsDescribed) {
  const std::string html = RenderHtml(Sample());
  size_t charts = 0, titles = 0;
  for (size_t at = 0; (at = html.find("role=\"img\"", at)) != std::string::npos; ++at) ++charts;
  for (size_t at = 0; (at = html.find("<desc id=", at)) != std::string::npos; ++at) ++titles;
  EXPECT_EQ(charts, 3u);  // One curve, precision-recall, calibration.
  EXPECT_EQ(titles, charts);
}

Report::TimeChart Effect() {
  Report::TimeChart chart;
  chart.title = "offer: converted";
  chart.description = "An effect.";
  chart.y_label = "effect, %";
  chart.lines.push_back({"effect", 0, {}});
  for (int64_t day = 0; day < 4; ++day) {
    const double wide =
        day == 0 ? std::numeric_limits<double>::infinity() : 30 / static_cast<double>(day);
    chart.lines[0].points.emplace_back(kApril + day * kDay, 10);
    chart.reach.push_back({kApril + day * kDay, 10 - wide, 10 + wide});
  }
  chart.lines.push_back({"no effect", -1, {{kApril, 0}, {kApril + 3 * kDay, 0}}});
  chart.marks = {{kApril + 2 * kDay, "ship, effect +0.1", false},
                 {kApril + 9 * kDay, "after the end", true}};
  return chart;
}

TEST(RenderHtmlTest, ValuesThatDifferInTheLastBitsAreDrawnAsOne) {
  Report report = Sample();
  double value = 0.8;
  for (Report::CurveSample& sample : report.curve) {
    for (MetricValues& row : sample.rows) {
      value = std::nextafter(value, 1);
      row = {{"roc_auc", value}};
    }
  }
  EXPECT_THAT(RenderHtml(report), HasSubstr(">0.80</text>"));
}

TEST(RenderHtmlTest, AnExperimentIsDrawnOverTime) {
  Report report = Sample();
  report.experiments.push_back({"experiment offer\n  1 < 2\n", "{}", {Effect()}});
  const std::string html = RenderHtml(report);
  EXPECT_THAT(html, HasSubstr("offer: converted"));
  EXPECT_THAT(html, HasSubstr(">experiment offer\n  1 &lt; 2\n</pre>"));
  EXPECT_THAT(html, HasSubstr("ship, effect +0.1"));
  EXPECT_THAT(html, Not(HasSubstr("after the end")));
  EXPECT_THAT(html, Not(HasSubstr("inf")));
  // The band goes over the three days whose intervals are finite, there and back.
  const size_t band = html.find("<path class=\"band s0\" d=\"M");
  ASSERT_NE(band, std::string::npos);
  const std::string path = html.substr(band, html.find("/>", band) - band);
  EXPECT_EQ(std::count(path.begin(), path.end(), 'L'), 5);
  EXPECT_EQ(std::count(path.begin(), path.end(), 'Z'), 1);
  EXPECT_THAT(html, HasSubstr("class=\"line b0\""));
}

TEST(RenderHtmlTest, EscapesAllTextFromOutside) {
  const std::string evil = "</script><script>alert(1)</script>&'\"";
  Report report = Sample();
  report.pipeline = evil;
  for (Report::Row& row : report.rows) row.name = evil;
  report.rows[0].summary = {{evil, evil}};
  report.drift[0].detector = report.drift[0].on = report.drift[0].action =
      report.drift[0].record_id = evil;
  report.records.emplace_back(evil, 1);
  report.rejects.emplace_back(evil, 1);
  report.labels.emplace_back(evil, 1);
  report.digest = evil;
  const std::string html = RenderHtml(report);
  EXPECT_THAT(html, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, HasSubstr("&lt;/script&gt;&lt;script&gt;alert(1)"));
}

TEST(RenderHtmlTest, ScriptDataIsJson) {
  const std::string html = RenderHtml(Sample());
  const std::string open = "<script type=\"application/json\">";
  const size_t start = html.find(open) + open.size();
  const boost::json::value data =
      boost::json::parse(html.substr(start, html.find("</script>", start) - start));
  EXPECT_EQ(data.at("x").as_array().size(), 3u);
  EXPECT_EQ(data.at("rows").at(0).at("values").at(2).as_string(), "0.9500");
  EXPECT_EQ(data.at("at").at(0).as_string(), "10,000 labels, 2018-04-02");
}

TEST(RenderTest, AnEmptyReportIsStillWhole) {
  for (const auto task :
       {EvaluationTask::kBinary, EvaluationTask::kMulticlass, EvaluationTask::kRegression}) {
    Report report;
    report.task = task;
    EXPECT_THAT(RenderTable(report), HasSubstr("digest -"));
    EXPECT_TRUE(boost::json::parse(RenderJson(report)).is_object());
    EXPECT_THAT(RenderHtml(report), HasSubstr("</html>"));
    report = Sample();
    report.task = task;  // Metrics of another task: shown as undefined.
    report.curve.resize(1);
    EXPECT_THAT(RenderHtml(report), Not(HasSubstr("nan")));
  }
}

}  // namespace
}  // namespace leat
