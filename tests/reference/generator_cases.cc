/// Cases of generators.json: java.util.Random and MOA's streams, option by option.
#include <cmath>
#include <set>
#include <string>

#include "base/java_random.h"
#include "connectors/generate/instances.h"
#include "reference/model_inputs.h"

namespace leat::reference {
namespace {

using boost::json::object;
using generate::InstanceStream;
using Stream = std::unique_ptr<InstanceStream>;

/// Numbers that the C library rounds, and the parser of the expected ones, may err in the last
/// place.
constexpr double kLastPlace = 5e-16;

/// The options of a case by the names of MOA's fields; the rest at the defaults given.
class Options {
 public:
  explicit Options(const object& params) : params_(params) {}
  double Get(const char* name, double fallback) {
    const auto* value = params_.if_contains(std::string(name) + "Option");
    if (value == nullptr) return fallback;
    used_.insert(name);
    return value->is_bool() ? (value->as_bool() ? 1 : 0) : Number(*value);
  }
  int Whole(const char* name, int fallback) { return static_cast<int>(Get(name, fallback)); }
  bool Flag(const char* name) { return Get(name, 0) != 0; }
  bool AllUsed() const { return used_.size() == params_.size(); }

 private:
  const object& params_;
  std::set<std::string> used_;
};

generate::RuleOptions Rule(Options& o) {
  generate::RuleOptions options;
  options.function = o.Whole("function", 1);
  options.seed = o.Whole("instanceRandomSeed", 1);
  options.balance = o.Flag("balanceClasses");
  options.relevant_only = o.Flag("suppressIrrelevantAttributes");
  return options;
}

Stream Make(const std::string& name, Options& o) {
  const int64_t seed = o.Whole("instanceRandomSeed", 1);
  if (name == "SEAGenerator") {
    generate::RuleOptions options = Rule(o);
    options.noise = o.Get("noisePercentage", 10);
    return MakeSeaInstances(options);
  }
  if (name == "AgrawalGenerator") {
    generate::RuleOptions options = Rule(o);
    options.noise = o.Get("peturbFraction", 0.05);
    return MakeAgrawalInstances(options);
  }
  if (name == "SineGenerator") return MakeSineInstances(Rule(o));
  if (name == "MixedGenerator") return MakeMixedInstances(Rule(o));
  if (name == "STAGGERGenerator") return MakeStaggerInstances(Rule(o));
  if (name == "LEDGenerator" || name == "LEDGeneratorDrift") {
    return generate::MakeLedInstances(
        {seed, o.Whole("noisePercentage", 10), o.Flag("suppressIrrelevantAttributes"),
         o.Whole("numberAttributesDrift", name == "LEDGenerator" ? 0 : 1)});
  }
  if (name == "WaveformGenerator")
    return generate::MakeWaveformInstances({seed, o.Flag("addNoise")});
  if (name == "RandomTreeGenerator") {
    generate::RandomTreeOptions options;
    options.tree_seed = o.Whole("treeRandomSeed", 1);
    options.seed = seed;
    options.classes = o.Whole("numClasses", 2);
    options.nominals = o.Whole("numNominals", 5);
    options.numerics = o.Whole("numNumerics", 5);
    options.values = o.Whole("numValsPerNominal", 5);
    options.max_depth = o.Whole("maxTreeDepth", 5);
    options.first_leaf_level = o.Whole("firstLeafLevel", 3);
    options.leaf_share = o.Get("leafFraction", 0.15);
    return MakeRandomTreeInstances(options);
  }
  if (name == "RandomRBFGenerator" || name == "RandomRBFGeneratorDrift") {
    generate::RbfOptions options;
    options.model_seed = o.Whole("modelRandomSeed", 1);
    options.seed = seed;
    options.classes = o.Whole("numClasses", 2);
    options.attributes = o.Whole("numAtts", 10);
    options.centroids = o.Whole("numCentroids", 50);
    options.speed = o.Get("speedChange", 0);
    options.moving = o.Whole("numDriftCentroids", name == "RandomRBFGenerator" ? 0 : 50);
    return MakeRbfInstances(options);
  }
  if (name == "HyperplaneGenerator") {
    generate::HyperplaneOptions options;
    options.seed = seed;
    options.attributes = o.Whole("numAtts", 10);
    options.drifting = o.Whole("numDriftAtts", 2);
    options.change = o.Get("magChange", 0);
    options.noise = o.Whole("noisePercentage", 5);
    options.turn_probability = o.Whole("sigmaPercentage", 10);
    return MakeHyperplaneInstances(options);
  }
  return nullptr;
}

/// "generators.SEAGenerator -f 4 -i 7": the flags of the streams that compositions are made of.
Stream MakeFromText(const std::string& text) {
  generate::RuleOptions options;
  const size_t dot = text.find('.'), end = text.find(' ');
  const std::string name = text.substr(dot + 1, end - dot - 1);
  options.noise = name == "SEAGenerator" ? 10 : name == "AgrawalGenerator" ? 0.05 : 0;
  for (size_t at = text.find(" -"); at != std::string::npos; at = text.find(" -", at + 1)) {
    const char flag = text[at + 2];
    const std::string value = text.substr(at + 3, text.find(" -", at + 1) - at - 3);
    if (flag == 'f')
      options.function = std::stoi(value);
    else if (flag == 'i')
      options.seed = std::stoll(value);
    else if (flag == 'b')
      options.balance = true;
    else if (flag == 'n' && name == "SEAGenerator")
      options.noise = std::stod(value);
    else if (flag == 'p' && name == "AgrawalGenerator")
      options.noise = std::stod(value);
    else
      return nullptr;
  }
  if (name == "SEAGenerator") return MakeSeaInstances(options);
  if (name == "AgrawalGenerator") return MakeAgrawalInstances(options);
  if (name == "SineGenerator") return MakeSineInstances(options);
  if (name == "MixedGenerator") return MakeMixedInstances(options);
  if (name == "STAGGERGenerator") return MakeStaggerInstances(options);
  return nullptr;
}

Stream MakeComposition(const object& params) {
  const auto text = [&](const char* name) {
    const auto* value = params.if_contains(name);
    return value == nullptr ? std::string() : std::string(value->as_string());
  };
  Stream before = MakeFromText(text("streamOption")),
         after = MakeFromText(text("driftstreamOption"));
  if (before == nullptr || after == nullptr) return nullptr;
  Options o(params);
  generate::CompositionOptions options;
  options.position = o.Whole("position", 0);
  options.width = o.Get("width", 1000);
  options.seed = o.Whole("randomSeed", 1);
  return Compose(std::move(before), std::move(after), options);
}

Outcome RunStream(const object& test_case) {
  const std::string name(test_case.at("generator").as_string());
  const object& params = test_case.at("params").as_object();
  Options options(params);
  const bool composed = name == "moa.streams.ConceptDriftStream";
  const Stream stream = composed ? MakeComposition(params) : Make(name, options);
  if (stream == nullptr) return Skip("no stream " + name);
  if (!composed && !options.AllUsed()) return Skip("an option of " + name + " that is unknown");
  const object& expect = test_case.at("expect").as_object();
  std::vector<double> x(stream->attributes().size());
  std::vector<double> counts(static_cast<size_t>(stream->classes()));
  const auto& rows = expect.at("rows").as_array();
  const auto& wanted = expect.at("class_counts_first_10000").as_array();
  Comparison compare(kLastPlace);
  if (wanted.size() != counts.size()) return Fail("another number of classes");
  for (size_t i = 0; i < 10'000; ++i) {
    const double target = stream->Next(x);
    counts.at(static_cast<size_t>(target)) += 1;
    if (i >= rows.size()) continue;
    const auto& row = rows[i].as_array();
    if (row.size() != x.size() + 1) return Fail("another number of attributes");
    for (size_t a = 0; a < x.size(); ++a) {
      compare.Expect("row " + std::to_string(i) + " attribute " + std::to_string(a), x[a],
                     Number(row[a]));
    }
    compare.ExpectEqual("class of row " + std::to_string(i), target, Number(row[x.size()]));
  }
  for (size_t c = 0; c < counts.size(); ++c) {
    compare.ExpectEqual("count of class " + std::to_string(c), counts[c], Number(wanted[c]));
  }
  return compare.Result();
}

Outcome RunRandom(const object& test_case) {
  const object& params = test_case.at("params").as_object();
  const auto seed = static_cast<int64_t>(Number(params.at("seed")));
  Comparison exact(kLastPlace);
  for (const auto& item : test_case.at("expect").as_object()) {
    const std::string what(item.key());
    JavaRandom random(seed);
    size_t i = 0;
    for (const auto& value : item.value().as_array()) {
      const std::string where = what + " " + std::to_string(i++);
      if (what == "nextInt_32") {
        exact.ExpectEqual(where, random.Int(), Number(value));
      } else if (what == "nextInt_bounds") {
        const auto bound = static_cast<int32_t>(Number(value.as_array().at(0)));
        exact.ExpectEqual(where, random.Below(bound), Number(value.as_array().at(1)));
      } else if (what == "nextDouble") {
        exact.Expect(where, random.Double(), Number(value));
      } else if (what == "nextGaussian") {
        exact.Expect(where, random.Gaussian(), Number(value));
      } else if (what == "nextBoolean") {
        exact.ExpectEqual(where, random.Boolean() ? 1 : 0, value.as_bool() ? 1 : 0);
      } else if (what == "nextLong") {
        const std::string found = std::to_string(random.Long());
        if (found != value.as_string()) return Fail(where + " is " + found);
      } else if (what.starts_with("poisson_")) {
        exact.ExpectEqual(where, static_cast<double>(random.Poisson(std::stod(what.substr(8)))),
                          Number(value));
      } else {
        return Skip("unknown: " + what);
      }
    }
  }
  return exact.Result();
}

bool IsRandom(const object& test_case) {
  return test_case.at("generator").as_string() == "java.util.Random";
}

const bool random_registered = Register({"generators.json", IsRandom, RunRandom});
const bool streams_registered =
    Register({"generators.json", [](const object& c) { return !IsRandom(c); }, RunStream});

}  // namespace
}  // namespace leat::reference
