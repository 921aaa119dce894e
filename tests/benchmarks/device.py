"""docs/devices.md: every part of the front door once on the processor and once on a device, side by side.

python -m tests.benchmarks.device --device cpu       first, on any machine: it takes longest
python -m tests.benchmarks.device [--device cuda]    minutes, on a machine that has one
python -m tests.benchmarks.device --write            the table of what has been measured so far

Rows are kept in .measured/, so the two may be measured on two machines. With PRUNING_DATA the default on the
public ResNet-56 is measured as well.
"""

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path

import pruning
from pruning.devices import AUTO, chosen, in_words, present
from pruning.experiment import Recipe
from pruning.experiment.loading import use_threads
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import known, public, remembered, row
from tests.benchmarks.speed import machine
from tests.on_device import PARTS, told

SETTING = {"model": "resnet20", "data": "digits", "size": 32, "cut": 0.5}
SETTING |= {"calibration": 200, "match_steps": 20}
IMAGES = 100  # of the hold-out, where a part asks for a number
PUBLIC = {100: "the default on the public ResNet-56", 400: "the same with 400 steps of matching"}
TITLES = [*PARTS, *PUBLIC.values()]
KINDS = ("cpu", "cuda", "mps", "xpu")


def key(title: str, device: str) -> str:
    return f"device-{device.partition(':')[0]}-{TITLES.index(title)}"


def measure(title: str, device: str, threads: int) -> dict:
    """One part: its figures, and the seconds that it took."""
    recipe = Recipe(**SETTING, device=device, threads=threads)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        figures, where = PARTS[title](recipe, Path(folder), IMAGES), f"{in_words(device)}; {machine()}"
    return {"figures": figures, "seconds": time.perf_counter() - start, "on": where}


def measure_public(steps: int, device: str, threads: int) -> dict:
    result = pruning.run(public("resnet56", cut=0.5, match_steps=steps, device=device, threads=threads))
    seconds = result.report["seconds"]
    stages = {name: seconds[name] for name in ("statistics", "plan", "repair")}
    return {"figures": told(result.report), "seconds": sum(filter(None, seconds.values())), "stages": stages}


def measured(device: str, threads: int):
    """Every part on a device, but for what has been measured already."""
    use_threads(Recipe(device=device, threads=threads))
    for title in PARTS:
        remembered(key(title, device), partial(measure, title, device, threads))
    for steps, title in PUBLIC.items() if "PRUNING_DATA" in os.environ else ():
        remembered(key(title, device), partial(measure_public, steps, device, threads))


def table() -> list[str]:
    """A row a part: seconds on each device, and how far its figures are from the processor's."""
    kinds = [kind for kind in KINDS if known(key(TITLES[0], kind))]
    if len(kinds) < 2 or kinds[0] != "cpu":
        return ["Not run yet: no machine with a GPU has been at hand."]
    lines = ["| part | " + " | ".join(f"{kind}, s" for kind in kinds) + " | figures |"]
    lines += ["|---" * (len(kinds) + 2) + "|"]
    for title in TITLES:
        found = {kind: row(key(title, kind)) for kind in kinds if known(key(title, kind))}
        seconds = (f"{found[kind]['seconds']:.1f}" if kind in found else "" for kind in kinds)
        if "cpu" in found:
            lines.append(f"| {title} | {' | '.join(seconds)} | {_figures(found)} |")
    return lines


def _figures(found: dict[str, dict]) -> str:
    """The processor's, and of every other device the one that is furthest from it."""
    own = found["cpu"]["figures"]
    words = [", ".join(f"{name} {value:.4g}" for name, value in own.items())]
    for kind, other in list(found.items())[1:]:
        gaps = {n: abs(v - own[n]) / max(abs(own[n]), 1e-9) for n, v in other["figures"].items()}
        worst = max(gaps, key=gaps.get)
        words.append(f"{kind}: {worst} {other['figures'][worst]:.4g}" if gaps[worst] else f"{kind}: the same")
    return "; ".join(words)


def machines() -> list[str]:
    """What computed each column, once there are two."""
    firsts = {kind: key(TITLES[0], kind) for kind in KINDS}
    found = [f"- {kind}: {row(first)['on']}" for kind, first in firsts.items() if known(first)]
    return found if found[1:] else []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default=AUTO)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--write", action="store_true", help="only the table")
    asked = parser.parse_args()
    if not asked.write:
        device = chosen(asked.device)
        print(f"on {in_words(device)}; there are {', '.join(present())}", flush=True)
        measured(device, asked.threads)
    filled({"table": table(), "machines": machines()}, "devices.md")
