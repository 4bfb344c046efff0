"""From the outputs of models to answers, flags and notes, in numbers and in words."""

import dataclasses

import numpy as np

from skunlearn.audit._filing import AuditAnswer, AuditFlag
from skunlearn.audit._rank_tests import (
    BLOCKS,
    TESTS,
    adjusted_p_values,
    distances_to,
    gap,
    largest_gap,
    marginal_of_loss,
    membership_auc,
    statistics,
)

_BARELY = 0.1  # share of the way to the refits that counts as not moved
_WORDS = {
    "distance_forget": "its outputs on the forget rows tell",
    "distance_retain": "its outputs on the retained rows tell",
    "distance_test": "its outputs on the test rows tell",
    "forget_loss_low": "a lower loss on the forget rows tells",
    "forget_loss_high": "a higher loss on the forget rows tells",
    "test_score_low": "a lower test score tells",
}


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Everything that was measured, before it is put into words."""

    original: object  # Outputs, as the two that follow
    model: object
    reference: object  # of a refit that an exact method equals; None where there is none
    refits: list
    among: dict  # distances of the refits to each other
    described: object  # Described, of the refits
    attributes: object  # RefitDistance to the reference, or None
    classifies: bool
    deterministic: bool
    own_seeds: bool
    tolerance: float
    level: float

    @property
    def n_refits(self):
        """Refits over seeds."""
        return len(self.refits)

    @property
    def smallest_p(self):
        """Smallest p-value that a rank among these refits can have."""
        return 1 / (self.n_refits + 1)

    @property
    def can_flag(self):
        """Whether the audit can tell anything apart at its level."""
        return self.deterministic or self.smallest_p <= self.level + 1e-12


class Findings:
    """Compute what `Evidence` shows."""

    def __init__(self, evidence):
        self.evidence = e = evidence
        self.to_refits = distances_to(e.model, e.refits, e.classifies)
        self.original_to_refits = distances_to(e.original, e.refits, e.classifies)
        self.moved_by = {
            name: gap(e.model.values[name], e.original.values[name], e.classifies)
            for name in BLOCKS
        }
        self.moved_at_most = largest_gap(e.model.exact, e.original.exact)
        self.from_reference = (
            np.inf if e.reference is None else largest_gap(e.model.exact, e.reference.exact)
        )
        self.equal = self.from_reference <= e.tolerance
        self.p_values = self._p_values(e.model, self.to_refits)
        self.original_p = self._p_values(e.original, self.original_to_refits)

    def _p_values(self, model, to_refits):
        """P-value by test; none where refits are all equal, or a model equals its own refit."""
        e = self.evidence
        if e.deterministic or (model is e.model and self.equal):
            return dict.fromkeys(TESTS)
        scores = statistics(model, e.refits, to_refits, e.among, e.tolerance)
        return dict(zip(TESTS, map(float, adjusted_p_values(scores)), strict=True))

    def is_apart(self, test):
        """Whether the model is told apart from the refits by a test."""
        e = self.evidence
        if self.equal:
            return False
        if not e.deterministic:
            return self.p_values[test] <= e.level + 1e-12
        refit = e.refits[0]
        if test.startswith("distance"):
            return True  # for it is not equal
        side, ours, theirs = TESTS[test], e.model, refit
        if test == "test_score_low":
            worse = ours.loss["test"] - theirs.loss["test"]
            beyond_chance = worse.mean() > 2 * worse.std(ddof=1) / np.sqrt(len(worse))
            return theirs.score - ours.score > e.tolerance and beyond_chance
        difference = ours.loss["forget"].mean() - theirs.loss["forget"].mean()
        return side * difference > e.tolerance

    @property
    def told_apart(self):
        """Whether any test tells the model from the refits."""
        return any(self.is_apart(test) for test in TESTS)

    @property
    def original_is_a_refit(self):
        """Whether nothing tells the original from the refits; None where that cannot be judged."""
        e = self.evidence
        if e.deterministic:
            return largest_gap(e.original.exact, e.refits[0].exact) <= e.tolerance
        if not e.can_flag:
            return None
        return min(self.original_p.values()) > e.level + 1e-12

    @property
    def share_of_the_way(self):
        """How far the model moved on the forget rows, as a share of the refits' distance."""
        e = self.evidence
        if np.median(self.original_to_refits["forget"]) > e.tolerance:
            return self.moved_by["forget"] / np.median(self.original_to_refits["forget"])
        whole = largest_gap(e.refits[0].exact, e.original.exact)
        done = self.moved_at_most
        return done / whole if 0 < whole < np.inf else np.inf if done > 0 else 0.0

    # -- the three questions ---------------------------------------------------------------

    def moved(self):
        """Answer whether the model moved from the original."""
        e, number = self.evidence, self.moved_by["forget"]
        between = _between(e.among["forget"])
        away = float(np.median(self.original_to_refits["forget"]))
        scale = f"refits lie {away:.3g} from the original"
        if not e.deterministic:
            scale += f", and {np.median(between):.3g} from each other"
        if self.moved_at_most == 0:
            verdict, words = False, "no: its outputs are those of the original, bit for bit"
        elif self.moved_at_most <= e.tolerance:
            verdict, words = (
                False,
                f"no: its outputs are the original's to {self.moved_at_most:.1g}",
            )
        elif self.share_of_the_way < _BARELY:
            verdict = False
            words = (
                f"barely: {number:.3g} on the forget rows, {self.share_of_the_way:.0%} of the way"
            )
        else:
            verdict, words = True, f"yes: by {number:.3g} on the forget rows"
        return AuditAnswer(
            "Did it move?", number, _range(between), None, verdict, f"{words}; {scale}"
        )

    def reached(self):
        """Answer whether the model is where refits are."""
        e = self.evidence
        null = _range(_between(e.among["forget"]))
        number = float(self.to_refits["forget"].mean())
        if self.equal:
            whose = "the refit with its own seeds" if e.own_seeds else "the refit"
            return self._answer(self.from_reference, null, None, True, f"yes: {self._equal(whose)}")
        if e.deterministic:
            words = (
                f"no: it differs from the refit by up to {self.from_reference:.3g} "
                f"(tolerance {e.tolerance:.3g}); {number:.3g} on the forget rows, where the "
                f"original is {self.original_to_refits['forget'].mean():.3g} away"
            )
            return self._answer(number, null, None, False, words)
        test = min(self.p_values, key=self.p_values.get)
        p = self.p_values[test]
        where = f"it is {number:.3g} from the refits on the forget rows, they are "
        where += f"{null[0]:.3g} from each other ({null[1]:.3g} to {null[2]:.3g})"
        if not e.can_flag:
            verdict = None
            words = (
                f"cannot be judged by {e.n_refits} refits, {needed(e.level)} are needed: {where}"
            )
        elif self.told_apart:
            verdict, words = False, f"no: {_WORDS[test]} it apart (p = {p:.2g}); {where}"
        else:
            verdict = True
            words = f"not told apart from {e.n_refits} refits (p = {p:.2g}): {where}"
        return self._answer(number, null, p, verdict, words)

    def _answer(self, number, null, p, verdict, words):
        return AuditAnswer("Did it reach the refit?", number, null, p, verdict, words)

    def _equal(self, whose):
        e = self.evidence
        if e.attributes is not None and e.attributes.identical and self.from_reference == 0:
            return f"equal to {whose} bit for bit, learned attributes and outputs"
        size = "bit for bit" if self.from_reference == 0 else f"to {self.from_reference:.1g}"
        words = f"its outputs equal those of {whose} {size}"
        if e.attributes is not None and e.attributes.parameters:
            words += f"; learned attributes to {e.attributes.max_abs:.1g}"
        return words

    def faster(self, seconds, refit_seconds):
        """Answer whether unlearning took less time than refitting."""
        null = _range(np.array(refit_seconds))
        refit = f"a refit took {_time(null[0])}"
        if len(refit_seconds) > 1:
            refit += f" ({_time(null[1])} to {_time(null[2])})"
        question = "Was it faster than a refit?"
        if seconds is None:
            words = f"not measured: pass unlearn_seconds; {refit}"
            return AuditAnswer(question, None, null, None, None, words)
        ratio = null[0] / seconds
        words = f"unlearning took {_time(seconds)}, {refit}"
        if seconds < null[1]:
            return AuditAnswer(
                question, seconds, null, None, True, f"yes, {ratio:.3g} times: {words}"
            )
        verdict = "no, about as long" if seconds <= null[2] else f"no, {1 / ratio:.3g} times slower"
        return AuditAnswer(question, seconds, null, None, False, f"{verdict}: {words}")

    # -- flags -----------------------------------------------------------------------------

    def flags(self):
        """Return all five, raised or not."""
        return (
            self._no_op(),
            self._by_loss("under-forgetting", "forget_loss_low", "less"),
            self._by_loss("over-forgetting", "forget_loss_high", "more"),
            self._damaged(),
            self._nothing_to_forget(),
        )

    def _no_op(self):
        tests = ("distance_forget", "forget_loss_low")
        found = [self.p_values[test] for test in tests]
        p = None if None in found else min(found)
        raised = self.share_of_the_way < _BARELY and any(map(self.is_apart, tests))
        share = f"moved {self.share_of_the_way:.0%} of the way from the original to the refits"
        return AuditFlag("no-op", raised, True, p, share)

    def _by_loss(self, name, test, comparison):
        e = self.evidence
        ours = e.model.loss["forget"].mean()
        theirs = np.array([refit.loss["forget"].mean() for refit in e.refits])
        raised = self.is_apart(test)
        if name == "over-forgetting":
            raised = raised and ours > theirs.max()
        words = f"loss of the forget rows {ours:.4g}, of refits {_spread(theirs)}"
        if raised:
            words = f"forget rows {comparison} surprising than for refits: {words}"
        return AuditFlag(name, bool(raised), True, self.p_values[test], words)

    def _damaged(self):
        e = self.evidence
        theirs = np.array([refit.score for refit in e.refits])
        raised = self.is_apart("test_score_low") and e.model.score < theirs.min()
        words = f"test score {e.model.score:.4g}, of refits {_spread(theirs)}"
        return AuditFlag(
            "damaged utility", bool(raised), True, self.p_values["test_score_low"], words
        )

    def _nothing_to_forget(self):
        found = self.original_is_a_refit
        p = None if None in self.original_p.values() else min(self.original_p.values())
        words = "the original is told apart from the refits"
        if found:
            words = (
                "the original itself is not told apart from the refits: a model that forgot "
                "nothing would pass"
            )
        elif found is None:
            words = "cannot be judged by so few refits"
        return AuditFlag("nothing to forget", bool(found), False, p, words)

    # -- all numbers -----------------------------------------------------------------------

    def records(self):
        """Return all numbers, a dictionary a line of the table."""
        e, rows = self.evidence, []
        for name in BLOCKS:
            p = self.p_values[f"distance_{name}"]
            ours, theirs = self.to_refits[name].mean(), _between(e.among[name])
            start = self.original_to_refits[name]
            rows.append(_record("distance to the refits", name, start.mean(), ours, theirs, p))
            rows.append(
                _record("distance to the original", name, 0.0, self.moved_by[name], start, None)
            )
        for name in BLOCKS:
            p = None
            if name == "forget" and None not in self.p_values.values():
                p = min(self.p_values["forget_loss_low"], self.p_values["forget_loss_high"])
            rows.append(self._record_of("loss", name, lambda m, n=name: m.loss[n].mean(), p))
        rows.append(self._record_of("membership AUC", "forget, test", membership_auc, None))
        if min(len(e.model.loss[name]) for name in ("forget", "retain")) > 1:
            rows.append(
                self._record_of("marginal information", "forget, retain", marginal_of_loss, None)
            )
        for name in BLOCKS:
            p = self.p_values["test_score_low"] if name == "test" else None
            if np.isfinite(e.model.scores[name]):
                rows.append(self._record_of("score", name, lambda m, n=name: m.scores[n], p))
        ours, theirs = (e.described.numbers(one) for one in (e.model, e.original))
        rows += [
            _record(name, "forget", theirs[name], ours[name], null, None)
            for name, null in e.described.null.items()
        ]
        return tuple(sorted(rows, key=lambda row: list(_ORDER).index(row["quantity"])))

    def _record_of(self, quantity, rows, function, p):
        e = self.evidence
        theirs = np.array([function(refit) for refit in e.refits])
        return _record(quantity, rows, function(e.original), function(e.model), theirs, p)


_ORDER = (
    "distance to the refits",
    "distance to the original",
    "Jensen-Shannon",
    "largest gap",
    "largest difference",
    "other predictions",
    "entropy",
    "entropy distance",
    "loss",
    "membership AUC",
    "marginal information",
    "score",
)


def needed(level):
    """Fewest refits whose ranks reach a level."""
    return int(np.ceil(1 / level - 1e-9)) - 1


def _record(quantity, rows, original, unlearned, refits, p):
    middle, low, high = _range(refits)
    values = (original, unlearned, middle, low, high)
    names = ("original", "unlearned", "refits", "refits_low", "refits_high")
    numbers = dict(zip(names, map(float, values), strict=True))
    return {"quantity": quantity, "rows": rows, **numbers, "p_value": p}


def _between(matrix):
    """Mean distance of each refit to the others."""
    return matrix.sum(axis=1) / max(len(matrix) - 1, 1)


def _range(values):
    """Median, smallest and largest."""
    return float(np.median(values)), float(np.min(values)), float(np.max(values))


def _spread(values):
    low, high = values.min(), values.max()
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _time(seconds):
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
