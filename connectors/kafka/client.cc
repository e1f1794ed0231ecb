#include "connectors/kafka/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <mutex>
#include <thread>

namespace leat::kafka {
namespace {

/// The longest pause before a broker that has gone is called again, give or take a half: by itself
/// librdkafka takes up to ten seconds.
constexpr const char* kReconnectMs = "500";

constexpr int kWarning = 4;  ///< Of syslog: the levels below are worse.
constexpr auto kQuiet = std::chrono::minutes(1);
constexpr auto kPatience = std::chrono::seconds(3);
constexpr size_t kMostRemembered = 1000;

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// To which clients each property applies: 'P' to producers, 'C' to consumers, '*' to both. The
/// library tells it as a table of its reference, and knows its own version best.
std::map<std::string, char, std::less<>> ReadProperties() {
  std::map<std::string, char, std::less<>> properties;
  char* text = nullptr;
  size_t size = 0;
  FILE* const file = open_memstream(&text, &size);
  if (file == nullptr) return properties;
  rd_kafka_conf_properties_show(file);
  fclose(file);
  std::string_view rest(text, size);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const size_t bar = line.find('|');
    if (bar == std::string_view::npos) continue;
    const std::string_view whose = Trimmed(line.substr(bar + 1, line.find('|', bar + 1) - bar - 1));
    if (whose.size() == 1) properties.emplace(Trimmed(line.substr(0, bar)), whose[0]);
  }
  std::free(text);
  return properties;
}

bool Applies(std::string_view property, rd_kafka_type_t type) {
  static const auto* const kProperties = new auto(ReadProperties());
  const auto found = kProperties->find(property);
  if (found == kProperties->end()) return true;  // Its refusal says what is wrong.
  return found->second != (type == RD_KAFKA_PRODUCER ? 'C' : 'P');
}

Status Set(rd_kafka_conf_t* conf, rd_kafka_type_t type, const std::string& name,
           const std::string& value) {
  if (!Applies(name, type)) return Status::Ok();
  char words[512] = {};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), words, sizeof(words)) ==
      RD_KAFKA_CONF_OK) {
    return Status::Ok();
  }
  // The words may quote the value.
  const bool secret =
      name.find("password") != std::string::npos || name.find("secret") != std::string::npos ||
      name.find("key") != std::string::npos || name.find("oauthbearer") != std::string::npos;
  return Status::Invalid(
      fmt::format("kafka: property {}: {}", name, secret ? "it is refused" : words));
}

void Log(const rd_kafka_t* /*client*/, int level, const char* /*what*/, const char* text) {
  if (level <= kWarning) Warn(text);
}

}  // namespace

Result<Handle<rd_kafka_conf_t>> MakeConf(
    const Cluster& cluster, rd_kafka_type_t type,
    const std::vector<std::pair<std::string, std::string>>& settings) {
  Handle<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  LEAT_RETURN_IF_ERROR(Set(conf.get(), type, "bootstrap.servers", cluster.brokers));
  LEAT_RETURN_IF_ERROR(Set(conf.get(), type, "client.id", cluster.client_id));
  LEAT_RETURN_IF_ERROR(Set(conf.get(), type, "reconnect.backoff.max.ms", kReconnectMs));
  for (const auto& [name, value] : settings) {
    LEAT_RETURN_IF_ERROR(Set(conf.get(), type, name, value));
  }
  for (const auto& [name, value] : cluster.properties) {
    LEAT_RETURN_IF_ERROR(Set(conf.get(), type, name, value));
  }
  rd_kafka_conf_set_log_cb(conf.get(), Log);
  return conf;
}

Status Insist(rd_kafka_conf_t& conf,
              std::initializer_list<std::pair<const char*, std::string>> settings) {
  std::array<char, 512> why{};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(&conf, name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
      return Status::Invalid(fmt::format("kafka: {}: {}", name, why.data()));
    }
  }
  return Status::Ok();
}

Result<Handle<rd_kafka_t>> MakeClient(rd_kafka_type_t type, Handle<rd_kafka_conf_t> conf) {
  char words[512] = {};
  rd_kafka_t* const client = rd_kafka_new(type, conf.get(), words, sizeof(words));
  if (client == nullptr) {
    return Status::Invalid(fmt::format("kafka: no client can be made: {}", words));
  }
  static_cast<void>(conf.release());  // It is the client's.
  return Handle<rd_kafka_t>(client);
}

void Discard(Handle<rd_kafka_t> consumer) {
  std::promise<void> promise;
  const std::future<void> done = promise.get_future();
  std::thread destroyer([client = consumer.release(), promise = std::move(promise)]() mutable {
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    promise.set_value();
  });
  if (done.wait_for(kPatience) == std::future_status::ready) {
    destroyer.join();
  } else {
    destroyer.detach();
  }
}

void Warn(std::string_view text) {
  using Clock = std::chrono::steady_clock;
  static std::mutex mutex;
  static auto* const times = new std::map<std::string, Clock::time_point, std::less<>>;
  // What follows are counts and times, which differ though the message is the same.
  const std::string_view same = text.substr(0, text.find(" (after "));
  const auto now = Clock::now();
  {
    const std::lock_guard lock(mutex);
    const auto found = times->find(same);
    if (found != times->end() && now - found->second < kQuiet) return;
    if (times->size() >= kMostRemembered) times->clear();
    times->insert_or_assign(std::string(same), now);
  }
  std::fputs(fmt::format("leat: kafka: {}\n", text).c_str(), stderr);
}

Status Failed(std::string_view what, rd_kafka_resp_err_t error, std::string_view detail) {
  return Status::Io(fmt::format("{}: {}", what, detail.empty() ? rd_kafka_err2str(error) : detail));
}

}  // namespace leat::kafka
