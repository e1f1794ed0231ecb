/// Poisson numbers: how often a tree learns a row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace leat::ensembles {

/// Poisson numbers by inversion, from 64 random bits.
class PoissonTable {
 public:
  explicit PoissonTable(double mean);
  size_t HeapBytes() const { return limits_.capacity() * sizeof(uint64_t) + 16; }
  uint32_t operator()(uint64_t bits) const {
    uint32_t k = first_[bits >> 56];
    while (k + 1 < limits_.size() && bits > limits_[k]) ++k;
    return k;
  }

 private:
  std::array<uint32_t, 256> first_;
  std::vector<uint64_t> limits_;
};

}  // namespace leat::ensembles
