"""Every unlearner on MNIST: three settings, four kinds of forget sets, beside retraining.

Accuracies in percent on forgotten, remaining and test rows; distance of the forget accuracy to
that of a retrained net; Jensen–Shannon divergence to it on the forget rows (nats), with that
between two retrained nets as the null; AUC of the loss attack; steps of relearning; seconds of CPU
and their share of retraining. Needs SKUNLEARN_DATA.

Usage: python unlearner_table.py [--seeds 3] [--settings "3k" ...] [--sets "random 5 %" ...]
"""

import argparse
import copy

from _nets import (
    PACKAGES,
    SETTINGS,
    Split,
    accuracies,
    forget_sets,
    js_divergence,
    mean_sd,
    membership_auc,
    mnist,
    new_net,
    outputs,
    relearn_steps,
    report,
    retrained,
    timed,
    versions,
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


def unlearners():
    """Every public unlearner with its defaults, by name."""
    rooms = (neural_network, baselines)
    found = {
        name: getattr(room, name)
        for room in rooms
        for name in room.__all__
        if isinstance(getattr(room, name), type)
        and issubclass(getattr(room, name), neural_network.Unlearner)
        and getattr(room, name) is not neural_network.Unlearner
    }
    lines = {name: (cls(), cls.requires_retain) for name, cls in found.items()}
    return lines | {"CalibratedTeacher, retained rows": (neural_network.CalibratedTeacher(), True)}


def run(setting, name, seed):
    """All lines of one setting, forget set and seed."""
    data = mnist(**SETTINGS[setting], seed=seed)
    split = Split(data, forget_sets(data.y, seed)[name])
    net = new_net(seed, keep="all").fit(data.X, data.y)
    gold, refit_seconds = retrained(net, split, seed + 100)
    other, _ = retrained(net, split, seed + 200)
    reference, again = outputs(gold, split), outputs(other, split)
    start = accuracies(outputs(net, split), split)["forget"]
    level = accuracies(reference, split)["forget"] / 2 + accuracies(again, split)["forget"] / 2
    null = js_divergence(reference["forget"], again["forget"])
    lines = []

    def add(method, model, spent):
        proba = outputs(model, split)
        found = accuracies(proba, split)
        print(f"{setting}, {name}, {seed}, {method}: {spent:.2f} s", flush=True)
        lines.append(
            {
                "setting": setting,
                "forget set": name,
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
    for method, (unlearner, with_rows) in unlearners().items():
        model = copy.deepcopy(net).set_params(unlearner=unlearner)
        rest = dict(zip(("X_retain", "y_retain"), parts["remain"], strict=True))
        try:
            _, spent = timed(
                lambda m=model, r=rest if with_rows else {}: m.unlearn(*parts["forget"], **r)
            )
        except UnlearningError as error:
            print(f"{setting}, {name}, {method}: refused ({str(error)[:90]})")
            continue
        add(method, model, spent)
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS))
    parser.add_argument("--sets", nargs="*", default=None)
    options = parser.parse_args()
    sets = options.sets or ["random 1 %", "random 5 %", "75 % of the 3s", "class 3"]
    for setting in options.settings:
        runs = [run(setting, name, seed) for name in sets for seed in range(options.seeds)]
        rows = [line for lines in runs for line in lines]
        table = mean_sd(rows, ("setting", "forget set", "method"), NUMBERS)
        short = setting.replace(" ", "_").replace(",", "").replace("%", "percent")
        report(f"neural_table_{short}", table, **versions(*PACKAGES))
