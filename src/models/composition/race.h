/// Which members of a race are worse, by confidence; see leat/composition.h.
///
/// A round lasts so many labels, and until those of other classes than its most frequent one number
/// kFewestRare, for without them nothing is known of what tells good from bad; but at most
/// kLongestRound times as long. (Of numbers there is one class, and none is rare.) The difference
/// of every two losses is summed, with its square, so that what makes records hard for both drops
/// out; after each round sums keep kKept of what they were. At its end the one of lowest loss
/// leads. Another loses the round if its loss is higher by more than kSure standard errors and has
/// not come closer by one since the last round, because those that learn slowly, and win in the
/// end, begin like that; or if the two are the same for all purposes and it stands later. After
/// kRounds lost in a row it goes. Cost: members^2 / 2 additions a label, twice. Bytes: 8 members
/// (members + 3).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "leat/state.h"

namespace leat {

class Race {
 public:
  static constexpr double kFewestRare = 50;
  static constexpr uint64_t kLongestRound = 100;
  static constexpr double kKept = 0.75;
  static constexpr double kSure = 3;
  static constexpr double kSame = 0.01;  ///< Of the leader's loss.
  static constexpr uint32_t kRounds = 3;

  Race(size_t members, int64_t round);

  /// The losses of all members at one label; `here` is which are still in the race (the loss of the
  /// others is not looked at). True if the round is over: then lost() has changed.
  bool Judge(std::span<const double> losses, const std::vector<uint8_t>& here, size_t label,
             size_t classes);
  /// Those that have now lost kRounds in a row, to be dropped.
  const std::vector<size_t>& lost() const { return lost_; }
  /// Of the last round that is over.
  size_t leader() const { return leader_; }
  bool has_leader() const { return leader_ < members_; }

  size_t HeapBytes() const;
  void Save(StateWriter& out) const;
  /// Fails the reader for what cannot be.
  void Load(StateReader& in);

 private:
  /// Of two members, i < j: sums of the loss of i less that of j, and of its square.
  double& Gap(size_t i, size_t j) { return gaps_[i * members_ + j]; }
  double& Squares(size_t i, size_t j) { return gaps_[j * members_ + i]; }
  void EndRound(const std::vector<uint8_t>& here);

  size_t members_;
  uint64_t round_;
  uint64_t labels_ = 0;         ///< Of this round.
  std::vector<double> counts_;  ///< The same by class.
  double weight_ = 0;           ///< Labels in the sums that follow.
  std::vector<double> losses_;  ///< Sums.
  std::vector<double> gaps_;    ///< A matrix: Gap above the diagonal, Squares below.
  std::vector<double> last_;    ///< Gap to the leader at the end of the last round.
  std::vector<uint32_t> rounds_lost_;
  size_t leader_;
  std::vector<size_t> lost_;
};

}  // namespace leat
