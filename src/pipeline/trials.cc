#include "pipeline/trials.h"

#include <algorithm>
#include <cmath>

namespace leat {

int64_t NamedInputs::Slot(const std::string& name) {
  if (name.empty()) return -1;
  const auto found = graph_.SlotOf(name);
  if (!found) missing_ = name;
  return found ? static_cast<int64_t>(*found) : -1;
}

int64_t NamedInputs::Field(const std::string& name) {
  if (name.empty()) return -1;
  const auto found = std::find_if(schema_.fields.begin(), schema_.fields.end(),
                                  [&](const FieldSpec& f) { return f.name == name; });
  if (found != schema_.fields.end()) return found - schema_.fields.begin();
  missing_ = name;
  return -1;
}

size_t NamedInputs::SlotOf(const std::string& name) {
  return static_cast<size_t>(std::max<int64_t>(0, Slot(name)));
}

Status NamedInputs::status(const std::string& where) const {
  if (missing_.empty()) return Status::Ok();
  return Status::Invalid(where + ": nothing is called '" + missing_ + "'");
}

size_t ModelOf(std::span<const std::string> models, const std::string& name) {
  const auto found = std::find(models.begin(), models.end(), name);
  return found == models.end() ? 0 : static_cast<size_t>(found - models.begin());
}

bool TakeDue(EventTime now, Micros every, int64_t& next) {
  int64_t start = now.micros - now.micros % every;
  if (start > now.micros) start -= every;  // Before 1970.
  if (next == 0) next = start + every;
  if (now.micros < next) return false;
  next = start + every;
  return true;
}

bool Holds(std::span<const double> slots, int64_t slot) {
  if (slot < 0) return true;
  const double v = slots[static_cast<size_t>(slot)];
  return std::isfinite(v) && v != 0;
}

}  // namespace leat
