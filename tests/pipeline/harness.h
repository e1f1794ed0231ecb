/// Runs a pipeline over text in memory, for tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/config.h"
#include "pipeline/pipeline.h"
#include "record/memory_source.h"
#include "record/reader.h"
#include "runtime/log_driver.h"

namespace leat {

class Collect final : public EpochSink {
 public:
  Status Commit(const EpochEnd&, Outputs& outputs) override {
    all.predictions += outputs.predictions;
    all.events += outputs.events;
    all.metrics += outputs.metrics;
    all.rejects += outputs.rejects;
    return Status::Ok();
  }
  Outputs all;
};

inline Config Parse(std::string_view yaml) {
  auto config = ParseConfig(yaml, "test.yaml");
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? *config : Config{};
}

inline std::unique_ptr<Pipeline> MakePipeline(const Config& config) {
  auto pipeline = Pipeline::Create(config);
  EXPECT_TRUE(pipeline.ok()) << pipeline.status().message();
  return pipeline.ok() ? std::move(*pipeline) : nullptr;
}

struct DriveResult {
  Position position;
  bool at_end = false;
};

/// Drives `csv` (and `labels`, a CSV of id, time, label, when given) through the pipeline from
/// `start`.
inline DriveResult DriveText(Pipeline& pipeline, const Config& config, const std::string& csv,
                             EpochSink& sinks, const std::string& labels = {}, Position start = {},
                             uint64_t max_records = UINT64_MAX) {
  MemorySource bytes(csv);
  auto reader = OpenReader(bytes, config.schema, {});
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  if (!reader.ok()) return {};
  EXPECT_TRUE((*reader)->Skip(start.records).ok());
  MemorySource label_bytes(labels);
  std::unique_ptr<RecordReader> label_reader;
  if (!labels.empty()) {
    auto opened = OpenReader(label_bytes, LabelSchema(config), {});
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    if (!opened.ok()) return {};
    label_reader = std::move(*opened);
    EXPECT_TRUE(label_reader->Skip(start.labels).ok());
  }
  DriveOptions options;
  options.max_records = max_records;
  LogDriver driver(pipeline, **reader, label_reader.get(), start);
  const auto at_end = driver.Run(sinks, options);
  EXPECT_TRUE(at_end.ok()) << at_end.status().message();
  if (at_end.ok() && *at_end) {
    EXPECT_TRUE(driver.Finish(sinks).ok());
  }
  return {driver.position(), at_end.ok() && *at_end};
}

inline int64_t Of(const std::vector<std::pair<std::string, int64_t>>& counts,
                  std::string_view name) {
  for (const auto& [key, value] : counts) {
    if (key == name) return value;
  }
  return -1;
}

}  // namespace leat
