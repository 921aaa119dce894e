"""Rows of docs/engine.md: each is measured once for one state of the engine, and kept in a file."""

import hashlib
import json
import platform
import re
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import torch

from pruning.channels.ids import flat
from tests.benchmarks.speed import ROOT
from tests.benchmarks.speed import machine as cores_and_torch

KEPT = ROOT / ".measured" / "engine"  # one file a measured row; not part of the project
ENGINE = ("pruning/channels", "pruning/surgery.py", "pruning/cost.py")
ZOO = ("tests/zoo",)


def machine() -> str:
    """What stands beside every table."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torchvision", "torch-pruning"))
    return f"{platform.system()} {cores_and_torch()}, one thread; {versions}"


def state_of(sources: Iterable[str]) -> str:
    """Digest of files and folders of the project: what is measured anew once one of them changes."""
    found = hashlib.sha256()
    for source in sources:
        path = ROOT / source
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()[:12]


def place(part: str, name: str) -> Path:
    return KEPT / part / (re.sub(r"[^\w.]+", "-", name) + ".json")


def remembered(part: str, name: str, state: str, measure: Callable[[], dict], *, anew: bool = False) -> dict:
    """The row kept under this name, measured now where there is none of this state."""
    path = place(part, name)
    if path.exists() and not anew:
        row = json.loads(path.read_text())
        if row["state"] == state:
            return row
    start = time.perf_counter()
    row = {"name": name, "state": state, **measure()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row))
    print(f"{part}: {name}: {told(row)} ({time.perf_counter() - start:.1f} s)", flush=True)
    return row


def told(row: dict) -> str:
    return str(row.get("raises") or row.get("verdict") or "measured")[:120]


def kept(part: str, names: Iterable[str]) -> list[dict]:
    """The rows of these names, whatever the state they were measured in; of a name without one, why."""
    missing = {"state": None, "raises": "not measured yet"}
    paths = {name: place(part, name) for name in names}
    return [
        json.loads(path.read_text()) if path.exists() else {"name": name, **missing}
        for name, path in paths.items()
    ]


def out_of_date(rows: Iterable[dict], state: Callable[[str], str]) -> str:
    """A sentence where rows were not measured on the engine as it now is, else nothing."""
    old = [row["name"] for row in rows if row["state"] != state(row["name"])]
    some = "; ".join(old[:8]) + (" ..." if len(old) > 8 else "")
    return f"**Measured before the engine last changed, or not at all: {len(old)} ({some}).**" if old else ""


def relative_difference(a, b) -> float:
    """Largest difference of two answers in units of the first one's largest entry; infinite where they do not
    have the same shapes, or are finite in different places."""
    worst = 0.0
    for x, y in zip(flat(a), flat(b), strict=True):
        if not isinstance(x, torch.Tensor) or not x.is_floating_point() or not x.numel():
            continue
        if x.shape != y.shape or not torch.equal(x.isfinite(), y.isfinite()):
            return float("inf")
        x, y = x.nan_to_num(0, 0, 0), y.nan_to_num(0, 0, 0)
        worst = max(worst, float((x - y).abs().max() / x.abs().max().clamp_min(1e-12)))
    return worst


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a table; bars inside a cell do not end it."""
    head = list(head)
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *cells]
    return [f"| {' | '.join(line)} |" for line in lines]


def first_line(error: Exception) -> str:
    """The first line of an error after its kind, without this machine's folders."""
    line = next(iter(str(error).strip().splitlines()), "")
    line = re.sub(r"(/[\w.+-]+)+/", "", line)[:200]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
