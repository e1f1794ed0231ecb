// Every malformed file of tests/bad_input/config is refused with exactly the expected problems.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "pipeline/config.h"

namespace leat {
namespace {

constexpr char kFolder[] = "tests/bad_input/config/";

struct Expected {
  int line;
  std::string message;
};

std::map<std::string, std::vector<Expected>> ReadExpected() {
  std::map<std::string, std::vector<Expected>> out;
  std::ifstream in(std::string(kFolder) + "expected.tsv");
  std::string row;
  std::getline(in, row);  // The header.
  while (std::getline(in, row)) {
    const size_t first = row.find('\t'), second = row.find('\t', first + 1);
    out[row.substr(0, first)].push_back(
        {std::stoi(row.substr(first + 1, second - first - 1)), row.substr(second + 1)});
  }
  return out;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(BadConfig, EachFileGivesExactlyTheExpectedProblems) {
  const auto expected = ReadExpected();
  ASSERT_GE(expected.size(), 30u);
  for (const auto& [file, problems] : expected) {
    SCOPED_TRACE(file);
    std::vector<ConfigProblem> found;
    const auto config = ParseConfig(ReadFile(kFolder + file), file, &found);
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.status().code(), StatusCode::kInvalid);
    for (const Expected& e : problems) {
      bool seen = false;
      for (const ConfigProblem& p : found) {
        const std::string text = p.where + ": " + p.message;
        seen |= p.line == e.line && text.find(e.message) != std::string::npos;
      }
      EXPECT_TRUE(seen) << "line " << e.line << ": " << e.message << "\nfound:\n"
                        << config.status().message();
    }
    EXPECT_EQ(found.size(), problems.size()) << config.status().message();
    for (const ConfigProblem& p : found) {
      EXPECT_GT(p.column, 0);
      EXPECT_THAT(std::string(config.status().message()),
                  testing::HasSubstr(file + ":" + std::to_string(p.line) + ":" +
                                     std::to_string(p.column) + ": "));
    }
  }
}

TEST(BadConfig, EveryFileIsExpected) {
  const auto expected = ReadExpected();
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") files.insert(entry.path().filename().string());
  }
  for (const std::string& file : files) EXPECT_EQ(expected.count(file), 1u) << file;
  EXPECT_EQ(files.size(), expected.size());
}

}  // namespace
}  // namespace leat
