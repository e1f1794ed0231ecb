#include "cli/live.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/clock.h"
#include "cli/file_sinks.h"
#include "cli/run_state.h"
#include "connectors/kafka/kafka_sinks.h"
#include "connectors/kafka/kafka_source.h"
#include "connectors/kafka/membership.h"
#include "connectors/kafka/topics.h"
#include "runtime/event_loop.h"
#include "runtime/live_driver.h"

namespace leat {
namespace {

constexpr auto kStatusEvery = std::chrono::seconds(10);
constexpr int kPollMs = 100;

using Clock = std::chrono::steady_clock;

/// Bytes of this process in memory.
uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * 4096;
}

/// Of all processes together.
int64_t SharesOf(const Config& config) { return config.kafka.instances * config.kafka.shards; }

/// Which share of the partitions a shard has, among those of all processes.
struct Share {
  int64_t index = 0;  ///< From 0.
  int64_t count = 1;
  std::string Name() const { return fmt::format("{}/{}", index + 1, count); }
};

/// What the brokers say of the topics, checked against what the configuration needs.
class Topology {
 public:
  static Result<Topology> Ask(const Config& config, const kafka::Cluster& cluster) {
    Topology topology;
    std::vector<std::string> topics = config.source.kafka.topics;
    if (!config.label.topic.empty()) topics.push_back(config.label.topic);
    std::vector<std::string> all = topics;
    for (const std::string& topic : config.sinks.topics) {
      if (!topic.empty()) all.push_back(topic);
    }
    LEAT_ASSIGN_OR_RETURN(topology.facts_, kafka::DescribeTopics(cluster, all));
    LEAT_RETURN_IF_ERROR(topology.CheckInputs(config, topics));
    LEAT_RETURN_IF_ERROR(topology.CheckSinks(config, cluster));
    return topology;
  }

  /// The partitions of a share: the same numbers of every topic, so that what has the same key
  /// stays together.
  Result<std::vector<InputPartition>> PartitionsOf(const Config& config, const Share& share) const {
    std::vector<InputPartition> inputs;
    const auto add = [&](const std::string& topic, bool labels) {
      for (int32_t number = 0; number < facts_.at(topic).partitions; ++number) {
        const auto& only = config.source.kafka.partitions;
        if (!only.empty() &&
            std::find(only.begin(), only.end(), std::to_string(number)) == only.end()) {
          continue;
        }
        if (number % share.count == share.index) inputs.push_back({topic, number, labels});
      }
    };
    for (const std::string& topic : config.source.kafka.topics) add(topic, false);
    if (inputs.empty()) {
      return Status::Invalid(fmt::format(
          "kafka.instance: shard {} has no partition to read: topic {} has {}", share.Name(),
          config.source.kafka.topics[0], facts_.at(config.source.kafka.topics[0]).partitions));
    }
    if (!config.label.topic.empty()) add(config.label.topic, true);
    return inputs;
  }

  int64_t MaxMessageBytes(const std::string& topic) const {
    const auto found = facts_.find(topic);
    return found == facts_.end() ? 0 : found->second.max_message_bytes;
  }

 private:
  Status CheckInputs(const Config& config, const std::vector<std::string>& topics) {
    for (const std::string& topic : topics) {
      const auto found = facts_.find(topic);
      if (found == facts_.end()) {
        return Status::Io(fmt::format("topic {}: the brokers have none of this name", topic));
      }
      if (found->second.compacted) {
        return Status::Invalid(fmt::format(
            "topic {}: it is compacted (cleanup.policy), so what was read once cannot be read "
            "again after a crash; feed a topic that keeps its messages",
            topic));
      }
      for (const std::string& number : config.source.kafka.partitions) {
        if (std::stol(number) >= found->second.partitions) {
          return Status::Invalid(fmt::format("topic {}: it has {} partitions, and no number {}",
                                             topic, found->second.partitions, number));
        }
      }
    }
    const int32_t partitions = facts_.at(topics[0]).partitions;
    const bool shared = SharesOf(config) > 1;
    for (const std::string& topic : topics) {
      if (!shared || facts_.at(topic).partitions == partitions) continue;
      return Status::Invalid(fmt::format(
          "topic {} has {} partitions, and {} has {}: with several shards a record and its label "
          "would not meet. Give both the same number of partitions and the same key and "
          "partitioner, or run one shard (kafka.instance: 1 of 1, kafka.shards: 1)",
          topics[0], partitions, topic, facts_.at(topic).partitions));
    }
    return Status::Ok();
  }

  Status CheckSinks(const Config& config, const kafka::Cluster& cluster) {
    std::vector<std::pair<std::string, int32_t>> missing;
    for (const std::string& topic : config.sinks.topics) {
      if (topic.empty() || facts_.count(topic) > 0) continue;
      missing.emplace_back(topic, facts_.at(config.source.kafka.topics[0]).partitions);
    }
    if (missing.empty()) return Status::Ok();
    if (!config.kafka.create_topics) {
      std::string names;
      for (const auto& [topic, partitions] : missing) names += (names.empty() ? "" : ", ") + topic;
      return Status::Io(
          fmt::format("the brokers have no topic {}: create it, or let it be created with "
                      "`kafka: {{create_topics: true}}`",
                      names));
    }
    return kafka::CreateTopics(cluster, missing);
  }

  std::map<std::string, kafka::TopicFacts> facts_;
};

SinkNames ShardPaths(SinkNames paths, const Share& share) {
  if (share.count == 1) return paths;
  for (std::string& path : paths) {
    if (path.empty() || path == "-") continue;
    path = ShardPath(path, share.index + 1);
  }
  return paths;
}

/// One shard from its opening to its end, on the thread that calls Run.
class LiveShard {
 public:
  LiveShard(const Config& config, const SessionOptions& options, const Topology& topology,
            const kafka::Cluster& cluster, Share share)
      : config_(config),
        options_(options),
        topology_(topology),
        cluster_(cluster),
        share_(std::move(share)) {}
  ~LiveShard() { stopping_ = true; }  // What still waits for brokers ends.

  Result<SessionResult> Run() {
    const Clock::time_point started = Clock::now();
    LEAT_RETURN_IF_ERROR(Open());
    const double opened = Seconds(Clock::now() - started);
    LEAT_RETURN_IF_ERROR(state_.shard->Recover(*driver_, *sinks_));
    SessionResult result;
    result.ready = Seconds(Clock::now() - started);
    const uint64_t recovered = driver_->position().records;
    told_ = Clock::now();
    told_records_ = recovered;
    if (options_.progress) {
      const Shard::Recovery& recovery = state_.shard->recovery();
      std::cerr << fmt::format(
          "leat: {}: ready after {:.2f} s: opened in {:.2f} s, {} epochs taken again in {:.2f} s, "
          "the group in {:.2f} s\n",
          Name(), result.ready, opened, recovery.epochs, recovery.replay, recovery.group);
    }
    LEAT_RETURN_IF_ERROR(driver_->Run(*state_.shard));
    LEAT_RETURN_IF_ERROR(state_.shard->Close());
    LEAT_RETURN_IF_ERROR(files_->Close());
    result.report = pipeline_->MakeReport();
    result.report.seconds = Seconds(Clock::now() - started);
    result.records = driver_->position().records - recovered;
    result.durable = state_.shard->figures();
    if (share_.count > 1) {
      result.report.pipeline += " " + share_.Name();
      result.shard = share_.index + 1;
    }
    return result;
  }

  void Stop() {
    stopping_ = true;
    const std::lock_guard lock(mutex_);
    if (driver_) driver_->Stop();
  }
  void SaveSoon() { snapshot_due_ = true; }

 private:
  std::string Name() const {
    return share_.count > 1 ? fmt::format("{} {}", config_.name, share_.Name()) : config_.name;
  }

  Status Open() {
    LEAT_ASSIGN_OR_RETURN(inputs_, topology_.PartitionsOf(config_, share_));
    LEAT_ASSIGN_OR_RETURN(pipeline_, Pipeline::Create(config_));
    LEAT_RETURN_IF_ERROR(OpenSinks());
    // While the state is read, the brokers answer.
    source_opened_ = std::async(std::launch::async, [this] { return OpenSource(); });
    LEAT_RETURN_IF_ERROR(OpenShard());
    LEAT_RETURN_IF_ERROR(OpenFiles());
    LEAT_RETURN_IF_ERROR(source_started_.get());
    return OpenDriver();
  }

  Status OpenSource() {
    kafka::SourceOptions source;
    source.cluster = cluster_;
    source.group = config_.kafka.group;
    source.inputs = inputs_;
    // A rebuild ends where the group stands.
    source.start = options_.rebuild
                       ? kafka::SourceOptions::Start::kCommitted
                       : static_cast<kafka::SourceOptions::Start>(config_.source.kafka.start);
    source.start_time = config_.source.kafka.start_time.micros / kMillisecond;
    source.read_committed = config_.kafka.read_committed;
    source.gaps = config_.kafka.gaps;
    source.traceparents = config_.kafka.headers && !config_.sinks.topics[0].empty();
    source.give_up = [this] { return stopping_.load(); };
    source.queued_kilobytes = config_.kafka.queue >> 10;
    LEAT_ASSIGN_OR_RETURN(source_, kafka::OpenSource(source));
    return Status::Ok();
  }

  static Position At(const std::vector<int64_t>& offsets) {
    Position position;
    for (const int64_t offset : offsets) position.inputs.push_back({offset, -1, 0, 0});
    return position;
  }

  Status OpenShard() {
    paths_ = ShardPaths(SinkPaths(config_.sinks, options_.output, TopicSinks::kTopics), share_);
    ShardOptions shard;
    shard.fresh = options_.fresh;
    shard.rebuild = options_.rebuild;
    shard.accept_divergence = options_.accept_divergence;
    shard.sinks = paths_;
    shard.partitions = inputs_;
    shard.group = config_.kafka.group;
    shard.instance = share_.Name();
    shard.exactly_once = config_.exactly_once;
    shard.snapshot_due = [this] { return snapshot_due_.exchange(false); };
    if (options_.rebuild) {
      LEAT_RETURN_IF_ERROR(source_opened_.get());
      LEAT_ASSIGN_OR_RETURN(const std::vector<int64_t> taken, source_->FirstOffsets());
      shard.retake = At(taken);
      shard.kept = LengthsNow(paths_);
    }
    shard.begin = [this]() -> Result<Position> {
      LEAT_RETURN_IF_ERROR(source_opened_.get());
      // There is no state that offsets of somebody else could contradict.
      const bool there = config_.source.kafka.start == StartAt::kCommitted;
      if (there || options_.fresh || options_.rebuild) sinks_->TakeAnyOffsets();
      LEAT_ASSIGN_OR_RETURN(const std::vector<int64_t> offsets,
                            options_.rebuild ? source_->OldestOffsets() : source_->FirstOffsets());
      return At(offsets);
    };
    shard.on_start = [this](const Position& start) {
      sinks_->LookAhead();
      source_started_ =
          std::async(std::launch::async, [this, marks = start.inputs, opened = source_opened_] {
            LEAT_RETURN_IF_ERROR(opened.get());
            return source_->Start(marks);
          });
    };
    const std::string folder = share_.count == 1
                                   ? options_.state
                                   : (std::filesystem::path(options_.state) /
                                      fmt::format("shard-{}-of-{}", share_.index + 1, share_.count))
                                         .string();
    // A share that moves may still be held by the process that had it.
    std::function<bool()> give_up;
    if (config_.kafka.instance == kAnyInstance) give_up = [this] { return stopping_.load(); };
    LEAT_ASSIGN_OR_RETURN(state_,
                          RunState::Open(folder, std::move(shard), config_, *pipeline_, give_up));
    for (const std::string& change : state_.shard->changes()) {
      std::cerr << "leat: " << change << '\n';
    }
    return Status::Ok();
  }

  /// After the shard, which says how much of them is kept.
  Status OpenFiles() {
    const std::string header = pipeline_->PredictionsHeader();
    LEAT_ASSIGN_OR_RETURN(const auto kept, KeptLengths(*state_.shard, paths_, header));
    LEAT_ASSIGN_OR_RETURN(files_, FileSinks::Open(paths_, kept));
    if (files_->lengths()[0] == 0) LEAT_RETURN_IF_ERROR(files_->WriteHeader(header));
    sinks_->UseFiles(files_.get());
    return Status::Ok();
  }

  Status OpenSinks() {
    kafka::SinkOptions sinks;
    sinks.cluster = cluster_;
    sinks.group = config_.kafka.group;
    sinks.transactional_id =
        fmt::format("{}-{}-of-{}", config_.kafka.group, share_.index + 1, share_.count);
    sinks.inputs = inputs_;
    sinks.topics = config_.sinks.topics;
    sinks.exactly_once = config_.exactly_once;
    sinks.headers = config_.kafka.headers;
    const std::vector<ModelFacts> models = pipeline_->Models();  // The one that serves is first.
    sinks.model_version = fmt::format("{}-{}", models.empty() ? config_.name : models[0].name,
                                      config_.fingerprint.substr(0, 8));
    sinks.transaction_timeout_ms = config_.kafka.transaction_timeout / kMillisecond;
    sinks.linger_ms = config_.kafka.linger / kMillisecond;
    sinks.patience_ms = config_.kafka.patience / kMillisecond;
    for (size_t i = 0; i < sinks.topics.size(); ++i) {
      sinks.max_message_bytes[i] = topology_.MaxMessageBytes(sinks.topics[i]);
    }
    sinks.give_up = [this] { return stopping_.load(); };
    LEAT_ASSIGN_OR_RETURN(sinks_, kafka::OpenSinks(sinks));
    return Status::Ok();
  }

  Status OpenDriver() {
    LiveOptions live;
    live.epoch_time = std::chrono::microseconds(config_.commit_every);
    if (!config_.exactly_once) {  // All along, and at once.
      live.flow = live.flow_bytes_within = live.epoch_time;
      live.flow_every = {};
    } else {
      live.flow_bytes_within = std::min<std::chrono::microseconds>(
          live.flow_bytes_within, std::chrono::microseconds(config_.kafka.transaction_timeout / 3));
    }
    live.epoch_records = static_cast<uint64_t>(config_.kafka.epoch_records);
    live.idle = std::chrono::milliseconds(config_.kafka.idle / kMillisecond);
    live.heartbeat = std::chrono::milliseconds(config_.kafka.keep_offsets / kMillisecond);
    live.envelopes = !config_.sinks.topics[0].empty();
    live.to_end = options_.to_end;
    live.on_second = [this] { OnSecond(); };
    LEAT_ASSIGN_OR_RETURN(auto driver, LiveDriver::Create(config_, *pipeline_, *source_,
                                                          state_.shard->start(), live));
    const std::lock_guard lock(mutex_);
    driver_ = std::move(driver);
    if (stopping_) driver_->Stop();
    return Status::Ok();
  }

  /// How this shard is doing, each ten seconds: for people on standard error, for machines to the
  /// topic of metrics.
  void OnSecond() {
    const auto now = Clock::now();
    if (now - told_ < kStatusEvery) return;
    const Position& position = driver_->position();
    const double rate =
        static_cast<double>(position.records - told_records_) / Seconds(now - told_);
    told_ = now;
    told_records_ = position.records;
    const std::vector<int64_t> ends = source_->Ends();
    int64_t lag = 0;
    std::string lags, json_lags;
    for (size_t i = 0; i < inputs_.size() && i < ends.size(); ++i) {
      const int64_t behind =
          ends[i] < 0 ? 0 : std::max<int64_t>(0, ends[i] - position.inputs[i].next);
      lag += behind;
      lags += fmt::format("{}{}/{} {}", lags.empty() ? "" : ", ", inputs_[i].topic,
                          inputs_[i].number, behind);
      json_lags +=
          fmt::format(R"({}{{"topic":"{}","partition":{},"lag":{}}})", json_lags.empty() ? "" : ",",
                      inputs_[i].topic, inputs_[i].number, behind);
    }
    const auto counts = pipeline_->GetCounts();
    const kafka::SinkFigures sinks = sinks_->figures();
    const Shard::Figures shard = state_.shard->figures();
    const uint64_t epoch = state_.shard->last().number;
    const uint64_t resident = ResidentBytes();
    if (options_.progress) {
      std::cerr << fmt::format(
          "leat: {}: {:.0f} records/s; lag {} ({}); epoch {}; commit p50 {:.1f} ms, p99 {:.1f} ms; "
          "{} labels pending, {} rejects; memory {:.0f} MiB\n",
          Name(), rate, lag, lags, epoch, sinks.commit_p50 * 1e3, sinks.commit_p99 * 1e3,
          counts.pending, counts.rejected, static_cast<double>(resident) / (1 << 20));
    }
    sinks_->Note(
        2, fmt::format(R"({{"status":"{}","shard":"{}","records":{},"labels":{},"rate":{:.1f},)"
                       R"("lag":{},"partitions":[{}],"epoch":{},"commit_p50_ms":{:.2f},)"
                       R"("commit_p99_ms":{:.2f},"journal_p99_ms":{:.2f},"aborted":{},)"
                       R"("unknown_committed":{},"unknown_lost":{},"pending_labels":{},)"
                       R"("rejects":{},"resident_bytes":{}}})",
                       config_.name, share_.Name(), position.records, position.labels, rate, lag,
                       json_lags, epoch, sinks.commit_p50 * 1e3, sinks.commit_p99 * 1e3,
                       shard.journal_p99 * 1e3, sinks.aborted, sinks.unknown_committed,
                       sinks.unknown_lost, counts.pending, counts.rejected, resident));
  }

  const Config& config_;
  const SessionOptions& options_;
  const Topology& topology_;
  const kafka::Cluster& cluster_;
  const Share share_;
  std::vector<InputPartition> inputs_;
  SinkNames paths_;

  // In this order, so that each ends before what it uses.
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<MessageSource> source_;
  std::unique_ptr<FileSinks> files_;
  std::unique_ptr<kafka::KafkaSinks> sinks_;
  RunState state_;
  std::unique_ptr<LiveDriver> driver_;
  std::mutex mutex_;  ///< Guards driver_ while it is made.
  std::atomic<bool> stopping_ = false, snapshot_due_ = false;

  Clock::time_point told_;
  uint64_t told_records_ = 0;
  // Last, so that what is under way ends before what it uses.
  std::shared_future<Status> source_opened_;
  std::future<Status> source_started_;  ///< At where the state stands.
};

/// The shares that run in this process, each on a thread.
class Running {
 public:
  using Make = std::function<std::unique_ptr<LiveShard>(int64_t)>;
  explicit Running(Make make) : make_(std::move(make)) {}
  ~Running() {
    Stop();
    Join();
  }

  void Start(int64_t index) {
    const std::lock_guard lock(mutex_);
    auto share = std::make_unique<One>();
    share->index = index;
    share->shard = make_(index);
    if (stopped_) share->shard->Stop();
    share->thread = std::thread([this, one = share.get()] {
      one->result.emplace(one->shard->Run());
      if (one->result->ok()) return;
      if (one->given_up) {
        // Somebody else has it, and goes on from what is committed.
        std::cerr << fmt::format("leat: a share that was given up: {}\n",
                                 one->result->status().message());
        return;
      }
      failed_ = true;
      Stop();
    });
    shares_.push_back(std::move(share));
  }
  /// All of them end soon, and those that are started later at once.
  void Stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& share : shares_) share->shard->Stop();
  }
  /// Ends these, and waits for it.
  void End(const std::vector<int64_t>& indices) {
    JoinThose([&](One& share) {
      const bool ends = std::find(indices.begin(), indices.end(), share.index) != indices.end();
      if (!ends) return false;
      share.given_up = !stopped_;
      share.shard->Stop();
      return true;
    });
  }
  /// Waits until all have ended.
  void Join() {
    JoinThose([](One&) { return true; });
  }
  void SaveSoon() {
    const std::lock_guard lock(mutex_);
    for (const auto& share : shares_) share->shard->SaveSoon();
  }
  bool failed() const { return failed_; }
  /// The first that failed decides. REQUIRES Join.
  Result<std::vector<SessionResult>> Results() {
    std::vector<SessionResult> results;
    for (auto& ended : ended_) {
      if (!ended.ok()) return ended.status();
      results.push_back(std::move(ended).value());
    }
    return results;
  }

 private:
  struct One {
    int64_t index = 0;
    std::atomic<bool> given_up = false;  ///< To another process: how it ends is nobody's failure.
    std::unique_ptr<LiveShard> shard;
    std::optional<Result<SessionResult>> result;
    std::thread thread;
  };

  /// They stay where others can stop them until they have ended.
  template <typename Which>
  void JoinThose(Which which) {
    std::vector<One*> ending;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& share : shares_) {
        if (which(*share)) ending.push_back(share.get());
      }
    }
    for (One* share : ending) {
      share->thread.join();
      if (share->result->ok() || !share->given_up) ended_.push_back(std::move(*share->result));
      const std::lock_guard lock(mutex_);
      std::erase_if(shares_, [&](const auto& one) { return one.get() == share; });
    }
  }

  const Make make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<One>> shares_;
  std::vector<Result<SessionResult>> ended_;
  bool stopped_ = false;
  std::atomic<bool> failed_ = false;
};

/// The shares that the group gives to this process, until it is told to stop.
Status RunAsMember(const Config& config, const SessionOptions& options,
                   const kafka::Cluster& cluster, EventLoop& loop, Running& running) {
  const int64_t count = SharesOf(config);
  const bool once = options.fresh || options.rebuild || options.accept_divergence;
  if (once || options.to_end) {
    return Status::Invalid(
        fmt::format("kafka.instance: any of {}: which shares come here is not known, so {} needs "
                    "--instance I/{}, share by share, while no other process runs",
                    count, options.to_end ? "--to-end" : "this", count));
  }
  std::set<int64_t> mine;
  const auto tell = [&] {
    if (!options.progress) return;
    std::string names;
    for (const int64_t index : mine) names += fmt::format(" {}/{}", index + 1, count);
    std::cerr << fmt::format("leat: {}: shares here:{}\n", config.name,
                             names.empty() ? " none" : names);
  };
  kafka::MembershipOptions member;
  member.cluster = cluster;
  member.group = config.kafka.group + ".shares";
  member.topic = config.source.kafka.topics[0];
  member.shares = count;
  member.taken = [&](const std::vector<int64_t>& shares) {
    for (const int64_t index : shares) {
      running.Start(index);
      mine.insert(index);
    }
    tell();
  };
  member.given_up = [&](const std::vector<int64_t>& shares) {
    running.End(shares);
    for (const int64_t index : shares) mine.erase(index);
    tell();
  };
  LEAT_ASSIGN_OR_RETURN(const auto membership, kafka::Membership::Join(std::move(member)));
  while (!loop.stop_requested() && !running.failed()) {
    LEAT_RETURN_IF_ERROR(membership->Poll(kPollMs));
  }
  return Status::Ok();
}

/// Buffers of a megabyte or more go back to the system when they are free: outputs that wait to be
/// committed, mostly. Left to itself, the allocator soon keeps them, in between what stays for
/// long, and what is free there serves nothing else.
/// Small pieces are joined as they are freed: librdkafka's threads free, some pieces a message,
/// what others allocate. Left to itself, the allocator keeps them apart, joins them all whenever a
/// large piece goes, and cuts them up again, which took a tenth of the processor's time.
void SetUpAllocator() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
  mallopt(M_MXFAST, 0);
#endif
}

}  // namespace

Result<std::vector<SessionResult>> RunLive(const Config& config, const SessionOptions& options) {
  SetUpAllocator();
  const kafka::Cluster cluster{config.kafka.brokers, config.kafka.properties, "leat"};
  LEAT_ASSIGN_OR_RETURN(const Topology topology, Topology::Ask(config, cluster));
  const int64_t shares = SharesOf(config);
  Running running([&](int64_t index) {
    return std::make_unique<LiveShard>(config, options, topology, cluster, Share{index, shares});
  });
  EventLoop loop;  // Ends before what its timers use.
  loop.OnStop([&] { running.Stop(); });
  loop.Every(std::chrono::milliseconds(config.snapshot_every / kMillisecond),
             [&] { running.SaveSoon(); });
  Status joined;
  if (config.kafka.instance == kAnyInstance) {
    joined = RunAsMember(config, options, cluster, loop, running);
  } else {
    for (int64_t i = 0; i < config.kafka.shards; ++i) {
      running.Start((config.kafka.instance - 1) * config.kafka.shards + i);
    }
  }
  if (!joined.ok()) running.Stop();
  running.Join();
  loop.OnStop(nullptr);
  LEAT_RETURN_IF_ERROR(joined);
  return running.Results();
}

}  // namespace leat
