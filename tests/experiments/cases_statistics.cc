// Effects, boundaries, sequences, Bayes, mismatch, power.
#include <algorithm>
#include <cmath>

#include "experiments/cases.h"
#include "experiments/decisions.h"
#include "experiments/sequential.h"

namespace leat::experiments {
namespace {

using boost::json::object;
using boost::json::value;

Arm ArmOf(const value& v) {
  const object& o = v.as_object();
  if (o.contains("x")) return ProportionArm(Num(o.at("n")), Num(o.at("x")));
  return MeanArm({Num(o.at("n")), Num(o.at("sum")), Num(o.at("sumsq"))});
}

double Alpha(const Case& c) { return Num(c.input, "alpha", 0.05); }

void Compare(const Case& c, CaseCheck& out, const Effect& effect, const Inference& inference) {
  out.Member(c.expected, "est", effect.estimate);
  out.Member(c.expected, "se", effect.standard_error);
  out.Member(c.expected, "lo", inference.interval.lo);
  out.Member(c.expected, "hi", inference.interval.hi);
  out.Member(c.expected, "p", inference.p);
}

void ComparePosterior(const Case& c, CaseCheck& out, const Posterior& posterior) {
  out.Member(c.expected, "mean", posterior.mean);
  out.Member(c.expected, "sd", posterior.sd);
  out.Member(c.expected, "chance_to_win", posterior.chance_to_win);
  out.Member(c.expected, "loss_if_keep_control", posterior.loss_if_keep);
  out.Member(c.expected, "loss_if_ship_treatment", posterior.loss_if_ship);
  out.Member(c.expected, "lo", posterior.interval.lo);
  out.Member(c.expected, "hi", posterior.interval.hi);
}

Effect EffectOf(const Case& c, bool relative) {
  const Arm a = ArmOf(c.input.at("a")), b = ArmOf(c.input.at("b"));
  return relative ? RelativeEffect(a, b) : AbsoluteEffect(a, b);
}

Runner Fixed(bool relative, Alternative alternative) {
  return [=](const Case& c, CaseCheck& out) {
    const Effect effect = EffectOf(c, relative);
    Compare(c, out, effect, FixedHorizon(effect, Alpha(c), alternative));
  };
}

Runner Sequence(bool relative) {
  return [=](const Case& c, CaseCheck& out) {
    const Effect effect = EffectOf(c, relative);
    SequenceOptions options{Alpha(c), Num(c.input.at("tuning_n")), Alternative::kTwoSided};
    Compare(c, out, effect, AsymptoticSequence(effect, options));
    options.alternative = Alternative::kGreater;
    out.Member(c.expected, "lo_if_greater", AsymptoticSequence(effect, options).interval.lo);
    options.alternative = Alternative::kLess;
    out.Member(c.expected, "hi_if_lesser", AsymptoticSequence(effect, options).interval.hi);
  };
}

RatioSums RatioOf(const object& o) {
  const auto m = Nums(o.at("m")), d = Nums(o.at("d"));
  return {Num(o.at("n")), m[0], m[1], d[0], d[1], Num(o.at("md"))};
}

CupedSums CupedOf(const object& o, bool proportion) {
  const auto y = Nums(o.at("y")), x = Nums(o.at("x"));
  return {Num(o.at("n")), y[0], y[1], x[0], x[1], Num(o.at("xy")), proportion};
}

CupedRatioSums CupedRatioOf(const object& o) {
  const boost::json::array& v = o.at("v").as_array();
  const double n = Num(o.at("n"));
  const auto y = Nums(v[0]), d = Nums(v[1]), y0 = Nums(v[2]), d0 = Nums(v[3]);
  CupedRatioSums out;
  out.after = {n, y[0], y[1], d[0], d[1], Num(v[7])};
  out.before = {n, y0[0], y0[1], d0[0], d0[1], Num(v[6])};
  out.num_num = Num(v[4]);
  out.den_den = Num(v[5]);
  out.num_after_den_before = Num(v[8]);
  out.num_before_den_after = Num(v[9]);
  return out;
}

void RunCuped(const Case& c, CaseCheck& out, const CupedArms& arms) {
  out.Member(c.expected, "theta", arms.theta);
  const Effect effect = RelativeEffect(arms.control, arms.treatment);
  if (!c.input.contains("tuning_n")) {
    return Compare(c, out, effect, FixedHorizon(effect, Alpha(c)));
  }
  Compare(
      c, out, effect,
      AsymptoticSequence(effect, {Alpha(c), Num(c.input.at("tuning_n")), Alternative::kTwoSided}));
}

Runner CupedRunner(bool proportion) {
  return [=](const Case& c, CaseCheck& out) {
    RunCuped(c, out,
             Cuped(CupedOf(c.input.at("a").as_object(), proportion),
                   CupedOf(c.input.at("b").as_object(), proportion)));
  };
}

/// The second word of the id says which boundary.
void RunBoundary(const Case& c, CaseCheck& out) {
  const object& in = c.input;
  const std::string name = c.id.substr(c.id.find('.') + 1);
  const auto starts = [&](const char* text) { return name.rfind(text, 0) == 0; };
  const double v = Num(in, "v", 0);
  if (starts("best_rho")) {
    out.Number("rho", NormalMixtureRho(v, Alpha(c)), Num(c.expected));
  } else if (starts("poly_stitch")) {
    out.Number("bound", PolyStitchingBound(v, Alpha(c), Num(in.at("v_min")), Num(in.at("c"))),
               Num(c.expected));
  } else if (starts("ep_lil")) {
    out.Number(
        "bound",
        EmpiricalProcessBound(Num(in.at("t")), Alpha(c), Num(in.at("t_min")), Num(in.at("A"))),
        Num(c.expected));
  } else if (starts("double_stitch")) {
    out.Number(
        "bound",
        DoubleStitchingBound(Num(in.at("p")), Num(in.at("t")), Alpha(c), Num(in.at("t_opt"))),
        Num(c.expected));
  } else {
    static const std::map<std::string, MixtureKind> kKinds = {
        {"normal2", MixtureKind::kNormalTwoSided},
        {"normal1", MixtureKind::kNormalOneSided},
        {"gamma_exp", MixtureKind::kGammaExponential},
        {"gamma_poisson", MixtureKind::kGammaPoisson},
        {"beta_binom2", MixtureKind::kBetaBinomialTwoSided},
        {"beta_binom1", MixtureKind::kBetaBinomialOneSided}};
    const Mixture mixture(kKinds.at(name), Num(in.at("v_opt")), Num(in, "alpha_opt", 0.05),
                          Num(in, "c", 1), Num(in, "g", 0.5), Num(in, "h", 0.5));
    out.Member(c.expected, "log_mix", mixture.LogE(Num(in.at("s")), v));
    out.Member(c.expected, "bound_05", mixture.Bound(v, 0.05));
  }
}

void RunAte(const Case& c, CaseCheck& out) {
  const object& in = c.input;
  const std::string y = Str(in.at("y")), w = Str(in.at("w"));
  BoundedEffect::Options options;
  options.propensity = Num(in.at("propensity"));
  options.v_opt = Num(in.at("v_opt"));
  options.alpha = Alpha(c);
  BoundedEffect effect(options);
  const boost::json::array& rows = c.expected.as_array();
  size_t next = 0;
  for (size_t i = 0; i < y.size() && next < rows.size(); ++i) {
    effect.Add(w[i] == '1', y[i] == '1' ? 1 : 0);
    if (static_cast<size_t>(Num(rows[next].at("row"))) != i + 1) continue;
    const value& row = rows[next++];
    out.Member(row, "est", effect.estimate());
    out.Member(row, "lo", effect.interval().lo);
    out.Member(row, "hi", effect.interval().hi);
    out.Member(row, "p", effect.p());
  }
  out.Number("rows", static_cast<double>(next), static_cast<double>(rows.size()));
}

void AddFixed(std::map<std::string, Runner>& runners) {
  runners["welch_delta_rel"] = runners["welch_delta_rel_proportion"] =
      Fixed(true, Alternative::kTwoSided);
  runners["welch_abs"] = Fixed(false, Alternative::kTwoSided);
  runners["welch_one_sided_greater_rel"] = Fixed(true, Alternative::kGreater);
  runners["welch_one_sided_greater_abs"] = Fixed(false, Alternative::kGreater);
  runners["ratio_delta_rel"] = [](const Case& c, CaseCheck& out) {
    const Arm a = RatioArm(RatioOf(c.input.at("a").as_object()));
    const Arm b = RatioArm(RatioOf(c.input.at("b").as_object()));
    const Effect effect = RelativeEffect(a, b);
    out.Member(c.expected, "mean_a", a.mean);
    out.Member(c.expected, "mean_b", b.mean);
    Compare(c, out, effect, FixedHorizon(effect, Alpha(c)));
    ComparePosterior(c, out, GaussianPosterior(effect));
  };
  runners["cuped_rel"] = runners["cuped_asympcs"] = CupedRunner(false);
  runners["cuped_rel_proportion"] = CupedRunner(true);
  runners["cuped_ratio_rel"] = [](const Case& c, CaseCheck& out) {
    const CupedArms arms = CupedRatio(CupedRatioOf(c.input.at("a").as_object()),
                                      CupedRatioOf(c.input.at("b").as_object()));
    RunCuped(c, out, arms);
    const Inference sequence = AsymptoticSequence(RelativeEffect(arms.control, arms.treatment),
                                                  {Alpha(c), 5000, Alternative::kTwoSided});
    out.Member(c.expected, "seq_lo_N5000", sequence.interval.lo);
    out.Member(c.expected, "seq_hi_N5000", sequence.interval.hi);
  };
  runners["fieller_rel"] = [](const Case& c, CaseCheck& out) {
    const FiellerResult found = Fieller(ArmOf(c.input.at("a")), ArmOf(c.input.at("b")), Alpha(c));
    out.Member(c.expected, "lo", found.interval.lo);
    out.Member(c.expected, "hi", found.interval.hi);
    out.Member(c.expected, "g", found.g);
  };
  runners["two_proportion_z"] = [](const Case& c, CaseCheck& out) {
    const object &a = c.input.at("a").as_object(), &b = c.input.at("b").as_object();
    const ProportionTest found =
        TwoProportionZ(Num(a.at("n")), Num(a.at("x")), Num(b.at("n")), Num(b.at("x")), Alpha(c));
    out.Member(c.expected, "diff", found.difference);
    out.Member(c.expected, "lo", found.interval.lo);
    out.Member(c.expected, "hi", found.interval.hi);
    out.Member(c.expected, "p_pooled", found.p);
    out.Member(c.expected, "rel", found.relative);
    out.Member(c.expected, "rel_lo", found.relative_interval.lo);
    out.Member(c.expected, "rel_hi", found.relative_interval.hi);
  };
  runners["post_stratified_mean"] = [](const Case& c, CaseCheck& out) {
    std::vector<Stratum> strata;
    for (const value& stratum : c.input.at("strata").as_array()) {
      const auto arm = [&](size_t i) {
        const auto v = Nums(stratum.as_array()[i]);
        return MeanArm({v[0], v[1], v[2]});
      };
      strata.push_back({arm(0), arm(1)});
    }
    const PostStratified found = PostStratify(strata);
    out.Member(c.expected, "abs", found.absolute.estimate);
    out.Member(c.expected, "abs_se", found.absolute.standard_error);
    out.Member(c.expected, "rel", found.relative.estimate);
    out.Member(c.expected, "rel_se", found.relative.standard_error);
  };
  runners["quantile_delta"] = [](const Case& c, CaseCheck& out) {
    const auto arm = [&](const char* name) {
      const object& o = c.input.at(name).as_object();
      return QuantileToArm({Num(o.at("n")), Num(o.at("q")), Num(o.at("q_lo")), Num(o.at("q_hi"))});
    };
    const Arm a = arm("a"), b = arm("b");
    const Posterior absolute = GaussianPosterior(AbsoluteEffect(a, b));
    const Posterior relative = GaussianPosterior(RelativeEffect(a, b));
    out.Member(c.expected, "abs", absolute.mean);
    out.Member(c.expected, "abs_lo", absolute.interval.lo);
    out.Member(c.expected, "abs_hi", absolute.interval.hi);
    out.Member(c.expected, "rel", relative.mean);
    out.Member(c.expected, "rel_lo", relative.interval.lo);
    out.Member(c.expected, "rel_hi", relative.interval.hi);
  };
}

void AddSequential(std::map<std::string, Runner>& runners) {
  runners["asympcs_two_sided"] = runners["asympcs_two_sided_proportion"] =
      runners["asympcs_one_sided_rel"] = Sequence(true);
  runners["asympcs_one_sided_abs"] = Sequence(false);
  runners["uniform_boundary"] = RunBoundary;
  runners["bernoulli_cs"] = [](const Case& c, CaseCheck& out) {
    const Interval found = BernoulliSequence(Num(c.input.at("k")), Num(c.input.at("n")), Alpha(c),
                                             Num(c.input.at("t_opt")));
    const auto expected = Nums(c.expected);
    out.Number("lo", found.lo, expected.at(0));
    out.Number("hi", found.hi, expected.at(1));
  };
  runners["anytime_ate_aipw_empirical_bernstein"] = RunAte;
  runners["asympcs_margin_sd1"] = [](const Case& c, CaseCheck& out) {
    const double t = Num(c.input.at("t"));
    for (const auto& [name, expected] : c.expected.as_object()) {
      const RhoForm form = name.starts_with("exact") ? RhoForm::kExact : RhoForm::kClosed;
      const double rho2 = SequenceRho2(Num(c.input.at("t_opt")), Alpha(c), form);
      out.Number(std::string(name), SequenceMultiplier(t, rho2, Alpha(c)) / std::sqrt(t),
                 Num(expected));
    }
  };
  runners["normal_mixture_multiplier"] = [](const Case& c, CaseCheck& out) {
    const double rho2 = SequenceRho2(Num(c.input.at("tuning_n")), Alpha(c));
    out.Number("multiplier", SequenceMultiplier(Num(c.input.at("n")), rho2, Alpha(c)),
               Num(c.expected));
  };
  runners["msprt_two_sample_normal"] = [](const Case& c, CaseCheck& out) {
    Effect effect;
    effect.estimate = Num(c.input.at("diff"));
    effect.standard_error = std::sqrt(2 * Num(c.input.at("sigma2")) / Num(c.input.at("n_per_arm")));
    const double tau2 = Num(c.input.at("tau2"));
    const Inference found = MixtureSequence(effect, tau2, Alpha(c), Alternative::kTwoSided);
    const double rho2 = tau2 / (effect.standard_error * effect.standard_error);
    out.Member(c.expected, "log_lambda",
               SequenceLogE(effect.estimate / effect.standard_error, 1, rho2));
    out.Member(c.expected, "p", found.p);
    out.Member(c.expected, "half_width", (found.interval.hi - found.interval.lo) / 2);
  };
  runners["anytime_t"] = [](const Case& c, CaseCheck& out) {
    const AnytimeT found = AnytimeValidT(Num(c.input.at("g")), Num(c.input.at("n")),
                                         Num(c.input.at("k")), Num(c.input.at("t2")), Alpha(c));
    out.Member(c.expected, "t_radius", found.radius);
    out.Member(c.expected, "log_G", found.log_e);
  };
}

void AddDecisions(std::map<std::string, Runner>& runners) {
  runners["bayes_flat_rel"] =
      runners["bayes_flat_rel_proportion"] = [](const Case& c, CaseCheck& out) {
        ComparePosterior(c, out, GaussianPosterior(EffectOf(c, true)));
      };
  runners["bayes_normal_prior_rel"] = [](const Case& c, CaseCheck& out) {
    const object& prior = c.input.at("prior").as_object();
    ComparePosterior(
        c, out,
        GaussianPosterior(EffectOf(c, true), 0.05, Num(prior.at("mean")), Num(prior.at("var"))));
  };
  runners["gaussian_expected_loss"] = [](const Case& c, CaseCheck& out) {
    Effect effect;
    effect.estimate = Num(c.input.at("mu"));
    effect.standard_error = Num(c.input.at("sigma"));
    ComparePosterior(c, out, GaussianPosterior(effect));
  };
  runners["beta_p_b_gt_a"] = [](const Case& c, CaseCheck& out) {
    const auto prior = Nums(c.input.at("prior"));
    const auto arm = [&](const char* name) {
      const object& o = c.input.at(name).as_object();
      const double x = Num(o.at("x"));
      return BetaArm{prior[0] + x, prior[1] + Num(o.at("n")) - x};
    };
    out.Number("chance", BetaChance(arm("a"), arm("b")), Num(c.expected));
  };
  runners["p_best_quadrature"] = [](const Case& c, CaseCheck& out) {
    std::vector<double> found;
    if (c.input.contains("post")) {
      std::vector<BetaArm> arms;
      for (const value& post : c.input.at("post").as_array()) {
        const auto shape = Nums(post);
        arms.push_back({shape[0], shape[1]});
      }
      found = ChanceBestBeta(arms);
    } else {
      std::vector<GaussArm> arms;
      const auto mean = Nums(c.input.at("mean")), sd = Nums(c.input.at("sd"));
      for (size_t i = 0; i < mean.size(); ++i) arms.push_back({mean[i], sd[i]});
      found = ChanceBestGauss(arms);
    }
    const auto expected = Nums(c.expected);
    for (size_t i = 0; i < expected.size(); ++i) out.Number("chance", found.at(i), expected[i]);
  };
  runners["srm_chi2"] = [](const Case& c, CaseCheck& out) {
    out.Member(c.expected, "p",
               SrmChiSquared(Nums(c.input.at("counts")), Nums(c.input.at("weights"))));
  };
  runners["srm_sequential_multinomial"] = [](const Case& c, CaseCheck& out) {
    const auto k = Nums(c.input.at("k")), expected = Nums(c.expected.at("log_bf"));
    for (size_t i = 0; i < k.size(); ++i) {
      out.Number("log_bf", SrmLogE(Nums(c.input.at("counts")), Nums(c.input.at("weights")), k[i]),
                 expected.at(i));
    }
  };
  runners["gst_lan_demets"] = [](const Case& c, CaseCheck& out) {
    const std::string spending = Str(c.input.at("spending"));
    Spending form = Spending::kPower;
    if (spending != "alpha*t^2") return out.Text("spending", spending, "alpha*t^2");
    const auto looks = GroupSequential(Nums(c.input.at("info")), Alpha(c),
                                       static_cast<int>(Num(c.input.at("sides"))), form);
    const auto z = Nums(c.expected.at("z")), nominal = Nums(c.expected.at("alpha_nominal"));
    for (size_t i = 0; i < z.size(); ++i) {
      out.Number("z", looks.at(i).z, z[i]);
      out.Number("alpha_nominal", looks.at(i).nominal_alpha, nominal[i]);
    }
  };
  runners["sample_size"] = [](const Case& c, CaseCheck& out) {
    const object& in = c.input;
    const int sides = static_cast<int>(Num(in.at("sides")));
    const double mde = Num(in.at("mde")), power = Num(in.at("power"));
    out.Member(c.expected, "total_n",
               in.contains("p") ? UnitsForShare(Num(in.at("p")), mde, Alpha(c), power, sides)
                                : UnitsForMean(mde, Num(in.at("var")), Alpha(c), power, sides));
  };
  runners["holm_bh"] = [](const Case& c, CaseCheck& out) {
    const auto p = Nums(c.input.at("p"));
    const auto holm = Nums(c.expected.at("holm")), bh = Nums(c.expected.at("bh"));
    for (size_t i = 0; i < p.size(); ++i) {
      out.Number("holm", Holm(p)[i], holm.at(i));
      out.Number("bh", BenjaminiHochberg(p)[i], bh.at(i));
    }
  };
}

}  // namespace

void AddStatisticsRunners(std::map<std::string, Runner>& runners) {
  AddFixed(runners);
  AddSequential(runners);
  AddDecisions(runners);
}

}  // namespace leat::experiments
