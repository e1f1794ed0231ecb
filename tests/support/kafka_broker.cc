#include "support/kafka_broker.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace leat {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

struct Ran {
  int code = -1;
  std::string out, err;
};

std::string ReadAll(std::FILE* file) {
  std::string text;
  std::rewind(file);
  char block[4096];
  for (size_t n = 0; (n = std::fread(block, 1, sizeof(block), file)) > 0;) text.append(block, n);
  return text;
}

/// By files and not by pipes: what the script starts must not hold an end that is waited for.
Ran RunScript(const std::vector<std::string>& arguments) {
  Ran ran;
  std::vector<std::string> words = {LEAT_SOURCE_DIR "/scripts/kafka"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::FILE* out = std::tmpfile();
  std::FILE* err = std::tmpfile();
  if (!out || !err) {
    ran.err = "no temporary files";
    return ran;
  }
  const pid_t child = fork();
  if (child == 0) {
    // Only calls that are safe in a child of a process with threads.
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(fileno(out), 1);
    dup2(fileno(err), 2);
    for (int fd = 3; fd < 1024; ++fd) close(fd);
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  if (child > 0) {
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  ran.out = ReadAll(out);
  ran.err = ReadAll(err);
  std::fclose(out);
  std::fclose(err);
  while (ran.out.ends_with('\n')) ran.out.pop_back();
  while (ran.err.ends_with('\n')) ran.err.pop_back();
  return ran;
}

bool OnPath(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

struct Shared {
  std::unique_ptr<KafkaBroker> broker;
  std::string problem;
  bool may_be_absent = false;
};

Shared& TheShared() {
  static Shared shared;
  return shared;
}

}  // namespace

Result<std::unique_ptr<KafkaBroker>> KafkaBroker::Start(const Options& options) {
  std::unique_ptr<KafkaBroker> broker(new KafkaBroker());
  broker->folder_ = options.folder;
  if (broker->folder_.empty()) {
    broker->temporary_ = true;
    broker->folder_ = (std::filesystem::temp_directory_path() / UniqueName("leat-kafka")).string();
  }
  std::vector<std::string> arguments = {"start",
                                        "--folder",
                                        broker->folder_,
                                        "--port",
                                        std::to_string(options.port),
                                        "--heap",
                                        "256m",
                                        "--while",
                                        std::to_string(getpid())};
  if (broker->temporary_) arguments.push_back("--remove");
  for (const auto& [key, value] : options.settings) {
    arguments.push_back("--set");
    arguments.push_back(key + "=" + value);
  }
  Ran ran = RunScript(arguments);
  if (ran.code != 0) return Status::Io(ran.err);
  broker->brokers_ = std::move(ran.out);
  return broker;
}

KafkaBroker::~KafkaBroker() {
  if (attached_) return;
  (void)Kill();
  std::error_code ignored;
  if (temporary_) std::filesystem::remove_all(folder_, ignored);
}

Status KafkaBroker::Command(const std::string& command) {
  if (folder_.empty()) return Status::Io(command + ": LEAT_KAFKA_FOLDER does not name the broker");
  const Ran ran = RunScript({command, "--folder", folder_});
  return ran.code == 0 ? Status::Ok() : Status::Io(command + ": " + ran.err);
}

Status KafkaBroker::Stop() { return Command("stop"); }
Status KafkaBroker::Kill() { return Command("kill"); }
Status KafkaBroker::Restart() { return Command("restart"); }
Status KafkaBroker::Pause() { return Command("pause"); }
Status KafkaBroker::Resume() { return Command("resume"); }

pid_t KafkaBroker::pid() const {
  pid_t pid = 0;
  std::ifstream(folder_ + "/pid") >> pid;
  return pid;
}

KafkaBroker* SharedKafka() {
  Shared& shared = TheShared();
  static const bool started = [&shared] {
    if (!Environment("LEAT_KAFKA_BROKERS").empty()) {
      shared.broker.reset(new KafkaBroker());
      shared.broker->attached_ = true;
      shared.broker->brokers_ = Environment("LEAT_KAFKA_BROKERS");
      shared.broker->folder_ = Environment("LEAT_KAFKA_FOLDER");
      return true;
    }
    // Maven is needed only as long as the cache is empty: the script knows.
    shared.may_be_absent = Environment("CI") != "true" && (!OnPath("java") || !OnPath("mvn"));
    auto broker = KafkaBroker::Start();
    if (!broker.ok()) {
      shared.problem = broker.status().message();
      return false;
    }
    shared.broker = std::move(broker).value();
    return true;
  }();
  return started ? shared.broker.get() : nullptr;
}

const std::string& KafkaProblem() { return TheShared().problem; }
bool KafkaMayBeAbsent() { return TheShared().may_be_absent; }

std::string UniqueName(const std::string& prefix) {
  static std::atomic<int> last{0};
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  char text[64];
  std::snprintf(text, sizeof(text), "-%d-%llx-%d", static_cast<int>(getpid()),
                static_cast<unsigned long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000,
                ++last);
  return prefix + text;
}

}  // namespace leat
