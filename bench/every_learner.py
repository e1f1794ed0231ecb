"""The tables of bench/every_learner: a row a learner, a column a stream."""
import json
import sys

lines = [json.loads(line) for line in sys.stdin]
for regression in (False, True):
    own = [line for line in lines if ("rmse" in line) == regression]
    streams = list(dict.fromkeys(line["stream"] for line in own))
    cells = {(line["learner"], line["stream"]): line for line in own}
    if not streams:
        continue
    print("\nRMSE / mean absolute error / rows/s\n" if regression
          else "\nAccuracy / log-loss / rows/s\n")
    print("| learner | " + " | ".join(streams) + " |")
    print("|---" * (len(streams) + 1) + "|")
    for learner in dict.fromkeys(line["learner"] for line in own):
        row = [f"`{learner}`" if "state" in next(l for l in own if l["learner"] == learner)
               else learner.replace("_", "-")]
        for stream in streams:
            line = cells.get((learner, stream))
            if line is None:
                row.append("")
                continue
            figures = ([f"{line['rmse']:.4g}", f"{line['mae']:.4g}"] if regression
                       else [f"{line['accuracy']:.4f}"])
            if "log_loss" in line:
                figures.append(f"{line['log_loss']:.3f}")
            if "rows_per_second" in line:
                figures.append(f"{line['rows_per_second']:,}")
            row.append(" / ".join(figures))
        print("| " + " | ".join(row) + " |")
