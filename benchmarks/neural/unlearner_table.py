"""Every unlearner on MNIST: four settings, four kinds of forget sets, beside retraining.

Accuracies in percent on forgotten, remaining and test rows; distance of the forget accuracy to
that of a retrained net; Jensen–Shannon divergence to it on the forget rows (nats), with that
between two retrained nets as the null; AUC of the loss attack; steps of relearning; seconds of CPU
and their share of retraining. Needs SKUNLEARN_DATA.

Usage: python unlearner_table.py [--seeds 3] [--settings "3k" ...] [--sets "random 5 %" ...]
    [--skip GatedKnowledgeTransfer ...] [--only GatedKnowledgeTransfer ...]

Lines go into the file of the setting, beside those of other sets and methods that are there, and in
place of such of as many seeds or fewer.
"""

import argparse

from _nets import (
    PACKAGES,
    SETTINGS,
    Split,
    forget_sets,
    hardware,
    mean_sd,
    mnist,
    new_net,
    report,
    versions,
)
from _table import NUMBERS, compare, merged, unlearners

SETS = ("random 1 %", "random 5 %", "75 % of the 3s", "class 3")


def run(setting, names, seed, methods):
    """All lines of one setting and seed."""
    data = mnist(**SETTINGS[setting], seed=seed)
    net = new_net(seed, keep="all").fit(data.X, data.y)
    sets = forget_sets(data.y, seed)
    return [
        line
        for name in names
        for line in compare(
            net,
            Split(data, sets[name]),
            seed,
            methods,
            **{"setting": setting, "forget set": name},
        )
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS))
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--skip", nargs="*", default=())
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()
    methods = {
        name: method
        for name, method in unlearners().items()
        if name not in options.skip and (options.only is None or name in options.only)
    }
    for setting in options.settings:
        rows = []
        for seed in range(options.seeds):  # kept after each seed
            rows += run(setting, options.sets, seed, methods)
            table = mean_sd(rows, ("setting", "forget set", "method"), NUMBERS)
            short = setting.replace(" ", "_").replace(",", "").replace("%", "percent")
            name = f"neural_table_{short}"
            report(name, merged(name, table, SETS), hardware=hardware(), **versions(*PACKAGES))
