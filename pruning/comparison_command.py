"""`python -m pruning compare`: its flags, and what it says before, while and after it runs."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from pruning.earlier_files import OF_COMPARISON, replaced
from pruning.experiment.duration import about
from pruning.flags import as_flags, flags_of, one, recipe_of, several
from pruning.html_report.command import FILE, FLAG, must_be_ours, write
from pruning.output_places import writable
from pruning.progress_bars import Bars
from pruning.runs.comparison_text import SETTINGS, reasons_in_words
from pruning.runs.product import BASELINES, Comparison
from pruning.terms import plural

# What is multiplied: {name: (type, help)}.
LISTS = {
    "models": (str, "Networks. [default: resnet20]"),
    "datasets": (str, "Data sets. [default: scenes]"),
    "criteria": (
        str,
        "Criteria, options behind a colon: cpot:temperature=2. "
        f"{' and '.join(BASELINES)} are added unless controls are none. [default: l1]",
    ),
    "cuts": (float, "Pruning ratios. [default: 0.5]"),
    "measures": (str, "What a pruning ratio counts. [default: macs]"),
    "allocations": (str, "Allocations. [default: uniform; gates with gdp]"),
    "repairs": (str, "Repairs. [default: none]"),
    "epochs": (int, "Epochs of fine-tuning. [default: 0]"),
    "seeds": (int, "Seeds. [default: 0]"),
}
CONTROLS_HELP = (
    "Beside each recipe: its widths newly initialised, and a uniformly narrower network, with the same "
    "epochs and with the same computation. [default: all where epochs are trained]"
)


def lists_of(command: Callable) -> Callable:
    """Gives a command a flag for each of LISTS; it gets them as keyword arguments."""
    own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
    how = {"kind": inspect.Parameter.KEYWORD_ONLY, "default": None}
    lists = [inspect.Parameter(name, annotation=several(*told), **how) for name, told in LISTS.items()]
    command.__signature__ = inspect.Signature([*lists, *own])  # type: ignore[attr-defined]
    return command


@flags_of(SETTINGS, options=False)
@lists_of
def compare(
    *,
    controls: one(Literal["none", "all"], CONTROLS_HELP) = None,
    out: Annotated[Path, Parameter(help="Folder to write: results.csv, comparison.json.")],
    scheduler: one(str, "Address of a Dask scheduler. [default: processes on this machine]") = None,
    tls_ca: one(Path, "TLS: file of the authority.") = None,
    tls_cert: one(Path, "TLS: file of the client's certificate.") = None,
    tls_key: one(Path, "TLS: file of the client's key.") = None,
    dry_run: one(bool, "Only say how many runs there are and how long they take.") = None,
    again: one(bool, "Also run what the store of runs has already.") = None,
    report: one(bool, FLAG) = None,
    **given,
):
    """Every combination of networks, data, criteria, ratios, allocations, repairs, epochs and seeds, on the
    cores at hand or on a Dask cluster. Ended in the middle, the same command goes on."""
    from pruning.runs.cluster import Keys
    from pruning.runs.compare import compare as run_comparison
    from pruning.runs.forecast import foresee, measured_seconds
    from pruning.runs.store import RunStore

    comparison = asked_of(given, controls)
    how = {"scheduler": scheduler, "keys": Keys(tls_ca, tls_cert, tls_key), "again": bool(again)}
    must_be_taken(out, comparison, report)
    store = RunStore()
    try:
        if dry_run:
            return print(*foretold(foresee(comparison, store, measured_seconds)), sep="\n")
        with replaced(out, OF_COMPARISON), Bars() as watch:
            done = run_comparison(comparison, out, **how, store=store, watch=watch)
        where = f"in {out / 'results.csv'}; runs kept in {store.uri or store.folder}"
        print(*ended(done), f"{rows_in_words(done)} {where}", sep="\n")
        if report:
            write(out)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped; the same command goes on with what {out} lacks") from None
    finally:
        store.close()


def asked_of(given: dict[str, Any], controls: str | None) -> Comparison:
    """What was typed. Raises ValueError where no combination of it is a recipe at all."""
    lists = {name: given.pop(name) for name in LISTS if name in given}
    comparison = Comparison(**lists, controls=controls, settings=settings(given))
    reasons: dict[str, None] = {}
    for entry in comparison.entries():
        if entry.recipe is not None:
            return comparison
        reasons[entry.error] = None
    must_be_possible(comparison.size, comparison.size, tuple(reasons))
    return comparison


def must_be_taken(out: Path, comparison: Comparison, report: bool | None) -> None:
    """Raises ValueError where the folder can't take this comparison, or its report."""
    from pruning.runs.comparison_folder import must_be_same

    writable(out, folder=True)
    must_be_same(out, comparison)
    if report:
        must_be_ours(out / FILE)


def must_be_possible(failed: int, rows: int, reasons: Sequence[str]) -> None:
    """Raises ValueError where not one of the rows can be done."""
    if failed and failed == rows:
        raise ValueError(f"not one of {plural(rows, 'recipe')} can be done: {reasons_in_words(reasons)}")


def foretold(found) -> list[str]:
    """What would be done, and what can't be."""
    must_be_possible(found.failed, found.recipes, found.reasons)
    return [in_words(found), *why_not(found.failed, found.reasons)]


def ended(done) -> list[str]:
    """What came of it: who leads, and what could not be done."""
    must_be_possible(done.failed, done.rows, done.reasons)
    return [*done.sentences, *why_not(done.failed, done.reasons)]


def why_not(failed: int, reasons: Sequence[str]) -> list[str]:
    """A line on what can't be done; none where all can."""
    return [f"{failed} that can't be done: {as_flags(reasons_in_words(reasons))}"] if failed else []


def rows_in_words(done) -> str:
    counts = {"from the store": done.known, "run": done.finished, "failed": done.failed, "lost": done.lost}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none"
    return f"{plural(done.rows, 'row')} ({told})"


def settings(given: dict[str, Any]) -> dict[str, Any]:
    """Fields that all recipes have, checked before anything runs."""
    recipe_of({"criterion": "l1", **given})
    return {name: value for name, value in given.items() if value is not None}


def in_words(found) -> str:
    words = [plural(found.recipes, "recipe")]
    words += [f"{found.controls} controls beside them"] if found.controls else []
    words += [f"{found.known} in the store already"] if found.known else []
    words += [f"{found.failed} that can't be done"] if found.failed else []
    if found.seconds is not None:
        words += [f"about {about(found.seconds)}" if found.seconds else "nothing to run"]
    return f"{', '.join(words)}; {plural(found.at_once, 'recipe')} at once"
