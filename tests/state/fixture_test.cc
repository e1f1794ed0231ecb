// States that were written long ago, in the middle of a run, one of each format: they open, recover
// and go on to the same end.
#include "cli/fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "state/folder.h"
#include "state/meaning.h"

namespace leat {
namespace {

struct Fixture {
  const char* folder;  ///< In tests/state.
  uint64_t format;
  bool digest;  ///< What a whole run gave then is what it gives now.
  /// Its rows are what they were, so that an epoch can be taken again; and nothing is kept since
  /// that its state lacks.
  bool same;
};

/// Whether `now` says all that `then` said. Members that are new since do not count, nor do those
/// that are made otherwise since: tests are of the error that there is without an effect,
/// Fieller's interval has no ends where the control's mean may be 0, and posteriors win by what is
/// better.
bool Says(const boost::json::value& now, const boost::json::value& then) {
  if (then.is_object() && now.is_object()) {
    return std::ranges::all_of(then.as_object(), [&](const auto& member) {
      static const std::set<std::string_view> kOtherwise = {
          "sequence",     "intersection",   "p",
          "p_adjusted",   "fixed_p",        "harm_p",
          "e_bh_rejects", "fixed_interval", "chance_to_win",
          "loss_if_ship", "loss_if_keep"};
      const boost::json::value* const found = now.as_object().if_contains(member.key());
      if (found == nullptr) return false;
      return kOtherwise.contains(member.key()) || Says(*found, member.value());
    });
  }
  if (then.is_array() && now.is_array()) {
    return std::ranges::equal(now.as_array(), then.as_array(), Says);
  }
  return now == then;
}

/// The same line by line: rows of a version that lacked members may stand before those with them.
bool RowsSay(const std::string& now, const std::string& then) {
  std::istringstream rows(now), old(then);
  for (std::string a, b;;) {
    const bool more = static_cast<bool>(std::getline(rows, a));
    if (static_cast<bool>(std::getline(old, b)) != more) return false;
    if (!more) return true;
    if (a == b) continue;
    if (!a.starts_with('{') || !Says(boost::json::parse(a), boost::json::parse(b))) return false;
  }
}

class StateFixture : public Cli, public testing::WithParamInterface<Fixture> {
 protected:
  void SetUp() override {
    Cli::SetUp();
    fs::copy(std::string("tests/state/") + GetParam().folder, folder_, fs::copy_options::recursive);
  }
  std::string Input() {
    const bool labels = fs::exists(Path("labels.csv"));
    return "--input " + Path("input.csv") + (labels ? " --labels " + Path("labels.csv") : "");
  }
  std::string Run(const std::string& out, const std::string& state, const std::string& how = {}) {
    const Ran ran = Leat("run " + Path("pipeline.yaml") + " --quiet --json " + Input() +
                         " --output " + Path(out) + " --state " + Path(state) + how);
    EXPECT_EQ(ran.code, 0) << ran.err;
    if (ran.code != 0) return {};
    return std::string(boost::json::parse(ran.out).at("digest").as_string());
  }
};

TEST_P(StateFixture, GoesOnToWhereAWholeRunEnds) {
  const auto notation = format::Notation::Load("state/FORMAT.md");
  const format::FolderReader reader(notation);
  const format::Folder before = reader.Read(Path("state"));
  EXPECT_EQ(before.manifest["format"].bits, GetParam().format);
  EXPECT_EQ(before.manifest["epoch"]["records"].bits, 200u);
  ASSERT_EQ(before.epochs.size(), 1u);
  EXPECT_EQ(before.epochs[0]["records"].bits, 300u);
  size_t behind = 0;
  for (size_t i = 0; i < 4; ++i) {
    const std::string& sink = before.manifest["sinks"][i].text;
    if (!sink.empty()) behind += Slurp(Path(sink)).size() < before.epochs[0]["lengths"][i].bits;
  }
  EXPECT_GT(behind, 0u);

  const std::string whole = Run("whole", "whole-state");
  const bool same = GetParam().same;
  const std::string rest = Run("out", "state", same ? "" : " --accept-divergence");
  if (same) {
    EXPECT_EQ(rest, whole);
  }
  if (GetParam().digest) {
    EXPECT_EQ(Slurp(Path("digest")), whole + "\n");
  }
  size_t bytes = 0;
  for (const auto& written : fs::directory_iterator(Path("whole"))) {
    const std::string sink = written.path().filename().string();
    const std::string expected = Slurp(written.path().string());
    bytes += expected.size();
    const std::string went_on = Slurp(Path("out") + "/" + sink);
    if (same) {
      EXPECT_TRUE(went_on == expected) << sink;
    }
    const std::string then = Path("then") + "/" + sink;
    if (fs::exists(then)) {
      EXPECT_TRUE(RowsSay(expected, Slurp(then))) << sink;
      EXPECT_TRUE(RowsSay(went_on, Slurp(then))) << sink;
    }
  }
  EXPECT_GT(bytes, 10'000u);
  const format::Folder after = reader.Read(Path("state"));
  EXPECT_EQ(after.manifest["epoch"]["records"].bits, 600u);
  format::CheckMeaning(after);
}

TEST_P(StateFixture, IsRefusedWhenABitOfItIsTurned) {
  // In an entry of the journal that another one follows: that is no torn end.
  std::string path;
  for (const auto& entry : fs::directory_iterator(Path("state"))) {
    if (entry.path().filename().string().starts_with("journal-")) path = entry.path().string();
  }
  const std::string journal = Slurp(path);
  std::string twice = journal + journal.substr(20);
  twice[30] = static_cast<char>(twice[30] ^ 4);
  std::ofstream(path, std::ios::binary) << twice;
  const Ran ran = Leat("run " + Path("pipeline.yaml") + " --quiet " + Input() + " --output " +
                       Path("out") + " --state " + Path("state"));
  EXPECT_EQ(ran.code, 4) << ran.err;
  const auto notation = format::Notation::Load("state/FORMAT.md");
  EXPECT_THROW(format::FolderReader(notation).Read(Path("state")), format::FormatError);
}

INSTANTIATE_TEST_SUITE_P(Formats, StateFixture,
                         testing::Values(Fixture{"format-1", 1, true, true},
                                         Fixture{"format-2", 2, true, true},
                                         Fixture{"units-in-parts", 2, false, false},
                                         Fixture{"labels-by-id", 2, false, false}),
                         [](const auto& fixture) {
                           std::string name = fixture.param.folder;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace leat
