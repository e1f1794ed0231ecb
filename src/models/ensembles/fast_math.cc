#include "models/ensembles/fast_math.h"

#include "base/exp.h"

namespace leat::ensembles {

/// Simpson's rule from the middle outwards.
NormalTable::NormalTable() {
  constexpr double kStep = 10.0 / kSteps, kScale = 0.39894228040143268;
  constexpr int kMiddle = kSteps / 2;
  const auto density = [](double z) { return kScale * Exp(-z * z / 2); };
  double share = 0.5;
  values_[kMiddle] = 0.5F;
  for (int i = 0; i < kMiddle; ++i) {
    const double z = i * kStep;
    share += kStep / 6 * (density(z) + 4 * density(z + kStep / 2) + density(z + kStep));
    values_[static_cast<size_t>(kMiddle + i + 1)] = static_cast<float>(share);
    values_[static_cast<size_t>(kMiddle - i - 1)] = static_cast<float>(1 - share);
  }
}

const NormalTable& Normal() {
  static const NormalTable table;
  return table;
}

}  // namespace leat::ensembles
