#include "models/ensembles/poisson.h"

#include <cmath>

#include "base/exp.h"

namespace leat::ensembles {

PoissonTable::PoissonTable(double mean) {
  double p = Exp(-mean), sum = p;
  for (int k = 0; k < 200; ++k) {
    limits_.push_back(sum >= 1 ? ~uint64_t{0} : static_cast<uint64_t>(std::ldexp(sum, 64)));
    p *= mean / (k + 1);
    sum += p;
    if (sum >= 1 || p < 1e-20) {
      if (k > mean) break;
    }
  }
  uint32_t k = 0;
  for (uint64_t i = 0; i < first_.size(); ++i) {
    while (k + 1 < limits_.size() && (i << 56) > limits_[k]) ++k;
    first_[i] = k;
  }
}

}  // namespace leat::ensembles
