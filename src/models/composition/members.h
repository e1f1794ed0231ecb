/// What committees of classifiers and of regressors have in common: their members, each judged by
/// every label, and the loss, with forgetting, that each has run up.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leat/composition.h"
#include "models/composition/race.h"

namespace leat::committees {

inline constexpr double kFarthest = 100;  ///< Of a coefficient of stacking.

/// A model of a member's text (`hoeffding_tree grace_period=100`) that learns that task; or Invalid
/// with whose member it is, and the reason.
Result<std::unique_ptr<Model>> MakeMember(std::string_view owner, const std::string& text,
                                          const InputSpec& inputs, Task task);

using Members = std::vector<std::unique_ptr<Model>>;  ///< Null: dropped.
/// All of them of that task, or Invalid with the member and the reason.
Result<Members> MakeMembers(std::string_view committee, const CommitteeOptions& options,
                            const InputSpec& inputs, Task task);

class CommitteeBase : public Model {
 public:
  Task task() const final { return task_; }
  std::vector<std::pair<std::string, std::string>> Summary() const final;

 protected:
  CommitteeBase(std::string_view name, const CommitteeOptions& options, const InputSpec& inputs,
                Task task, Members members);

  /// What each member says; returns the longest answer's length. One that is gone says nothing.
  size_t AskAll(const Input& input, std::vector<std::vector<double>>& said) const;
  void TeachAll(const Input& input, double target, double weight);
  /// Loss of a member, a mean with forgetting.
  double Loss(size_t m) const { return loss_[m] * (1 - keep_); }
  bool racing() const { return options_.method == CommitteeMethod::kRace; }
  /// In a race the one that led its last round; before that, and elsewhere, the one of lowest loss
  /// of late.
  size_t Leader() const;
  /// Of what member m says, for hedge and race. `leader`: Leader().
  double Voice(size_t m, size_t leader) const;
  /// The loss of each member at a label of this class (of `classes`; of numbers there is one).
  /// Members that have lost a race go.
  void Charge(std::span<const double> losses, size_t label, size_t classes);

  // ---- Stacking: coefficients of the members and of a constant, one set for each `class` ----
  size_t terms() const { return members_.size() + 1; }
  double Doubt(size_t term) const { return term < members_.size() ? 0.1 : 1.0; }
  std::vector<double> Doubts() const;
  void GrowStack(size_t sets);

  std::string SectionName() const;
  /// Everything, with what a type adds in between.
  void Save(StateWriter& out) const final;
  virtual void SaveMore(StateWriter&) const {}
  /// REQUIRES a committee that has learnt nothing; not Ok: it must not be used.
  Status LoadFresh(StateReader& in);
  virtual bool LoadMore(StateReader&) { return true; }
  size_t HeapBytes() const;

  std::string_view name_;
  CommitteeOptions options_;
  InputSpec inputs_;
  Task task_;
  double keep_;
  Members members_;
  std::vector<double> loss_;    ///< Of each, decayed sums.
  std::vector<double> values_;  ///< Stacking: by class and term.
  std::vector<double> spreads_;
  Race race_;
  uint64_t labels_ = 0;
};

}  // namespace leat::committees
