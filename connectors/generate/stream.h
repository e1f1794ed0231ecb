/// What all generators share: rows in either format, and the schedule of drift.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "connectors/generate/generate.h"

namespace leat::generate {

/// Writes the cells of one row in the order of the columns.
class Row {
 public:
  Row(GenerateFormat format, std::initializer_list<std::string_view> columns)
      : json_(format == GenerateFormat::kJsonLines), columns_(columns.begin(), columns.end()) {}
  void AddColumn(std::string name) { columns_.push_back(std::move(name)); }

  std::string Header() const;
  void Begin(std::string& line);
  void Integer(int64_t value);
  void Number(double value);
  /// With two decimals.
  void Cents(int64_t cents);
  void Text(std::string_view value);
  void Time(EventTime time);
  void End();

 private:
  void Cell();

  bool json_;
  std::vector<std::string> columns_;
  std::string* line_ = nullptr;
  size_t next_ = 0;
};

/// Which concept holds at a row: `drifts` changes that cut the rows into equal parts. An abrupt
/// change is a step; a gradual one draws old or new with the probability of a sigmoid of the given
/// width around it (Bifet, Holmes, Pfahringer, Kirkby and Gavalda 2009, section 4.1). A recurring
/// change is a step to the second concept or back to the first.
class Schedule {
 public:
  explicit Schedule(const GenerateOptions& options);
  /// How far the stream has moved, from 0 to the number of changes; between two whole numbers
  /// while a change is under way.
  double Progress(int64_t row) const;
  /// The concept of a row, drawn where a change is under way.
  int64_t Concept(int64_t row, CounterRandom& random) const;
  int64_t first_concept() const { return first_; }

 private:
  DriftKind kind_;
  int64_t rows_;
  int64_t drifts_;
  double width_;
  int64_t first_;
};

/// Options with the start already read.
struct Setup {
  GenerateOptions options;
  EventTime start;
};

std::unique_ptr<Generator> MakeBanners(const Setup& setup);
std::unique_ptr<Generator> MakeCardFraud(const Setup& setup);
std::unique_ptr<Generator> MakeChurn(const Setup& setup);
std::unique_ptr<Generator> MakeKeyed(const Setup& setup);
std::unique_ptr<Generator> MakeSea(const Setup& setup);
std::unique_ptr<Generator> MakeAgrawal(const Setup& setup);
std::unique_ptr<Generator> MakeRandomTree(const Setup& setup);
std::unique_ptr<Generator> MakeShop(const Setup& setup);
std::unique_ptr<Generator> MakeMoaAgrawal(const Setup& setup);
std::unique_ptr<Generator> MakeMoaRandomTree(const Setup& setup);
std::unique_ptr<Generator> MakeMoaSea(const Setup& setup);
std::unique_ptr<Generator> MakeFriedman(const Setup& setup);
std::unique_ptr<Generator> MakeHyperplane(const Setup& setup);
std::unique_ptr<Generator> MakeLed(const Setup& setup);
std::unique_ptr<Generator> MakeMixed(const Setup& setup);
std::unique_ptr<Generator> MakeRbf(const Setup& setup);
std::unique_ptr<Generator> MakeSine(const Setup& setup);
std::unique_ptr<Generator> MakeStagger(const Setup& setup);
std::unique_ptr<Generator> MakeWaveform(const Setup& setup);

}  // namespace leat::generate
