/// Bins of the attributes, shared by all trees of an ensemble: a row is binned once.
///
/// A number's bins hold about equal shares of a sample of the rows, or one value each where there
/// are no more than kBins values; bin b holds what is above edge b - 1 and not above edge b. A
/// nominal value is its own bin, the last one is for all from there on. The sample is a reservoir
/// (Vitter 1985) that turns into an exponentially fading one (Aggarwal 2006) once kHorizon rows are
/// seen. Bins are fitted after 32 rows, then 64, 128 and so on, and at any multiple of kBlock if
/// an outermost bin has taken far more of the last rows than it was made for. What was gathered in
/// the old bins of an attribute moves to the new ones by Rebinning; where an attribute that had one
/// value varies again, it goes, since nothing tells in which of the new bins it would be.
///
/// Cost: five comparisons a number and row; 2.4 KiB a number. Determinism: which rows are sampled
/// is a function of the seed and the row's number. Errors: Load fails the reader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "leat/state.h"
#include "models/ensembles/attribute_space.h"

namespace leat::ensembles {

inline constexpr size_t kBins = 32;
/// The code of what is missing, and of numbers that cannot tell rows apart.
inline constexpr uint8_t kNoBin = 255;

/// To which bin that of each old bin goes; kNoBin: it is forgotten.
struct Rebinning {
  uint32_t attribute = 0;
  std::array<uint8_t, kBins> to{};
};

class RowBins {
 public:
  RowBins(const AttributeSpace& space, uint64_t seed);

  /// The bins of a decoded row, one an attribute.
  void Codes(const double* x, uint8_t* codes) const;
  /// Takes a row that is learnt, with its codes. True if bins have changed: see changes().
  bool Meet(const double* x, const uint8_t* codes);
  const std::vector<Rebinning>& changes() const { return changes_; }
  /// The upper edge of a bin of a number that is not the last; of a nominal attribute, the value.
  double Edge(size_t attribute, size_t bin) const;

  size_t HeapBytes() const;
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  static constexpr size_t kSample = 256;
  static constexpr uint64_t kHorizon = 8192;
  static constexpr uint64_t kBlock = 512;

  /// Of a number; its edges are edges_[at * kBins ...], the rest up to kBins infinite.
  struct Number {
    uint32_t attribute = 0;
    uint32_t edges = 0;
    bool each_value = true;  ///< The sample had no more values than there are bins.
    uint32_t low = 0;        ///< Rows of this block in the first bin, and in the last.
    uint32_t high = 0;
    double low_share = 0;  ///< Of the sample, when the bins were made.
    double high_share = 0;
  };
  void Fit(size_t number);

  uint64_t seed_;
  uint64_t rows_ = 0;
  uint64_t next_fit_ = 32;
  std::vector<uint32_t> number_of_;  ///< An attribute's index in numbers_; kNominal if it has none.
  std::vector<Number> numbers_;
  std::vector<double> edges_;
  std::vector<double> sample_;  ///< kSample values a number, NaN where missing or not yet seen.
  std::vector<Rebinning> changes_;
};

}  // namespace leat::ensembles
