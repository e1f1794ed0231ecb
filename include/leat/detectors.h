/// The drift detectors: their options and how to make one.
///
/// ADWIN, KSWIN and SEED take any numbers and compare the older with the newer part of a window.
/// Page-Hinkley and CUSUM sum what numbers exceed their mean by. The others follow the error bits
/// of a classifier and report when errors become more frequent (DDM, EDDM, RDDM, HDDM, EWMA chart,
/// FHDDM) or their rate differs (STEPD). docs/drift.md says when to choose which, with counts of
/// false alarms.
///
/// Values that a detector cannot use are ignored and leave its state as it is: anything not
/// finite, magnitudes above 1e100 (their squares overflow), and for those that follow errors also
/// numbers outside [0, 1] (RDDM and STEPD take bits only). Thread safety and determinism: as
/// leat/drift.h; KSWIN draws from counter-based random numbers. Errors: options out of range.
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

/// EDDM: early drift detection, by the distance between errors. Source: Baena-Garcia, del
/// Campo-Avila, Fidalgo, Bifet, Gavalda and Morales-Bueno, Early Drift Detection Method, 2006.
/// Cost: O(1), 130 bytes. Output: all three states. Only a 1 counts as an error.
enum class EddmVariant {
  kRiver,  ///< Sample variance; the longest distance counts once warm_start values have come.
  kMoa,    ///< Population variance; a warning is kept from one error to the next, drifts included.
};
struct EddmOptions {
  int64_t warm_start = 30;  ///< Values, and errors, before a test, >= 1.
  double alpha = 0.95;      ///< Share of the longest distance that warns, in (0, 1].
  double beta = 0.9;        ///< Share of the longest distance that is a drift, in (0, 1].
  EddmVariant variant = EddmVariant::kRiver;
};
void Describe(Params& params, EddmOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeEddm(const EddmOptions& options);

/// RDDM: DDM that forgets. Source: Barros, Cabral, Goncalves and Santos, RDDM: Reactive drift
/// detection method, 2017; details as in MOA. A warning that lasts too long becomes a drift, a long
/// stable time is cut back to its latest part, and after a drift the statistics begin with what
/// came since the warning. Cost: O(1), and a pass over `stable_values` bits after a drift; a byte a
/// kept value. Output: all three states.
struct RddmOptions {
  int64_t warm_start = 129;       ///< Values before the first test, >= 1.
  double warning_level = 1.773;   ///< Deviations above the minimum for a warning, > 0.
  double drift_level = 2.258;     ///< Deviations above the minimum for a drift, > 0.
  int64_t max_values = 40'000;    ///< Values after which the statistics are made anew, >= 1.
  int64_t stable_values = 7'000;  ///< Latest values that are kept, 2..1e6.
  int64_t warning_limit = 1'400;  ///< Values of one warning that make it a drift, >= 1.
};
void Describe(Params& params, RddmOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeRddm(const RddmOptions& options);

/// HDDM: drift detection by Hoeffding's bound (A, averages) and McDiarmid's (W, exponentially
/// weighted averages). Source: Frias-Blanco, del Campo-Avila, Ramos-Jimenez, Morales-Bueno,
/// Ortiz-Diaz and Caballero-Mota, Online and Non-Parametric Drift Detection Methods Based on
/// Hoeffding's Bounds, 2015. Values in [0, 1]. Cost: O(1), about 150 (A) and 250 (W) bytes. Output:
/// all three states.
enum class HddmVariant {
  kRiver,  ///< Two-sided: falls are reported.
  kMoa,    ///< Two-sided: a fall starts the detector again in silence.
};
struct HddmAOptions {
  double drift_confidence = 0.001;    ///< Chance of a false alarm of a drift, in (0, 1).
  double warning_confidence = 0.005;  ///< Chance of a false alarm of a warning, in (0, 1).
  bool two_sided = false;             ///< Falls count too.
  HddmVariant variant = HddmVariant::kRiver;
};
void Describe(Params& params, HddmAOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeHddmA(const HddmAOptions& options);

struct HddmWOptions {
  double drift_confidence = 0.001;    ///< Chance of a false alarm of a drift, in (0, 1).
  double warning_confidence = 0.005;  ///< Chance of a false alarm of a warning, in (0, 1).
  double lambda = 0.05;               ///< Weight of the newest value, in (0, 1).
  bool two_sided = false;             ///< Falls count too.
  HddmVariant variant = HddmVariant::kRiver;
};
void Describe(Params& params, HddmWOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeHddmW(const HddmWOptions& options);

/// FHDDM: the mean of a window against the best it has been. Source: Pesaranghader and Viktor, Fast
/// Hoeffding Drift Detection Method for Evolving Data Streams, 2016; with a short window FHDDMS
/// (Pesaranghader, Viktor and Paquet 2018). The paper feeds 1 for a right prediction; as everything
/// here is fed errors, that is the option `falls`. Cost: O(window) a value, 8 bytes a value of the
/// window. Output: kDrift or kStable.
struct FhddmOptions {
  int64_t window = 100;      ///< Values whose mean is followed, 2..1e5.
  int64_t short_window = 0;  ///< A second window, not longer; 0: none.
  double confidence = 1e-6;  ///< Chance of a false alarm of a test, in (0, 1).
  bool falls = false;        ///< Report falls of what is fed, not rises.
};
void Describe(Params& params, FhddmOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeFhddm(const FhddmOptions& options);

/// Page and Hinkley's test. Source: Page, Continuous Inspection Schemes, 1954; Hinkley 1971; with
/// the forgetting of River and MOA. Any numbers; delta and threshold are in their unit. Cost: O(1),
/// 120 bytes. Output: kDrift or kStable.
enum class PageHinkleyMode { kBoth, kUp, kDown };
enum class PageHinkleyVariant {
  kRiver,  ///< The sums are compared with their extremes.
  kMoa,    ///< The sum of rises is compared with 0; rises only.
};
struct PageHinkleyOptions {
  int64_t warm_start = 30;  ///< Values before the first test, >= 1.
  double delta = 0.005;     ///< Deviations that are tolerated, >= 0.
  double threshold = 50;    ///< Sum of deviations that is a drift, > 0.
  double alpha = 0.9999;    ///< Share of the sums kept at each value, in (0, 1].
  PageHinkleyMode mode = PageHinkleyMode::kBoth;
  PageHinkleyVariant variant = PageHinkleyVariant::kRiver;
};
void Describe(Params& params, PageHinkleyOptions& options);
Result<std::unique_ptr<DriftDetector>> MakePageHinkley(const PageHinkleyOptions& options);

/// CUSUM: the cumulative sum of rises above the mean, which never falls below 0. Source: Page 1954;
/// details as in MOA. Cost: O(1), 60 bytes. Output: kDrift or kStable; rises only.
struct CusumOptions {
  int64_t warm_start = 30;  ///< Values before the first test, >= 1.
  double delta = 0.005;     ///< Deviations that are tolerated, >= 0.
  double threshold = 50;    ///< Sum of deviations that is a drift, > 0.
};
void Describe(Params& params, CusumOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeCusum(const CusumOptions& options);

/// The control chart of an exponentially weighted mean of errors. Source: Ross, Adams, Tasoulis and
/// Hand, Exponentially weighted moving average charts for detecting concept drift, 2012; the limit
/// for one false alarm in 400 values at lambda 0.2. Deviation: it is never below 2. Cost: O(1), 100
/// bytes. Output: all three states.
struct EwmaChartOptions {
  int64_t warm_start = 30;  ///< Values before the first test, >= 1.
  double lambda = 0.2;      ///< Weight of the newest value, in (0, 1).
  double limit = 0;         ///< Deviations that are a drift; 0: by the rate, see above.
  double warning = 0.5;     ///< Share of the limit that is a warning, in [0, 1].
};
void Describe(Params& params, EwmaChartOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeEwmaChart(const EwmaChartOptions& options);

/// KSWIN: Kolmogorov and Smirnov's test of the latest values against as many drawn from the rest of
/// a window. Source: Raab, Heusinger and Schleif, Reactive Soft Prototype Computing for Concept
/// Drift Streams, 2020; also asks for a difference above 0.1, as River does. Finds any change of
/// the distribution. Cost: O(window + recent log recent) a value; 16 bytes a value of the window.
/// Output: kDrift or kStable.
struct KswinOptions {
  double alpha = 0.005;  ///< p-value of one test; about 1 / alpha values between false alarms at
                         ///< the most frequent, in (0, 1).
  int64_t window = 100;  ///< Values that are kept, 4..1e5.
  int64_t recent = 30;   ///< Of which the latest, 2..window/2, and as many as can make a p-value
                         ///< of alpha (6 for 0.005).
  int64_t seed = 1;      ///< Of the draws.
};
void Describe(Params& params, KswinOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeKswin(const KswinOptions& options);

/// STEPD: the errors of a recent window against those of all older values, by a test of equal
/// proportions. Source: Nishida and Yamauchi, Detecting Concept Drift Using Statistical Testing,
/// 2007; details as in MOA: falls are reported as well, and so are two windows without any error,
/// or of nothing else (the test divides by 0 there), every 2 `window` values. Cost: O(1), a byte a
/// value of the window. Output: all three states.
struct StepdOptions {
  int64_t window = 30;          ///< Recent values, 2..1e6.
  double drift_level = 0.003;   ///< p-value below which it reports, in (0, 1).
  double warning_level = 0.05;  ///< p-value below which it warns, in (0, 1).
};
void Describe(Params& params, StepdOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeStepd(const StepdOptions& options);

/// SEED: ADWIN's test at the borders of blocks, of which those that are alike are merged. Source:
/// Huang, Koh, Dobbie and Pears, Detecting Volatility Shift in Data Streams, 2014. Deviations:
/// epsilon grows linearly with the merges since the last change, and the number of blocks is
/// bounded. Cost: O(blocks) at the end of a block, O(1) otherwise; 24 bytes a block. Output: kDrift
/// or kStable.
struct SeedOptions {
  double delta = 0.05;          ///< Confidence, in (0, 1).
  int64_t block = 32;           ///< Values of a block, >= 1.
  int64_t compress_every = 75;  ///< Blocks between two merges, >= 1.
  double epsilon = 0.01;        ///< Means of blocks that are alike differ by less, >= 0.
  double growth = 0.8;          ///< Share by which epsilon grows at each merge, >= 0.
  int64_t max_blocks = 1'000;   ///< Then the oldest two become one, >= 2.
};
void Describe(Params& params, SeedOptions& options);
Result<std::unique_ptr<DriftDetector>> MakeSeed(const SeedOptions& options);

}  // namespace leat
