/// One seeded run of a shard through disasters, compared with a run without any.
///
/// A seed draws a scenario (scenario.h) and a schedule of disasters: the machine loses power at an
/// operation of its disk, the process is killed at one, operations fail for a while (a full disk, a
/// broken device, a sync that fails), the run is stopped. Everything runs for real over a disk in
/// memory: Shard, Driver, Journal, Snapshots, FileSink, and a store (simulated_store.h). After each
/// disaster all objects of the process are destroyed, the disk starts again, and the shard is
/// opened anew, until a run has come to its end; then power is lost once more, and a last run must
/// find all of it there. One thread, no clock, so a seed always does the same.
///
/// In some scenarios the outputs go to topics instead of files. These, and the group's mark that is
/// committed with them, are the brokers' and survive everything; what was asked for last may be
/// committed without the process having been told. Each start must then go on exactly after the
/// epoch that the mark names.
///
/// What it is compared with. Ticks come from a clock, and after a disaster the clock says something
/// else: an epoch that was lost before it was committed is taken again with another tick, or with
/// none. So the run without disasters cannot draw ticks of its own. The harness keeps, for each
/// epoch by its number, what was handed to the shard (position, tick, whether the input had ended);
/// when the shard has recovered, it says how many epochs it has, and the harness forgets the later
/// ones: they were lost. What is left at the end is the history as it was committed. The reference
/// is a pipeline without shard, journal or store that takes the input along that history. Two ends
/// of the input in a row count as one: a run that starts at the end of its input must add nothing.
///
/// Nothing would be noticed, that way, of an epoch that was lost after its outputs could be seen,
/// if it is then taken again consistently. So the files are read at each disaster, too: what has
/// once been seen in them must be how they end. And no epoch is lost that the shard said was
/// committed.
///
/// What must hold: the four files are byte for byte those of the reference, what had been seen of
/// them is a prefix, the digest, as the pipeline has it and as it is loaded from the store, and the
/// counts are the reference's; no status but Io ever occurs, and no Io without a crash or a fault.
#pragma once

#include <cstdint>
#include <string>

namespace leat {

struct SimulationResult {
  std::string failure;                                   ///< What differed; empty: nothing.
  uint64_t runs = 0;                                     ///< Processes started.
  uint64_t power = 0, kills = 0, faults = 0, stops = 0;  ///< How they ended.
  uint64_t epochs = 0, replayed = 0, snapshots = 0, recovering = 0, cold = 0;
  SimulationResult& operator+=(const SimulationResult& other);
};

/// `verbose`: tells on standard error what happens.
SimulationResult Simulate(uint64_t seed, bool verbose = false);

}  // namespace leat
