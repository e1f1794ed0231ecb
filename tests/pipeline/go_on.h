/// A run that is cut, saved and loaded against one that is not.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "pipeline/harness.h"

namespace leat {

/// The same outputs, digest and report, whether a state is saved after `records` or not.
inline void ExpectGoesOn(const Config& config, const std::string& log, uint64_t records) {
  Collect whole, parts;
  const auto one = MakePipeline(config);
  DriveText(*one, config, log, whole);
  const auto before = MakePipeline(config);
  const DriveResult cut = DriveText(*before, config, log, parts, {}, {}, records);
  StateWriter out;
  before->Save(out);
  const auto after = MakePipeline(config);
  StateReader in(out.bytes());
  ASSERT_TRUE(after->Load(in).ok());
  EXPECT_TRUE(in.AtEnd());
  DriveText(*after, config, log, parts, {}, cut.position);
  EXPECT_EQ(parts.all.events, whole.all.events);
  EXPECT_EQ(parts.all.predictions, whole.all.predictions);
  EXPECT_EQ(after->Digest(), one->Digest());
  // Not how much is set aside for what is to come.
  Report a = after->MakeReport(), b = one->MakeReport();
  a.memory_bytes = b.memory_bytes = 0;
  EXPECT_EQ(RenderJson(a), RenderJson(b));
}

}  // namespace leat
