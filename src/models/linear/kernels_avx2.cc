/// The kernels with four numbers a register; compiled with -mavx2 (src/models/CMakeLists.txt) and
/// called only where the processor has it. Not FMA: a fused multiply-add has other bits.
#include "models/linear/kernels.h"
#include "models/linear/memory_rules.h"

#if defined(__x86_64__)

namespace leat::linear::avx2 {

double Dot(const double* w, const double* x, size_t n, double offset) {
  return DotWith<WideQuad, Probe::kNone>(w, x, n, offset, nullptr);
}
double DotAndLargest(const double* w, const double* x, size_t n, double offset, double* largest) {
  return DotWith<WideQuad, Probe::kLargest>(w, x, n, offset, largest);
}

template <typename Rule>
void StepDense(const double* x, double* planes, size_t size, const Pace& pace) {
  StepDenseWith<Rule, WideQuad>(x, planes, size, pace);
}
template void StepDense<SgdRule>(const double*, double*, size_t, const Pace&);
template void StepDense<AdaGradRule>(const double*, double*, size_t, const Pace&);
template void StepDense<FtrlRule>(const double*, double*, size_t, const Pace&);
template void StepDense<MomentumRule>(const double*, double*, size_t, const Pace&);
template void StepDense<NesterovRule>(const double*, double*, size_t, const Pace&);
template void StepDense<RmsPropRule>(const double*, double*, size_t, const Pace&);
template void StepDense<AdaDeltaRule>(const double*, double*, size_t, const Pace&);
template void StepDense<AdamRule>(const double*, double*, size_t, const Pace&);
template void StepDense<AmsGradRule>(const double*, double*, size_t, const Pace&);
template void StepDense<AdaMaxRule>(const double*, double*, size_t, const Pace&);
template void StepDense<NadamRule>(const double*, double*, size_t, const Pace&);
template void StepDense<FtrlDelayedRule>(const double*, double*, size_t, const Pace&);
template void StepDense<PassiveAggressiveRule>(const double*, double*, size_t, const Pace&);
template void StepDense<ArowRule>(const double*, double*, size_t, const Pace&);
template void StepDense<AveragedSgdRule>(const double*, double*, size_t, const Pace&);

template <typename Rule>
void StepSparse(std::span<const SparseEntry> entries, double* slots, size_t sparse_size,
                const Pace& pace) {
  StepSparseWith<Rule, WideQuad>(entries, slots, sparse_size, pace);
}
template void StepSparse<AdaGradRule>(std::span<const SparseEntry>, double*, size_t, const Pace&);
template void StepSparse<FtrlRule>(std::span<const SparseEntry>, double*, size_t, const Pace&);

}  // namespace leat::linear::avx2

#endif
