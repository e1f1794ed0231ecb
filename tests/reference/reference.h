/// The data-driven reference test: every case of a family file is run and printed on a line.
///
/// Cases live in JSON files in the folder that LEAT_REFERENCE names (default: beside this file).
/// A family registers runners; the first runner that accepts a case decides it. A case that no
/// runner accepts belongs to something not built yet and is counted as such, never as passed.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <string>
#include <vector>

namespace leat::reference {

enum class Verdict { kPass, kFail, kSkip };

struct Outcome {
  Verdict verdict = Verdict::kPass;
  std::string detail;  ///< The largest difference, or what differed first, or why it was skipped.
};

inline Outcome Pass(std::string detail = {}) { return {Verdict::kPass, std::move(detail)}; }
inline Outcome Fail(std::string detail) { return {Verdict::kFail, std::move(detail)}; }
inline Outcome Skip(std::string detail) { return {Verdict::kSkip, std::move(detail)}; }

struct Runner {
  std::string file;  ///< Such as "drift_moa.json".
  std::function<bool(const boost::json::object& test_case)> accepts;
  std::function<Outcome(const boost::json::object& test_case)> run;
};

/// Called from a static initialiser of each family's file.
bool Register(Runner runner);

/// A whole family file ("metrics.json" keeps its input streams beside its cases). Cached; throws
/// std::runtime_error, which the harness reports as the failure of the running case, if absent.
const boost::json::object& Family(const std::string& file);

/// A sequence of sequences.json by id (bits as 0 and 1). Cached.
const std::vector<double>& Sequence(const std::string& id);

/// A number of a case; the strings "nan", "inf" and "-inf" are what they say.
double Number(const boost::json::value& value);

/// |a - b| <= tolerance * max(1, |b|), equal infinities and two NaNs included.
bool Close(double a, double b, double tolerance);

/// A table read from the data folder (LEAT_DATA):
/// header and cells as text; nullptr when the file is absent. Cached.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};
const Table* Data(const std::string& name);

/// What a runner returns when Data(name) is nullptr.
Outcome NoData(const std::string& name);

}  // namespace leat::reference
