/// The name that a person most likely meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace leat {

/// The candidate with the smallest edit distance (insertions, deletions, substitutions and swaps of
/// neighbours; letter case ignored), the first of equals; empty if none is closer than about a
/// third of the name. O(candidates x length^2).
std::string NearestName(std::string_view name, std::span<const std::string> candidates);

}  // namespace leat
