/// Random Fourier features: an input map that lets a linear model learn curved boundaries.
///
/// Source: Rahimi and Recht, "Random Features for Large-Scale Kernel Machines" (NIPS 2007, section
/// 3, algorithm 1): z(x) = sqrt(2 / D) cos(W x + b), with W normal of deviation 1 / s and b uniform
/// over a turn. Dots of such vectors approach the kernel exp(-|x - y|^2 / (2 s^2)) as D grows, so
/// that a linear model of z is a kernel machine of x. Here s = width * sqrt(d), d being the number
/// of dense inputs: with standardised inputs width 1 suits most.
/// Shapes: d dense inputs become D; sparse ones pass as they are. A missing or infinite input
/// counts as 0, others are cut at 1e6 in size. Cost: D (d + 20) operations a prediction and again a
/// label. Bytes: 8 D (d + 1), and the model's own for D inputs. Determinism: W and b follow from
/// the seed and are not saved; the cosine of the map is a polynomial, alike on every processor, but
/// W is drawn with the C library's logarithm and cosine (CounterRandom::Normal), whose last bits
/// may differ between processors. Thread safety and errors: as model.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "leat/model.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

struct FourierOptions {
  int64_t features = 0;  ///< D, [0, 65536]; 0: inputs pass as they are.
  double width = 1;      ///< Of the kernel, in roots of the number of inputs; [1e-3, 1e3].
  int64_t seed = 1;
};
/// Names them fourier_features, fourier_width and fourier_seed.
void Describe(Params& params, FourierOptions& options);

using MakeForInputs = std::function<Result<std::unique_ptr<Model>>(const InputSpec&)>;
/// What `make` makes, behind the map. Invalid for options out of range, layouts without dense
/// inputs, and layouts that `make` refuses by themselves.
Result<std::unique_ptr<Model>> MakeFourier(const FourierOptions& options, const InputSpec& inputs,
                                           const MakeForInputs& make);

}  // namespace leat
