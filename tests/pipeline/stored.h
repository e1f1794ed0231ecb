/// Saves and loads pipelines in parts, item by item, as a run does, for tests.
#pragma once

#include <gtest/gtest.h>

#include "pipeline/pipeline.h"
#include "runtime/snapshot.h"
#include "state/store.h"

namespace leat {

/// A snapshot of a pipeline that tracks `store`.
inline void SaveTo(StateStore& store, Pipeline& pipeline) {
  Snapshots snapshots(store);
  ASSERT_TRUE(snapshots.Read().ok());
  snapshots.Begin(pipeline, {});
  ASSERT_TRUE(snapshots.More([] { return false; }));
  ASSERT_TRUE(snapshots.Write().ok());
  snapshots.End();
}

/// Into a new pipeline, which then tracks the store; windows and units up to `memory` bytes.
inline void LoadFrom(StateStore& store, Pipeline& pipeline, size_t memory = 1 << 30) {
  Snapshots snapshots(store);
  const auto info = snapshots.Read();
  ASSERT_TRUE(info.ok() && info->has_value());
  const Status loaded = snapshots.Load(pipeline, memory);
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  pipeline.Track(store);
}

}  // namespace leat
