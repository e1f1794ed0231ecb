#include "pipeline/roster.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/hash.h"
#include "base/quiet_params.h"
#include "pipeline/shape.h"

namespace leat {
namespace {

static_assert(sizeof(SparseEntry) == sizeof(double) && alignof(SparseEntry) <= alignof(double));

constexpr uint64_t kQualitySeed = 1;  // Of the records that the quality of clusters is taken over.

std::span<SparseEntry> AsSparse(std::span<double> doubles) {
  return {reinterpret_cast<SparseEntry*>(doubles.data()), doubles.size()};
}
std::span<const SparseEntry> AsSparse(std::span<const double> doubles) {
  return {reinterpret_cast<const SparseEntry*>(doubles.data()), doubles.size()};
}

/// Finds the value of one option of a factory: an integer, or 1 for yes and 0 for no.
class IntegerOption final : public QuietParams {
 public:
  explicit IntegerOption(std::string_view name) : name_(name) {}
  void Boolean(std::string_view name, bool& value, std::string_view) override {
    if (name == name_) found = value ? 1 : 0;
  }
  void Integer(std::string_view name, int64_t& value, Range, std::string_view) override {
    if (name == name_) found = value;
  }
  int64_t found = 0;

 private:
  std::string_view name_;
};

}  // namespace

Result<std::unique_ptr<Roster>> Roster::Create(const FeatureGraph& graph,
                                               const std::vector<ModelConfig>& models,
                                               EvaluationTask task,
                                               const std::map<std::string, std::string>& texts,
                                               int64_t window) {
  auto roster = std::make_unique<Roster>();
  const Task wanted =
      task == EvaluationTask::kRegression ? Task::kRegression : Task::kClassification;
  // Those without labels come first, so that others can take their distances.
  for (const bool unsupervised : {true, false}) {
    for (const ModelConfig& config : models) {
      const Task kind = config.factory->task();
      if (NeedsNoLabel(kind) != unsupervised) continue;
      if (!unsupervised && kind != wanted) {
        return Status::Invalid(fmt::format("models.{}: a {} cannot learn this label ({})",
                                           config.name, config.type,
                                           wanted == Task::kRegression ? "a number" : "classes"));
      }
      Entry entry;
      entry.config = config;
      size_t set = 0;
      while (set < roster->sets_.size() && roster->sets_[set].spec != config.inputs) ++set;
      if (set == roster->sets_.size()) {
        InputSet fresh;
        fresh.spec = config.inputs;
        const auto text = texts.find(config.name);
        const std::string_view inputs =
            text == texts.end() ? std::string_view() : InputsOf(text->second);
        fresh.name = "inputs/" + DigestHex(inputs);
        for (const InputSet& other : roster->sets_) {
          if (other.name == fresh.name) fresh.name += "+";
        }
        LEAT_ASSIGN_OR_RETURN(fresh.builder, InputBuilder::Create(graph, config.inputs));
        fresh.dense = roster->block_size_;
        fresh.sparse = fresh.dense + fresh.builder->dense_size();
        fresh.sparse_count = fresh.sparse + fresh.builder->max_sparse();
        fresh.payload = fresh.sparse_count + 1;
        roster->block_size_ = fresh.payload + fresh.builder->label_payload_size();
        roster->sets_.push_back(std::move(fresh));
      }
      entry.set = set;
      InputSpec inputs = roster->sets_[set].builder->spec();
      if (!config.distances_of.empty()) {
        for (size_t i = 0; i < roster->clusters_.size(); ++i) {
          if (roster->clusters_[i].config.name == config.distances_of) {
            entry.cluster = static_cast<int>(i);
          }
        }
        if (entry.cluster < 0) {
          return Status::Invalid(
              fmt::format("models.{}: no clustering model or anomaly detector is called '{}'",
                          config.name, config.distances_of));
        }
        const Entry& other = roster->clusters_[static_cast<size_t>(entry.cluster)];
        if (other.model->task() == Task::kAnomaly) {
          inputs.dense.push_back({fmt::format("{}.score", config.distances_of), false, 0});
        }
        IntegerOption clusters("clusters");
        if (other.model->task() == Task::kClustering) other.config.factory->Describe(clusters);
        for (int64_t i = 0; i < clusters.found; ++i) {
          inputs.dense.push_back({fmt::format("{}.distance_{}", config.distances_of, i), false, 0});
        }
        if (other.model->task() == Task::kClustering && clusters.found == 0) {
          // How many clusters there are changes: the nearest speaks for them.
          inputs.dense.push_back({fmt::format("{}.distance", config.distances_of), false, 0});
        }
        entry.distances = roster->block_size_;
        entry.dense_total = inputs.dense.size();
        roster->block_size_ += entry.dense_total;
      }
      for (const DenseAttribute& attribute : inputs.dense) {
        entry.dense_names.push_back(attribute.name);
      }
      if (config.ask.ask != Ask::kNone) {
        entry.requests.emplace(config.ask);
        entry.asked = roster->block_size_++;
        roster->asks_ = true;
      }
      auto model = config.factory->Make(inputs);
      if (!model.ok()) {
        return Status::Invalid(fmt::format("models.{}: {}", config.name, model.status().message()));
      }
      entry.model = std::move(model).value();
      IntegerOption quality("quality");
      if (kind == Task::kClustering) config.factory->Describe(quality);
      if (quality.found != 0) {
        entry.sample.emplace(inputs.dense.size(), window, kQualitySeed);
      }
      (unsupervised ? roster->clusters_ : roster->scored_).push_back(std::move(entry));
    }
  }
  roster->cluster_out_.resize(roster->clusters_.size());
  roster->radii_.resize(roster->scored_.size());
  return roster;
}

Input Roster::View(const Entry& entry, std::span<const double> block) const {
  const InputSet& set = sets_[entry.set];
  const auto count = static_cast<size_t>(block[set.sparse_count]);
  Input input;
  input.dense = entry.dense_total > 0 ? block.subspan(entry.distances, entry.dense_total)
                                      : block.subspan(set.dense, set.builder->dense_size());
  input.sparse = AsSparse(block.subspan(set.sparse, count));
  return input;
}

void Roster::Build(const Record& record, std::span<const double> slots, std::span<double> block,
                   std::span<double> anomaly) {
  for (InputSet& set : sets_) {
    // Kept first: a payload holds what identifies the record, not what Build makes of it.
    set.builder->Keep(record, slots, block.subspan(set.payload, set.builder->label_payload_size()));
    const size_t sparse = set.builder->BuildAndUpdate(
        record, slots, block.subspan(set.dense, set.builder->dense_size()),
        AsSparse(block.subspan(set.sparse, set.builder->max_sparse())));
    block[set.sparse_count] = static_cast<double>(sparse);
  }
  for (size_t i = 0; i < clusters_.size(); ++i) {
    Entry& entry = clusters_[i];
    const Input input = View(entry, block);
    std::vector<double>& distances = cluster_out_[i];
    entry.model->Predict(input, distances);
    if (entry.sample) {
      const auto least = std::min_element(distances.begin(), distances.end());
      entry.sample->Add(input.dense, least == distances.end()
                                         ? std::numeric_limits<double>::quiet_NaN()
                                         : *least);
    }
    // From here on distances, no longer their squares; a score is what it is.
    if (entry.model->task() == Task::kClustering) {
      for (double& distance : distances) distance = std::sqrt(distance);
    }
    anomaly[i] = distances.empty() ? std::numeric_limits<double>::quiet_NaN()
                                   : *std::min_element(distances.begin(), distances.end());
    entry.model->Learn(input, 0, 1);
    ++entry.learnt;
  }
  for (const Entry& entry : scored_) {
    if (entry.dense_total == 0) continue;
    const InputSet& set = sets_[entry.set];
    const size_t own = set.builder->dense_size();
    std::copy_n(block.begin() + static_cast<ptrdiff_t>(set.dense), own,
                block.begin() + static_cast<ptrdiff_t>(entry.distances));
    const auto cluster = static_cast<size_t>(entry.cluster);
    const std::vector<double>& distances = cluster_out_[cluster];
    if (own + 1 == entry.dense_total) {  // A score, or the distance to the nearest.
      block[entry.distances + own] = distances.empty() ? 0 : anomaly[cluster];
      continue;
    }
    for (size_t i = own; i < entry.dense_total; ++i) {
      block[entry.distances + i] = i - own < distances.size() ? distances[i - own] : 0;
    }
  }
}

void Roster::Predict(std::span<const double> block, size_t width, std::span<const double> prior,
                     std::span<double> predictions) {
  for (size_t m = 0; m < scored_.size(); ++m) {
    const std::span<double> out = predictions.subspan(m * width, width);
    bool usable = warm(m);
    radii_[m] = scored_[m].model->Radius();
    if (usable) {
      scored_[m].model->Predict(View(scored_[m], block), scratch_);
      usable = !scratch_.empty();
      for (size_t i = 0; i < width && usable; ++i) {
        out[i] = i < scratch_.size() ? scratch_[i] : 0;
        usable = std::isfinite(out[i]);
      }
    }
    if (!usable) {
      if (!std::isnan(radii_[m])) radii_[m] = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < width; ++i) out[i] = i < prior.size() ? prior[i] : 0;
    }
  }
}

double Roster::Confidence(std::span<const double> probabilities) {
  double most = 0;
  for (const double p : probabilities) most = std::max(most, p);
  return most;
}

void Roster::Learn(std::span<const double> block, double target) {
  for (Entry& entry : scored_) {
    // Not a number: the prediction is older than the model.
    if (std::isnan(block[sets_[entry.set].sparse_count])) continue;
    if (entry.dense_total > 0 && std::isnan(block[entry.distances_marker()])) continue;
    if (entry.requests) {
      if (std::isnan(block[entry.asked])) continue;
      if (!entry.requests->MayLearn(block[entry.asked] > 0)) continue;
    }
    const Input input = View(entry, block);
    entry.model->Learn(input, target, 1);
    ++entry.learnt;
    if (entry.background) {
      entry.background->Learn(input, target, 1);
      ++entry.background_learnt;
    }
  }
  for (InputSet& set : sets_) {
    const size_t size = set.builder->label_payload_size();
    if (size > 0 && !std::isnan(block[set.sparse_count])) {
      set.builder->OnLabel(target, block.subspan(set.payload, size));
    }
  }
}

void Roster::Reset(size_t model) {
  Entry& entry = scored_[model];
  entry.model = entry.model->Fresh();
  entry.learnt = 0;
  entry.background.reset();
}

void Roster::StartBackground(size_t model) {
  Entry& entry = scored_[model];
  if (entry.background) return;
  entry.background = entry.model->Fresh();
  entry.background_learnt = 0;
}

void Roster::Swap(size_t model) {
  Entry& entry = scored_[model];
  if (!entry.background) return Reset(model);
  entry.model = std::move(entry.background);
  entry.learnt = entry.background_learnt;
}

std::vector<std::pair<std::string, std::string>> Roster::Summary(size_t model) const {
  const Entry& entry = scored_[model];
  std::vector<std::pair<std::string, std::string>> facts = {
      {"type", entry.config.type},
      {"labels learnt", std::to_string(entry.learnt)},
      {"memory",
       fmt::format("{:.1f} KiB", static_cast<double>(entry.model->MemoryBytes()) / 1024)}};
  if (entry.requests) {
    for (auto& fact : entry.requests->Summary()) facts.push_back(std::move(fact));
  }
  for (auto& fact : entry.model->Summary()) facts.push_back(std::move(fact));
  return facts;
}

void Roster::Save(StateWriter& out) const {
  out.Section("models", 1);
  for (const InputSet& set : sets_) set.builder->Save(out);
  for (const auto* entries : {&clusters_, &scored_}) {
    for (const Entry& entry : *entries) SaveEntry(entry, out);
  }
  for (const Entry& entry : scored_) {
    if (entry.requests) entry.requests->Save(out);
  }
  for (const Entry& entry : clusters_) {
    if (entry.sample) entry.sample->Save(out);
  }
}

void Roster::SaveEntry(const Entry& entry, StateWriter& out) const {
  out.Text(entry.config.name);
  out.I64(entry.learnt);
  entry.model->Save(out);
  out.Bool(entry.background != nullptr);
  if (entry.background) {
    out.I64(entry.background_learnt);
    entry.background->Save(out);
  }
}

Status Roster::Load(StateReader& in) {
  in.Section("models", 1);
  for (InputSet& set : sets_) LEAT_RETURN_IF_ERROR(set.builder->Load(in));
  for (auto* entries : {&clusters_, &scored_}) {
    for (Entry& entry : *entries) LEAT_RETURN_IF_ERROR(LoadEntry(entry, in));
  }
  for (Entry& entry : scored_) {
    if (entry.requests) LEAT_RETURN_IF_ERROR(entry.requests->Load(in));
  }
  for (Entry& entry : clusters_) {
    if (entry.sample) LEAT_RETURN_IF_ERROR(entry.sample->Load(in));
  }
  return in.status();
}

Status Roster::LoadEntry(Entry& entry, StateReader& in) {
  const std::string name = in.Text();
  if (in.ok() && name != entry.config.name) {
    in.Fail(fmt::format("expected the model '{}', found '{}'", entry.config.name, name));
  }
  entry.learnt = in.I64();
  LEAT_RETURN_IF_ERROR(entry.model->Load(in));
  entry.background.reset();
  if (in.Bool()) {
    entry.background = entry.model->Fresh();
    entry.background_learnt = in.I64();
    LEAT_RETURN_IF_ERROR(entry.background->Load(in));
  }
  return in.status();
}

std::vector<PartAccess> Roster::Parts() {
  std::vector<PartAccess> parts;
  for (InputSet& set : sets_) {
    parts.push_back({set.name, [&set](StateWriter& out) { set.builder->Save(out); },
                     [&set](StateReader& in) { return set.builder->Load(in); }, true});
  }
  for (auto* entries : {&clusters_, &scored_}) {
    for (Entry& entry : *entries) {
      parts.push_back({"model/" + entry.config.name,
                       [this, &entry](StateWriter& out) { SaveEntry(entry, out); },
                       [&entry](StateReader& in) { return LoadEntry(entry, in); }, true});
    }
  }
  for (Entry& entry : scored_) {
    if (!entry.requests) continue;
    parts.push_back({"requests/" + entry.config.name,
                     [&entry](StateWriter& out) { entry.requests->Save(out); },
                     [&entry](StateReader& in) { return entry.requests->Load(in); }, true});
  }
  for (Entry& entry : clusters_) {
    if (!entry.sample) continue;
    parts.push_back({"quality/" + entry.config.name,
                     [&entry](StateWriter& out) { entry.sample->Save(out); },
                     [&entry](StateReader& in) { return entry.sample->Load(in); }, true});
  }
  return parts;
}

std::vector<Roster::Place> Roster::Places() const {
  std::vector<Place> places;
  for (const InputSet& set : sets_) {
    const size_t end = set.payload + set.builder->label_payload_size();
    places.push_back({set.name, set.dense, end - set.dense, set.sparse_count});
  }
  for (const Entry& entry : scored_) {
    if (entry.dense_total > 0) {
      places.push_back({"distances/" + entry.config.name, entry.distances, entry.dense_total,
                        entry.distances_marker()});
    }
    if (entry.requests) {
      places.push_back({"asked/" + entry.config.name, entry.asked, 1, entry.asked});
    }
  }
  return places;
}

size_t Roster::MemoryBytes() const {
  size_t bytes = 0;
  for (const InputSet& set : sets_) bytes += set.builder->MemoryBytes();
  for (const auto* entries : {&clusters_, &scored_}) {
    for (const Entry& entry : *entries) {
      bytes += entry.model->MemoryBytes();
      if (entry.background) bytes += entry.background->MemoryBytes();
      if (entry.sample) bytes += entry.sample->MemoryBytes();
    }
  }
  return bytes;
}

}  // namespace leat
