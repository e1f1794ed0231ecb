// A state follows some changes of its configuration, and refuses the others with what differs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "cli/fixture.h"

namespace leat {
namespace {

class Change : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    base_ = Slurp("examples/fraud/fraud.yaml");
    Replace(base_, "predictions.csv", "predictions.jsonl");
    Replace(base_, "warmup: 80000", "warmup: 2000");
    log_ = Log(12'000);
  }
  static void Replace(std::string& text, const std::string& what, const std::string& by) {
    const size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    text.replace(at, what.size(), by);
  }
  std::string With(const std::string& what, const std::string& by) const {
    std::string text = base_;
    Replace(text, what, by);
    return text;
  }
  Ran Run(const std::string& config, const std::string& name, const std::string& more = {}) {
    Write("pipeline.yaml", config);
    return Leat(fmt::format("run {} --json --input {} --output {} --state {} {}",
                            Path("pipeline.yaml"), log_, Path(name), Path(name + "-state"), more));
  }
  std::string Predictions(const std::string& name) {
    return Slurp(Path(name) + "/predictions.jsonl");
  }
  static std::string DigestOf(const Ran& ran) {
    return std::string(boost::json::parse(ran.out).at("digest").as_string());
  }
  /// What `key` says in each line; every line must have it.
  static std::vector<double> Scores(const std::string& predictions, const std::string& key) {
    std::vector<double> scores;
    std::istringstream lines(predictions);
    for (std::string line; std::getline(lines, line);) {
      scores.push_back(boost::json::parse(line).at(key).to_number<double>());
    }
    return scores;
  }

  static constexpr const char* kBayes = "  bayes:\n    type: gaussian_nb\n";
  std::string base_, log_;
};

TEST_F(Change, AModelMayBeAddedAndTheOthersDoNotNotice) {
  const std::string more = With(kBayes,
                                "  second:\n    type: hoeffding_tree\n"
                                "    features: [amount_ratio, since_terminal_fraud]\n" +
                                    std::string(kBayes));
  const Ran whole = Run(base_, "whole");
  ASSERT_EQ(whole.code, 0) << whole.err;
  ASSERT_EQ(Run(base_, "added", "--max-records 6000").code, 0);
  const Ran grown = Run(more, "added");
  ASSERT_EQ(grown.code, 0) << grown.err;
  EXPECT_NE(grown.err.find("the model 'second' is new"), std::string::npos) << grown.err;
  EXPECT_NE(grown.out.find("\"second\""), std::string::npos);
  const auto expected = Scores(Predictions("whole"), "score");
  ASSERT_EQ(expected.size(), 12'000u);
  EXPECT_EQ(Scores(Predictions("added"), "score"), expected);
  EXPECT_EQ(Scores(Predictions("added"), "tree.score"), Scores(Predictions("whole"), "tree.score"));
  // Killed and recovered, it is the same.
  ASSERT_EQ(Run(base_, "killed", "--max-records 6000").code, 0);
  Write("pipeline.yaml", more);
  EXPECT_EQ(Leat(fmt::format("run {} --input {} --output {} --state {}", Path("pipeline.yaml"),
                             log_, Path("killed"), Path("killed-state")),
                 "LEAT_CRASH=after_journal:1")
                .code,
            137);
  const Ran recovered = Run(more, "killed");
  ASSERT_EQ(recovered.code, 0) << recovered.err;
  EXPECT_EQ(DigestOf(recovered), DigestOf(grown));
  EXPECT_EQ(Predictions("killed"), Predictions("added"));
}

TEST_F(Change, AModelMayGoAndADetectorMayComeAndGo) {
  const Ran whole = Run(base_, "whole");
  ASSERT_EQ(Run(base_, "gone", "--max-records 6000").code, 0);
  const std::string less = With(std::string(kBayes) +
                                    "    features: [tx_amount, amount_ratio, outliers_7d, "
                                    "terminal_risk_28d, terminal_fraud_run]\n",
                                "");
  const Ran ran = Run(less, "gone");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("the model 'bayes' is gone"), std::string::npos) << ran.err;
  EXPECT_EQ(Scores(Predictions("gone"), "score"), Scores(Predictions("whole"), "score"));

  ASSERT_EQ(Run(base_, "drift", "--max-records 6000").code, 0);
  const Ran changed = Run(With("delta: 0.0001", "delta: 0.001"), "drift");
  ASSERT_EQ(changed.code, 0) << changed.err;
  EXPECT_NE(changed.err.find("detectors are new"), std::string::npos) << changed.err;
}

TEST_F(Change, LogsThatAreMergedMustBeAsManyAsBefore) {
  for (const std::string name : {"a", "b", "c"}) {
    std::string rows = "id,at,x,y\n";
    for (int i = 0; i < 200; ++i) rows += fmt::format("{}{},{},{},{}\n", name, i, i, i % 7, i % 2);
    Write(name + ".csv", rows);
  }
  const auto run = [&](const std::string& logs) {
    Write("merged.yaml",
          fmt::format(
              "source: {{file: {}{}}}\n"
              "record: {{id: id, time: {{field: at, format: epoch_s}}, fields: {{x: number}}}}\n"
              "label: {{field: y}}\n"
              "models: {{bayes: {{type: gaussian_nb}}}}\n",
              Path("a.csv"), logs));
    return Leat(fmt::format("run {} --output {} --state {} --max-records 150", Path("merged.yaml"),
                            Path("merged"), Path("merged-state")));
  };
  const std::string one = ", also: [" + Path("b.csv") + "]";
  const std::string two = ", also: [" + Path("b.csv") + ", " + Path("c.csv") + "]";
  ASSERT_EQ(run(one).code, 0);
  for (const std::string& other : {std::string(), two}) {
    const Ran refused = run(other);
    EXPECT_EQ(refused.code, 4) << refused.err;
    EXPECT_NE(refused.err.find("logs: 2"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(run(one).code, 0);
}

TEST_F(Change, OtherColumnsNeedAnotherFile) {
  std::string csv = base_;
  Replace(csv, "predictions.jsonl", "predictions.csv");
  ASSERT_EQ(Run(csv, "columns", "--max-records 6000").code, 0);
  std::string more = csv;
  Replace(more, "features: [amount_ratio, outliers_7d, terminal_fraud_run]}",
          "features: [amount_ratio]}");
  const Ran refused = Run(more, "columns");
  EXPECT_EQ(refused.code, 4) << refused.err;
  EXPECT_NE(refused.err.find("columns"), std::string::npos) << refused.err;
  Replace(more, "predictions.csv", "predictions-2.csv");
  const Ran ran = Run(more, "columns");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string second = Slurp(Path("columns") + "/predictions-2.csv");
  EXPECT_EQ(std::count(second.begin(), second.end(), '\n'), 6001) << "a header and the rest";
}

TEST_F(Change, AnythingElseIsRefusedAndTheLogMayBeTakenAgain) {
  const std::string other = With("over: 35d", "over: 14d");
  const std::string first_half = [&] {
    EXPECT_EQ(Run(base_, "window", "--max-records 6000").code, 0);
    return Predictions("window");
  }();
  const Ran refused = Run(other, "window");
  EXPECT_EQ(refused.code, 4);
  for (const char* part : {"35d", "14d", "--rebuild", "--fresh"}) {
    EXPECT_NE(refused.err.find(part), std::string::npos) << part << "\n" << refused.err;
  }
  const std::string changed_model = With("grace_period: 500", "grace_period: 400");
  const Ran model = Run(changed_model, "window");
  EXPECT_EQ(model.code, 4);
  EXPECT_NE(model.err.find("another name"), std::string::npos) << model.err;

  // What was put out stays; the state is as if the new configuration had always been there.
  const Ran rebuilt = Run(other, "window", "--rebuild");
  ASSERT_EQ(rebuilt.code, 0) << rebuilt.err;
  const Ran anew = Run(other, "anew");
  EXPECT_EQ(DigestOf(rebuilt), DigestOf(anew));
  const std::string all = Predictions("window"), of_other = Predictions("anew");
  EXPECT_EQ(all.substr(0, first_half.size()), first_half);
  const auto scores = Scores(all, "score"), expected = Scores(of_other, "score");
  ASSERT_EQ(scores.size(), 12'000u);
  EXPECT_TRUE(std::equal(scores.begin() + 6000, scores.end(), expected.begin() + 6000));
}

TEST_F(Change, ALostStateIsBuiltAgainFromTheLog) {
  const Ran whole = Run(base_, "whole");
  ASSERT_EQ(Run(base_, "lost", "--max-records 6000").code, 0);
  fs::remove_all(Path("lost-state/store"));
  EXPECT_EQ(Run(base_, "lost").code, 4);
  const Ran rebuilt = Run(base_, "lost", "--rebuild");
  ASSERT_EQ(rebuilt.code, 0) << rebuilt.err;
  EXPECT_EQ(DigestOf(rebuilt), DigestOf(whole));
  EXPECT_EQ(Predictions("lost"), Predictions("whole"));
}

}  // namespace
}  // namespace leat
