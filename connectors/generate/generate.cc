#include "connectors/generate/generate.h"

#include <algorithm>
#include <array>

#include "connectors/generate/stream.h"
#include "record/nearest.h"
#include "record/time_format.h"

namespace leat {
namespace {

constexpr std::array<std::string_view, 4> kDrifts{"none", "abrupt", "gradual", "recurring"};
constexpr std::array<std::string_view, 2> kFormats{"csv", "jsonl"};

struct Stream {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Generator> (*make)(const generate::Setup&);
};

constexpr std::array<Stream, 19> kStreams{{
    {"agrawal", "Loan applicants and one of ten rules (nine attributes, two classes).",
     &generate::MakeAgrawal},
    {"banners", "Visits, three banners, and whether each of them would have been clicked.",
     &generate::MakeBanners},
    {"card-fraud",
     "Card transactions with large amounts, compromised terminals and stolen credentials.",
     &generate::MakeCardFraud},
    {"churn", "Monthly rows of telephone subscribers, some of whom leave within 30 days.",
     &generate::MakeChurn},
    {"friedman", "Ten numbers, five of which decide (a number to predict; as River draws it).",
     &generate::MakeFriedman},
    {"hyperplane", "Ten numbers above or below a plane that may turn (two classes; as MOA).",
     &generate::MakeHyperplane},
    {"keyed", "Events of many keys, few of them busy; for the cost of a large state.",
     &generate::MakeKeyed},
    {"led", "Segments of a display and attributes that say nothing (ten classes; as MOA).",
     &generate::MakeLed},
    {"mixed", "Two of three conditions (four attributes, two classes; as MOA).",
     &generate::MakeMixed},
    {"moa-agrawal", "The stream agrawal with MOA's draws and perturbation.",
     &generate::MakeMoaAgrawal},
    {"moa-random-tree", "The stream random-tree with MOA's draws.", &generate::MakeMoaRandomTree},
    {"moa-sea", "The stream sea with MOA's draws.", &generate::MakeMoaSea},
    {"random-tree", "Ten attributes labelled by a random tree (two classes).",
     &generate::MakeRandomTree},
    {"rbf", "Points around 50 centroids that may move (ten numbers, two classes; as MOA).",
     &generate::MakeRbf},
    {"sea", "Three numbers, two of which decide by their sum (two classes).", &generate::MakeSea},
    {"shop", "Visits of users who are in four experiments: a real effect, an A/A, two faults.",
     &generate::MakeShop},
    {"sine", "Above or below a curve (four numbers, two classes; as MOA).", &generate::MakeSine},
    {"stagger", "Size, color and shape of objects (two classes; as MOA).", &generate::MakeStagger},
    {"waveform", "Mixtures of two of three triangles (21 numbers, three classes; as MOA).",
     &generate::MakeWaveform},
}};

/// Finds the first number out of its range.
class Checker final : public Params {
 public:
  void Number(std::string_view name, double& value, Range range, std::string_view) override {
    const bool low = range.open_min ? value > range.min : value >= range.min;
    const bool high = range.open_max ? value < range.max : value <= range.max;
    if (!(low && high) && status_.ok()) {
      status_ = Status::Invalid(std::string(name) + " is out of range");
    }
  }
  void Integer(std::string_view name, int64_t& value, Range range, std::string_view help) override {
    auto number = static_cast<double>(value);
    Number(name, number, range, help);
  }
  void Duration(std::string_view name, int64_t& value, Range range,
                std::string_view help) override {
    Integer(name, value, range, help);
  }
  void Bytes(std::string_view name, int64_t& value, Range range, std::string_view help) override {
    Integer(name, value, range, help);
  }
  void Boolean(std::string_view, bool&, std::string_view) override {}
  void Text(std::string_view, std::string&, std::string_view) override {}
  void Choice(std::string_view, int&, std::span<const std::string_view>,
              std::string_view) override {}
  void TextList(std::string_view, std::vector<std::string>&, std::string_view) override {}
  void NumberMap(std::string_view, std::map<std::string, double>&, Range,
                 std::string_view) override {}
  const Status& status() const { return status_; }

 private:
  Status status_;
};

}  // namespace

void Describe(Params& p, GenerateOptions& o) {
  p.Integer("rows", o.rows, {1, 1e12}, "Rows to write.");
  p.Integer("seed", o.seed, {0, 9e15}, "Another seed, another stream of the same kind.");
  p.Enumeration("format", o.format, kFormats, "CSV with a header, or JSON lines.");
  p.Text("start", o.start, "Event time of the beginning, ISO 8601, UTC.");
  p.Duration("interval", o.interval, {1, static_cast<double>(kDay)},
             "Event time between two rows (all but card-fraud and churn).");
  p.Enumeration("drift", o.drift, kDrifts, "Whether and how the stream changes.");
  p.Integer("drifts", o.drifts, {1, 1000}, "Number of changes, at equal distances.");
  p.Integer("drift_width", o.drift_width, {0, 1e12},
            "Rows that a gradual change takes; 0 is a tenth of all.");
  p.Integer("concept", o.concept_index, {0, 1000},
            "Which variant the stream begins with (agrawal 0 to 9, sea and sine 0 to 3, stagger 0 "
            "to 2, mixed 0 to 1, led 0 to 7).");
  p.Number("noise", o.noise, {0, 0.5},
           "Share of labels that are flipped; of segments (led), of the range by which numbers are "
           "moved (moa-agrawal). Artificial streams but friedman.");
  p.Number("speed", o.speed, {0, 1},
           "Incremental drift: what centroids (rbf) or weights (hyperplane) move, a row.");
  p.Integer("customers", o.customers, {1, 1e6}, "Customers (card-fraud).");
  p.Integer("terminals", o.terminals, {1, 1e6}, "Terminals (card-fraud).");
  p.Number("radius", o.radius, {0.1, 100},
           "How far a customer's terminals are, on a map of 100 by 100 (card-fraud).");
  p.Integer("keys", o.keys, {1, 1e9}, "Keys (keyed).");
  p.Integer("skew", o.skew, {1, 10},
            "1: all keys come equally often; more: few keys have most of the events (keyed).");
  p.Integer("subscribers", o.subscribers, {1, 1e7}, "Subscribers at any one time (churn).");
}

std::span<const std::string_view> GeneratorNames() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, kStreams.size()> names{};
    for (size_t i = 0; i < names.size(); ++i) names[i] = kStreams[i].name;
    return names;
  }();
  return kNames;
}

std::string_view GeneratorSummary(std::string_view name) {
  for (const Stream& stream : kStreams) {
    if (stream.name == name) return stream.summary;
  }
  return {};
}

Result<std::unique_ptr<Generator>> MakeGenerator(const GenerateOptions& options) {
  const auto stream = std::find_if(kStreams.begin(), kStreams.end(),
                                   [&](const Stream& s) { return s.name == options.name; });
  if (stream == kStreams.end()) {
    std::string message = "no stream is called '" + options.name + "'";
    std::vector<std::string> names(GeneratorNames().begin(), GeneratorNames().end());
    const std::string near = NearestName(options.name, names);
    if (!near.empty()) return Status::Invalid(message + "; did you mean '" + near + "'?");
    message += "; expected one of";
    for (const std::string& name : names) message += (&name == names.data() ? " " : ", ") + name;
    return Status::Invalid(message);
  }
  generate::Setup setup{options, {}};
  Checker checker;
  Describe(checker, setup.options);
  LEAT_RETURN_IF_ERROR(checker.status());
  if (!TimeParser().Parse(options.start, setup.start)) {
    return Status::Invalid("start: found '" + options.start +
                           "', expected a time such as 2018-04-01 or 2018-04-01T06:00:00Z");
  }
  return stream->make(setup);
}

}  // namespace leat
