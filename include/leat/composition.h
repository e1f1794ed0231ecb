/// Several models as one, and rare classes.
///
/// A committee predicts with members of any type on the same inputs, each given as text:
/// `hoeffding_tree grace_period=100`. Every label first judges the members by what they said before
/// they learnt it. Methods:
///   hedge     the mean of their probabilities, weighted by exp(-sharpness * loss), the loss being
///             the log-loss of each with exponential forgetting (Freund and Schapire 1997, with a
///             decayed loss, so that no member is lost for good)
///   stacking  logistic regression over the members' log-odds (Wolpert 1992; van der Laan, Polley
///             and Hubbard 2007), followed as calibration.h follows its maps; starts at their mean
///   race      the word of the one that was best in the last round; members that lose rounds with
///             confidence and do not catch up are dropped. After successive halving (Jamieson and
///             Talwalkar, AISTATS 2016) and Hoeffding races (Maron and Moore, NIPS 1993): halving
///             by schedule alone would drop those that learn slowly, so losses are compared in
///             pairs, rounds last until rare classes have come, and three rounds must be lost in a
///             row (models/composition/race.h)
/// For numbers the loss is the squared or absolute error in units of the targets' variance or
/// deviation so far (at most 100), hedge and race are the same, and stacking is linear: least
/// squares over what the members say, in the same units, followed by the same filter. What it says
/// stays within the range of the targets seen and a tenth of it beyond.
/// Cost: a prediction of every member to predict; a prediction and a step of each to learn.
/// Stacking adds 3 (members + 1)^2 operations a class. Bytes: the members', and for stacking 8
/// (members + 1) (members + 2) a class. Thread safety, determinism: as model.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "leat/model.h"
#include "leat/params.h"

namespace leat {

enum class CommitteeMethod { kHedge, kStacking, kRace };

struct CommitteeOptions {
  std::vector<std::string> members;  ///< 2 to 64; no regions (`coverage`), which are not used.
  CommitteeMethod method = CommitteeMethod::kStacking;
  double half_life = 500;  ///< Labels until a loss counts half, >= 10.
  double sharpness = 1;    ///< Of hedge, above 0 to 100.
  int64_t round = 2000;    ///< Labels of a race's round at least, >= 10.
};
void Describe(Params& params, CommitteeOptions& options);
/// Invalid for options out of range or members that cannot be made of these inputs.
Result<std::unique_ptr<Model>> MakeCommittee(const CommitteeOptions& options,
                                             const InputSpec& inputs);

enum class CommitteeLoss { kSquared, kAbsolute };
struct CommitteeRegressorOptions : CommitteeOptions {
  CommitteeLoss loss = CommitteeLoss::kSquared;  ///< By which members are judged.
};
void Describe(Params& params, CommitteeRegressorOptions& options);
/// Invalid as above.
Result<std::unique_ptr<Model>> MakeCommitteeRegressor(const CommitteeRegressorOptions& options,
                                                      const InputSpec& inputs);

/// One against the rest: a classifier of any type for each class, which learns whether a record is
/// of it (Rifkin and Klautau, "In Defense of One-Vs-All Classification", JMLR 5, 2004). What the
/// members say of their classes is divided by its sum; where all say 0 the shares of the classes so
/// far stand. A member begins with the first record of its class, so the first records after that
/// overrate it. Cost and bytes: those of a member times the classes. A linear model is better off
/// with `multiclass: one_vs_rest` of its own, which begins with what the old classes know.
struct OneVsRestOptions {
  std::string member = "hoeffding_tree";  ///< As of a committee.
  int64_t max_classes = 256;  ///< Labels from here on are ignored and counted; 2..65,536.
};
void Describe(Params& params, OneVsRestOptions& options);
/// Invalid for max_classes out of range, a member that cannot be made of these inputs or is no
/// classifier.
Result<std::unique_ptr<Model>> MakeOneVsRest(const OneVsRestOptions& options,
                                             const InputSpec& inputs);

/// How a classifier learns classes of unequal size. A record of class c, whose share of the labels
/// was pi, counts pi^-strength times (divided so that a record counts once on average): strength 1
/// makes all classes alike. With `weights` its weight is multiplied; with `sampling` it is learnt a
/// Poisson number of times with that mean, so that frequent classes are passed over and rare ones
/// repeated. The probabilities are divided by the same rates and by their sum, so that they are
/// those of the stream again (Elkan, IJCAI 2001; Dal Pozzolo and others 2015). Shares are counted
/// with exponential forgetting. Cost: some operations a class; sampling saves the learning of what
/// it passes over. Bytes: 8 a class. The random numbers depend on the label's number alone.
enum class Balance { kNone, kWeights, kSampling };
struct BalanceOptions {
  Balance balance = Balance::kNone;
  double strength = 1;        ///< (0, 1].
  double half_life = 10'000;  ///< Labels, >= 10.
};
/// Names them balance, balance_strength and balance_half_life.
void Describe(Params& params, BalanceOptions& options);
/// Invalid for options out of range or a model that is no classifier; the model itself for kNone.
Result<std::unique_ptr<Model>> MakeBalanced(std::unique_ptr<Model> model,
                                            const BalanceOptions& options);

/// What mistakes cost: records of a class are learnt with its weight, beside their own, so that a
/// classifier leans towards classes that it must not miss. Unlike Balance its probabilities are
/// those of the weighted stream and are not corrected. With `balanced` a class counts in inverse
/// proportion to the weight learnt of it so far (total / (classes seen * its own)), at most a
/// thousandfold, times its weight of the map. Learners that do not read weights (knn) are not
/// changed by it. The linear models have the same options built in (leat/linear.h). Cost: with
/// `balanced` an addition a class. Bytes: 8 a class.
enum class ClassWeight { kNone, kBalanced };
struct ClassWeightOptions {
  ClassWeight class_weight = ClassWeight::kNone;
  std::map<std::string, double> class_weights;  ///< By class index as text; above 0, at most 1e9.
};
/// Names them class_weight and class_weights.
void Describe(Params& params, ClassWeightOptions& options);
/// Invalid for what is no index or weight, or a model that is no classifier; the model itself where
/// nothing is asked for.
Result<std::unique_ptr<Model>> MakeWeighted(std::unique_ptr<Model> model,
                                            const ClassWeightOptions& options);

}  // namespace leat
