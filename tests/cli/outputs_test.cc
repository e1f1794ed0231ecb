// docs/outputs.md names every member that a run writes.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <set>
#include <sstream>

#include "cli/fixture.h"

namespace leat {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// One section of the page, from its heading to the next of the same rank.
std::string Section(const std::string& title) {
  const std::string page = Slurp("docs/outputs.md");
  const size_t at = page.find("\n## " + title + "\n");
  EXPECT_NE(at, std::string::npos) << title;
  return at == std::string::npos ? std::string() : page.substr(at, page.find("\n## ", at + 1) - at);
}

/// Collects the members of lines that a section does not name.
class Members {
 public:
  explicit Members(const std::string& title) : title_(title), section_(Section(title)) {}

  const std::string& title() const { return title_; }

  void Need(std::string name) {
    if (const size_t dot = name.find('.'); dot != std::string::npos) name.replace(0, dot, "NAME");
    if (name.ends_with("_lo") || name.ends_with("_hi")) name.resize(name.size() - 3);  // Intervals.
    if (section_.find('`' + name + '`') == std::string::npos) unnamed_.insert(name);
  }
  /// `free`: of an object whose members are the user's own names.
  void Walk(const json::value& value, bool free = false) {
    if (const json::array* const list = value.if_array()) {
      for (const json::value& item : *list) Walk(item);
    }
    const json::object* const object = value.if_object();
    if (object == nullptr) return;
    for (const auto& member : *object) {
      const std::string name(member.key());
      if (!free && own_.count(name) == 0) Need(name);
      if (name == "event") kinds_.emplace(member.value().as_string());
      if (elsewhere_.count(name) == 0) Walk(member.value(), named_by_user_.count(name) > 0);
    }
  }
  /// A name that the configuration chose.
  void Own(const std::string& name) { own_.insert(name); }
  void WalkLines(const fs::path& path) {
    std::istringstream lines(Slurp(path));
    for (std::string line; std::getline(lines, line);) Walk(json::parse(line));
  }
  /// Those of events.
  const std::set<std::string>& kinds() const { return kinds_; }
  const std::set<std::string>& unnamed() const { return unnamed_; }

 private:
  const std::string title_, section_;
  const std::set<std::string> named_by_user_ = {"models", "variants", "chosen", "probabilities"};
  /// What they hold is named by other pages, or by another section of this one.
  const std::set<std::string> elsewhere_ = {"cumulative", "window",  "fading",      "summary",
                                            "values",     "rejects", "experiments", "curve"};
  std::set<std::string> own_, unnamed_, kinds_;
};

class Outputs : public Cli {
 protected:
  /// Replays and looks at everything that came out.
  void Check(const std::string& config, const std::string& log) {
    const Ran ran = Leat("replay " + config + " --json --input " + log + " --output " + Path("o"));
    ASSERT_EQ(ran.code, 0) << config << ": " << ran.err;
    report_.Walk(json::parse(ran.out));
    events_.WalkLines(Path("o/events.jsonl"));
    metrics_.WalkLines(Path("o/metrics.jsonl"));
    rejects_.WalkLines(Path("o/rejects.jsonl"));
    if (fs::exists(Path("o/predictions.jsonl"))) {
      predictions_.WalkLines(Path("o/predictions.jsonl"));
    }
    std::istringstream header(Slurp(Path("o/predictions.csv")));
    std::string line, column;
    std::getline(header, line);
    for (std::istringstream columns(line); std::getline(columns, column, ',');) {
      predictions_.Walk(json::object{{column, nullptr}});
    }
    fs::remove_all(Path("o"));
  }

  Members predictions_{"Predictions"}, events_{"Events"}, metrics_{"Metrics"}, rejects_{"Rejects"},
      report_{"The report"};
};

/// Two models that differ by record, clusters, regions, requests, a bandit: over the card log,
/// whose labels are taken for names of classes.
constexpr const char* kEverything = R"(
name: everything
source: {file: cards.csv}
record:
  id: transaction_id
  time: tx_datetime
  late: reject
  fields: {customer_id: id, tx_amount: {type: number, min: 1}}
label: {field: tx_fraud, type: category}
features:
  high: tx_amount > 100
  low: tx_amount < 20
models:
  linear: {type: logistic_regression, features: [tx_amount], coverage: 0.9, min_labels: 10}
  tree: {type: hoeffding_tree, features: [tx_amount], ask: random, min_labels: 10}
  groups: {type: kmeans, features: [tx_amount], quality: true}
drift:
  - {detector: ewma_chart, on: error, then: alert}
experiments:
  who:
    unit: customer_id
    variants: {one: {weight: 1, model: linear}, other: {weight: 1, model: tree}}
    log_exposures: true
    every: 5d
    metrics:
      spent: {of: tx_amount, window: 1d, role: primary, method: group_sequential}
bandits:
  pick: {actions: [x, y], policy: epsilon_greedy, rewards: {x: high, y: low}, candidates: [ucb1]}
evaluation: {every: 1000}
sinks:
  predictions: {file: predictions.jsonl, features: [high]}
)";

constexpr const char* kNumbers = R"(
name: numbers
source: {file: cards.csv}
record:
  time: tx_datetime
  fields: {terminal_id: number}
label: {field: tx_amount, type: number}
models:
  linear: {type: linear_regression, coverage: 0.9}
  tree: {type: hoeffding_regression_tree}
)";

TEST_F(Outputs, AreNamedByThePageMemberByMember) {
  for (const char* own :
       {"transaction_id", "amount_ratio", "outliers_7d", "terminal_fraud_run", "high"}) {
    predictions_.Own(own);
  }
  metrics_.Own("country");  // A dimension of segments.
  const std::string cards = Log();
  Check("examples/fraud/fraud.yaml", cards);
  Write("everything.yaml", kEverything);
  Check(Path("everything.yaml"), cards);
  Write("numbers.yaml", kNumbers);
  Check(Path("numbers.yaml"), cards);
  const std::string visits = Path("visits.csv");
  ASSERT_EQ(
      Leat("generate shop --rows 30000 --interval 30s --start 2026-03-01 --output " + visits).code,
      0);
  for (const char* config : {"experiment/shop", "experiment/rollout", "bandit/offers"}) {
    Check("examples/" + std::string(config) + ".yaml", visits);
  }
  EXPECT_THAT(events_.kinds(), ElementsAre("decision", "drift", "experiment", "exposure",
                                           "label_request", "warning"));
  for (const std::string& kind : events_.kinds()) events_.Need(kind);
  for (const Members* members : {&predictions_, &events_, &metrics_, &rejects_, &report_}) {
    EXPECT_THAT(members->unnamed(), IsEmpty()) << members->title();
  }
}

}  // namespace
}  // namespace leat
