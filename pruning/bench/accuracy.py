"""What is left of a network without any training, cut by us and by Torch-Pruning: asked here, each side
measured in a process of its own (`accuracy_child`). No torch."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator

from pruning.bench.measure import ROOT, processor
from pruning.bench.request import PEER, SIDES, peer_version, versions
from pruning.criteria import SCORED
from pruning.error_messages import choose
from pruning.experiment.recipe import Recipe
from pruning.progress import Watch, silent

OURS = ("l1", "l2", "fpgm", "taylor", "di", "catro", "cpot", "reconstruction")  # where none are named
WIDTHS = ("uniform", "error")
REPAIRS = ("none", "recalibrate", "reconstruct", "match")
PEERS = ("l1", "l2", "lamp", "taylor", "hessian")
PEER_REPAIRS = REPAIRS[:2]  # it has none of its own, and is given the one that needs no plan
SCOPES = ("all", "inner")  # groups that the peer may cut: all, as it does by itself, or those inside blocks
# pruner settings: as its README begins; what that recommends for more; the small steps of its own benchmark,
# which prunes with ratio 1 in 400 steps until the budget is met
WAYS: dict[str, dict] = {
    "uniform": {},
    "global": {"global_pruning": True},
    "global-steps": {"global_pruning": True, "iterative_steps": 400},
    "isomorphic-steps": {"global_pruning": True, "isomorphic": True, "iterative_steps": 400},
}
NEAR = 0.005  # share of the MACs by which the peer may miss the cut that was asked of both
MISSING = f"not installed: pip install {PEER}==1.6.1 (requirements-dev.txt names it)"


def measure_accuracy(
    recipe: Recipe,
    *,
    cuts: Iterable[float] = (0.3, 0.5),
    seeds: Iterable[int] = (0,),
    criteria: Iterable[str] = (),
    widths: Iterable[str] = (),
    match_steps: int = 200,
    watch: Watch = silent,
    tell: Callable[[dict], None] = lambda row: None,
) -> dict:
    """All raw figures, ready for JSON.

    recipe: network, data, weights, calibration images and threads; nothing else of it counts.   cuts: shares
    of the MACs.   seeds: each draws calibration images anew.   criteria: of ours and of the peer's, by name;
    unsaid: eight of ours and its five.   widths: how they are chosen, of WIDTHS and WAYS; unsaid: all.
    match_steps: of the repair `match`.   tell: is handed each row when it is measured.
    A row: by, criterion, widths, scope (groups that may be cut), repair, cut, seed, macs_cut (share of MACs
    gone, counted by us on both), hits (a character a test image, 1: right), seconds (score, plan, cut and
    repair; bisecting included), refused (why there are no figures, or None).
    Raises ValueError where something is asked for that does not exist.
    """
    request = requested(recipe, tuple(cuts), tuple(seeds), tuple(criteria), tuple(widths), match_steps)
    found: dict = {
        "versions": versions(),
        "machine": {"processor": processor(), "system": platform.platform(), "cores": os.cpu_count()},
        "request": request,
        "peer_refused": None,
        "rows": [],
    }
    for side in SIDES:
        if all(request[side].values()):
            _measure_side(side, request, found, watch, tell)
    if not found["rows"]:
        if found["peer_refused"]:
            raise ValueError(f"{PEER} is {found['peer_refused']}")
        raise ValueError("none of these criteria has such widths; give --widths uniform, which all have")
    return found


def _measure_side(side: str, request: dict, found: dict, watch: Watch, tell: Callable[[dict], None]):
    """Adds to `found` what this side's process says."""
    if side == "peer" and peer_version() is None:
        found["peer_refused"] = MISSING
        return
    total = 0
    for told in lines_of(side, request | {"whole": "baseline" not in found}):
        total = told.get("total", total)
        if "error" in told:
            raise ValueError(told["error"])
        if "row" in told:
            found["rows"].append(told["row"])
            tell(told["row"])
        found |= told.get("network", {})
        done = sum(row["by"] == side for row in found["rows"])
        watch("bench", done, total, message="ours" if side == "ours" else PEER)


def requested(
    recipe: Recipe,
    cuts: tuple[float, ...],
    seeds: tuple[int, ...],
    criteria: tuple[str, ...],
    widths: tuple[str, ...],
    match_steps: int,
) -> dict:
    """What both sides are asked for, checked, as plain JSON."""
    known = [*SCORED, *(name for name in PEERS if name not in SCORED)]
    named = [choose(name, known, "criterion to compare") for name in criteria]
    ways = dict.fromkeys([*WIDTHS, *WAYS])
    chosen = [choose(name, ways, "choice of widths") for name in widths] or list(ways)
    for cut in cuts:
        if not 0 < cut < 1:
            raise ValueError(f"cuts holds {cut}; give shares between 0 and 1, such as 0.3 0.5")
    if match_steps < 1:
        raise ValueError(f"match_steps is {match_steps}; give a whole number, 1 or more")
    if any(seed < 0 for seed in seeds):
        raise ValueError(f"seeds holds {min(seeds)}; give whole numbers, 0 or more")
    plain = recipe.but(criterion="l1", allocation="uniform", repair="none")
    return {
        "recipe": plain.to_dict(),
        "cuts": list(dict.fromkeys(cuts)),
        "seeds": list(dict.fromkeys(seeds)),
        "match_steps": match_steps,
        "ours": {
            "criteria": [name for name in dict.fromkeys(named) if name in SCORED] if named else list(OURS),
            "widths": [name for name in WIDTHS if name in chosen],
        },
        "peer": {
            "criteria": [name for name in dict.fromkeys(named) if name in PEERS] if named else list(PEERS),
            "widths": [name for name in WAYS if name in chosen],
        },
    }


def lines_of(side: str, request: dict) -> Iterator[dict]:
    """What a measuring process says, line by line; raises RuntimeError with its last word where it dies."""
    command = [sys.executable, "-m", "pruning.bench.accuracy_child", side, json.dumps(request)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(request["recipe"]["threads"])}
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield from map(json.loads, process.stdout)
            if process.wait():
                errors.seek(0)
                last = (errors.read().splitlines() or ["no word"])[-1][:200]
                raise RuntimeError(f"the measuring process of {side} ended with {last}")
        finally:  # also when the user stops us
            process.kill()
            process.wait()
            process.stdout.close()
