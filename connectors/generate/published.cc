// The streams of instances.h as rows with an id, a time and drift.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "connectors/generate/instances.h"
#include "connectors/generate/stream.h"

namespace leat::generate {
namespace {

using Instances = std::unique_ptr<InstanceStream>;

/// One concept of a stream. `seed` differs between concepts; `concept_index` counts from 0.
using MakeConcept = Instances (*)(const GenerateOptions& options, int64_t seed,
                                  int64_t concept_index);

struct Kind {
  MakeConcept make;
  bool own_noise = false;  ///< `noise` is a matter of the stream itself.
  bool rotates = false;    ///< A concept moves the values along by so many attributes.
};

int Percent(double share) { return static_cast<int>(std::lround(100 * share)); }

/// Concepts are separate streams, each with draws of its own, as in MOA's compositions.
class Published final : public Generator {
 public:
  Published(const Setup& setup, const Kind& kind, uint64_t component)
      : options_(setup.options),
        kind_(kind),
        start_(setup.start),
        schedule_(setup.options),
        row_(setup.options.format, {"id", "time"}),
        extra_(static_cast<uint64_t>(setup.options.seed), component) {
    const InstanceStream& first = StreamOf(schedule_.first_concept());
    for (const Attribute& attribute : first.attributes()) row_.AddColumn(attribute.name);
    row_.AddColumn("target");
    x_.resize(first.attributes().size());
  }

  std::string Header() const override { return row_.Header(); }

  bool Next(std::string& line) override {
    if (written_ == options_.rows) return false;
    row_.Begin(line);
    row_.Integer(written_);
    row_.Time(start_ + written_ * options_.interval);
    const int64_t concept_index = schedule_.Concept(written_, extra_);
    InstanceStream& stream = StreamOf(concept_index);
    double target = stream.Next(x_);
    if (kind_.rotates) {
      const auto by = static_cast<ptrdiff_t>(static_cast<size_t>(concept_index) % x_.size());
      std::rotate(x_.begin(), x_.begin() + by, x_.end());
    }
    for (size_t i = 0; i < x_.size(); ++i) {
      if (stream.attributes()[i].values > 0) {
        row_.Integer(static_cast<int64_t>(x_[i]));
      } else {
        row_.Number(x_[i]);
      }
    }
    if (stream.classes() == 0) {
      row_.Number(target);
    } else {
      if (!kind_.own_noise && extra_.Uniform() < options_.noise) {
        const auto classes = static_cast<uint64_t>(stream.classes());
        target = static_cast<double>(
            (static_cast<uint64_t>(target) + 1 + extra_.Below(classes - 1)) % classes);
      }
      row_.Integer(static_cast<int64_t>(target));
    }
    row_.End();
    ++written_;
    return true;
  }

 private:
  InstanceStream& StreamOf(int64_t concept_index) {
    for (auto& [index, stream] : streams_) {
      if (index == concept_index) return *stream;
    }
    // During a gradual change two concepts take turns; older ones come back only in turn.
    if (streams_.size() == 2) streams_.erase(streams_.begin());
    const int64_t seed = options_.seed + concept_index - schedule_.first_concept();
    streams_.emplace_back(concept_index, kind_.make(options_, seed, concept_index));
    return *streams_.back().second;
  }

  GenerateOptions options_;
  Kind kind_;
  EventTime start_;
  Schedule schedule_;
  Row row_;
  CounterRandom extra_;  ///< Drift and noise.
  std::vector<std::pair<int64_t, Instances>> streams_;
  std::vector<double> x_;
  int64_t written_ = 0;
};

RuleOptions Rule(int64_t seed, int64_t concept_index, int64_t functions, double noise = 0) {
  RuleOptions rule;
  rule.function = static_cast<int>(concept_index % functions) + 1;
  rule.seed = seed;
  rule.noise = noise;
  return rule;
}

Instances SeaConcept(const GenerateOptions& o, int64_t seed, int64_t index) {
  return MakeSeaInstances(Rule(seed, index, 4, Percent(o.noise)));
}
Instances AgrawalConcept(const GenerateOptions& o, int64_t seed, int64_t index) {
  return MakeAgrawalInstances(Rule(seed, index, 10, o.noise));
}
Instances SineConcept(const GenerateOptions&, int64_t seed, int64_t index) {
  return MakeSineInstances(Rule(seed, index, 4));
}
Instances MixedConcept(const GenerateOptions&, int64_t seed, int64_t index) {
  return MakeMixedInstances(Rule(seed, index, 2));
}
Instances StaggerConcept(const GenerateOptions&, int64_t seed, int64_t index) {
  return MakeStaggerInstances(Rule(seed, index, 3));
}
Instances LedConcept(const GenerateOptions& o, int64_t seed, int64_t index) {
  return MakeLedInstances({seed, Percent(o.noise), false, static_cast<int>(index % 8)});
}
Instances WaveformConcept(const GenerateOptions&, int64_t seed, int64_t) {
  return MakeWaveformInstances({seed, false});
}
Instances FriedmanConcept(const GenerateOptions&, int64_t seed, int64_t) {
  return MakeFriedmanInstances(static_cast<uint64_t>(seed));
}
Instances TreeConcept(const GenerateOptions&, int64_t seed, int64_t index) {
  RandomTreeOptions options;
  options.tree_seed = 1 + index;
  options.seed = seed;
  return MakeRandomTreeInstances(options);
}
Instances RbfConcept(const GenerateOptions& o, int64_t seed, int64_t index) {
  RbfOptions options;
  options.model_seed = 1 + index;
  options.seed = seed;
  options.speed = o.speed;
  options.moving = o.speed > 0 ? options.centroids : 0;
  return MakeRbfInstances(options);
}
Instances HyperplaneConcept(const GenerateOptions& o, int64_t seed, int64_t) {
  HyperplaneOptions options;
  options.seed = seed;
  options.change = o.speed;
  options.noise = Percent(o.noise);
  return MakeHyperplaneInstances(options);
}

}  // namespace

std::unique_ptr<Generator> MakeMoaAgrawal(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{AgrawalConcept, true}, 20);
}
std::unique_ptr<Generator> MakeMoaRandomTree(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{TreeConcept}, 21);
}
std::unique_ptr<Generator> MakeMoaSea(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{SeaConcept, true}, 22);
}
std::unique_ptr<Generator> MakeFriedman(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{FriedmanConcept, true, true}, 23);
}
std::unique_ptr<Generator> MakeHyperplane(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{HyperplaneConcept, true}, 24);
}
std::unique_ptr<Generator> MakeLed(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{LedConcept, true}, 25);
}
std::unique_ptr<Generator> MakeMixed(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{MixedConcept}, 26);
}
std::unique_ptr<Generator> MakeRbf(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{RbfConcept}, 27);
}
std::unique_ptr<Generator> MakeSine(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{SineConcept}, 28);
}
std::unique_ptr<Generator> MakeStagger(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{StaggerConcept}, 29);
}
std::unique_ptr<Generator> MakeWaveform(const Setup& setup) {
  return std::make_unique<Published>(setup, Kind{WaveformConcept, false, true}, 30);
}

}  // namespace leat::generate
