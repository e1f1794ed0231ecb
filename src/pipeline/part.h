/// A part of the state that is saved as a whole, and what saves and loads it.
#pragma once

#include <functional>
#include <string>

#include "leat/state.h"
#include "leat/status.h"

namespace leat {

struct PartAccess {
  std::string name;
  std::function<void(StateWriter&)> save;
  std::function<Status(StateReader&)> load;
  bool optional = false;  ///< Without it, what it would load stays as it was made.
};

}  // namespace leat
