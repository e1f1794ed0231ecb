/// A model that says what its inputs are, as they are: for tests of what stands around models.
#pragma once

#include <memory>
#include <vector>

#include "leat/model.h"

namespace leat {

/// Dense values first, then the sparse ones.
class Parrot final : public Model {
 public:
  explicit Parrot(Task task = Task::kClassification) : task_(task) {}
  Task task() const override { return task_; }
  void Predict(const Input& input, std::vector<double>& out) const override {
    out.assign(input.dense.begin(), input.dense.end());
    for (const SparseEntry& entry : input.sparse) out.push_back(entry.value);
  }
  void Learn(const Input&, double, double) override {}
  void Save(StateWriter& out) const override { out.Section("parrot", 1); }
  Status Load(StateReader& in) override {
    in.Section("parrot", 1);
    return in.status();
  }
  std::unique_ptr<Model> Fresh() const override { return std::make_unique<Parrot>(task_); }
  size_t MemoryBytes() const override { return sizeof *this; }

 private:
  Task task_;
};

}  // namespace leat
