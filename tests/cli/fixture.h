// The real binary in a scratch folder, over generated logs.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace leat {

namespace fs = std::filesystem;

struct Ran {
  int code;
  std::string out, err;
};

inline std::string Slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

/// A scratch folder and the real binary.
class Cli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("leat-cli-" + std::to_string(getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Runs the binary, with `before` (settings of the environment, a timeout) in front. The code of
  /// a process that was killed is 128 and the signal's number.
  Ran Leat(const std::string& arguments, const std::string& before = {}) {
    const fs::path out = folder_ / "stdout", err = folder_ / "stderr";
    const int status = std::system((before + " " + LEAT_BINARY + " " + arguments + " >" +
                                    out.string() + " 2>" + err.string() + "; exit $?")
                                       .c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Slurp(out), Slurp(err)};
  }
  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  /// A generated card log of few customers, so that it spans weeks and its labels arrive.
  std::string Log(int rows = 20'000) {
    const std::string path = Path("cards.csv");
    const Ran ran = Leat("generate card-fraud --customers 300 --terminals 600 --rows " +
                         std::to_string(rows) + " --seed 3 --output " + path);
    EXPECT_EQ(ran.code, 0) << ran.err;
    return path;
  }

  fs::path folder_;
};

}  // namespace leat
