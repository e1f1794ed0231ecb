/// What of a configuration shapes the state, and which changes of it a state can follow.
///
/// Models, detectors, experiments and bandits may be added (they start with nothing) and removed;
/// one of them that has changed needs another name. Anything else that shapes the state (records,
/// labels, features, limits, evaluation) must be as it was. What does not shape it (paths, sinks,
/// the interval of snapshots, memory) may change freely.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "leat/status.h"

namespace leat {

/// A canonical text (Config::shape), taken apart.
struct Shape {
  std::map<std::string, std::string> sections;  ///< All but models and drift.
  std::map<std::string, std::string> models;    ///< By name.
  std::vector<std::string> drift;               ///< One text a detector.
};
Shape ParseShape(std::string_view canonical);
/// The part of a model's text that says what it sees.
std::string_view InputsOf(std::string_view model);

/// What has changed between two canonical texts, a line each, for people. Corrupt if the state
/// cannot follow, with what differs.
Result<std::vector<std::string>> CompareShapes(std::string_view before, std::string_view now);

}  // namespace leat
