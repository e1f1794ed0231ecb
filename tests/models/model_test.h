/// What the tests of learners do again and again.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text_params.h"
#include "models/registry.h"

namespace leat {

inline std::string Saved(const Model& model) {
  StateWriter out;
  model.Save(out);
  return out.Take();
}

/// A model that has loaded what this one has saved, and holds the same.
inline std::unique_ptr<Model> Reloaded(const Model& model) {
  const std::string bytes = Saved(model);
  auto loaded = model.Fresh();
  StateReader in(bytes);
  EXPECT_TRUE(loaded->Load(in).ok()) << in.status().message();
  EXPECT_TRUE(in.AtEnd());
  EXPECT_TRUE(Saved(*loaded) == bytes);
  EXPECT_EQ(loaded->MemoryBytes(), model.MemoryBytes());
  return loaded;
}

/// A learner of a type of the configuration, with its defaults or with options behind it:
/// `knn window=100`.
inline std::unique_ptr<Model> New(const std::string& text, const InputSpec& inputs) {
  const auto spec = ParseTextSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status().message();
  const auto factory = NewModelFactory(spec->name);
  TextParams params(spec->options);
  factory->Describe(params);
  EXPECT_TRUE(params.status().ok()) << params.status().message();
  auto made = factory->Make(inputs);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

/// The numbers of its summary by name. REQUIRES that all are whole.
inline std::map<std::string, size_t> CountsOf(const Model& model) {
  std::map<std::string, size_t> counts;
  for (const auto& [name, text] : model.Summary()) counts[name] = std::stoul(text);
  return counts;
}

/// Learns `rows` rows by learn(i): it stays within its bytes, refuses splits in the end, and keeps
/// the leaves that it has.
template <typename Learn>
void ExpectToStopGrowing(const Model& model, uint64_t rows, size_t max_bytes, const Learn& learn) {
  size_t leaves = 0, refused = 0;
  for (uint64_t i = 0; i < rows; ++i) {
    learn(i);
    ASSERT_LE(model.MemoryBytes(), max_bytes) << i;
    if (i % 100 != 0) continue;
    auto counts = CountsOf(model);
    ASSERT_GE(counts["leaves"], leaves) << i;
    leaves = counts["leaves"];
    refused = counts["splits refused by max_bytes"];
  }
  EXPECT_GT(leaves, 40u);
  EXPECT_GT(refused, 0u);
}

/// A name for a test of such a learner.
inline std::string TestName(std::string text) {
  for (char& c : text) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return text;
}

/// `n` numbers: x0, x1, ...
inline InputSpec Numbers(size_t n) {
  InputSpec spec;
  for (size_t i = 0; i < n; ++i) spec.dense.push_back({"x" + std::to_string(i), false, 0});
  return spec;
}

/// Four numbers, of which streams make one constant, one huge and one often missing, and a color.
inline InputSpec MixedInputs() {
  return {{{"signal", false, 0},
           {"constant", false, 0},
           {"huge", false, 0},
           {"gappy", false, 0},
           {"color", true, 0}},
          0};
}

/// How far apart the places are at which a state is damaged: some 200 of them.
inline size_t DamageStep(const std::string& bytes) {
  return std::max<size_t>(1, bytes.size() / 200);
}

/// A state that is cut anywhere is refused, and leaves who was to load it as it was.
inline void ExpectRefusesCutState(const Model& model, const std::string& bytes) {
  const auto other = model.Fresh();
  const std::string untouched = Saved(*other);
  for (size_t cut = 0; cut < bytes.size(); cut += DamageStep(bytes)) {
    StateReader in(std::string_view(bytes).substr(0, cut));
    ASSERT_EQ(other->Load(in).code(), StatusCode::kCorrupt) << cut;
  }
  EXPECT_TRUE(Saved(*other) == untouched);
}

/// Refuses sparse inputs, nominal ones, and none.
inline void ExpectReadsNumbersOnly(const std::string& type) {
  InputSpec sparse = Numbers(2);
  sparse.sparse_size = 100;
  InputSpec nominal = Numbers(2);
  nominal.dense[1].nominal = true;
  for (const InputSpec& spec : {sparse, nominal, InputSpec{}}) {
    EXPECT_FALSE(NewModelFactory(type)->Make(spec).ok());
  }
}

}  // namespace leat
