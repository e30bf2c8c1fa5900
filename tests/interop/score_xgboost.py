#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""score_xgboost.py train BOOSTER OBJECTIVE | compare GOT | tamper HOW | plant | trained MODEL: the Python package, for score.

train writes model.json, and rows.json: 3,000 feature rows with holes, their columns in another order. compare holds GOT, what fcat
says of score's output, against Python's own predictions and contributions of the same rows. tamper writes tampered.json, in which
the model is not what it was when its reference rows were stored. plant writes rows.json and labels.csv of assets that wear out,
for scripts/train; trained checks what it says of its model.
"""
import json
import math
import sys

import numpy
import xgboost

NAMES = [f"f{i}" for i in range(8)]
ROWS = 3000


def data():
    chance = numpy.random.default_rng(7)
    x = chance.normal(size=(ROWS, len(NAMES))) * [1, 10, 1e-3, 1, 1, 1e6, 1, 1]
    x[chance.random(x.shape) < 0.15] = numpy.nan
    y = numpy.nan_to_num(x[:, 0]) + numpy.nan_to_num(x[:, 1]) / 10 * numpy.nan_to_num(x[:, 3]) + chance.normal(size=ROWS) / 3
    return x, y


def matrix(x, y=None):
    return xgboost.DMatrix(x, y, feature_names=NAMES)


def train(booster, objective):
    x, y = data()
    label = (y > 1).astype(float) if objective.startswith("binary") else y * 1000
    parameters = {"booster": booster, "objective": objective, "max_depth": 5, "seed": 3, "nthread": 1}
    if booster == "dart":
        parameters["rate_drop"] = 0.2
    model = xgboost.train(parameters, matrix(x, label), 40 if booster == "gbtree" else 12)
    reference = x[:32]
    file = {"twinpipe_model": 1, "failure_mode": "wear", "threshold": float(numpy.quantile(model.predict(matrix(x)), 0.95)),
            "features": NAMES, "definition_digest": "d1",
            "reference": {"rows": [[None if math.isnan(v) else v for v in row] for row in reference.tolist()],
                          "margin": model.predict(matrix(reference), output_margin=True).tolist(),
                          "score": model.predict(matrix(reference)).tolist()},
            "xgboost": json.loads(model.save_raw("json"))}
    json.dump(file, open("model.json", "w"))
    model.save_model("model.ubj")
    order = [3, 0, 7, 1, 2, 6, 5, 4]
    with open("rows.json", "w") as rows:
        for start in range(0, ROWS, 500):
            part = x[start:start + 500]
            print(json.dumps({"frame": "features", "entity": [f"s.l.a{i % 50}" for i in range(start, start + 500)],
                              "as_of": [10**9 * (i // 50) for i in range(start, start + 500)],
                              "known_at": [10**9 * (i // 50 + 1) for i in range(start, start + 500)], "definition_digest": "d1",
                              "column": [{"name": NAMES[c], "value": ["NaN" if math.isnan(v) else v for v in part[:, c].tolist()]}
                                         for c in order]}), file=rows)


def numbers(values):
    return numpy.array([float(v) for v in values])


def compare(path):
    x, _ = data()
    model = xgboost.Booster(model_file="model.ubj")
    threshold = json.load(open("model.json"))["threshold"]
    score, margin = model.predict(matrix(x)), model.predict(matrix(x), output_margin=True)
    theirs = model.predict(matrix(x), pred_contribs=True)
    frames = [json.loads(line) for line in open(path)]
    got = numpy.concatenate([numbers(frame["score"]) for frame in frames])
    assert len(got) == ROWS, len(got)
    worst = numpy.abs(got - score).max() / numpy.abs(score).max()
    assert worst < 1e-6, f"scores are up to {worst} off"
    fired = numpy.concatenate([frame["fired"] for frame in frames])
    sure = numpy.abs(score - threshold) > 1e-6 * numpy.abs(score).max()
    assert (fired == (score >= threshold))[sure].all() and 100 < fired.sum() < 200, fired.sum()
    assert all(frame["model_digest"] == frames[0]["model_digest"] and frame["definition_digest"] == "d1" for frame in frames)
    values = numpy.concatenate([numpy.stack([numbers(c["value"]) for c in frame["feature"]], axis=1) for frame in frames])
    assert numpy.array_equal(values, x, equal_nan=True), "feature values are not those of the rows"
    parts = numpy.concatenate([numpy.stack([numbers(c["value"]) for c in frame["contribution"]], axis=1) for frame in frames])
    assert [c["name"] for c in frames[0]["contribution"]] == [*NAMES, "bias"]
    assert numpy.isnan(parts[~fired]).all()
    off = numpy.abs(parts[fired] - theirs[fired]).max() / numpy.abs(margin).max()
    assert off < 1e-5, f"contributions are up to {off} off"
    assert numpy.allclose(parts[fired].sum(axis=1), margin[fired], rtol=1e-4, atol=1e-4 * numpy.abs(margin).max())
    trends = sum(len(frame.get("trend", [])) for frame in frames)
    assert trends == 3 * fired.sum(), trends
    print(f"  {ROWS} rows, {int(fired.sum())} fired: scores within {worst:.1e}, contributions within {off:.1e} of Python's")


def tamper(how):
    file = json.load(open("model.json"))
    learner = file["xgboost"]["learner"]
    booster = learner["gradient_booster"]
    model = booster.get("gbtree", booster)["model"]
    param = learner["learner_model_param"]
    if how == "base-score":
        brackets = param["base_score"].startswith("[")
        value = float(param["base_score"].strip("[]")) * 1.01
        param["base_score"] = f"[{value:E}]" if brackets else f"{value:E}"
    elif how == "leaf":
        tree = model["trees"][0]
        for node, left in enumerate(tree["left_children"]):
            if left == -1:
                tree["split_conditions"][node] *= 1.1
    elif how == "tree-lost":
        model["trees"].pop()
        model["tree_info"].pop()
        if "weight_drop" in booster:
            booster["weight_drop"].pop()
        model["gbtree_model_param"]["num_trees"] = str(len(model["trees"]))
        model.pop("iteration_indptr", None)
    elif how == "newer":
        file["xgboost"]["version"] = [3, 3, 0]
    elif how == "unknown-field":
        model["trees"][0]["leaf_unit"] = "g"
    elif how == "endless":
        model["trees"][0]["left_children"][1] = 0
    json.dump(file, open("tampered.json", "w"))


def plant():
    chance = numpy.random.default_rng(5)
    start, hour, labels = 1767225600 * 10**9, 3600 * 10**9, ["entity,time,failed"]
    with open("rows.json", "w") as rows:
        for step in range(300):
            wear = ((numpy.arange(60) * 37 + step) % 120) / 120
            columns = {"temp": chance.normal(50 + 40 * wear**3, 4), "rms": chance.normal(3 * wear), "noise": chance.normal(size=60)}
            columns["noise"][chance.random(60) < 0.1] = numpy.nan
            entities, time = [f"p.l{asset % 3}.a{asset}" for asset in range(60)], start + step * hour
            print(json.dumps({"frame": "features", "entity": entities, "as_of": [time] * 60, "known_at": [time + 10**9] * 60,
                              "definition_digest": "d1", "column": [{"name": name, "value": ["NaN" if math.isnan(v) else v for v in x.tolist()]}
                                                                    for name, x in columns.items()]}), file=rows)
            labels += [f"{entities[asset]},{time + 60 * 10**9},{int(wear[asset] > 0.8)}" for asset in range(60) if chance.random() < 0.25]
    labels[5:5] = [f"p.l0.a0,{start - hour},1", f"p.l0.a0,{start},"]  # before all rows, and one without a label
    open("labels.csv", "w").write("\n".join(labels) + "\n")


def trained(path):
    file = json.load(open(path))
    report, train_part, test = file["trained"], file["trained"]["train"], file["trained"]["test"]
    assert file["features"] == ["temp", "rms", "noise"], file["features"]
    assert train_part["assets"] + test["assets"] == 60, report
    assert test["auc"] > 0.95 and test["precision"] > 0.7 and test["recall"] > 0.5, report
    reference = file["reference"]
    assert len(reference["rows"]) == 32 and any(None in row for row in reference["rows"])
    # Labels by themselves: what is for testing is later than the moment that the file names.
    later = sum(int(line.split(",")[1]) > report["test_after"] for line in open("labels.csv") if line[0] == "p")
    assert 0 < test["rows"] < later, (test["rows"], later)


if __name__ == "__main__":
    {"train": train, "compare": compare, "tamper": tamper, "plant": plant, "trained": trained}[sys.argv[1]](*sys.argv[2:])
