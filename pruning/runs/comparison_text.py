"""A comparison as text that runs it again, on the command line where that can say it, and in Python; and why
some of it can't be done."""

import shlex
from collections.abc import Sequence
from typing import Any

from pruning.runs.product import Comparison
from pruning.terms import plural

REASONS = 3  # told in full
LISTS = "models datasets criteria cuts measures allocations repairs epochs seeds".split()
# Fields that `compare` has a flag for; any other is said in Python alone.
SETTINGS = "checkpoint normalize size groups calibration match_steps lr batch_size device threads".split()


def reasons_in_words(reasons: Sequence[str]) -> str:
    """Why recipes can't be done: the first few reasons, and how many there are besides."""
    told = [reason.strip().rstrip(".") for reason in reasons[:REASONS]]
    if len(reasons) > REASONS:
        told.append(f"and {plural(len(reasons) - REASONS, 'more reason')}")
    return "; ".join(told)


def command_line(asked: Comparison, out: str = "compared") -> str:
    """None of `compare`'s defaults is named; empty where the comparison has recipes or fields without a
    flag."""
    if asked.recipes or set(asked.settings) - set(SETTINGS):
        return ""
    words, plain = ["python", "-m", "pruning", "compare"], Comparison()
    for name in LISTS:
        values = getattr(asked, name)
        if values != getattr(plain, name):
            words += [f"--{name}", *(f"{v:g}" if isinstance(v, float) else str(v) for v in values)]
    given: dict[str, Any] = {"controls": asked.controls} | asked.settings
    for name, value in given.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join([*words, "--out", out])


def python(out: str = "compared") -> str:
    """Reads comparison.json, which says all of it."""
    return f"""from pathlib import Path

from pruning.runs import Comparison
from pruning.runs.compare import compare

if __name__ == "__main__":  # the work is done by processes that import this file
    compare(Comparison.from_json(Path("comparison.json").read_text()), {out!r})
"""
