// Models out of a state folder and into another, through the real binary.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "cli/fixture.h"
#include "runtime/model_file.h"

namespace leat {
namespace {

constexpr const char* kFraud = "examples/fraud/fraud.yaml";

/// A pipeline over `id,time,channel,amount,kind`; `models` and `label` are filled in.
std::string Small(const std::string& models, const std::string& label = "") {
  return "name: small\n"
         "source: {file: log.csv}\n"
         "record:\n"
         "  id: id\n"
         "  time: time\n"
         "  fields: {channel: category, amount: number}\n"
         "label: " +
         (label.empty() ? "{field: kind, type: category}" : label) + "\nmodels:\n" + models;
}

/// Rows whose channel and kind take turns in the lists.
std::string SmallLog(const std::vector<std::string>& channels,
                     const std::vector<std::string>& kinds, int rows = 400) {
  std::string log = "id,time,channel,amount,kind\n";
  for (int i = 0; i < rows; ++i) {
    log += fmt::format("{},2020-01-01T{:02}:{:02}:00Z,{},{},{}\n", i, i / 60, i % 60,
                       channels[static_cast<size_t>(i) % channels.size()], i % 17,
                       kinds[static_cast<size_t>(i) % kinds.size()]);
  }
  return log;
}

class Models : public Cli {
 protected:
  /// Runs a pipeline into the folder `name`.
  Ran Run(const std::string& config, const std::string& log, const std::string& name,
          const std::string& more = {}, const std::string& before = {}) {
    return Leat(fmt::format("run {} --json -q --input {} --output {} --state {} {}", config, log,
                            Path(name + "-out"), Path(name), more),
                before);
  }
  Ran Export(const std::string& state, const std::string& model, const std::string& file) {
    return Leat(
        fmt::format("model export {} --model {} --output {}", Path(state), model, Path(file)));
  }
  Ran Import(const std::string& state, const std::string& model, const std::string& file,
             const std::string& more = {}) {
    return Leat(
        fmt::format("model import {} {} --model {} {}", Path(state), Path(file), model, more));
  }
  std::string Digest(const std::string& state) {
    const Ran ran = Leat("inspect --digest " + Path(state));
    EXPECT_EQ(ran.code, 0) << ran.err;
    return ran.out;
  }
  ModelState Read(const std::string& file) {
    auto read = ReadModelFile(PosixFiles(), Path(file));
    EXPECT_TRUE(read.ok()) << read.status().message();
    return read.ok() ? std::move(read).value().model : ModelState();
  }
  void SmallState(const std::string& name, const std::string& config, const std::string& log) {
    Write(name + ".yaml", config);
    Write(name + ".csv", log);
    const Ran ran = Run(Path(name + ".yaml"), Path(name + ".csv"), name);
    ASSERT_EQ(ran.code, 0) << ran.err;
  }
};

TEST_F(Models, ShowTheirTrees) {
  SmallState("s",
             Small("  tree: {type: hoeffding_tree, grace_period: 50, calibrate: beta}\n"
                   "  bayes: {type: naive_bayes}\n"),
             SmallLog({"web", "shop"}, {"good", "bad"}));
  const Ran text = Leat("model show " + Path("s") + " --model tree");
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(text.out.substr(0, 4), "all\n") << text.out;
  EXPECT_NE(text.out.find("channel = 0: class 0"), std::string::npos) << text.out;
  const Ran json = Leat("model show " + Path("s") + " --model tree --format json");
  EXPECT_EQ(boost::json::parse(json.out).at("if").as_string(), "all");
  const Ran dot = Leat("model show " + Path("s") + " --model tree --format graphviz");
  EXPECT_EQ(dot.out.substr(0, 14), "digraph tree {");
  const Ran none = Leat("model show " + Path("s") + " --model bayes");
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("no trees or weights"), std::string::npos) << none.err;
  EXPECT_EQ(Leat("model show " + Path("s") + " --model tree --format xml").code, 2);
}

/// The sums of a linear model, as JSON shows them: by class, the weight of each input.
using Sums = std::map<std::string, std::vector<std::pair<std::string, double>>>;
Sums ReadSums(const Ran& ran) {
  Sums sums;
  EXPECT_EQ(ran.code, 0) << ran.err;
  if (ran.code != 0) return sums;
  const boost::json::value shown = boost::json::parse(ran.out);
  for (const auto& sum : shown.as_array()) {
    const auto& object = sum.as_object();
    EXPECT_TRUE(object.at("constant").is_number());
    const auto* const of = object.if_contains("class");
    auto& weights = sums[of == nullptr ? "" : std::string(of->as_string())];
    for (const auto& weight : object.at("weights").as_array()) {
      weights.emplace_back(weight.at("input").as_string(), weight.at("weight").to_number<double>());
    }
    EXPECT_TRUE(std::is_sorted(weights.begin(), weights.end(), [](const auto& a, const auto& b) {
      return std::abs(a.second) > std::abs(b.second);
    })) << ran.out;
  }
  return sums;
}

// It was refused, since there are no trees.
TEST_F(Models, ShowTheWeightsOfTheirInputs) {
  SmallState("s",
             Small("  linear: {type: logistic_regression, scale: standard, calibrate: beta}\n"
                   "  curved: {type: logistic_regression, features: [amount], "
                   "fourier_features: 10}\n"),
             SmallLog({"web", "shop"}, {"good", "bad"}));
  const std::string show = "model show " + Path("s") + " --model ";
  const Sums two = ReadSums(Leat(show + "linear --format json"));
  ASSERT_EQ(two.size(), 1u) << "one sum tells two classes apart";
  const std::map<std::string, double> bad(two.at("bad").begin(), two.at("bad").end());
  EXPECT_GT(bad.at("channel = shop"), 0);
  EXPECT_LT(bad.at("channel = web"), 0);
  EXPECT_LT(std::abs(bad.at("amount")), bad.at("channel = shop"));
  EXPECT_EQ(Leat(show + "linear --json").out, Leat(show + "linear --format json").out);
  const Ran text = Leat(show + "linear");
  EXPECT_EQ(text.out.find("weights in favour of bad\n  (constant)"), 0u) << text.out;
  EXPECT_NE(text.out.find("\n  channel = shop  "), std::string::npos) << text.out;
  EXPECT_EQ(Leat(show + "linear --format graphviz").code, 2);
  EXPECT_EQ(Leat(show + "curved").code, 2) << "its weights are of cosines";

  SmallState("more", Small("  linear: {type: logistic_regression}\n"),
             SmallLog({"web", "shop", "phone"}, {"a", "b", "c"}));
  const Sums three = ReadSums(Leat("model show " + Path("more") + " --model linear --json"));
  ASSERT_EQ(three.size(), 3u);
  const std::map<std::string, double> c(three.at("c").begin(), three.at("c").end());
  EXPECT_GT(c.at("channel = phone"), c.at("channel = web"));

  SmallState("numbers",
             Small("  groups: {type: kmeans, clusters: 2, features: [amount]}\n"
                   "  linear: {type: linear_regression, features: [amount], distances_of: groups}\n"
                   "  exact: {type: bayesian_linear_regression, features: [amount]}\n",
                   "{field: kind, type: number}"),
             SmallLog({"web"}, {"1", "2"}));
  const Sums linear = ReadSums(Leat("model show " + Path("numbers") + " --model linear --json"));
  std::set<std::string> names;
  for (const auto& [input, weight] : linear.at("")) names.insert(input);
  EXPECT_EQ(names, (std::set<std::string>{"amount", "groups.distance_0", "groups.distance_1"}));
  EXPECT_EQ(ReadSums(Leat("model show " + Path("numbers") + " --model exact --json")).at("").size(),
            1u);
  EXPECT_EQ(Leat("model show " + Path("numbers") + " --model exact").out.find("weights\n"), 0u);
}

TEST_F(Models, AreListed) {
  ASSERT_EQ(Run(kFraud, Log(), "s").code, 0);
  const Ran ran = Leat("model list " + Path("s"));
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("* linear"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("hoeffding_tree"), std::string::npos) << ran.out;
  EXPECT_EQ(Export("s", "forest", "x").code, 2);
  EXPECT_NE(Export("s", "forest", "x").err.find("linear, tree, bayes"), std::string::npos);
  EXPECT_EQ(Leat("model").code, 2);
}

TEST_F(Models, ImportedBackTheyLeaveTheDigestAndTheRunGoesOnAsItWould) {
  const std::string log = Log();
  // A background learner may stand by: it goes along.
  std::string config = Slurp(kFraud);
  const std::string alert = "{detector: adwin, on: error, delta: 0.002, then: alert}";
  ASSERT_NE(config.find(alert), std::string::npos);
  config.replace(config.find(alert), alert.size(), "{detector: ddm, on: error, then: swap}");
  Write("fraud.yaml", config);
  const std::string pipeline = Path("fraud.yaml");
  const Ran whole = Run(pipeline, log, "whole");
  ASSERT_EQ(whole.code, 0) << whole.err;
  ASSERT_EQ(Run(pipeline, log, "s", "--max-records 15000").code, 0);
  const std::string digest = Digest("s");
  for (const std::string model : {"linear", "tree", "bayes"}) {
    ASSERT_EQ(Export("s", model, model + ".leatmodel").code, 0);
    const Ran put = Import("s", model, model + ".leatmodel");
    ASSERT_EQ(put.code, 0) << put.err;
    EXPECT_EQ(Digest("s"), digest) << model;
  }
  const Ran last = Run(pipeline, log, "s");
  ASSERT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(boost::json::parse(last.out).at("digest"), boost::json::parse(whole.out).at("digest"));
  EXPECT_EQ(Slurp(Path("s-out/predictions.csv")), Slurp(Path("whole-out/predictions.csv")));
}

TEST_F(Models, MoveToAnotherPipelineOfTheSameFeatures) {
  const std::string log = Log();
  ASSERT_EQ(Run(kFraud, log, "a").code, 0);
  std::string config = Slurp(kFraud);
  config.replace(config.find("name: fraud"), 11, "name: other");
  config.replace(config.find("window: 50000"), 13, "window: 20000");
  Write("other.yaml", config);
  ASSERT_EQ(Run(Path("other.yaml"), log, "b", "--max-records 9000").code, 0);
  ASSERT_EQ(Export("a", "tree", "tree.leatmodel").code, 0);
  const std::string before = Digest("b");
  const Ran put = Import("b", "tree", "tree.leatmodel");
  ASSERT_EQ(put.code, 0) << put.err;
  EXPECT_NE(put.err.find("'tree' of fraud"), std::string::npos) << put.err;
  EXPECT_NE(Digest("b"), before);
  ASSERT_EQ(Export("b", "tree", "again.leatmodel").code, 0);
  const ModelState sent = Read("tree.leatmodel"), kept = Read("again.leatmodel");
  EXPECT_GT(sent.labels, 0);
  EXPECT_EQ(kept.labels, sent.labels);
  EXPECT_EQ(kept.model, sent.model);
  EXPECT_EQ(kept.input_state, sent.input_state);
  EXPECT_EQ(kept.background.has_value(), sent.background.has_value());
  const Ran on = Run(Path("other.yaml"), log, "b");
  EXPECT_EQ(on.code, 0) << on.err;
  EXPECT_EQ(boost::json::parse(on.out).at("records").at("read").to_number<int>(), 20'000);
}

TEST_F(Models, ThatDoNotFitAreRefusedWithWhatDiffers) {
  const std::string log = SmallLog({"web", "shop"}, {"a", "b", "c"});
  SmallState("s", Small("  m: {type: logistic_regression, scale: standard, learning_rate: 0.5}\n"),
             log);
  ASSERT_EQ(Export("s", "m", "m.leatmodel").code, 0);
  const std::string before = Digest("s");
  const auto refused = [&](const std::string& name, const std::string& config,
                           const std::string& text, const std::string& why) {
    SmallState(name, config, text);
    const std::string digest = Digest(name);
    const Ran ran = Import(name, "m", "m.leatmodel");
    EXPECT_EQ(ran.code, 2) << name << ": " << ran.err;
    EXPECT_NE(ran.err.find(why), std::string::npos) << name << ": " << ran.err;
    EXPECT_EQ(Digest(name), digest) << name;
  };
  refused("type", Small("  m: {type: hoeffding_tree}\n"), log,
          "type: found logistic_regression, expected hoeffding_tree");
  refused("parameter",
          Small("  m: {type: logistic_regression, scale: standard, learning_rate: 0.1}\n"), log,
          "parameter learning_rate: found 0.5, expected 0.1");
  refused("scale", Small("  m: {type: logistic_regression, scale: robust, learning_rate: 0.5}\n"),
          log, "input amount: found {encode: number, scale: standard");
  refused("order",
          Small("  m: {type: logistic_regression, scale: standard, learning_rate: 0.5,\n"
                "      features: [amount]}\n"),
          log, "inputs: found channel, amount; expected amount");
  refused("classes",
          Small("  m: {type: logistic_regression, scale: standard, "
                "learning_rate: 0.5}\n"),
          SmallLog({"web", "shop"}, {"b", "a", "c"}), "classes: found a, b, c; expected b, a, c");
  EXPECT_EQ(Import("s", "n", "m.leatmodel").code, 2) << "no such model";
  EXPECT_EQ(Import("s", "m", "nowhere").code, 3);
  EXPECT_EQ(Digest("s"), before);
}

TEST_F(Models, CategoriesMustHaveTheSameCodes) {
  const std::string config = Small("  m: {type: hoeffding_tree}\n");
  const std::vector<std::string> kinds = {"a", "b"};
  SmallState("s", config, SmallLog({"web", "shop"}, kinds));
  SmallState("swapped", config, SmallLog({"shop", "web"}, kinds));
  SmallState("more", config, SmallLog({"web", "shop", "phone"}, {"a", "b", "c"}));
  ASSERT_EQ(Export("s", "m", "m.leatmodel").code, 0);
  const Ran swapped = Import("swapped", "m", "m.leatmodel");
  EXPECT_EQ(swapped.code, 2);
  EXPECT_NE(swapped.err.find("values of channel, by code: found web, shop; expected shop, web"),
            std::string::npos)
      << swapped.err;
  const Ran more = Import("more", "m", "m.leatmodel");
  EXPECT_EQ(more.code, 0) << "what became known later does not matter: " << more.err;
  ASSERT_EQ(Export("more", "m", "back.leatmodel").code, 0);
  EXPECT_EQ(Import("s", "m", "back.leatmodel").code, 2) << "the file may know more than the state";
}

TEST_F(Models, SharedInputsAreReplacedOnlyIfThatIsSaid) {
  const std::string config = Small(
      "  m: {type: logistic_regression, scale: standard}\n"
      "  n: {type: logistic_regression, scale: standard, learning_rate: 0.3}\n");
  SmallState("s", config, SmallLog({"web"}, {"a", "b"}));
  SmallState("t", config, SmallLog({"web"}, {"a", "b"}, 300));
  ASSERT_EQ(Export("s", "m", "m.leatmodel").code, 0);
  EXPECT_EQ(Import("s", "m", "m.leatmodel").code, 0) << "the same statistics";
  const std::string before = Digest("t");
  const Ran refused = Import("t", "m", "m.leatmodel");
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("shares its inputs with n"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("--shared-inputs"), std::string::npos) << refused.err;
  EXPECT_EQ(Digest("t"), before);
  EXPECT_EQ(Import("t", "m", "m.leatmodel", "--shared-inputs").code, 0);
  ASSERT_EQ(Export("t", "n", "n.leatmodel").code, 0);
  EXPECT_EQ(Read("n.leatmodel").input_state, Read("m.leatmodel").input_state);
}

TEST_F(Models, DistancesOfAClusteringModelDoNotTravel) {
  SmallState("s",
             Small("  groups: {type: kmeans, clusters: 3, features: [amount]}\n"
                   "  m: {type: logistic_regression, features: [amount], distances_of: groups}\n",
                   "{field: kind, type: category, positive: a}"),
             SmallLog({"web"}, {"a", "b"}));
  const Ran refused = Export("s", "m", "m.leatmodel");
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("'groups'"), std::string::npos) << refused.err;
  const std::string before = Digest("s");
  ASSERT_EQ(Export("s", "groups", "g.leatmodel").code, 0);
  EXPECT_EQ(Import("s", "groups", "g.leatmodel").code, 0);
  EXPECT_EQ(Digest("s"), before);
}

TEST_F(Models, DamagedFilesAndStatesThatWereNotStoppedAreRefused) {
  const std::string log = Log();
  ASSERT_EQ(Run(kFraud, log, "s").code, 0);
  ASSERT_EQ(Export("s", "bayes", "m.leatmodel").code, 0);
  const std::string good = Slurp(Path("m.leatmodel"));
  const std::string before = Digest("s");
  for (size_t at = 0; at < good.size(); at += 1 + good.size() / 23) {
    std::string bad = good;
    bad[at] ^= 4;
    Write("m.leatmodel", bad);
    EXPECT_EQ(Import("s", "bayes", "m.leatmodel").code, 4) << at;
    Write("m.leatmodel", good.substr(0, at));
    EXPECT_EQ(Import("s", "bayes", "m.leatmodel").code, 4) << at;
  }
  EXPECT_EQ(Digest("s"), before);
  Write("m.leatmodel", good);

  ASSERT_EQ(Run(kFraud, log, "t", {}, "LEAT_CRASH=after_journal:3").code, 128 + 9);
  EXPECT_EQ(Export("t", "bayes", "t.leatmodel").code, 0) << "as of the snapshot";
  const Ran refused = Import("t", "bayes", "t.leatmodel");
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.err.find("run the pipeline and stop it"), std::string::npos) << refused.err;
  ASSERT_EQ(Run(kFraud, log, "t").code, 0);
  EXPECT_EQ(Import("t", "bayes", "m.leatmodel").code, 0);
  EXPECT_EQ(Digest("t"), before) << "the same log gives the same state";
}

}  // namespace
}  // namespace leat
