/// Runners for bands.json: ensembles whose figures depend on a random generator.
///
/// Each case runs over as many seeds as were published. The mean accuracy must not be below the
/// published mean by more than three standard errors or 1.0 point, whichever is wider, nor below
/// the lowest published seed by more than 1.0 point. A higher accuracy is reported and passes:
/// trees that draw different subsets from the start (as the reference page asks for) do better than
/// MOA's, which all draw the same at first.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "models/ensembles/ensemble.h"
#include "reference/reference.h"
#include "reference/tree_streams.h"

namespace leat::reference {
namespace {

namespace json = boost::json;

constexpr double kPoint = 0.01;

Result<std::unique_ptr<Model>> MakeByCli(const std::string& cli, int64_t seed,
                                         const InputSpec& spec) {
  std::istringstream in(cli);
  std::string name, option, value;
  in >> name;
  int64_t trees = 10;
  double subspace = 0.6;
  while (in >> option >> value) {
    if (option == "-s") {
      trees = std::atoll(value.c_str());
    } else if (option == "-o" && value == "(sqrt(M)+1)") {
      subspace = 0;
    } else {
      return Status::Unsupported("option " + option + " " + value);
    }
  }
  const auto with = [&](auto options) {
    options.trees = trees;
    options.seed = seed;
    return options;
  };
  if (name == "meta.AdaptiveRandomForest") {
    AdaptiveRandomForestOptions options = with(AdaptiveRandomForestOptions());
    options.subspace = subspace;
    return MakeAdaptiveRandomForest(options, spec);
  }
  if (name == "meta.StreamingRandomPatches") {
    return MakeStreamingRandomPatches(with(StreamingRandomPatchesOptions()), spec);
  }
  if (name == "meta.LeveragingBag") {
    return MakeLeveragingBagging(with(LeveragingBaggingOptions()), spec);
  }
  if (name == "meta.OzaBagAdwin") return MakeAdwinBagging(with(AdwinBaggingOptions()), spec);
  if (name == "meta.OzaBag") return MakeOnlineBagging(with(OnlineBaggingOptions()), spec);
  return Status::Unsupported("learner " + name);
}

Outcome RunBand(const json::object& test_case) {
  const json::object& input = test_case.at("input").as_object();
  const std::string name(input.at("data").as_string());
  const Table* table = Data(name);
  if (table == nullptr) return NoData(name);
  TreeStream stream;
  if (auto problem = ReadTreeStream(input, *table, &stream)) return Fail(*problem);
  const json::object& expect = test_case.at("expect").as_object();
  const json::array& seeds = expect.at("seeds").as_array();
  const size_t width = stream.spec.dense.size();
  double mean = 0, lowest = 1;
  for (const json::value& seed : seeds) {
    auto made = MakeByCli(std::string(test_case.at("cli").as_string()), seed.to_number<int64_t>(),
                          stream.spec);
    if (!made.ok()) return Skip(std::string(made.status().message()) + " is not offered");
    auto& ensemble = dynamic_cast<ensembles::Ensemble&>(**made);
    double right = 0;
    std::vector<double> out;
    for (size_t r = 0; r < stream.labels.size(); ++r) {
      const Input row{{stream.values.data() + r * width, width}, {}};
      ensemble.PredictAndLearn(row, static_cast<double>(stream.labels[r]), 1, out);
      const size_t best =
          out.empty() ? 0
                      : static_cast<size_t>(std::max_element(out.begin(), out.end()) - out.begin());
      right += best == stream.labels[r] ? 1 : 0;
    }
    const double accuracy = right / static_cast<double>(stream.labels.size());
    mean += accuracy / static_cast<double>(seeds.size());
    lowest = std::min(lowest, accuracy);
  }
  const double published = Number(expect.at("mean"));
  const double error = Number(expect.at("sd")) / std::sqrt(static_cast<double>(seeds.size()));
  const double width_of_band = std::max(3 * error, kPoint);
  std::ostringstream detail;
  detail << "mean " << mean << " of " << seeds.size() << " seeds, lowest " << lowest
         << "; published " << published << ", lowest " << Number(expect.at("lowest"));
  if (mean > published + width_of_band) detail << " (above the band)";
  const bool good =
      mean >= published - width_of_band && mean >= Number(expect.at("lowest")) - kPoint;
  return good ? Pass(detail.str()) : Fail(detail.str());
}

const bool kRegistered =
    Register({"bands.json", [](const json::object&) { return true; }, RunBand});

}  // namespace
}  // namespace leat::reference
