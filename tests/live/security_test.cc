// A broker that asks for TLS and a password: both come from files and the environment, and the
// password is found nowhere afterwards.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "live/live.h"
#include "live/stream.h"

namespace leat {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view kPassword = "wei%R-d3 pass";

/// A port that is free on loopback.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

std::string Text(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

/// With a broker of its own, which has a second door: TLS, and a password.
class Security : public Live {
 protected:
  void SetUp() override {
    Live::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const std::string store = (folder_ / "keys.p12").string();
    certificate_ = (folder_ / "ca.pem").string();
    const std::string keytool =
        "keytool -storetype PKCS12 -storepass changeit -alias broker "
        "-keystore '" +
        store + "' ";
    ASSERT_EQ(std::system((keytool + "-genkeypair -keyalg RSA -keysize 2048 -validity 30 "
                                     "-dname CN=localhost -ext SAN=dns:localhost 2>/dev/null")
                              .c_str()),
              0);
    ASSERT_EQ(std::system(
                  (keytool + "-exportcert -rfc -file '" + certificate_ + "' 2>/dev/null").c_str()),
              0);
    // The first door's number is below those that the system gives away.
    const int open = 20'000 + FreePort() % 10'000, secure = FreePort();
    secure_ = fmt::format("localhost:{}", secure);
    KafkaBroker::Options options;
    options.port = open;
    options.settings = {
        {"listeners", fmt::format("PLAINTEXT://127.0.0.1:{},CONTROLLER://127.0.0.1:{},"
                                  "SASL_SSL://127.0.0.1:{}",
                                  open, open + 1, secure)},
        {"advertised.listeners",
         fmt::format("PLAINTEXT://127.0.0.1:{},SASL_SSL://{}", open, secure_)},
        {"listener.security.protocol.map",
         "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL"},
        {"sasl.enabled.mechanisms", "PLAIN"},
        {"listener.name.sasl_ssl.plain.sasl.jaas.config",
         fmt::format("org.apache.kafka.common.security.plain.PlainLoginModule required "
                     "user_engine=\"{}\";",
                     kPassword)},
        {"ssl.keystore.type", "PKCS12"},
        {"ssl.keystore.location", store},
        {"ssl.keystore.password", "changeit"}};
    broker_ = Got(KafkaBroker::Start(options));
    ASSERT_NE(broker_, nullptr);
    UseBrokers(broker_->brokers());
  }

  /// The pipeline of a stream, by the second door.
  std::string Pipeline() const {
    std::string yaml = StreamPipeline(
        false, fmt::format("  patience: 5s\n  properties: {{security.protocol: sasl_ssl, "
                           "sasl.mechanism: PLAIN, sasl.username: engine, "
                           "sasl.password: \"${{LEAT_TEST_PASSWORD}}\", ssl.ca.location: {}, "
                           "broker.address.family: v4}}\n",
                           certificate_));
    return yaml.replace(yaml.find("BROKERS"), 7, secure_);
  }
  static std::string Password(std::string_view password) {
    return fmt::format("LEAT_TEST_PASSWORD={}", password);
  }

  std::unique_ptr<KafkaBroker> broker_;
  std::string certificate_, secure_;
};

TEST_F(Security, TlsAndAPasswordThatIsLeftNowhere) {
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 2'000}).ok());
  const LiveRun whole = MakeRun("whole", StreamPipeline(false));
  ASSERT_EQ(ToEnd(whole), 0) << Errors(whole);
  const LiveRun run = MakeRun("secure", Pipeline());
  ASSERT_EQ(ToEnd(run, {}, {Password(kPassword)}), 0) << Errors(run);
  ExpectSame(run, whole);
  EXPECT_GT(Lines(run, "predictions").size(), 1'900u);

  for (const auto& file : fs::recursive_directory_iterator(folder_)) {
    if (!file.is_regular_file()) continue;
    EXPECT_EQ(Text(file.path()).find(kPassword), std::string::npos) << file.path();
  }
}

// They knew of no settings, and so of no such broker.
TEST_F(Security, WhatIsGeneratedAndReadGoesThroughTheSecondDoorToo) {
  std::vector<std::string> by = {"--kafka", secure_, "--topic", In("sea")};
  for (const std::string& property :
       {std::string("security.protocol=sasl_ssl"), std::string("sasl.mechanism=PLAIN"),
        std::string("sasl.username=engine"), std::string("sasl.password=${LEAT_TEST_PASSWORD}"),
        "ssl.ca.location=" + certificate_, std::string("broker.address.family=v4")}) {
    by.insert(by.end(), {"--property", property});
  }
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.end(), by.begin(), by.end());
    Engine engine(words, {Password(kPassword)}, (folder_ / "out").string(),
                  (folder_ / "err").string());
    EXPECT_EQ(engine.Wait(60s).value_or(-1), 0) << Text(engine.errors());
    return Text(engine.out());
  };
  run({"generate", "sea", "--rows", "300", "-q"});
  const std::string rows = run({"read"});
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 300);
  EXPECT_EQ(Got(ReadTopic(brokers(), In("sea"))).size(), 300u);
}

TEST_F(Security, AWrongPasswordOrAnUnknownCertificateEndsWithThree) {
  ASSERT_TRUE(ProduceStream(brokers(), prefix_, {.records = 200}).ok());
  const LiveRun wrong = MakeRun("wrong", Pipeline());
  EXPECT_EQ(ToEnd(wrong, {}, {Password("another")}), 3) << Errors(wrong);
  EXPECT_NE(Errors(wrong).find("uthentication"), std::string::npos) << Errors(wrong);
  EXPECT_EQ(Errors(wrong).find("another"), std::string::npos) << Errors(wrong);

  std::string yaml = Pipeline();
  const std::string location = ", ssl.ca.location: " + certificate_;
  yaml.erase(yaml.find(location), location.size());
  const LiveRun unknown = MakeRun("unknown", yaml);
  EXPECT_EQ(ToEnd(unknown, {}, {Password(kPassword)}), 3) << Errors(unknown);
  EXPECT_NE(Errors(unknown).find("certificate"), std::string::npos) << Errors(unknown);
  EXPECT_EQ(Lines(wrong, "predictions").size() + Lines(unknown, "predictions").size(), 0u);
}

}  // namespace
}  // namespace leat
