"""The figures of `python -m pruning bench`, as docs/engine.md shows them."""

import json
import subprocess
import sys

from pruning.bench.request import PEER
from tests.benchmarks.engine_rows import KEPT, ROOT, table

FIGURES = KEPT / "bench.json"
WANTED = 5.0  # times as fast as the peer
PHASES = ("score", "plan", "cut")
HEAD = (
    *("network", "trace + verify", "score + plan + cut", f"{PEER}'s construct", "its score + plan + cut"),
    *("times faster", "without its copy", "re-plan", "its re-plan", "peak MB", "its peak MB"),
)


def measure(names=(), *, anew: bool = False):
    """Runs the benchmark where its figures are not kept yet (half an hour), over these networks or all."""
    if anew or not FIGURES.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pruning", "bench", *names, "--json", str(FIGURES)]
        subprocess.run(command, cwd=ROOT, check=True)


def lines() -> list[str]:
    """The table and what it comes to; a sentence where nothing was measured."""
    if not FIGURES.exists():
        return ["Not measured yet: `python -m tests.benchmarks.engine bench`."]
    found = json.loads(FIGURES.read_text())
    asked, versions, limits = found["request"], found["versions"], found["limits"]
    about = (
        f"`python -m pruning bench --json FILE`; {found['machine']['processor']}, "
        f"{found['machine']['cores']} cores, {found['threads']} thread; torch {versions['torch']}, "
        f"torchvision {versions['torchvision']}, {PEER} {versions[PEER]}. Milliseconds, medians of "
        f"{found['repeats']}, both sides in turn in one process, example "
        f"{' x '.join(map(str, asked['shape']))}. Asked of both: {asked['ratio']:.0%} of every group's "
        "channels by L1, residual streams included, output layers whole, a new network beside the old one "
        "(the peer copies it first: its cut includes that). Times faster: its score + plan + cut in units of "
        f"ours; re-plan: for {asked['ratio_again']:.0%} instead; peak: resident memory above the loaded "
        f"network, in a fresh process a side. Over {limits['seconds']:g} s or {limits['gigabytes']:g} GB: "
        "no figures."
    )
    return [about, "", *table(HEAD, map(cells, found["networks"])), "", *verdicts(found["networks"])]


def cells(row: dict) -> list[str]:
    """One line: ours, the peer's, and how many times the peer's ours fits into."""
    ours, peer = row["sides"]["ours"], row["sides"]["peer"]
    if ours["refused"]:
        return [row["network"], ours["refused"], *[""] * (len(HEAD) - 2)]
    ms = ours["ms"]
    mine = [row["network"], number(ms["trace"] + ms["verify"]), number(ms["sum"])]
    if peer["refused"]:
        nothing = [peer["refused"], "", "", ""]
        return [*mine, *nothing, number(ms["replan"]), "", number(ours["peak_mb"]), ""]
    theirs = peer["ms"]
    sum_told = number(theirs["sum"]) + (" (does not run)" if peer["broken"] else "")
    return [
        *mine,
        *(number(theirs["construct"]), sum_told, number(row["ratio"]), number(row["ratio_without_copy"])),
        *(number(ms["replan"]), number(theirs["replan"])),
        *(number(ours["peak_mb"]), number(peer["peak_mb"])),
    ]


def verdicts(networks: list[dict]) -> list[str]:
    """Which networks miss what was aimed at, and where ours spends its time there."""
    compared = [row for row in networks if row["ratio"] is not None]
    below = [row for row in compared if row["ratio"] < WANTED]
    told = [f"At least {WANTED:g} times faster: {len(compared) - len(below)} of {len(compared)} compared."]
    fatter = [row["network"] for row in compared if fatter_than_peer(row)]
    told.append(f"Peak memory above the peer's: {', '.join(fatter) or 'none'}.")
    return [" ".join(told), "", *(f"- {below_in_words(row)}" for row in below)]


def below_in_words(row: dict) -> str:
    ours, peer = (row["sides"][side]["ms"] for side in ("ours", "peer"))
    longest = max(PHASES, key=lambda phase: ours[phase])
    return (
        f"{row['network']} is below ({number(row['ratio'])} times): of our {number(ours['sum'])} ms, "
        f"{longest} takes {number(ours[longest])} ({ours[longest] / ours['sum']:.0%}) against the peer's "
        f"{number(peer[longest])}; the other phases are {number(ours['sum'] - ours[longest])} against "
        f"{number(peer['sum'] - peer[longest])} ms."
    )


def fatter_than_peer(row: dict) -> bool:
    peaks = [row["sides"][side]["peak_mb"] for side in ("ours", "peer")]
    return None not in peaks and peaks[0] > peaks[1]


def number(value: float | None) -> str:
    """Three digits or so."""
    if value is None:
        return "-"
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"
