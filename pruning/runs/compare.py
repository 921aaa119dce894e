"""A comparison, run: what is known already is taken from the store, the rest goes to the workers, and every
result is kept at once."""

import contextlib
import hashlib
import json
import logging
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from pruning.cost import Plan
from pruning.experiment.duration import LEFT
from pruning.experiment.shared_steps import NETWORK
from pruning.models.own_code import allowed
from pruning.progress import Watch, Yielded, others_wait, silent
from pruning.runs.cluster import Keys, cluster, elsewhere
from pruning.runs.comparison_folder import LEADS, RESULTS, SAID, must_be_same, note, only_one, room_told
from pruning.runs.dispatch import Dispatcher, Work
from pruning.runs.product import CONTROLS, NARROW, SAME_COMPUTE, Comparison, Entry
from pruning.runs.results_table import ResultsTable, row_of
from pruning.runs.run_key import own_code, run_key, versions
from pruning.runs.store import PREDICTIONS, REPORT, KeptRun, RunStore
from pruning.runs.verdicts import Verdicts, table
from pruning.runs.worker_call import NAMING, Answer, Call, Files, answered

log = logging.getLogger(__name__)
PLAN = "plan.json"  # of a run
GROUP = ("model", "data", "seed", "criterion")  # what share most of their steps


@dataclass(frozen=True)
class Outcome:
    """How a comparison ended, as counts of rows. known: taken from the store.   rows: all.   sentences: who
    leads.   reasons: why rows failed, each once."""

    rows: int
    known: int
    finished: int
    failed: int
    lost: int
    sentences: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(eq=False)
class Wanted:
    """A row that is to come. key: of its run; of a control of its widths once these are known."""

    entry: Entry
    key: str = ""
    plan: str = ""


def compare(
    comparison: Comparison,
    out: str | Path,
    *,
    scheduler: str | None = None,
    keys: Keys = Keys(),  # noqa: B008 (frozen)
    again: bool = False,
    store: RunStore | None = None,
    owner: str = "",
    watch: Watch = silent,
) -> Outcome:
    """Runs what the store lacks of a comparison; OUT/results.csv has a row a run, as they end.

    A recipe that can't be done is a row with its reason; one whose worker was lost three times is a row that
    says `lost`. Ended in the middle, by whatever, the same call goes on where it was; raises `Yielded` itself
    where the watch says that others wait (`progress.others_wait`). again: also runs what the store has, and
    so makes no way for others.   owner: whose the runs are; empty: nobody's in particular."""
    out = Path(out)
    must_be_same(out, comparison)
    store = store or RunStore()
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out), room_told(out):
        note(out, comparison)
        run = _Running(comparison, out, store, again, watch, owner)
        run.begin()
        if run.works:
            with cluster(scheduler, keys, run.threads) as client:
                run.dispatcher = Dispatcher(client, answered, run.begun, run.ended, pauses=run.pauses)
                run.dispatcher.foreign = bool(elsewhere(scheduler))
                if elsewhere(scheduler) and (files := run.files()):
                    run.dispatcher.sent = client.scatter(files, broadcast=True, hash=False)
                run.dispatcher.add(run.works)
                run.finish_or_mark()
            if run.dispatcher.waiting:
                raise Yielded
        return run.outcome()


@dataclass(eq=False)
class _Running:
    comparison: Comparison
    out: Path
    store: RunStore
    again: bool
    watch: Watch
    owner: str = ""
    works: list[Work] = field(default_factory=list)
    same: dict[str, list[Wanted]] = field(default_factory=dict)  # key: rows that wait for one run
    ids: dict[str, str] = field(default_factory=dict)  # key: run of the store, once it is under way
    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, None] = field(default_factory=dict)  # of rows that failed, in their order
    took: list[float] = field(default_factory=list)
    verdicts: Verdicts = field(default_factory=Verdicts)
    threads: int = 1
    counted: bool = False  # whether `total` holds all rows
    dispatcher: Dispatcher = field(init=False)

    def begin(self):
        """Sorts the entries into rows that are known and works that are to be done."""
        self.known = nothing if self.again else self.store.all_finished(self.comparison.size)
        self.counts = dict.fromkeys(("known", "finished", "failed", "lost"), 0)
        self.total = 0
        self.table = ResultsTable(self.out / RESULTS)
        for name in (SAID, LEADS):  # of rows that may not be there any more
            (self.out / name).unlink(missing_ok=True)
        for entry in self.comparison.entries():
            self.total += 1
            if entry.recipe is None:
                self.add(Wanted(entry), "failed", error=entry.error)
                continue
            self.threads = entry.recipe.threads
            self.verdicts.expect(row_of(entry, ""))
            self.works += self.want(Wanted(entry, run_key(entry.recipe)))
            self.works += [work for wanted in self.narrowed(entry) for work in self.want(wanted)]
        self.table.publish()
        self.counted = True
        self.tell()

    def finish_or_mark(self):
        """Until all is done. Ended before, what is under way is marked as interrupted at once."""
        try:
            self.dispatcher.run()
        except BaseException:
            for id in self.ids.values():
                with contextlib.suppress(Exception):  # what ended it is worth more than what follows
                    self.store.end(id, "interrupted", "the comparison was ended before the run did")
            raise

    def files(self) -> Files:
        """What recipes name by a path and workers on other machines may not have, read once."""
        named = {work.payload.recipe[name] for work in self.works for name in NAMING}
        return {path: Path(path).read_bytes() for path in named if path and Path(path).is_file()}

    def narrowed(self, entry: Entry) -> Iterator[Wanted]:
        """The controls that need no plan of the recipe's own."""
        for control in self.controls(entry):
            self.total += 1
            beside = Entry(entry.fields, entry.recipe, control)
            self.verdicts.expect(row_of(beside, ""))
            if control.startswith(NARROW):
                yield Wanted(beside, control_key(entry, control))

    def widened(self, entry: Entry, plan: str) -> Iterator[Wanted]:
        """The controls that have the widths of the recipe's plan."""
        for control in self.controls(entry):
            if not control.startswith(NARROW):
                yield Wanted(
                    Entry(entry.fields, entry.recipe, control), control_key(entry, control, plan), plan
                )

    def controls(self, entry: Entry) -> tuple[str, ...]:
        trains = self.comparison.with_controls and entry.recipe and entry.recipe.epochs
        return tuple(CONTROLS) if trains else ()

    def want(self, wanted: Wanted) -> list[Work]:
        """A row from the store, a row that waits for a run that is wanted already, or a work."""
        if (run := self.known(wanted.key)) is not None and (
            works := self.from_store(wanted, run)
        ) is not None:
            return works
        if wanted.key in self.same:
            self.same[wanted.key].append(wanted)
            return []
        self.same[wanted.key] = [wanted]
        recipe = wanted.entry.recipe
        call = Call(recipe.to_dict(), wanted.entry.control, wanted.plan, allowed())
        return [Work(call, tuple(getattr(recipe, name) for name in GROUP), wanted)]

    def from_store(self, wanted: Wanted, run: KeptRun) -> list[Work] | None:
        """None where files of it are gone: then it is done again."""
        try:
            report = json.loads(self.store.fetch(run, REPORT).read_text())
            said, plan = self.store.fetch(run, PREDICTIONS), self.store.fetch(run, PLAN).read_text()
        except FileNotFoundError as error:
            log.info("the store has no %s any more", error.filename)
            return None
        how: dict[str, Any] = {"said": said, "seconds": run.seconds, "run": run.id, "known": True}
        self.add(wanted, "finished", report=report, **how)
        if wanted.entry.control or not self.controls(wanted.entry):
            return []
        return [work for one in self.widened(wanted.entry, plan) for work in self.want(one)]

    def begun(self, work: Work):
        wanted: Wanted = work.note
        how = {"kind": wanted.entry.kind, "control": wanted.entry.control, "comparison": self.out.name}
        how["owner"] = self.owner
        self.ids[wanted.key] = self.store.begin(wanted.entry.recipe, wanted.key, **how)

    def ended(self, work: Work, answer: Answer | None, status: str, why: str) -> list[Work]:
        """Keeps what came of a work, adds its rows, and returns what can be done only now."""
        wanted: Wanted = work.note
        id = self.ids.pop(wanted.key)
        waiting = self.same.pop(wanted.key)
        if answer is None or answer.status != "finished":
            status, error = (status, why) if answer is None else ("failed", answer.error)
            self.store.end(id, status, error)
            if answer is not None:
                log.info("a recipe of a comparison failed: %s", answer.details)
            for one in waiting:
                self.add(one, status, error=error, seconds=answer.seconds if answer else "")
            return []
        with tempfile.TemporaryDirectory(prefix="pruning-") as scratch:
            zipfile.ZipFile(BytesIO(answer.files)).extractall(scratch)
            self.store.finish(id, scratch, answer.report, answer.seconds, answer.history)
            plan = (Path(scratch) / PLAN).read_text()
            how: dict[str, Any] = {"said": Path(scratch) / PREDICTIONS, "seconds": answer.seconds, "run": id}
            for one in waiting:
                self.add(one, "finished", report=answer.report, **how)
        self.took.append(answer.seconds)
        recipes = [one.entry for one in waiting if not one.entry.control]
        return [work for entry in recipes for one in self.widened(entry, plan) for work in self.want(one)]

    def add(self, wanted: Wanted, status: str, *, report=None, said=None, known: bool = False, **more: Any):
        digest = wanted.entry.recipe.digest() if wanted.entry.recipe else ""
        if isinstance(more.get("seconds"), float):
            more["seconds"] = f"{more['seconds']:.3f}"
        row = row_of(wanted.entry, status, report=report, digest=digest, **more)
        self.table.add(row)
        if said is not None:
            with np.load(said) as predictions:
                self.verdicts.add(row, report["task"], predictions)
        self.counts["known" if known else status] += 1
        if status == "failed":
            self.reasons[more.get("error", "")] = None
        self.tell()

    def tell(self):
        if not self.counted:  # known rows are read: it can be ended here as well
            self.watch("compare", self.total, max(self.total, self.comparison.size))
            return
        done, values = sum(self.counts.values()), {}
        if self.took:
            at_once = max(1, len(self.dispatcher.current))
            left = fmean(self.took) * (self.total - done) / at_once
            values |= {"minutes_left": left / 60, LEFT: left}
        self.watch("compare", done, self.total, **values)

    def pauses(self) -> bool:
        """Whether others have to have their turn. Tells how far it is as well: so one that is cancelled ends
        within a recipe."""
        self.tell()
        return not self.again and others_wait(self.watch)

    def outcome(self) -> Outcome:
        table(self.verdicts.families()).to_csv(self.out / LEADS, index=False)
        told = tuple(self.verdicts.sentences())
        (self.out / SAID).write_text("".join(f"{sentence}\n" for sentence in told), encoding="utf-8")
        counts, why = self.counts, tuple(self.reasons)
        return Outcome(sum(counts.values()), **counts, sentences=told, reasons=why)


def nothing(key: str) -> None:
    """No run of this key is known."""


def control_key(entry: Entry, control: str, plan: str = "") -> str:
    """Of a control's numbers: two recipes of the same widths, epochs and seed share it."""
    recipe = entry.recipe
    own: tuple[str, ...] = (*NETWORK, "batch_size", "epochs", "calibration")
    if not plan:
        own += ("cut", "measure", "groups", "protect", "max_cut_per_group", "min_channels", "round_to")
    told: list[Any] = [control, {name: getattr(recipe, name) for name in own}, versions(), *own_code(recipe)]
    if plan:
        told.append(Plan.from_json(plan).widths)
    if SAME_COMPUTE in control:
        told.append(recipe.to_dict())
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:20]
