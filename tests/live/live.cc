#include "live/live.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "base/random.h"

namespace leat {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string Slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

void Replace(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// That docs/outputs.md names each member of a status.
void ExpectNamed(const boost::json::object& status) {
  static const std::string page = Slurp("docs/outputs.md");
  for (const auto& member : status) {
    EXPECT_NE(page.find('`' + std::string(member.key()) + '`'), std::string::npos) << member.key();
    if (!member.value().is_array()) continue;
    for (const boost::json::value& item : member.value().as_array()) ExpectNamed(item.as_object());
  }
}

}  // namespace

int KillCount(int short_form) {
  const char* const kills = std::getenv("LEAT_LIVE_KILLS");
  return kills == nullptr ? short_form : std::atoi(kills);
}

Engine::Engine(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment, std::string out, std::string errors)
    : out_(std::move(out)), errors_(std::move(errors)) {
  // All that is allocated is made before the fork: clients of Kafka have threads here.
  std::vector<std::string> words = {LEAT_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables = environment;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int output = open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int error = open(errors_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(output, 1);
  dup2(error, 2);
  execve(LEAT_BINARY, argv.data(), envp.data());
  _exit(127);
}

Engine::~Engine() {
  if (code_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Engine::Signal(int signal) const {
  if (!code_) kill(pid_, signal);
}

std::optional<int> Engine::Wait(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!code_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (std::chrono::steady_clock::now() >= until) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(1ms);
    }
  }
  return code_;
}

void KillAtRandom(const std::function<std::unique_ptr<Engine>()>& start, int kills, uint64_t seed,
                  const std::function<int()>& finish) {
  for (int i = 0; i < kills; ++i) {
    CounterRandom random(seed, static_cast<uint64_t>(i));
    const auto engine = start();
    const auto life = std::chrono::milliseconds(20 + random.Below(900));
    const auto ended = engine->Wait(life);
    if (ended) {
      ASSERT_EQ(*ended, 0) << i;
      continue;
    }
    engine->Signal(SIGKILL);
    ASSERT_EQ(engine->Wait(10s).value_or(-1), kKilled);
  }
  ASSERT_EQ(finish(), 0);
}

void Live::SetUp() {
  LEAT_NEED_KAFKA(broker);
  brokers_ = broker.brokers();
  prefix_ = UniqueName("live") + "-";
  folder_ = fs::temp_directory_path() / (prefix_ + std::to_string(getpid()));
  fs::create_directories(folder_);
}

void Live::TearDown() {
  if (!folder_.empty()) fs::remove_all(folder_);
}

LiveRun Live::MakeRun(const std::string& name, const std::string& yaml, int sink_partitions) {
  LiveRun run{prefix_ + name, (folder_ / (name + ".yaml")).string(), (folder_ / name).string()};
  std::string text = yaml;
  Replace(text, "RUN", run.name);
  Replace(text, "IN-", prefix_);
  Replace(text, "BROKERS", brokers_);
  Replace(text, "STATE", run.state);
  std::ofstream(run.config) << text;
  for (const char* sink : {"predictions", "events", "metrics", "rejects"}) {
    const Status made = CreateTopic(brokers_, Sink(run, sink), sink_partitions);
    EXPECT_TRUE(made.ok()) << made.message();
  }
  return run;
}

std::unique_ptr<Engine> Live::Start(const LiveRun& run, const std::vector<std::string>& more,
                                    const std::vector<std::string>& environment) {
  std::vector<std::string> arguments = {"run", run.config, "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return std::make_unique<Engine>(arguments, environment, run.state + ".out", run.state + ".err");
}

int Live::ToEnd(const LiveRun& run, const std::vector<std::string>& more,
                const std::vector<std::string>& environment) {
  std::error_code error;
  fs::remove(run.state + ".err", error);
  std::vector<std::string> arguments = {"--to-end"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Start(run, arguments, environment)->Wait(120s).value_or(-1);
}

std::string Live::Errors(const LiveRun& run) const { return Slurp(run.state + ".err"); }
std::string Live::Report(const LiveRun& run) const { return Slurp(run.state + ".out"); }

std::string Live::Digest(const LiveRun& run) {
  Engine inspect({"inspect", run.state, "--digest"}, {}, run.state + ".digest",
                 run.state + ".digest-err");
  EXPECT_EQ(inspect.Wait(60s).value_or(-1), 0) << Slurp(run.state + ".digest-err");
  return Slurp(run.state + ".digest");
}

std::vector<std::string> Live::Lines(const LiveRun& run, const std::string& sink) {
  std::vector<std::string> lines;
  for (const KafkaRecord& record : Got(ReadTopic(brokers_, Sink(run, sink)))) {
    const std::string payload = record.payload.value_or("(tombstone)");
    if (payload.starts_with("{\"status\":")) {
      ExpectNamed(boost::json::parse(payload).as_object());
      continue;
    }
    std::string line = fmt::format("{} {} ", record.partition, record.key.value_or("-"));
    for (const auto& [name, value] : record.headers) line += name + "=" + value + " ";
    // The group's name is the run's; nothing else of it may be in an output.
    lines.push_back(line + payload);
  }
  return lines;
}

/// By another client: LEAT_LIVE_READER is a Python that has one (see tests/crash/kafka-reader).
void Live::ExpectReadAlike(const std::string& topic) {
  const char* const python = std::getenv("LEAT_LIVE_READER");
  if (python == nullptr) return;
  const fs::path out = folder_ / "read.jsonl";
  const std::string command = fmt::format("'{}' '{}/tests/crash/kafka-reader' {} {} > '{}'", python,
                                          LEAT_SOURCE_DIR, brokers_, topic, out.string());
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  std::map<std::pair<int64_t, int64_t>, std::string> others;  // By partition and offset.
  std::ifstream file(out);
  for (std::string line; std::getline(file, line);) {
    const boost::json::object one = boost::json::parse(line).as_object();
    const auto text = [&](const char* name) {
      const boost::json::value& value = one.at(name);
      return value.is_null() ? std::string("-") : std::string(value.as_string());
    };
    others[{one.at("partition").as_int64(), one.at("offset").as_int64()}] =
        text("key") + " " + text("payload");
  }
  const std::vector<KafkaRecord> ours = Got(ReadTopic(brokers_, topic));
  ASSERT_EQ(others.size(), ours.size()) << topic;
  for (const KafkaRecord& record : ours) {
    const auto found = others.find({record.partition, record.offset});
    ASSERT_NE(found, others.end()) << topic << " " << record.offset;
    ASSERT_EQ(found->second, record.key.value_or("-") + " " + record.payload.value_or("-"));
  }
}

void Live::ExpectSame(const LiveRun& run, const LiveRun& whole) {
  for (const char* sink : {"predictions", "events", "metrics", "rejects"}) {
    const std::vector<std::string> lines = Lines(run, sink), wanted = Lines(whole, sink);
    ASSERT_EQ(lines.size(), wanted.size()) << sink;
    for (size_t i = 0; i < lines.size(); ++i) ASSERT_EQ(lines[i], wanted[i]) << sink << " " << i;
    for (const LiveRun* one : {&run, &whole}) ExpectReadAlike(Sink(*one, sink));
  }
  EXPECT_EQ(Digest(run), Digest(whole));
}

}  // namespace leat
