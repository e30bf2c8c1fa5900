# SPDX-License-Identifier: Apache-2.0
# backtest.py TIME: judges, of the labels after TIME, the predictions that run-to-failure.sh made, in the working directory. Prints
# the AUC (the chance that a failing pump is scored above one that is not; Mann-Whitney) of both backtests and of the leaking model in
# service, and checks that what was served is what the honest backtest says, number by number.
import csv
import json
import subprocess
import sys


def frames(path, kind):
    with subprocess.Popen(["fcat", "--only", kind, path], stdout=subprocess.PIPE, text=True) as fcat:
        for line in fcat.stdout:
            frame = json.loads(line)
            if frame["frame"] == kind:
                yield frame
    assert fcat.returncode == 0, path


def predictions(path):
    """(entity, as_of, known_at, score) of each row, in order."""
    return [row for frame in frames(path, "predictions")
            for row in zip(frame["entity"], frame["as_of"], frame["known_at"], frame["score"])]


def auc(scored):
    """Of (score, failed) pairs; equal scores count half."""
    scored = sorted(scored)
    failures = sum(failed for _, failed in scored)
    below, wins, at = 0, 0.0, 0
    while at < len(scored):
        end = at
        while end < len(scored) and scored[end][0] == scored[at][0]:
            end += 1
        failing = sum(failed for _, failed in scored[at:end])
        healthy = end - at - failing
        wins += failing * (below + healthy / 2)
        below += healthy
        at = end
    return wins / (failures * (len(scored) - failures))


def main():
    until = sys.argv[1]
    with open("honest.csv") as file:
        labels = list(csv.DictReader(file))
    figures = {}
    for name in ("honest-honest", "leaking-leaking", "leaking-honest"):
        rows = predictions(f"{name}.tp")
        assert len(rows) == len(labels), (name, len(rows), len(labels))
        figures[name] = auc([(row[3], int(label["failed"])) for row, label in zip(rows, labels) if label["time"] > until])
    print(f"backtest without the known_at rule: AUC {figures['leaking-leaking']:.4f}")
    print(f"the same model in service:          AUC {figures['leaking-honest']:.4f}")
    print(f"backtest with the known_at rule:    AUC {figures['honest-honest']:.4f}")

    served = {row[:3]: row[3] for row in predictions("served.tp")}
    backtest = predictions("honest-honest.tp")
    for entity, as_of, known_at, score in backtest:
        assert served[entity, as_of, known_at] == score, (entity, as_of, known_at, score, served.get((entity, as_of, known_at)))
    print(f"served: {len(backtest)} predictions of the backtest, each as it was served at its time")
    assert figures["honest-honest"] > 0.8, "the model has learnt nothing"


main()
