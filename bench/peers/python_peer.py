"""A learner of River or Vowpal Wabbit over a stream in memory, test then train (bench/peers/run).

    python_peer.py River|VW ROWS.csv STREAM LEARNER

ROWS.csv is what `learners STREAM rows` prints. Prints a line of JSON: speed is processor time of
predicting and learning, memory what the process holds more at the end, state the pickled (or saved)
learner.
"""
import json
import math
import pickle
import sys
import tempfile
import time
from pathlib import Path


def read(path):
    with open(path) as lines:
        names = next(lines).strip().split(",")
        categories = [int(c) for c in next(lines).split(",")]
        rows = []
        for line in lines:
            cells = line.rstrip("\n").split(",")
            target = float(cells.pop())
            rows.append((cells, int(target) if categories[-1] else target))
    return names[:-1], categories, rows


def resident():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024


class River:
    def __init__(self, name, names, categories):
        from river import ensemble, forest, linear_model, naive_bayes, preprocessing, tree

        nominal = [n for n, c in zip(names, categories) if c]
        self.regression = not categories[-1]
        kinds = {
            "hoeffding_tree": lambda: tree.HoeffdingTreeClassifier(nominal_attributes=nominal),
            "hoeffding_adaptive_tree": lambda: tree.HoeffdingAdaptiveTreeClassifier(
                nominal_attributes=nominal, seed=1),
            "adaptive_random_forest": lambda: forest.ARFClassifier(
                n_models=10, seed=1, nominal_attributes=nominal),
            "streaming_random_patches": lambda: ensemble.SRPClassifier(
                model=tree.HoeffdingTreeClassifier(grace_period=50, delta=0.01), n_models=10,
                seed=1),
            "leveraging_bagging": lambda: ensemble.LeveragingBaggingClassifier(
                model=tree.HoeffdingTreeClassifier(nominal_attributes=nominal), n_models=10,
                seed=1),
            "mondrian_forest": lambda: forest.AMFClassifier(n_estimators=10, seed=1),
            "naive_bayes": naive_bayes.GaussianNB,
            "logistic_regression": lambda: (
                preprocessing.StandardScaler() | linear_model.LogisticRegression()),
            "hoeffding_regression_tree": lambda: tree.HoeffdingTreeRegressor(
                nominal_attributes=nominal),
            "forest_regressor": lambda: forest.ARFRegressor(
                n_models=10, seed=1, nominal_attributes=nominal),
            "linear_regression": lambda: (
                preprocessing.StandardScaler() | linear_model.LinearRegression()),
        }
        self.model = kinds[name]()
        # Those compare values with thresholds, whatever they are told of categories.
        self.numbers_only = name in ("streaming_random_patches", "mondrian_forest", "naive_bayes",
                                     "logistic_regression", "linear_regression")

    def prepare(self, names, categories, cells):
        return {n: (f"v{int(float(c))}" if k and not self.numbers_only else float(c))
                for n, k, c in zip(names, categories, cells) if c}

    def predict(self, x):
        return self.model.predict_one(x) if self.regression else self.model.predict_proba_one(x)

    def learn(self, x, y):
        self.model.learn_one(x, y)

    def state(self):
        return len(pickle.dumps(self.model))


class VowpalWabbit:
    def __init__(self, name, names, categories):
        import vowpalwabbit

        self.classes = categories[-1]
        self.regression = not self.classes
        kind = {0: "--loss_function squared", 2: "--loss_function logistic --link logistic"}.get(
            self.classes, f"--oaa {self.classes} --loss_function logistic --probabilities")
        self.model = vowpalwabbit.Workspace(f"{kind} --quiet")

    def prepare(self, names, categories, cells):
        return "| " + " ".join(
            f"{n}_{int(float(c))}" if k else f"{n}:{c}"
            for n, k, c in zip(names, categories, cells) if c)

    def predict(self, x):
        p = self.model.predict(x)
        if self.regression:
            return p
        return {0: 1 - p, 1: p} if self.classes == 2 else dict(enumerate(p))

    def learn(self, x, y):
        label = y if self.regression else 2 * y - 1 if self.classes == 2 else y + 1
        self.model.learn(f"{label} {x}")

    def state(self):
        with tempfile.NamedTemporaryFile() as file:
            self.model.save(file.name)
            return Path(file.name).stat().st_size


def main():
    name, path, stream, learner = sys.argv[1:5]
    names, categories, rows = read(path)
    model = {"River": River, "VW": VowpalWabbit}[name](learner, names, categories)
    rows = [(model.prepare(names, categories, cells), y) for cells, y in rows]
    before = resident()
    right = loss = same = squares = absolute = 0.0
    last = 0
    start = time.process_time()
    for x, y in rows:
        out = model.predict(x)
        if model.regression:
            error = (out or 0) - y
            squares += error * error
            absolute += abs(error)
        else:
            best = max(out, key=out.get) if out else 0
            right += best == y
            loss -= math.log(min(max(out.get(y, 0) if out else 0, 1e-15), 1 - 1e-15))
        same += y == last
        last = y
        model.learn(x, y)
    seconds = time.process_time() - start
    memory = max(0, resident() - before)
    n = len(rows)
    figures = {"peer": name, "stream": stream, "learner": learner}
    if model.regression:
        figures |= {"rmse": math.sqrt(squares / n), "mae": absolute / n}
    else:
        figures |= {"accuracy": right / n, "kappa_t": (right / n - same / n) / (1 - same / n),
                    "log_loss": loss / n}
    figures |= {"rows_per_second": round(n / seconds), "memory": memory, "state": model.state()}
    print(json.dumps(figures))


main()
