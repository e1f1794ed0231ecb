/// Runs every reference case that has a runner: reference_test [part of "file id"].
///
/// One line a case on stdout, `PASS|FAIL|SKIP file id detail`; then, for each file, how many cases
/// have no runner; last `N passed, N failed, N skipped`. Exit 1 if any case failed or if none was
/// decided (a filter that matches nothing, every data file absent), so that silence is no success.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reference/registry.h"

namespace leat::reference {
namespace {

std::vector<std::string> FamilyFiles() {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(ReferenceFolder(), error)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".json" && name != "sequences.json") files.push_back(name);
  }
  if (error) {
    std::fprintf(stderr, "%s: %s\n", ReferenceFolder().c_str(), error.message().c_str());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Outcome RunOne(const Runner& runner, const boost::json::object& test_case) {
  try {
    return runner.run(test_case);
  } catch (const std::exception& e) {
    return Fail(std::string("exception: ") + e.what());
  }
}

const Runner* FindRunner(const std::string& file, const boost::json::object& test_case) {
  for (const Runner& runner : Runners()) {
    if (runner.file == file && runner.accepts(test_case)) return &runner;
  }
  return nullptr;
}

int RunAll(std::string_view filter) {
  int passed = 0, failed = 0, skipped = 0;
  std::map<std::string, int> not_built;
  for (const std::string& file : FamilyFiles()) {
    for (const boost::json::value& item : Family(file).at("cases").as_array()) {
      const boost::json::object& test_case = item.as_object();
      const std::string id(test_case.at("id").as_string());
      if ((file + " " + id).find(filter) == std::string::npos) continue;
      const Runner* runner = FindRunner(file, test_case);
      if (runner == nullptr) {
        ++not_built[file];
        continue;
      }
      const Outcome outcome = RunOne(*runner, test_case);
      const char* word = "PASS";
      if (outcome.verdict == Verdict::kPass) ++passed;
      if (outcome.verdict == Verdict::kFail) ++failed, word = "FAIL";
      if (outcome.verdict == Verdict::kSkip) ++skipped, word = "SKIP";
      std::printf("%s %s %s%s%s\n", word, file.c_str(), id.c_str(),
                  outcome.detail.empty() ? "" : " ", outcome.detail.c_str());
      std::fflush(stdout);
    }
  }
  for (const auto& [file, count] : not_built) {
    std::printf("%s: %d cases not built yet\n", file.c_str(), count);
  }
  if (passed + failed == 0) std::printf("no case was decided\n");
  std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed > 0 || passed == 0 ? 1 : 0;
}

}  // namespace
}  // namespace leat::reference

int main(int argc, char** argv) {
  try {
    return leat::reference::RunAll(argc > 1 ? argv[1] : "");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
