"""`python -m pruning bench`: its flags, and which of the two comparisons they ask for."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from pruning.bench import accuracy_table, table
from pruning.bench.accuracy import measure_accuracy
from pruning.bench.measure import measure
from pruning.flags import flags_of, one, recipe_of, several
from pruning.output_places import writable
from pruning.progress_bars import Bars

FIELDS = "model data checkpoint normalize size calibration threads".split()


@flags_of(FIELDS, options=False)
def bench(
    *,
    networks: several(str, "Networks to time. [default: all]") = None,
    repeats: one(int, "Repeats of each timing; medians are shown. [default: 3]") = None,
    accuracy: one(
        bool, "Compare accuracy on one network instead, without any training; takes an hour."
    ) = None,
    cuts: several(float, "With --accuracy: pruning ratios of the MACs. [default: 0.3 0.5]") = None,
    seeds: several(int, "With --accuracy: seeds, each with its own calibration images. [default: 0]") = None,
    criteria: several(str, "With --accuracy: ours and the peer's. [default: eight of ours, its five]") = None,
    widths: several(
        str, "With --accuracy: allocations, ours (uniform error) and the peer's (uniform global ...)."
    ) = None,
    match_steps: one(int, "With --accuracy: steps of block-wise matching. [default: 200]") = None,
    json_file: Annotated[
        Path | None, Parameter(name="--json", help="A JSON file for all raw figures.")
    ] = None,
    **given,
):
    """Times and memory of a cut, ours beside Torch-Pruning's, on networks of torchvision: minutes. With
    --accuracy: what is left of one network, ours beside Torch-Pruning's, before any training."""
    timing: dict[str, Any] = said(networks=networks, repeats=repeats)
    judging: dict[str, Any] = said(
        cuts=cuts, seeds=seeds, criteria=criteria, widths=widths, match_steps=match_steps
    )
    must_fit(bool(accuracy), timing, judging | given)
    if json_file is not None:
        writable(json_file, folder=False, name="--json", ending=".json")
    show = accuracy_table if accuracy else table
    with Bars() as watch:
        how: dict[str, Any] = {"watch": watch, "tell": above(show.in_one_line)}
        found = measure_accuracy(recipe_of(given), **judging, **how) if accuracy else measure(**timing, **how)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(found, indent=2) + "\n")
    print(show.as_table(found))


def must_fit(accuracy: bool, timing: dict, judging: dict):
    """Raises ValueError where what was typed is of the other comparison."""
    for name in timing if accuracy else judging:
        told = "times; leave it out" if accuracy else "--accuracy; give both"
        raise ValueError(f"--{name.replace('_', '-')} is of {told}, or neither")


def said(**flags) -> dict:
    """Those that were typed."""
    return {name: value for name, value in flags.items() if value is not None}


def above(in_one_line: Callable[[dict], str]) -> Callable[[dict], None]:
    """Tells each row when it is measured, above the bar."""
    from tqdm import tqdm

    return lambda row: tqdm.write(in_one_line(row), file=sys.stderr)
