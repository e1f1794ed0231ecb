#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/features/events.h"

namespace leat {
namespace {

using testing::HasSubstr;

InputFeatureSpec In(std::string name, Encode encode = Encode::kNumber) {
  InputFeatureSpec spec;
  spec.name = std::move(name);
  spec.encode = encode;
  return spec;
}

/// A graph with a builder on it.
class Inputs {
 public:
  explicit Inputs(const std::vector<InputFeatureSpec>& specs) : graph_({}) {
    auto created = InputBuilder::Create(*graph_, specs);
    EXPECT_TRUE(created.ok()) << created.status().message();
    if (!created.ok()) std::abort();
    builder_ = std::move(created).value();
    dense.resize(builder_->dense_size());
    sparse.resize(builder_->max_sparse());
  }
  void Take(const Record& record) {
    graph_.Step(record);
    const size_t n = builder_->BuildAndUpdate(record, graph_.slots(), dense, sparse);
    ASSERT_EQ(n, builder_->max_sparse());
    for (const SparseEntry& entry : sparse) ASSERT_LT(entry.index, builder_->spec().sparse_size);
  }
  std::vector<double> Kept(const Record& record) {
    std::vector<double> payload(builder_->label_payload_size());
    builder_->Keep(record, graph_.slots(), payload);
    return payload;
  }
  std::string Saved() const {
    StateWriter out;
    builder_->Save(out);
    return out.Take();
  }
  InputBuilder& operator*() { return *builder_; }
  InputBuilder* operator->() { return builder_.get(); }

  std::vector<double> dense;
  std::vector<SparseEntry> sparse;

 private:
  Graph graph_;
  std::unique_ptr<InputBuilder> builder_;
};

std::string InputRefusal(const InputFeatureSpec& spec) {
  Graph graph({Expr("double", "amount * 2")});
  auto created = InputBuilder::Create(*graph, {spec});
  return created.ok() ? std::string() : std::string(created.status().message());
}

TEST(Inputs, NumbersPassAndCategoriesAreNominal) {
  Inputs in({In("amount"), In("channel")});
  ASSERT_EQ(in->spec().dense.size(), 2u);
  EXPECT_FALSE(in->spec().dense[0].nominal);
  EXPECT_TRUE(in->spec().dense[1].nominal);
  EXPECT_EQ(in->spec().sparse_size, 0u);
  in.Take(Card(0, "c", "t", 7, "web"));
  EXPECT_EQ(in.dense, (std::vector<double>{7, 0}));
  in.Take(Card(0, "c", "t", kNaN, "shop"));
  EXPECT_TRUE(std::isnan(in.dense[0]));
  EXPECT_EQ(in.dense[1], 1);
}

TEST(Inputs, StatisticsIncludeARecordOnlyAfterItIsTransformed) {
  InputFeatureSpec spec = In("amount");
  spec.scale = Scale::kStandard;
  Inputs in({spec});
  in.Take(Card(0, "c", "t", 1));
  EXPECT_EQ(in.dense[0], 0);
  in.Take(Card(0, "c", "t", 3));
  EXPECT_EQ(in.dense[0], 0);  // One value: no variance yet.
  in.Take(Card(0, "c", "t", 4));
  EXPECT_EQ(in.dense[0], 2);  // Mean 2, deviation 1.
}

TEST(Inputs, ImputersFillFromThePast) {
  const auto with = [](Impute impute) {
    InputFeatureSpec spec = In("amount");
    spec.impute = impute;
    spec.impute_constant = -1;
    spec.impute_key = "customer";
    spec.missing_indicator = impute == Impute::kZero;
    return spec;
  };
  Inputs in({with(Impute::kZero), with(Impute::kMean), with(Impute::kMedian),
             with(Impute::kConstant), with(Impute::kLast)});
  EXPECT_EQ(in->spec().dense[1].name, "amount is missing");
  in.Take(Card(0, "a", "t", kNaN));
  EXPECT_EQ(in.dense, (std::vector<double>{0, 1, 0, 0, -1, 0}));
  in.Take(Card(0, "a", "t", 1));
  EXPECT_EQ(in.dense, (std::vector<double>{1, 0, 1, 1, 1, 1}));
  in.Take(Card(0, "b", "t", 2));
  in.Take(Card(0, "b", "t", 9));
  in.Take(Card(0, "a", "t", kNaN));
  EXPECT_EQ(in.dense, (std::vector<double>{0, 1, 4, 2, -1, 1}));
  in.Take(Card(0, "z", "t", kNaN));
  EXPECT_EQ(in.dense[5], 4);  // A key without a value takes the mean.
}

TEST(Inputs, OneHotHasPlacesForUnknownAndMissing) {
  InputFeatureSpec spec = In("channel", Encode::kOneHot);
  spec.max_values = 2;
  Inputs in({spec});
  EXPECT_EQ(in->spec().sparse_size, 4u);
  const auto index = [&](const char* channel) {
    in.Take(Card(0, "c", "t", 1, channel));
    EXPECT_EQ(in.sparse[0].value, 1);
    return in.sparse[0].index;
  };
  EXPECT_EQ(index("web"), 0u);
  EXPECT_EQ(index("shop"), 1u);
  EXPECT_EQ(index("phone"), 2u);
  EXPECT_EQ(index("mail"), 2u);
  EXPECT_EQ(index(""), 3u);
  EXPECT_EQ(index("web"), 0u);
  EXPECT_EQ(in->SparseName(1), "channel = shop");
  EXPECT_EQ(in->SparseName(2), "channel is another value");
  EXPECT_EQ(in->SparseName(3), "channel is missing");
}

TEST(Inputs, BinsGiveOneIndexAndMissingItsOwn) {
  InputFeatureSpec bins = In("amount", Encode::kBins);
  bins.warmup = 500;
  Inputs in({In("channel"), bins, In("channel", Encode::kOneHot), bins});
  EXPECT_EQ(in->max_sparse(), 3u);
  EXPECT_EQ(in->spec().sparse_size, 39u + 66 + 39);
  for (int i = 1; i <= 500; ++i) in.Take(Card(0, "c", "t", i));
  in.Take(Card(0, "c", "t", 0.5));
  EXPECT_EQ(in.sparse[0].index, 0u);
  EXPECT_EQ(in.sparse[1].index, 39u);
  EXPECT_EQ(in.sparse[2].index, 105u);
  in.Take(Card(0, "c", "t", kNaN));
  EXPECT_EQ(in.sparse[0].index, 38u);
  in.Take(Card(0, "c", "t", 501));
  // 31 edges below the top bin (16 values), then 493, 497 and 499: finer ones would be empty.
  EXPECT_EQ(in.sparse[0].index, 34u);
  EXPECT_EQ(in->SparseName(0), "amount <= 16");
  EXPECT_EQ(in->SparseName(1), "amount in (16, 32]");
  EXPECT_EQ(in->SparseName(38), "amount is missing");
  EXPECT_EQ(in->SparseName(39), "channel = web");
  EXPECT_EQ(in->SparseName(105), "amount <= 16");
}

TEST(Inputs, HashingIsSignedAndStable) {
  InputFeatureSpec spec = In("customer", Encode::kHash);
  spec.hash_bits = 10;
  Inputs in({spec});
  EXPECT_EQ(in->spec().sparse_size, 1024u);
  int negative = 0;
  std::vector<SparseEntry> first;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 200; ++i) {
      const std::string customer = std::to_string(i);
      in.Take(Card(0, customer, "t", 1));
      ASSERT_EQ(std::fabs(in.sparse[0].value), 1);
      negative += in.sparse[0].value < 0;
      if (round == 0) first.push_back(in.sparse[0]);
      ASSERT_EQ(first[static_cast<size_t>(i)].index, in.sparse[0].index);
    }
  }
  EXPECT_GT(negative, 120);
  EXPECT_LT(negative, 280);
}

TEST(Inputs, FrequencyIsTheShareSoFar) {
  Inputs in({In("customer", Encode::kFrequency)});
  const auto share = [&](const char* customer) {
    in.Take(Card(0, customer, "t", 1));
    return in.dense[0];
  };
  EXPECT_EQ(share("a"), 0);
  EXPECT_EQ(share("a"), 1);
  EXPECT_EQ(share("b"), 0);
  EXPECT_DOUBLE_EQ(share("a"), 2.0 / 3);
}

TEST(Inputs, TargetEncodingLearnsOnlyFromLabels) {
  InputFeatureSpec spec = In("terminal", Encode::kTarget);
  spec.smoothing = 2;
  Inputs in({spec});
  const Record t = Card(0, "c", "t", 1), u = Card(0, "c", "u", 1);
  in.Take(t);
  EXPECT_EQ(in.dense[0], 0);
  const std::vector<double> payload_t = in.Kept(t);
  in.Take(u);
  const std::vector<double> payload_u = in.Kept(u);
  in.Take(t);
  EXPECT_EQ(in.dense[0], 0);
  in->OnLabel(1, payload_t);
  in->OnLabel(0, payload_u);
  in.Take(t);
  EXPECT_DOUBLE_EQ(in.dense[0], (1 + 2 * 0.5) / 3);
  in.Take(u);
  EXPECT_DOUBLE_EQ(in.dense[0], (0 + 2 * 0.5) / 3);
  in.Take(Card(0, "c", "v", 1));
  EXPECT_EQ(in.dense[0], 0.5);  // Unknown: the mean of all.
}

TEST(Inputs, RefusesWhatMakesNoSense) {
  EXPECT_THAT(InputRefusal(In("amuont")), HasSubstr("did you mean 'amount'?"));
  EXPECT_THAT(InputRefusal(In("customer")), HasSubstr("an id needs the encoder"));
  EXPECT_THAT(InputRefusal(In("customer", Encode::kOneHot)), HasSubstr("an id needs"));
  EXPECT_THAT(InputRefusal(In("channel", Encode::kBins)), HasSubstr("category"));
  InputFeatureSpec spec = In("channel");
  spec.scale = Scale::kStandard;
  EXPECT_THAT(InputRefusal(spec), HasSubstr("scaled"));
  spec = In("amount");
  spec.impute = Impute::kLast;
  spec.impute_key = "amount";
  EXPECT_THAT(InputRefusal(spec), HasSubstr("impute_key"));
  spec = In("amount", Encode::kHash);
  spec.hash_bits = 40;
  EXPECT_THAT(InputRefusal(spec), HasSubstr("hash_bits"));
  EXPECT_EQ(InputRefusal(In("double")), "");
}

TEST(Inputs, SaveLoadContinueIsBitEqual) {
  std::vector<InputFeatureSpec> specs;
  for (const Scale scale : {Scale::kNone, Scale::kStandard, Scale::kMinMax, Scale::kRobust}) {
    for (const Impute impute : {Impute::kMean, Impute::kMedian, Impute::kLast}) {
      InputFeatureSpec spec = In("amount");
      spec.scale = scale;
      spec.impute = impute;
      spec.impute_key = "customer";
      spec.missing_indicator = true;
      specs.push_back(spec);
    }
  }
  InputFeatureSpec bins = In("amount", Encode::kBins);
  bins.warmup = 700;
  specs.push_back(bins);
  specs.push_back(In("channel", Encode::kOneHot));
  specs.push_back(In("amount", Encode::kOneHot));
  specs.push_back(In("customer", Encode::kHash));
  specs.push_back(In("customer", Encode::kFrequency));
  specs.push_back(In("terminal", Encode::kTarget));
  Inputs whole(specs);
  auto cut = std::make_unique<Inputs>(specs);
  CounterRandom random(3, 3);
  std::vector<std::string> names;
  for (int i = 0; i < 50; ++i) names.push_back("k" + std::to_string(i));
  for (int i = 0; i < 2000; ++i) {
    const Record r = Card(i, names[random.Below(50)], names[random.Below(50)],
                          random.Uniform() < 0.1 ? kNaN : random.Normal(), names[random.Below(9)]);
    whole.Take(r);
    cut->Take(r);
    for (size_t d = 0; d < whole.dense.size(); ++d) {
      ASSERT_TRUE(Near(whole.dense[d], cut->dense[d], 0)) << d << " at " << i;
    }
    for (size_t s = 0; s < whole.sparse.size(); ++s) {
      ASSERT_EQ(whole.sparse[s].index, cut->sparse[s].index);
      ASSERT_EQ(whole.sparse[s].value, cut->sparse[s].value);
    }
    const double label = random.Uniform() < 0.3 ? 1 : 0;
    whole->OnLabel(label, whole.Kept(r));
    (*cut)->OnLabel(label, cut->Kept(r));
    if (i % 300 == 250) {
      const std::string saved = cut->Saved();
      ASSERT_EQ(saved, whole.Saved());
      cut = std::make_unique<Inputs>(specs);
      StateReader in(saved);
      ASSERT_TRUE((*cut)->Load(in).ok());
      EXPECT_TRUE(in.AtEnd());
      // The graph's dictionary is not part of it: one-hot identifies fields by key.
    }
  }
}

TEST(Inputs, DamagedStateIsRefused) {
  const std::vector<InputFeatureSpec> specs = {In("amount", Encode::kBins),
                                               In("channel", Encode::kOneHot)};
  Inputs a(specs);
  a.Take(Card(0, "c", "t", 1));
  const std::string saved = a.Saved();
  for (size_t cut = 0; cut < saved.size(); cut += 7) {
    Inputs b(specs);
    StateReader in(std::string_view(saved).substr(0, cut));
    EXPECT_FALSE(b->Load(in).ok()) << cut;
    b.Take(Card(0, "c", "t", 1));
  }
}

}  // namespace
}  // namespace leat
