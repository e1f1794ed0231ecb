/// The four sinks as files: where they are, what of them a resumed run keeps, and writing them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "connectors/file/file_sink.h"
#include "leat/status.h"
#include "pipeline/config.h"
#include "runtime/shard.h"
#include "runtime/sink_set.h"

namespace leat {

class FileSinks final : public SinkSet {
 public:
  /// A sink without a path is none. See FileSink::Open for `keep`.
  static Result<std::unique_ptr<FileSinks>> Open(const SinkNames& paths,
                                                 const std::optional<SinkLengths>& keep);
  Status WriteFiles(const Outputs& outputs) override;
  /// What stands before the first prediction.
  Status WriteHeader(std::string_view bytes);
  Status Sync() override;
  Status Close();
  SinkLengths lengths() const override;

 private:
  std::array<std::unique_ptr<FileSink>, 4> files_;
};

/// Invalid if a sink is the file of an input, under whatever name: opening it would empty it.
Status CheckApart(const SinkNames& sinks, std::span<const std::string> inputs);
/// Where the outputs of topics go: to them, or, of a run over a log, to files.
enum class TopicSinks { kTopics, kFiles };
/// The paths as configured, or the same names under `folder`. Topics have none, but are files under
/// a folder if `topics` says so.
SinkNames SinkPaths(const SinkConfig& sinks, const std::string& folder, TopicSinks topics);
/// The name of a shard's own file: r.html is r-2.html for the second.
std::string ShardPath(const std::string& path, int64_t number);
/// Whether the files are as long as `lengths` says.
bool HaveWritten(const SinkNames& paths, const SinkLengths& lengths);
/// How long the files are now.
SinkLengths LengthsNow(const SinkNames& paths);
/// How much of each file stays. One under another name that is not there yet is new. Predictions
/// go on only under the same columns; else Corrupt.
Result<std::optional<SinkLengths>> KeptLengths(const Shard& shard, const SinkNames& paths,
                                               const std::string& header);

}  // namespace leat
