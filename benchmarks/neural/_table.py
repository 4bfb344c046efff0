"""Unlearners beside retraining: the lines of a table, the same for every kind of data."""

import copy
import json

from _nets import (
    RESULTS,
    accuracies,
    js_divergence,
    membership_auc,
    outputs,
    relearn_steps,
    retrained,
    timed,
)

from skunlearn import neural_network
from skunlearn.exceptions import UnlearningError
from skunlearn.neural_network import baselines

NUMBERS = (
    "forget",
    "remain",
    "test",
    "from retrained",
    "JS",
    "JS null",
    "membership AUC",
    "relearn steps",
    "seconds",
    "share of retraining",
)


def unlearners(names=None):
    """Unlearners with their defaults by name, every public one unless names are given."""
    rooms = (neural_network, baselines)
    found = {
        name: getattr(room, name)
        for room in rooms
        for name in room.__all__
        if isinstance(getattr(room, name), type)
        and issubclass(getattr(room, name), neural_network.Unlearner)
        and getattr(room, name) is not neural_network.Unlearner
    }
    found = found if names is None else {name: found[name] for name in names}
    lines = {name: (cls(), cls.requires_retain) for name, cls in found.items()}
    return lines | {"CalibratedTeacher, retained rows": (neural_network.CalibratedTeacher(), True)}


def compare(net, split, seed, methods, **labels):
    """Lines of one fitted net and one request: nothing done, trained again, each method."""
    gold, refit_seconds = retrained(net, split, seed + 100)
    other, _ = retrained(net, split, seed + 200)
    reference = outputs(gold, split)
    start = accuracies(outputs(net, split), split)["forget"]
    level = accuracies(reference, split)["forget"]
    null = js_divergence(reference["forget"], outputs(other, split)["forget"])
    lines = []

    def add(method, model, spent):
        proba = outputs(model, split)
        found = accuracies(proba, split)
        stats = [f"{value:.1f}" for value in found.values()]
        print(*labels.values(), seed, method, *stats, f"{spent:.2f} s", sep=", ", flush=True)
        lines.append(
            {
                **labels,
                "method": method,
                **found,
                "from retrained": abs(found["forget"] - level),
                "JS": js_divergence(proba["forget"], reference["forget"]),
                "JS null": null,
                "membership AUC": membership_auc(proba, split),
                "relearn steps": relearn_steps(model, split, start),
                "seconds": spent,
                "share of retraining": spent / refit_seconds,
            }
        )

    add("nothing done", net, 0.0)
    add("retrained", other, refit_seconds)
    parts = split.parts
    for method, (unlearner, with_rows) in methods.items():
        model = copy.deepcopy(net).set_params(unlearner=unlearner)
        rest = dict(zip(("X_retain", "y_retain"), parts["remain"], strict=True))
        try:
            _, spent = timed(
                lambda m=model, r=rest if with_rows else {}: m.unlearn(*parts["forget"], **r),
                net.device,
            )
        except UnlearningError as error:
            print(*labels.values(), method, f"refused ({str(error)[:90]})", sep=", ")
            continue
        add(method, model, spent)
    return lines


def merged(name, table, sets):
    """Put lines among those of the file of other sets or methods, or of more seeds."""
    path = RESULTS / f"{name}.json"
    old = json.loads(path.read_text())["rows"] if path.exists() else []
    found = {}
    for row in sorted([*old, *table], key=lambda row: row["seeds"]):  # the most seeds stay
        found[row["forget set"], row["method"]] = row
    return sorted(found.values(), key=lambda row: sets.index(row["forget set"]))
