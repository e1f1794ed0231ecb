/// " (did you mean 'x'?)" for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "record/nearest.h"

namespace leat::features {

/// Empty when no candidate is near.
inline std::string Suggestion(std::string_view name, std::span<const std::string> candidates) {
  const std::string nearest = NearestName(name, candidates);
  return nearest.empty() ? std::string() : " (did you mean '" + nearest + "'?)";
}

}  // namespace leat::features
