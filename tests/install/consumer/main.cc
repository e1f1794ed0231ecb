// A program outside the tree that learns with the installed library.
#include <leat/hoeffding_tree.h>
#include <leat/linear.h>

#include <cstdio>
#include <vector>

int main() {
  leat::LinearOptions options;
  const leat::InputSpec inputs{{{"x", false, 0}, {"y", false, 0}}, 0};
  auto model = leat::MakeLogisticRegression(options, inputs);
  auto tree = leat::MakeHoeffdingTree(leat::HoeffdingTreeOptions{}, inputs);
  if (!model.ok() || !tree.ok()) return 1;
  for (int i = 0; i < 2000; ++i) {
    const double x = i % 7 - 3.0, y = i % 5 - 2.0;
    const std::vector<double> row = {x, y};
    (*model)->Learn({row, {}}, x + y > 0 ? 1 : 0, 1);
    (*tree)->Learn({row, {}}, x + y > 0 ? 1 : 0, 1);
  }
  std::vector<double> p;
  const std::vector<double> row = {2, 2};
  (*model)->Predict({row, {}}, p);
  std::printf("P(class 1) = %.3f\n", p.size() > 1 ? p[1] : 0.0);
  return p.size() > 1 && p[1] > 0.5 ? 0 : 1;
}
