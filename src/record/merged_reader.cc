#include "record/merged_reader.h"

#include <utility>

#include "record/readers.h"

namespace leat {
namespace {

class MergedReader final : public RecordReader {
 public:
  explicit MergedReader(std::vector<std::unique_ptr<RecordReader>> readers)
      : inputs_(readers.size()) {
    for (size_t i = 0; i < readers.size(); ++i) inputs_[i].reader = std::move(readers[i]);
  }

  Result<ReadOutcome> Next(Record& record, Reject& reject) override {
    LEAT_ASSIGN_OR_RETURN(Input* const first, First());
    if (first == nullptr) return ReadOutcome::kEnd;
    // Its views stay alive until its log is read on, which is at the next call.
    std::swap(record, first->record);
    if (first->outcome == ReadOutcome::kReject) std::swap(reject, first->reject);
    record.number = ++number_;
    first->ahead = false;
    return first->outcome;
  }

  Status Skip(uint64_t count) override {
    for (uint64_t i = 0; i < count; ++i) {
      LEAT_ASSIGN_OR_RETURN(Input* const first, First());
      if (first == nullptr) return SkippedBeyondEnd(i, count);
      first->ahead = false;
      ++number_;
    }
    return Status::Ok();
  }

 private:
  struct Input {
    std::unique_ptr<RecordReader> reader;
    Record record;
    Reject reject;
    ReadOutcome outcome = ReadOutcome::kEnd;
    bool ahead = false;  ///< `outcome` is of a record that was not handed out yet, or the end.
  };

  Result<Input*> First() {
    Input* first = nullptr;
    for (Input& input : inputs_) {
      if (!input.ahead) {
        LEAT_ASSIGN_OR_RETURN(input.outcome, input.reader->Next(input.record, input.reject));
        input.ahead = true;
      }
      if (input.outcome == ReadOutcome::kEnd) continue;
      const bool before =
          first == nullptr ||
          (first->outcome != ReadOutcome::kReject &&
           (input.outcome == ReadOutcome::kReject || input.record.time < first->record.time));
      if (before) first = &input;
    }
    return first;
  }

  std::vector<Input> inputs_;
  uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<RecordReader> MergeReaders(std::vector<std::unique_ptr<RecordReader>> readers) {
  return std::make_unique<MergedReader>(std::move(readers));
}

}  // namespace leat
