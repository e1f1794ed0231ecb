/// The drift detectors: their options and how to make one.
///
/// ADWIN keeps a window of numbers as long as their mean stays the same, and reports when it had
/// to shorten it. DDM follows the error rate of a classifier and reports when it has risen
/// significantly above its lowest level. docs/drift.md says when to choose which, with counts of
/// false alarms.
///
/// Values that a detector cannot use are ignored and leave its state as it is: anything not
/// finite, for ADWIN also magnitudes above 1e100 (their squares overflow), for DDM also numbers
/// outside [0, 1]. Thread safety and determinism: as leat/drift.h. Errors: options out of range.
#pragma once

#include <cstdint>
#include <memory>

#include "leat/drift.h"
#include "leat/params.h"
#include "leat/status.h"

namespace leat {

/// ADWIN: adaptive windowing. Source: Bifet and Gavalda, Learning from Time-Changing Data with
/// Adaptive Windowing, SDM 2007, the version with exponential buckets (ADWIN2) and the bound for
/// a normal approximation; sizes, clock and the correction by min_window_length as in MOA.
///
/// Cost: O(log W) at every `clock`-th value, O(1) amortised otherwise; memory for
/// (max_buckets + 1) * log2(W) buckets of 16 bytes, W being the window's length. Range of values:
/// any; the bound assumes sums of them to be near normal. Output: kDrift or kStable, no warnings.
struct AdwinOptions {
  double delta = 0.002;           ///< Confidence, in (0, 1): bounds false alarms per test.
  int64_t clock = 32;             ///< Values between two tests, >= 1.
  int64_t max_buckets = 5;        ///< Buckets of one size before two are merged, 2..1000.
  int64_t min_window_length = 5;  ///< Values each side of a split must have (see below), >= 1.
  int64_t grace = 10;             ///< No test while the window has this many values or fewer.
  /// Start from an empty window at the value after a detection, and test splits with exactly
  /// min_window_length values on a side, as River does. Otherwise the newer part of the window is
  /// kept, sides need more than min_window_length + 1 values, and one abrupt change is reported
  /// several times (typically two to five) while the window sheds its past, as in MOA.
  bool reset_on_detection = false;
  /// Report only changes that raised the mean (MOA's ADWINChangeDetector). A fall still shortens
  /// the window.
  bool rises_only = false;
};
void Describe(Params& params, AdwinOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeAdwin(const AdwinOptions& options);

/// How DDM counts at the start; the two published implementations differ.
enum class DdmVariant {
  kRiver,  ///< The rate starts with the first value; tests begin after warm_start values.
  kMoa,    ///< Tests one value later, the minimum kept from the warm_start-th test count on.
};

/// DDM: the drift detection method. Source: Gama, Medas, Castillo and Rodrigues, Learning with
/// Drift Detection, SBIA 2004, section 3.
///
/// Feed 1 for a wrong prediction and 0 for a right one (a loss in [0, 1] works too, but the
/// deviation used is that of bits). Reports rises only. Cost: O(1), 100 bytes. Output: all three
/// states; a warning and a drift never hold together.
struct DdmOptions {
  int64_t warm_start = 30;       ///< Values before the first test, >= 1.
  double warning_threshold = 2;  ///< Deviations above the minimum for a warning, > 0.
  double drift_threshold = 3;    ///< Deviations above the minimum for a drift, > 0.
  DdmVariant variant = DdmVariant::kRiver;
};
void Describe(Params& params, DdmOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeDdm(const DdmOptions& options);

}  // namespace leat
