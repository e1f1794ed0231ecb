/// The attributes as all trees of an ensemble see them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "leat/model.h"
#include "leat/state.h"

namespace leat::ensembles {

/// Room for nominal values grows by doubling;
/// each growth is a version, and a leaf's block is laid out by the version it was made under.
class AttributeSpace {
 public:
  AttributeSpace(const InputSpec& spec, int64_t max_nominal_values);

  size_t size() const { return nominal_.size(); }
  bool nominal(size_t attribute) const { return nominal_[attribute] != 0; }
  uint32_t version() const { return static_cast<uint32_t>(room_.size() - 1); }
  /// Values that a block of a version has room for.
  uint32_t room(uint32_t version, size_t attribute) const { return room_[version][attribute]; }

  /// Copies a row, what cannot be used as NaN; false if something is missing.
  bool Decode(std::span<const double> dense, double* x) const;
  /// Makes room for the values of a row that is going to be learnt; true if there is a new version.
  bool Meet(const double* x);

  void Save(StateWriter& out) const;
  void Load(StateReader& in);
  size_t MemoryBytes() const;

 private:
  std::vector<uint8_t> nominal_;
  std::vector<uint32_t> nominals_;  ///< Positions of the nominal attributes.
  std::vector<double> known_;
  std::vector<std::vector<uint32_t>> room_;
  double code_limit_;
};

}  // namespace leat::ensembles
