/// Keeps what a regressor predicts within the targets seen and a tenth of their range beyond, so
/// that a weighted sum of inputs far out, or of one that has run away, is no number that nobody has
/// seen.
///
/// For the linear models of a configuration; programs that make one themselves get it bare. A state
/// from before there were bounds knows no range: its model goes on without them. Bytes: 40.
#pragma once

#include <memory>

#include "leat/model.h"

namespace leat {

/// REQUIRES a model that predicts a number.
std::unique_ptr<Model> MakeBounded(std::unique_ptr<Model> model);

}  // namespace leat
