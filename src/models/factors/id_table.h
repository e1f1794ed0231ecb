/// The ids of one side of a matrix factorization, each with a bias and factors; of more than
/// `max_ids` the one learnt longest ago is forgotten. See leat/factors.h.
///
/// Slots stand side by side and are linked from the one learnt last to the one learnt longest ago;
/// that of a forgotten id goes to the id that it made room for.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <vector>

#include "leat/factors.h"
#include "leat/state.h"

namespace leat::factors {

/// Biases and factors keep within this, so that nothing overflows.
inline constexpr double kMostFactor = 1e6;

class IdTable {
 public:
  /// `side` tells the tables of a model apart.
  IdTable(const MatrixFactorizationOptions& options, uint64_t side);

  size_t size() const { return links_.size(); }
  uint64_t forgotten() const { return forgotten_; }
  /// The numbers of an id, the bias first; nullptr if it is not known.
  const double* Find(uint64_t id) const;
  /// The same for learning: the id is known from now on, and the last one learnt.
  double* Touch(uint64_t id);

  size_t HeapBytes() const;
  void Save(StateWriter& out) const;
  void Load(StateReader& in);

 private:
  static constexpr uint32_t kNone = 0xffffffff;
  struct Link {
    uint64_t id;
    uint32_t newer;
    uint32_t older;
  };

  size_t width() const { return 1 + static_cast<size_t>(options_.factors); }
  double* Slot(uint32_t slot) { return numbers_.data() + slot * width(); }
  void Unlink(uint32_t slot);
  void LinkNewest(uint32_t slot);
  uint32_t Add(uint64_t id);

  MatrixFactorizationOptions options_;
  uint64_t side_;
  uint32_t newest_ = kNone, oldest_ = kNone;
  uint64_t forgotten_ = 0;
  std::vector<Link> links_;  ///< By slot.
  std::vector<double> numbers_;
  boost::unordered_flat_map<uint64_t, uint32_t> slot_of_;
};

}  // namespace leat::factors
