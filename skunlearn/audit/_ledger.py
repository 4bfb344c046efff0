"""An append-only record of deletion requests: hash-chained, salted, written before and after."""

import contextlib
import dataclasses
import datetime
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

import sklearn

from skunlearn import __version__
from skunlearn.audit._ledger_entries import (
    LedgerCheck,
    LedgerHead,
    anchor_problem,
    first_problem,
    hash_of,
    head_of,
    make_once,
    row_digests,
    sync_folder,
    write_durably,
)
from skunlearn.audit._ledger_recorder import VERBS, Recorder

try:
    import fcntl
except ImportError:  # no POSIX: one process at a time
    fcntl = None

SCHEMA = 1


class DeletionLedger:
    """Append-only record of deletion requests, as JSON lines.

    Each request is written before it is carried out, and its outcome after it, both flushed to the
    disk; each entry holds the hash of the one before. A request whose outcome is missing was
    interrupted: it is listed as pending, and the model on disk tells what became of it.

    Parameters
    ----------
    path : str or path-like
        The file; made if it is not there. Beside it are ``<path>.key``, the secret of the digests,
        and ``<path>.salts``, a random salt for each request.

    See Also
    --------
    skunlearn.audit.RowIndex : From ids of people to rows.

    Notes
    -----
    An entry never holds a row. It holds, for each row of a request, a hash under a salt of that
    request (BLAKE2b, 128 bits), by which `contains` finds the row again; `shred` deletes the salt,
    and nobody can link the entry to a row any more. Models stand in the ledger as keyed digests of
    their `state_digest()`, or of nothing where they have none.

    A ledger records a claim: that somebody called `unlearn`. It proves no deletion. And a hash
    chain alone does not bind whoever keeps it, since they can write all of it anew: have `head()`
    timestamped or signed by somebody else now and then, and pass it to `verify` as the anchor.
    Several processes may write to one ledger where there are POSIX locks; elsewhere one at a time.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_diabetes
    >>> from skunlearn.audit import DeletionLedger
    >>> from skunlearn.linear_model import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = Ridge().fit(X, y)
    >>> ledger = DeletionLedger(Path(tempfile.mkdtemp()) / "deletions.jsonl")
    >>> with ledger.recording(model, note="ticket 17"):
    ...     model = model.unlearn(X[:3], y[:3])
    >>> [entry["event"] for entry in ledger.entries()]
    ['request', 'done']
    >>> bool(ledger.verify()), ledger.contains(0, X[:1], y[:1])
    (True, [True])
    """

    def __init__(self, path):
        self.path = Path(path)
        self._salts = self.path.with_name(self.path.name + ".salts")
        self._key_path = self.path.with_name(self.path.name + ".key")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._key_path.exists():
            make_once(self._key_path, secrets.token_hex(32) + "\n")
        self.path.touch()

    def __repr__(self):
        return f"DeletionLedger({str(self.path)!r})"

    # -- reading ---------------------------------------------------------------------------

    def entries(self):
        """Read all entries, in order.

        Returns
        -------
        list of dict
        """
        return [entry for entry in self._lines() if entry is not None]

    def _lines(self):
        """Yield entries; None for a line that a crash cut short."""
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    entry = None
                yield entry if isinstance(entry, dict) else None

    def head(self):
        """Tell where the ledger stands.

        Returns
        -------
        LedgerHead
        """
        return head_of(self.path.read_bytes())

    def pending(self):
        """List the requests that were begun and of which no outcome is recorded.

        Returns
        -------
        list of dict
        """
        found = self.entries()
        ended = {entry.get("request") for entry in found if entry.get("event") != "request"}
        return [e for e in found if e.get("event") == "request" and e.get("id") not in ended]

    def verify(self, anchor=None):
        """Check that no entry was changed, left out or put in between.

        Parameters
        ----------
        anchor : LedgerHead or str, default=None
            A head that was kept elsewhere: the ledger must go on from it. Without one this shows
            only that the file is consistent with itself.

        Returns
        -------
        LedgerCheck
        """
        lines = list(self._lines())
        found = [entry for entry in lines if entry is not None]
        problem = first_problem(found)
        if problem is None and anchor is not None:
            anchor = anchor if isinstance(anchor, LedgerHead) else LedgerHead.parse(anchor)
            problem = anchor_problem(found, anchor)
        pending = tuple(entry["id"] for entry in self.pending()) if problem is None else ()
        return LedgerCheck(len(found), len(lines) - len(found), pending, problem)

    def contains(self, n, X, y=None):
        """Tell whether rows were part of a request.

        Parameters
        ----------
        n : int
            Position of its entry.
        X, y : array-like
            Rows, as they were given to `unlearn`.

        Returns
        -------
        list of bool
            By row.

        Raises
        ------
        ValueError
            If the entry is no request, or its salt was shredded.
        """
        entry = self.entries()[n]
        if entry.get("event") != "request":
            raise ValueError(f"Got entry {n}, which is no request but {entry.get('event')!r}.")
        salt = self._read_salts().get(entry["id"])
        if salt is None:
            raise ValueError(
                f"The salt of entry {n} was shredded: its rows cannot be told any more."
            )
        known = set(entry["rows"])
        return [digest in known for digest in row_digests(X, y, bytes.fromhex(salt))]

    # -- writing ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def recording(self, model, *, note=None, audit=None):
        """Record every request to a model inside the `with` block.

        The verbs `unlearn` and `replace`; `unlearn_groups` and `unlearn_columns` where there are
        any, with salted hashes of the names of groups or columns. A copy that is made inside the
        block (`copy.deepcopy`, pickle) is another model, and is not recorded.

        Parameters
        ----------
        model : estimator
            Any object with `unlearn`.
        note : str, default=None
            For each entry: a ticket, a legal ground. No personal data.
        audit : callable, default=None
            Called with the model after each request; what it returns (a dictionary that JSON can
            hold) is recorded with the outcome.

        Yields
        ------
        model : estimator
        """
        names = [name for name in VERBS if hasattr(model, name)]
        if "unlearn" not in names:
            raise ValueError(f"{type(model).__name__} has no unlearn: there is nothing to record.")
        for name in names:
            vars(model)[name] = Recorder(self, model, name, note, audit)
        try:
            yield model
        finally:
            for name in names:
                vars(model).pop(name, None)

    def begin(self, model, X, y=None, *, verb="unlearn", note=None):
        """Write that a request is about to be carried out.

        Parameters
        ----------
        model : estimator
        X, y : array-like
            Rows to forget; only salted hashes of them are written.
        verb : str, default="unlearn"
        note : str, default=None

        Returns
        -------
        str
            The id of the request, for `end`.
        """
        request, salt = secrets.token_hex(8), secrets.token_bytes(32)
        rows = row_digests(X, y, salt)
        write_durably(
            self._salts, json.dumps({"id": request, "salt": salt.hex()}) + "\n", secret=True
        )
        self._append(
            {
                "event": "request",
                "id": request,
                "verb": verb,
                "n_rows": len(rows),
                "rows": rows,
                "note": note,
                "model": type(model).__name__,
                "before": self._digest(model),
                "versions": {"skunlearn": __version__, "scikit-learn": sklearn.__version__},
            }
        )
        return request

    def end(self, request, model, *, event="done", error=None, summary=None):
        """Write the outcome of a request.

        Parameters
        ----------
        request : str
            What `begin` returned.
        model : estimator
        event : {"done", "refused"}, default="done"
        error : BaseException, default=None
            Why it was refused; its type is recorded, not its text, which may quote rows.
        summary : dict, default=None
            Of an audit.
        """
        guarantee = getattr(model, "guarantee_", None)
        self._append(
            {
                "event": event,
                "request": request,
                "after": self._digest(model),
                "n_samples_retained": _whole(getattr(model, "n_samples_retained_", None)),
                "guarantee": None if guarantee is None else dataclasses.asdict(guarantee),
                "budget_left": getattr(model, "budget_left_", None),
                "error": None if error is None else type(error).__name__,
                "audit": summary,
            }
        )

    def shred(self, n):
        """Delete the salt of a request: nobody can link its entry to a row any more.

        Parameters
        ----------
        n : int
            Position of its entry.

        Notes
        -----
        The file of salts is written anew without it. What a disk, a backup or a journal keeps of
        deleted bytes is out of reach.
        """
        entry = self.entries()[n]
        kept = {k: v for k, v in self._read_salts().items() if k != entry.get("id")}
        text = "".join(json.dumps({"id": k, "salt": v}) + "\n" for k, v in kept.items())
        fresh = self._salts.with_name(self._salts.name + ".new")
        fresh.unlink(missing_ok=True)
        write_durably(fresh, text, secret=True)
        os.replace(fresh, self._salts)
        sync_folder(self._salts.parent)

    def _read_salts(self):
        if not self._salts.exists():
            return {}
        found = {}
        for line in self._salts.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(json.JSONDecodeError):  # a crash cut it short: no request yet
                entry = json.loads(line)
                found[entry["id"]] = entry["salt"]
        return found

    def _digest(self, model):
        """Keyed digest of the state of a model: plain ones could be compared with guesses."""
        try:
            state = model.state_digest()
        except (AttributeError, ValueError):
            return None
        key = bytes.fromhex(self._key_path.read_text(encoding="utf-8").strip())
        return hmac.new(key, state.encode(), hashlib.sha256).hexdigest()

    def _append(self, content):
        """Write one entry behind the last one, under a lock, and flush it to the disk."""
        with self.path.open("r+b") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            written = file.read()
            head = head_of(written)
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
            entry = {"schema": SCHEMA, "n": head.n_entries, "time": now, **content}
            entry["previous"] = head.hash
            entry["hash"] = hash_of(entry)
            if written and not written.endswith(b"\n"):  # a crash cut the last line short
                file.write(b"\n")
            file.write(json.dumps(entry, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _whole(value):
    return None if value is None else int(value)
