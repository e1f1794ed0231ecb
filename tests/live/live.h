/// The real binary, live on a real broker, killed and put in the way of, for the tests beside it.
///
/// A Live test has topics of its own, a pipeline over them and a folder. Input is produced once; an
/// Engine is a process of `leat run`. What must hold after any number of crashes: the outputs, read
/// by a reader of committed messages, and the digest of the state are those of a run that nothing
/// happened to (Whole), which reads the same input with a group, sinks and a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/kafka_broker.h"

namespace leat {

inline constexpr int kKilled = 128 + 9;

/// One process of `leat run`; killed when it goes out of scope.
class Engine {
 public:
  /// `environment`: NAME=VALUE texts. `errors` is where standard error goes, appended.
  Engine(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
         std::string out, std::string errors);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void Signal(int signal) const;
  /// The exit code, 128 + N for a process that signal N ended; none if it has not ended by then.
  std::optional<int> Wait(std::chrono::milliseconds patience);
  pid_t pid() const { return pid_; }
  const std::string& out() const { return out_; }
  const std::string& errors() const { return errors_; }

 private:
  pid_t pid_ = -1;
  std::optional<int> code_;
  std::string out_, errors_;
};

/// How often something is killed: as often as LEAT_LIVE_KILLS says, which asks for the long form.
int KillCount(int short_form);

/// Starts processes and kills each at a random moment of its first second, so often; then lets one
/// run to the end.
void KillAtRandom(const std::function<std::unique_ptr<Engine>()>& start, int kills, uint64_t seed,
                  const std::function<int()>& finish);

/// What a run of a pipeline has of its own.
struct LiveRun {
  std::string name;    ///< Of the group, the prefix of the sinks' topics, the folder.
  std::string config;  ///< Path of the YAML file.
  std::string state;
};

class Live : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// The brokers of this test: the shared one unless the test started its own.
  const std::string& brokers() const { return brokers_; }
  void UseBrokers(const std::string& brokers) { brokers_ = brokers; }

  /// A pipeline with sinks, group and folder of its own. In `yaml` RUN stands for the run's name,
  /// IN for the prefix of the input's topics, BROKERS for the address, STATE for the folder.
  LiveRun MakeRun(const std::string& name, const std::string& yaml, int sink_partitions = 1);
  std::string In(const std::string& topic) const { return prefix_ + topic; }
  std::string Sink(const LiveRun& run, const std::string& sink) const {
    return run.name + "-" + sink;
  }

  std::unique_ptr<Engine> Start(const LiveRun& run, const std::vector<std::string>& more = {},
                                const std::vector<std::string>& environment = {});
  /// Runs to the end of the input. The exit code; -1 if it took longer than two minutes.
  int ToEnd(const LiveRun& run, const std::vector<std::string>& more = {},
            const std::vector<std::string>& environment = {});
  /// What the run's last process said on standard error, and what on standard output.
  std::string Errors(const LiveRun& run) const;
  std::string Report(const LiveRun& run) const;
  std::string Digest(const LiveRun& run);

  /// Everything in a run's sink, in order of partition and offset; what the status says is left
  /// out, since it is of the process and not of the pipeline.
  std::vector<std::string> Lines(const LiveRun& run, const std::string& sink);
  /// The outputs and the state of both are the same, and another client reads the same.
  void ExpectSame(const LiveRun& run, const LiveRun& whole);

  std::filesystem::path folder_;
  std::string prefix_;

 private:
  void ExpectReadAlike(const std::string& topic);

  std::string brokers_;
};

}  // namespace leat
