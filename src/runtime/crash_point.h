/// Named places at which a test may end the process as kill -9 would.
#pragma once

namespace leat {

/// Kills the process here if the environment says `LEAT_CRASH=NAME:N` and this is the Nth passing
/// of NAME. Otherwise one comparison.
void CrashPoint(const char* name);

}  // namespace leat
