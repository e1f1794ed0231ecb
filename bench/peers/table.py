"""The table of bench/peers/run from lines of JSON: ours and each peer's, learner by learner."""
import json
import sys


def number(value):
    return f"{value:,.0f}"


def mebibytes(value):
    return f"{value / 2**20:.1f}" if value else ""


lines = [json.loads(line) for line in sys.stdin if line.startswith("{")]
streams = list(dict.fromkeys(line["stream"] for line in lines))
for stream in streams:
    own = [line for line in lines if line["stream"] == stream]
    regression = "rmse" in own[0]
    quality = ["rmse", "mae"] if regression else ["accuracy", "kappa_t", "log_loss"]
    heads = ["RMSE", "MAE"] if regression else ["accuracy", "kappa-T", "log-loss"]
    print(f"\n**{stream}**\n")
    print("| learner | by | " + " | ".join(heads) + " | rows/s | memory, MiB | state, MiB |")
    print("|---|---|" + "---|" * (len(heads) + 3))
    for learner in dict.fromkeys(line["learner"] for line in own):
        for line in (l for l in own if l["learner"] == learner):
            cells = [learner.replace("_", " "), line.get("peer", "Leat")]
            cells += [f"{line[q]:.4g}" if regression else f"{line[q]:.4f}" for q in quality]
            cells += [number(line["rows_per_second"]), mebibytes(line["memory"]),
                      mebibytes(line["state"])]
            print("| " + " | ".join(cells) + " |")
