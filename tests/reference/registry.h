/// What the harness's main needs besides reference.h.
#pragma once

#include <string>
#include <vector>

#include "reference/reference.h"

namespace leat::reference {

/// All registered runners, in the order of registration.
std::vector<Runner>& Runners();

/// The folder of the family files: LEAT_REFERENCE, or tests/reference of the source tree.
std::string ReferenceFolder();

}  // namespace leat::reference
