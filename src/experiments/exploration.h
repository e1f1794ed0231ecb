/// How exploration turns scores into probabilities of actions.
///
/// Sources: UCB1, Auer, Cesa-Bianchi and Fischer (2002); inverse gap weighting (SquareCB), Foster
/// and Rakhlin (2020), algorithm 1; its form with a floor as Eppo has it. The action is always
/// drawn from the vector that is logged. Every vector has no negative entry and sums to 1 within
/// 1e-12. Cost O(actions). Thread safety and determinism: pure functions. Errors: none; an empty
/// list of actions gives an empty vector.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace leat::experiments {

std::vector<double> EpsilonGreedy(double epsilon, size_t best, size_t actions);
/// exp(lambda * score), normalised.
std::vector<double> Softmax(std::span<const double> scores, double lambda);
/// Raises small probabilities to `mass` / actions and takes that from the others in proportion.
/// Without `raise_zeros`, actions of probability 0 stay at 0 and do not count. Deviation from
/// Vowpal Wabbit: repeated until nothing is below the floor. Library only, as is SquareCb: policies
/// have MixFloor and InverseGap.
void EnforceMinimum(std::vector<double>& p, double mass, bool raise_zeros);
/// 1 / (K + gamma (cost - least cost)); the rest for the cheapest action.
std::vector<double> SquareCb(std::span<const double> costs, double gamma);
/// The same of scores, each at least floor / K; the rest for the best action.
std::vector<double> InverseGap(std::span<const double> scores, double gamma, double floor = 0);
/// mean + alpha sqrt(2 ln N / n); infinite at n = 0.
double Ucb1(double mean, double alpha, double total, double n);
/// floor + (1 - K floor) w; REQUIRES floor <= 1 / K.
std::vector<double> MixFloor(std::span<const double> w, double floor);
/// The first action at which the sum of probabilities is above u in [0, 1).
size_t Draw(std::span<const double> p, double u);
/// The number in [0, 1) with which decision `id` is drawn; the same for the same seed and id.
double DrawOf(uint64_t seed, uint64_t id);
/// The first of the largest; 0 of none.
size_t Best(std::span<const double> scores);

}  // namespace leat::experiments
