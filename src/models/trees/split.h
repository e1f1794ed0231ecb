/// Where a leaf could split: each attribute's best test and its merit.
///
/// Source: Domingos and Hulten 2000, section 3; the estimate of what falls on either side of a
/// threshold comes from the classes' Gaussians, cut off at the smallest and largest value seen, or
/// is counted, where the values were kept: then every border between two of them is a candidate,
/// halfway. Merits: information gain in bits (minus infinity unless two branches hold more than a
/// fraction of the weight), 1 - weighted Gini impurity, or Hellinger's distance (under the same
/// condition as information gain; 0 for not splitting). Logarithms to base 2 are ln(a)/ln(2): ties
/// between attributes hang on the last bit.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "leat/hoeffding_tree.h"
#include "models/trees/observers.h"

namespace leat::trees {

enum class TestKind : uint8_t { kLeaf, kNumeric, kEquals, kMultiway };

/// A test on one attribute; kLeaf stands for "do not split".
struct Suggestion {
  double merit = -std::numeric_limits<double>::infinity();
  TestKind kind = TestKind::kLeaf;
  uint32_t attribute = 0;  ///< Position in the dense part.
  double value = 0;        ///< kNumeric: <= goes to branch 0. kEquals: = goes to branch 0.
};

/// The attributes as a tree with these options observes them.
AttributeLayout LayoutOf(const HoeffdingTreeOptions& options, const InputSpec& spec);

/// sqrt(range^2 ln(1/delta) / (2 n)): equation 1 of the paper.
double HoeffdingBound(double range, double delta, double n);

/// The range of the merit at a leaf whose class vector has `classes` entries.
double MeritRange(SplitCriterion criterion, size_t classes);

/// Entropy of class weights in bits.
double Entropy(std::span<const double> weights);

/// The merit of `branches` (branch after branch, `classes` wide); `before` is the leaf's entropy,
/// which info gain starts from.
double Merit(const HoeffdingTreeOptions& options, double before, std::span<const double> branches,
             size_t classes);

class SplitFinder {
 public:
  SplitFinder(const HoeffdingTreeOptions& options, const AttributeLayout& layout)
      : options_(options), layout_(layout) {}

  /// The best candidate of each attribute that has one, worst merit first; "do not split" comes
  /// first among equals, then the order of attributes. `disabled` may be empty.
  const std::vector<Suggestion>& Rank(const Observers& observers, std::span<const double> counts,
                                      const std::vector<uint8_t>& disabled);

  /// The class weights that each branch would start with. A vector ends at the highest class whose
  /// weight, be it 0, was added.
  std::vector<std::vector<double>> Branches(const Observers& observers,
                                            const Suggestion& suggestion);

  size_t MemoryBytes() const;

 private:
  struct Side {
    size_t label;
    double weight, mean, deviation, min, max;
  };

  void LoadSides(const Observers& observers, size_t slot);
  bool BestNumeric(const Observers& observers, uint32_t attribute, double before, Suggestion* best);
  bool BestBorder(const ValueCells& cells, uint32_t attribute, double before, Suggestion* best);
  bool BestNominal(const Observers& observers, uint32_t attribute, double before, Suggestion* best);

  const HoeffdingTreeOptions& options_;
  const AttributeLayout& layout_;
  std::vector<Suggestion> ranked_;
  std::vector<Side> sides_;       ///< One numeric attribute's Gaussians.
  std::vector<double> branches_;  ///< Branch after branch, class by class.
};

}  // namespace leat::trees
