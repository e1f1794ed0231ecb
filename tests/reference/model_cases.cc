/// Cases of models.json: Gaussian naive Bayes, k-means and DBSTREAM. The scalers belong to the
/// features.
#include <memory>
#include <string>
#include <utility>

#include "leat/bayes.h"
#include "leat/clusters.h"
#include "leat/kmeans.h"
#include "reference/model_inputs.h"

namespace leat::reference {
namespace {

using boost::json::object;

InputSpec Numbers(size_t n) {
  InputSpec inputs;
  inputs.dense.resize(n);
  return inputs;
}

Outcome RunGaussian(const object& test_case) {
  const CaseRows rows = ReadCase(test_case.at("input").as_object());
  if (!rows.present) return Skip("no data file");
  auto made = MakeGaussianNb({}, Numbers(rows.inputs.at(0).size()));
  if (!made.ok()) return Fail(std::string(made.status().message()));
  Model& model = **made;
  const object& expect = test_case.at("expect").as_object();
  const bool pair = expect.contains("proba_before_up_down");
  const auto& points = expect.at(pair ? "proba_before_up_down" : "proba_before").as_array();
  std::vector<std::string> classes;
  const auto index = [&classes](const std::string& name) {
    const auto at = std::find(classes.begin(), classes.end(), name);
    if (at != classes.end()) return static_cast<size_t>(at - classes.begin());
    classes.push_back(name);
    return classes.size() - 1;
  };
  Comparison compare(1e-9);
  std::vector<double> out;
  // Tiny probabilities count too: compared relative to themselves, not to 1.
  const auto relative = [&compare](const std::string& what, double found, double expected) {
    compare.Expect(what, expected == 0 ? found : found / expected, expected == 0 ? 0.0 : 1.0);
  };
  size_t next = 0, correct = 0;
  for (size_t i = 0; i < rows.inputs.size(); ++i) {
    const Input x{rows.inputs[i], {}};
    model.Predict(x, out);
    if (next < points.size() && static_cast<size_t>(Number(points[next].as_array().at(0))) == i) {
      const auto& point = points[next++].as_array();
      const std::string where = "row " + std::to_string(i) + " ";
      if (pair) {
        const char* const names[] = {"UP", "DOWN"};
        for (size_t k = 0; k < 2; ++k) {
          if (point.at(1 + k).is_null()) continue;
          relative(where + names[k], out.at(index(names[k])), Number(point.at(1 + k)));
        }
      } else {
        const object& shares = point.at(1).as_object();
        compare.ExpectEqual(where + "classes", static_cast<double>(out.size()),
                            static_cast<double>(shares.size()));
        for (const auto& item : shares) {
          const std::string name(item.key());
          relative(where + name, out.at(index(name)), Number(item.value()));
        }
      }
    }
    const size_t target = index(rows.targets[i]);
    correct += !out.empty() && static_cast<size_t>(std::max_element(out.begin(), out.end()) -
                                                   out.begin()) == target;
    model.Learn(x, static_cast<double>(target), 1);
  }
  if (next != points.size()) return Fail("not every checkpoint was reached");
  compare.ExpectEqual("correct", static_cast<double>(correct), Number(expect.at("correct")));
  return compare.Result();
}

Outcome RunKMeans(const object& test_case) {
  const CaseRows rows = ReadCase(test_case.at("input").as_object());
  if (!rows.present) return Skip("no data file");
  const object& params = test_case.at("params").as_object();
  KMeansOptions options;
  options.clusters = static_cast<int64_t>(Number(params.at("n_clusters")));
  options.rate = Number(params.at("halflife"));
  for (const auto& centre : params.at("initial_centers").as_array()) {
    for (const auto& x : centre.as_array()) options.initial_centres.push_back(Number(x));
  }
  auto made = MakeKMeans(options, Numbers(rows.inputs.at(0).size()));
  if (!made.ok()) return Fail(std::string(made.status().message()));
  auto& model = static_cast<KMeans&>(**made);
  const object& expect = test_case.at("expect").as_object();
  const std::string assignments(expect.at("assignments").as_string());
  const auto& points = expect.at("centers").as_array();
  Comparison compare(1e-9);
  size_t next = 0;
  for (size_t i = 0; i < rows.inputs.size(); ++i) {
    const Input x{rows.inputs[i], {}};
    const int64_t nearest = model.Nearest(x);
    if (nearest != assignments.at(i) - '0') {
      return Fail("row " + std::to_string(i) + " went to centre " + std::to_string(nearest));
    }
    model.Learn(x, 0, 1);
    if (next < points.size() && static_cast<size_t>(Number(points[next].as_array().at(0))) == i) {
      size_t at = 0;
      for (const auto& centre : points[next++].as_array().at(1).as_array()) {
        for (const auto& value : centre.as_array()) {
          compare.Expect("row " + std::to_string(i) + " coordinate " + std::to_string(at),
                         model.centres().at(at), Number(value));
          ++at;
        }
      }
    }
  }
  if (next != points.size()) return Fail("not every checkpoint was reached");
  return compare.Result();
}

Outcome RunDbStream(const object& test_case) {
  const CaseRows rows = ReadCase(test_case.at("input").as_object());
  if (!rows.present) return Skip("no data file");
  const object& params = test_case.at("params").as_object();
  const auto value = [&params](const char* name, double otherwise) {
    return params.contains(name) ? Number(params.at(name)) : otherwise;
  };
  DbStreamOptions options;
  options.radius = value("clustering_threshold", 1);
  options.half_life = 1 / value("fading_factor", 0.01);
  options.cleanup_every = static_cast<int64_t>(value("cleanup_interval", 2));
  options.intersection = value("intersection_factor", 0.3);
  options.minimum_weight = value("minimum_weight", 1);
  options.max_micro_clusters = 65'536;
  options.recluster_every = 1;
  options.one_way = true;
  auto made = MakeDbStream(options, Numbers(rows.inputs.at(0).size()));
  if (!made.ok()) return Fail(std::string(made.status().message()));
  auto& model = static_cast<MicroClusterModel&>(**made);
  const auto& points = test_case.at("expect").as_array();
  Comparison compare(1e-9);
  size_t next = 0;
  for (size_t i = 0; i < rows.inputs.size(); ++i) {
    model.Learn({rows.inputs[i], {}}, 0, 1);
    if (next == points.size() || static_cast<size_t>(Number(points[next].as_array().at(0))) != i) {
      continue;
    }
    const object& expect = points[next++].as_array().at(1).as_object();
    const std::string where = "row " + std::to_string(i) + " ";
    compare.ExpectEqual(where + "micro-clusters", static_cast<double>(model.micro_clusters()),
                        Number(expect.at("micro_clusters")));
    compare.ExpectEqual(where + "clusters", static_cast<double>(model.clusters()),
                        Number(expect.at("clusters")));
    double weight = 0;
    std::vector<std::vector<double>> centres;
    for (size_t m = 0; m < model.micro_clusters(); ++m) {
      weight += model.Weight(m);
      centres.emplace_back(model.Centre(m).begin(), model.Centre(m).end());
    }
    compare.Expect(where + "weight", weight, Number(expect.at("total_weight")));
    std::sort(centres.begin(), centres.end());
    const auto& expected = expect.at("centers_sorted").as_array();  // The first ones.
    for (size_t m = 0; m < std::min(expected.size(), centres.size()); ++m) {
      for (size_t j = 0; j < centres[m].size(); ++j) {
        compare.Expect(where + "centre " + std::to_string(m), centres[m][j],
                       Number(expected[m].as_array().at(j)));
      }
    }
  }
  if (next != points.size()) return Fail("not every checkpoint was reached");
  return compare.Result();
}

bool IdStartsWith(const object& test_case, const char* start) {
  return std::string(test_case.at("id").as_string()).rfind(start, 0) == 0;
}

const bool gaussian_registered = Register(
    {"models.json", [](const object& c) { return IdStartsWith(c, "gaussian_nb/"); }, RunGaussian});
const bool kmeans_registered =
    Register({"models.json", [](const object& c) { return IdStartsWith(c, "kmeans"); }, RunKMeans});
const bool dbstream_registered = Register(
    {"models.json", [](const object& c) { return IdStartsWith(c, "dbstream"); }, RunDbStream});

}  // namespace
}  // namespace leat::reference
