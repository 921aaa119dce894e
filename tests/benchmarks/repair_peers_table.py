"""The tables of docs/repair.md beside Torch-Pruning, from what `tests.benchmarks.repair peers` measured."""

import numpy as np

from pruning.bench.accuracy import REPAIRS, SCOPES, WAYS, WIDTHS
from pruning.bench.accuracy_table import spread
from pruning.bench.request import PEER
from pruning.tasks import paired_difference
from tests.benchmarks.measured import in_points
from tests.benchmarks.repair_peers import PLACES, together

OURS = ("reconstruction", "error", "match")  # what is compared: the best of them, whatever the network
HEAD = ["by", "criterion", "widths", "groups", "MACs cut", "raw", "recalibrated", "reconstructed", "matched"]


def peers_tables() -> dict[str, list[str]]:
    told = []
    for place in PLACES:
        if found := together(place):
            for cut in found["request"]["cuts"]:
                told += [*block(place, found, cut), ""]
    return {"peers": told or ["Not measured yet."]}


def block(place: str, found: dict, cut: float) -> list[str]:
    """One network and cut: ours, then of every criterion of the peer's its best way, and what refused."""
    rows = [of for of in found["rows"] if of["cut"] == cut]
    lines = [
        line("ours", (name, widths, "inner"), [of for of in rows if is_of(of, "ours", name, widths, "inner")])
        for name in found["request"]["ours"]["criteria"]
        for widths in WIDTHS
    ]
    refused = {}
    for name in found["request"]["peer"]["criteria"]:
        for scope in SCOPES:
            ways = {way: [of for of in rows if is_of(of, "peer", name, way, scope)] for way in WAYS}
            refused |= {of["refused"]: scope for way in ways.values() for of in way if of["refused"]}
            able = {way: of for way, of in ways.items() if of and not of[0]["refused"]}
            if able:
                best = max(able, key=lambda way: accuracy(able[way], "recalibrate"))
                lines.append(line(PEER, (name, best, scope), able[best]))
    seeds, size = len(found["request"]["seeds"]), found["test_images"]
    whole = 100 * found["baseline"].count("1") / size
    title = f"{place}, {cut:.0%} of the MACs, full network {whole:.1f} %, {size:,} images, {seeds} seed(s):"
    told = [title, "", f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    told += [f"| {' | '.join(cells)} |" for cells in lines]
    ends = [f"With groups `{scope}` some of its ways {reason}." for reason, scope in refused.items()]
    return [*told, "", " ".join([lead(rows), *ends])]


def is_of(of: dict, *names: str) -> bool:
    return (of["by"], of["criterion"], of["widths"], of["scope"]) == names


def accuracy(rows: list[dict], how: str) -> float:
    return float(np.mean([of["hits"].count("1") / len(of["hits"]) for of in rows if of["repair"] == how]))


def line(by: str, names: tuple[str, ...], rows: list[dict]) -> list[str]:
    cells = [spread([of["hits"] for of in rows if of["repair"] == how]) for how in REPAIRS]
    return [by, *names, f"{np.mean([of['macs_cut'] for of in rows]):.1%}", *cells]


def lead(rows: list[dict]) -> str:
    """By how much ours leads the best that the peer has, chosen on these very images, in its favour."""
    ours = [of for of in rows if of["by"] == "ours" and (of["criterion"], of["widths"], of["repair"]) == OURS]
    others: dict[tuple, list[dict]] = {}
    for of in rows:
        if of["by"] == "peer" and not of["refused"]:
            others.setdefault((of["criterion"], of["widths"], of["scope"], of["repair"]), []).append(of)
    if not ours or not others:
        return ""
    best = max(others, key=lambda names: accuracy(others[names], names[-1]))
    gap = paired_difference(hits(ours), hits(others[best]))
    return f"Ours ({', '.join(OURS)}) less the best of its rows ({', '.join(best)}): {in_points(gap)} points."


def hits(rows: list[dict]) -> list[list[int]]:
    return [[int(right) for right in of["hits"]] for of in sorted(rows, key=lambda of: of["seed"])]
