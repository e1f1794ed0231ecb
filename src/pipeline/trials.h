/// What the experiments and the bandits of a pipeline have in common: what their settings name,
/// when their rows are due, and how they are saved.
///
/// Cost: NamedInputs at the start only; the rest O(1). Thread safety: none. Determinism: no clock.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "features/features.h"
#include "pipeline/part.h"
#include "record/record.h"

namespace leat {

/// Finds what settings name, and remembers a name that is nothing.
class NamedInputs {
 public:
  NamedInputs(const Schema& schema, const FeatureGraph& graph) : schema_(schema), graph_(graph) {}
  /// Of a field or feature; -1 for no name, and for one that is nothing.
  int64_t Slot(const std::string& name);
  int64_t Field(const std::string& name);
  /// Of a name that must be there: 0 when it is not, and then status() says so.
  size_t SlotOf(const std::string& name);
  /// Invalid, once a name was nothing.
  Status status(const std::string& where) const;

 private:
  const Schema& schema_;
  const FeatureGraph& graph_;
  std::string missing_;
};

/// The index of a model; the first for an empty name.
size_t ModelOf(std::span<const std::string> models, const std::string& name);

/// Whether event time `now` has passed a multiple of `every` since the last time this was asked;
/// `next` is when it will (0 before time has begun).
bool TakeDue(EventTime now, Micros every, int64_t& next);

/// True where the condition holds: there is none, or it is a number and not 0.
bool Holds(std::span<const double> slots, int64_t slot);

/// One part each, KIND/NAME. One that is new starts with nothing.
template <typename Running>
std::vector<PartAccess> TrialParts(std::string_view kind, std::vector<Running>& all) {
  std::vector<PartAccess> parts;
  for (Running& r : all) {
    parts.push_back({std::string(kind) + "/" + r.config.options.name,
                     [&r](StateWriter& out) { r.Save(out); },
                     [&r](StateReader& in) { return r.Load(in); }, true});
  }
  return parts;
}
template <typename Running>
void SaveTrials(const std::vector<Running>& all, StateWriter& out) {
  for (const Running& r : all) r.Save(out);
}
template <typename Running>
Status LoadTrials(std::vector<Running>& all, StateReader& in) {
  for (Running& r : all) LEAT_RETURN_IF_ERROR(r.Load(in));
  return in.status();
}

}  // namespace leat
