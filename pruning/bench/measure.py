"""Starts the measuring processes, ends those that take too long or too much, and gathers what they say."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from pruning.bench.request import (
    AGAIN,
    GIGABYTES,
    NETWORKS,
    RATIO,
    SECONDS,
    SHAPE,
    SIDES,
    THREADS,
    peer_version,
    versions,
)
from pruning.error_messages import choose
from pruning.progress import Watch, silent

ROOT = Path(__file__).resolve().parents[2]  # where `pruning` can be imported from
LOOK = 0.02  # seconds between two looks at a process


def measure(
    networks: Iterable[str] = (),
    *,
    repeats: int = 3,
    watch: Watch = silent,
    tell: Callable[[dict], None] = lambda row: None,
) -> dict:
    """All raw figures of these networks (none named: of all), ready for JSON.

    Times are in ms (medians of `repeats`, and each one under raw_ms), memory in 10^6 bytes.
    watch: three steps a network.   tell: is handed each network's part when it is done.
    Raises ValueError for an unknown network, or fewer than one repetition.
    """
    chosen = [choose(name, NETWORKS, "network to measure") for name in networks] or list(NETWORKS)
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; give a whole number, 1 or more")
    rows = []
    for name in dict.fromkeys(chosen):  # each once
        rows.append(of_network(name, repeats, watch))
        tell(rows[-1])
    return {
        "versions": versions(),
        "machine": {"processor": processor(), "system": platform.platform(), "cores": os.cpu_count()},
        "threads": THREADS,
        "repeats": repeats,
        "request": {"shape": list(SHAPE), "criterion": "l1", "ratio": RATIO, "ratio_again": AGAIN},
        "limits": {"seconds": SECONDS, "gigabytes": GIGABYTES},
        "networks": rows,
    }


def of_network(name: str, repeats: int, watch: Watch = silent) -> dict:
    """One network's part: network, parameters, forward_ms, ratio (the peer's score + plan + cut in units of
    ours), ratio_without_copy, and under `sides`, for each: refused (why there are no figures, or None), ms,
    raw_ms, peak_mb, parameters_left, broken (why the cut network does not run, or None)."""
    nothing = dict.fromkeys(("refused", "peak_mb", "parameters_left", "broken"))
    sides = {side: {**nothing, "ms": {}, "raw_ms": []} for side in SIDES}
    for step, side in enumerate(SIDES):
        watch("bench", step, len(SIDES) + 1, message=name)
        if side == "peer" and peer_version() is None:
            sides[side]["refused"] = "not installed"
        else:
            sides[side] |= said_by(["memory", name, side], limited=True)
    watch("bench", len(SIDES), len(SIDES) + 1, message=name)
    able = [side for side in SIDES if sides[side]["refused"] is None]
    found = said_by(["speed", name, str(repeats), *able], limited=False)
    for side in able:
        sides[side] |= found["sides"][side] if "sides" in found else {"refused": found["refused"]}
        sides[side]["ms"] = medians(sides[side]["raw_ms"]) if sides[side]["refused"] is None else {}
    watch("bench", len(SIDES) + 1, len(SIDES) + 1, message=name)
    forward = found.get("forward_raw_ms", [])
    return {
        "network": name,
        "parameters": found.get("parameters"),
        "forward_ms": statistics.median(forward) if forward else None,
        "forward_raw_ms": forward,
        "ratio": ratio(sides, "sum"),
        "ratio_without_copy": ratio(sides, "sum_without_copy"),
        "sides": sides,
    }


def medians(raw: list[dict[str, float]]) -> dict[str, float]:
    """Of each phase on its own, so those of a sum need not add up."""
    return {phase: statistics.median(turn[phase] for turn in raw) for phase in raw[0]}


def ratio(sides: dict[str, dict], of: str) -> float | None:
    """The peer's time in units of ours, None where one of them has none."""
    if not all(sides[side]["ms"] for side in SIDES):
        return None
    return sides["peer"]["ms"][of] / sides["ours"]["ms"][of]


# -------------------------------------------------------------------------------------- the processes


def said_by(words: list[str], *, limited: bool) -> dict:
    """What a measuring process found, or {"refused": why it found nothing}."""
    command = [sys.executable, "-m", "pruning.bench.child", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS)}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        try:
            excess = watched(process, output) if limited else None
            if excess:
                return {"refused": excess}
            process.wait()
        finally:  # also when the user stops us
            process.kill()
            process.wait()
        for file in (output, errors):
            file.seek(0)
        lines, trouble = output.read().splitlines(), errors.read().splitlines()
    if process.returncode:
        return {"refused": f"refused: {(trouble or ['no word'])[-1][:200]} (exit code {process.returncode})"}
    return json.loads(lines[-1])


def watched(
    process: subprocess.Popen, output: TextIO, seconds: float = SECONDS, gigabytes: float = GIGABYTES
) -> str | None:
    """Waits for the end of a process; earlier, and with the reason, where it exceeds what it may use.

    The seconds run from its first word on, since loading a network is nobody's merit; the gigabytes (10^9
    bytes resident) are all that it holds.
    """
    begun = None
    while process.poll() is None:
        time.sleep(LOOK)
        if begun is None and os.fstat(output.fileno()).st_size:
            begun = time.monotonic()
        if begun is not None and time.monotonic() - begun > seconds:
            return f"over {seconds:g} s"
        if resident(process.pid) > gigabytes * 1e9:
            return f"over {gigabytes:g} GB"
    return None


def resident(pid: int) -> int:
    """Bytes of memory that a process holds now; 0 where it has ended or the system does not tell (not Linux).
    A limit on its address space would not do: torch reserves far more than it uses."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def processor() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
