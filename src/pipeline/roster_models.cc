// Models one by one: what there is to say of them, and moving them between pipelines.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "leat/explain.h"
#include "pipeline/roster.h"

namespace leat {
namespace {

std::string_view NameOf(Task task) {
  switch (task) {
    case Task::kClassification:
      return "classification";
    case Task::kRegression:
      return "regression";
    case Task::kClustering:
      return "clustering";
    case Task::kAnomaly:
      break;
  }
  return "anomaly";
}

template <typename Part>
std::string Saved(const Part& part) {
  StateWriter out;
  part.Save(out);
  return out.Take();
}

template <typename Part>
Status Restore(Part& part, std::string_view bytes) {
  StateReader in(bytes);
  LEAT_RETURN_IF_ERROR(part.Load(in));
  if (in.ok() && !in.AtEnd()) in.Fail("bytes follow the state");
  return in.status();
}

}  // namespace

const Roster::Entry* Roster::Find(std::string_view name) const {
  for (const auto* entries : {&scored_, &clusters_}) {
    for (const Entry& entry : *entries) {
      if (entry.config.name == name) return &entry;
    }
  }
  return nullptr;
}

std::vector<std::string> Roster::Names() const {
  std::vector<std::string> names;
  for (const auto* entries : {&scored_, &clusters_}) {
    for (const Entry& entry : *entries) names.push_back(entry.config.name);
  }
  return names;
}

/// Models that see what `entry` sees, or its distances.
std::vector<std::string> Roster::Sharing(const Entry& entry) const {
  std::vector<std::string> names;
  for (const auto* entries : {&scored_, &clusters_}) {
    for (const Entry& other : *entries) {
      const bool distances =
          other.cluster >= 0 && &clusters_[static_cast<size_t>(other.cluster)] == &entry;
      if (&other != &entry && (other.set == entry.set || distances)) {
        names.push_back(other.config.name);
      }
    }
  }
  return names;
}

std::vector<ModelFacts> Roster::Facts() const {
  std::vector<ModelFacts> all;
  for (const std::string& name : Names()) {
    const Entry& entry = *Find(name);
    ModelFacts facts;
    facts.name = name;
    facts.type = entry.config.type;
    facts.clustering = NeedsNoLabel(entry.model->task());
    facts.labels = entry.learnt;
    facts.memory = entry.model->MemoryBytes();
    facts.shares_inputs_with = Sharing(entry);
    if (entry.requests) facts.summary = entry.requests->Summary();
    for (auto& fact : entry.model->Summary()) facts.summary.push_back(std::move(fact));
    all.push_back(std::move(facts));
  }
  return all;
}

std::vector<Report::ClusterRow> Roster::Clusters() const {
  std::vector<Report::ClusterRow> rows;
  std::vector<double> distances;
  for (const Entry& entry : clusters_) {
    if (!entry.sample) continue;
    // The clusters as they are now: those of some models have no names that stay.
    const std::vector<double> points = entry.sample->Points();
    const size_t width = points.size() / std::max<size_t>(entry.sample->size(), 1);
    std::vector<size_t> nearest;
    for (size_t i = 0; i < entry.sample->size(); ++i) {
      entry.model->Predict({std::span(points).subspan(i * width, width), {}}, distances);
      if (distances.empty()) break;
      const auto least = std::min_element(distances.begin(), distances.end());
      nearest.push_back(static_cast<size_t>(least - distances.begin()));
    }
    const ClusterQuality quality =
        MeasureClusters(std::span(points).first(nearest.size() * width), width, nearest);
    Report::ClusterRow row;
    row.name = entry.config.name;
    row.sampled = static_cast<int64_t>(nearest.size());
    row.values = {{"inertia", entry.sample->Inertia()},
                  {"window_inertia", entry.sample->WindowInertia()},
                  {"silhouette", quality.silhouette},
                  {"davies_bouldin", quality.davies_bouldin},
                  {"calinski_harabasz", quality.calinski_harabasz},
                  {"clusters", static_cast<double>(quality.clusters)}};
    row.summary = entry.model->Summary();
    rows.push_back(std::move(row));
  }
  return rows;
}

Status Roster::Unknown(std::string_view name) const {
  std::string names;
  for (const std::string& known : Names()) names += (names.empty() ? "" : ", ") + known;
  return Status::Invalid(fmt::format("there is no model '{}'; the models are {}", name, names));
}

Result<const Model*> Roster::Learner(std::string_view name) const {
  const Entry* const entry = Find(name);
  if (entry == nullptr) return Unknown(name);
  return static_cast<const Model*>(entry->model.get());
}

Result<std::vector<NamedWeights>> Roster::Weights(std::string_view name,
                                                  std::span<const std::string> classes) const {
  const Entry* const entry = Find(name);
  if (entry == nullptr) return Unknown(name);
  std::vector<NamedWeights> all;
  for (const LinearWeights& weights : WeightsOf(*entry->model)) {
    NamedWeights named;
    if (weights.of_class >= 0) {
      const auto c = static_cast<size_t>(weights.of_class);
      named.of = c < classes.size() ? classes[c] : fmt::format("class {}", c);
    }
    named.intercept = weights.intercept;
    for (size_t i = 0; i < weights.dense.size(); ++i) {
      if (weights.dense[i] != 0) named.inputs.emplace_back(entry->dense_names[i], weights.dense[i]);
    }
    for (const auto& [index, weight] : weights.sparse) {
      named.inputs.emplace_back(sets_[entry->set].builder->SparseName(index), weight);
    }
    std::stable_sort(named.inputs.begin(), named.inputs.end(), [](const auto& a, const auto& b) {
      return std::abs(a.second) > std::abs(b.second);
    });
    all.push_back(std::move(named));
  }
  return all;
}

Result<ModelState> Roster::Take(std::string_view name) const {
  const Entry* const entry = Find(name);
  if (entry == nullptr) return Unknown(name);
  if (entry->cluster >= 0) {
    return Status::Unsupported(fmt::format(
        "models.{}: it sees distances of the clustering model '{}', which a file of one model "
        "does not hold",
        name, entry->config.distances_of));
  }
  const InputSet& set = sets_[entry->set];
  ModelState state;
  state.name = name;
  state.type = entry->config.type;
  state.task = NameOf(entry->model->task());
  state.parameters = DescribeParameters(entry->config);
  for (const InputFeatureSpec& input : set.spec) {
    state.inputs.push_back(input.name + ": " + DescribeInput(input));
  }
  const InputSpec spec = set.builder->spec();
  for (const DenseAttribute& dense : spec.dense) {
    state.features.push_back({dense.name, dense.nominal});
  }
  state.sparse_size = spec.sparse_size;
  state.labels = entry->learnt;
  state.model = Saved(*entry->model);
  state.input_state = Saved(*set.builder);
  if (entry->background) {
    state.background = {entry->background_learnt, Saved(*entry->background)};
  }
  return state;
}

Status Roster::Put(std::string_view name, const ModelState& state, bool shared_inputs) {
  LEAT_ASSIGN_OR_RETURN(const ModelState own, Take(name));
  Entry& entry = const_cast<Entry&>(*Find(name));  // Ours.
  if (const auto sharing = Sharing(entry); !sharing.empty() && !shared_inputs) {
    const bool same_inputs = own.input_state == state.input_state;
    const bool distances =
        NeedsNoLabel(entry.model->task()) && own.model != state.model &&
        std::any_of(scored_.begin(), scored_.end(), [&](const Entry& other) {
          return other.cluster >= 0 && &clusters_[static_cast<size_t>(other.cluster)] == &entry;
        });
    if (!same_inputs || distances) {
      std::string names;
      for (const std::string& other : sharing) names += (names.empty() ? "" : ", ") + other;
      return Status::Invalid(fmt::format(
          "models.{}: it shares its inputs with {}, whose scalers, bins and encoders would be "
          "replaced too; --shared-inputs says that this is wanted",
          name, names));
    }
  }
  const auto check = [&](const Status& loaded, std::string_view what) {
    return loaded.ok() ? loaded
                       : Status(loaded.code(),
                                fmt::format("models.{}: {}: {}", name, what, loaded.message()));
  };
  std::unique_ptr<Model> model = entry.model->Fresh(), background;
  LEAT_RETURN_IF_ERROR(check(Restore(*model, state.model), "the model"));
  if (state.background) {
    background = entry.model->Fresh();
    LEAT_RETURN_IF_ERROR(check(Restore(*background, state.background->model), "its background"));
    entry.background_learnt = state.background->labels;
  }
  LEAT_RETURN_IF_ERROR(check(Restore(*sets_[entry.set].builder, state.input_state), "its inputs"));
  entry.model = std::move(model);
  entry.background = std::move(background);
  entry.learnt = state.labels;
  return Status::Ok();
}

}  // namespace leat
