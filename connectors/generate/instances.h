/// The generators of the literature as published programs draw them, so that their first instances
/// are the published ones: those of MOA from java.util.Random, Friedman's of River from Python's
/// random numbers.
///
/// Sources: SEA (Street and Kim 2001), Agrawal (Agrawal, Imielinski and Swami 1993), random trees
/// (Domingos and Hulten 2000), hyperplane (Hulten, Spencer and Domingos 2001), STAGGER (Schlimmer
/// and Granger 1986), sine and mixed (Gama, Medas, Castillo and Rodrigues 2004), LED and waveform
/// (Breiman, Friedman, Olshen and Stone 1984), RBF (Bifet and others 2009), Friedman (1991);
/// composition of two streams by a sigmoid (Bifet and others 2009). The order of the draws is
/// MOA's, checked against its instances (tests/reference/generators.json).
/// Shapes: an instance is the values of the attributes, nominal ones as 0, 1, ..., and a target:
/// the index of a class, or a number where there are no classes. Streams do not end. REQUIRES
/// options within the ranges that they state. Determinism: a function of the options. Cost: well
/// under a microsecond an instance but for normal numbers. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace leat::generate {

struct Attribute {
  std::string name;
  int values = 0;  ///< 0: a number.
};

class InstanceStream {
 public:
  virtual ~InstanceStream() = default;
  const std::vector<Attribute>& attributes() const { return attributes_; }
  /// 0: the target is a number.
  int classes() const { return classes_; }
  /// Writes the next instance and returns its target; `x` has a place for each attribute.
  virtual double Next(std::span<double> x) = 0;

 protected:
  InstanceStream(std::vector<Attribute> attributes, int classes)
      : attributes_(std::move(attributes)), classes_(classes) {}

 private:
  std::vector<Attribute> attributes_;
  int classes_;
};

/// Streams of two classes by one of several rules.
struct RuleOptions {
  int function = 1;  ///< SEA 1 to 4, Agrawal 1 to 10, sine 1 to 4, mixed 1 to 2, STAGGER 1 to 3.
  int64_t seed = 1;  ///< Of the instances.
  bool balance = false;        ///< Classes take turns.
  double noise = 0;            ///< SEA: percent of flipped classes; Agrawal: share of perturbation.
  bool relevant_only = false;  ///< Sine: leaves out the two attributes that say nothing.
};
std::unique_ptr<InstanceStream> MakeSeaInstances(const RuleOptions& options);
std::unique_ptr<InstanceStream> MakeAgrawalInstances(const RuleOptions& options);
std::unique_ptr<InstanceStream> MakeSineInstances(const RuleOptions& options);
std::unique_ptr<InstanceStream> MakeMixedInstances(const RuleOptions& options);
std::unique_ptr<InstanceStream> MakeStaggerInstances(const RuleOptions& options);

struct LedOptions {
  int64_t seed = 1;
  int noise = 10;              ///< Percent of segments that are inverted.
  bool relevant_only = false;  ///< Leaves out the 17 attributes that say nothing.
  int swapped = 0;             ///< Segments, 0 to 7, that change places with such attributes.
};
std::unique_ptr<InstanceStream> MakeLedInstances(const LedOptions& options);

struct WaveformOptions {
  int64_t seed = 1;
  bool noise = false;  ///< 19 more attributes that say nothing.
};
std::unique_ptr<InstanceStream> MakeWaveformInstances(const WaveformOptions& options);

struct RandomTreeOptions {
  int64_t tree_seed = 1, seed = 1;
  int classes = 2, nominals = 5, numerics = 5;
  int values = 5;  ///< Of a nominal attribute.
  int max_depth = 5, first_leaf_level = 3;
  double leaf_share = 0.15;
};
std::unique_ptr<InstanceStream> MakeRandomTreeInstances(const RandomTreeOptions& options);

struct RbfOptions {
  int64_t model_seed = 1, seed = 1;
  int classes = 2, attributes = 10;
  int centroids = 50;  ///< At least one.
  double speed = 0;    ///< Of the centroids that move, an instance.
  int moving = 0;      ///< Centroids that move; at most all of them.
};
std::unique_ptr<InstanceStream> MakeRbfInstances(const RbfOptions& options);

struct HyperplaneOptions {
  int64_t seed = 1;
  int attributes = 10;
  int drifting = 2;           ///< Attributes whose weights move; at most all of them.
  double change = 0;          ///< Of a weight, an instance.
  int noise = 5;              ///< Percent of flipped classes.
  int turn_probability = 10;  ///< Percent by which a weight's direction turns, an instance.
};
std::unique_ptr<InstanceStream> MakeHyperplaneInstances(const HyperplaneOptions& options);

/// River's: ten numbers, five of which matter, and normal noise. Target: a number.
std::unique_ptr<InstanceStream> MakeFriedmanInstances(uint64_t seed);

struct CompositionOptions {
  int64_t position = 0;  ///< Instance at the middle of the change.
  double width = 1;      ///< Instances that it takes, > 0.
  int64_t seed = 1;
};
/// `before`, and more and more often `after`. REQUIRES equal attributes and classes.
std::unique_ptr<InstanceStream> Compose(std::unique_ptr<InstanceStream> before,
                                        std::unique_ptr<InstanceStream> after,
                                        const CompositionOptions& options);

/// An applicant of the stream `agrawal`.
struct Applicant {
  double salary, commission, age;
  int education;
  double house_value, house_years, loan;
};
/// Functions 1 to 10 of the paper's appendix, here 0 to 9.
bool IsGroupA(int function, const Applicant& applicant);

}  // namespace leat::generate
