"""docs/engine.md: how much of every network can be cut, whether rightly, and how fast.

python -m tests.benchmarks.engine coverage       every network of torchvision and the zoo
python -m tests.benchmarks.engine correctness    ours and Torch-Pruning side by side
python -m tests.benchmarks.engine streams        residual streams of the public ResNets (PRUNING_DATA)
python -m tests.benchmarks.engine bench          python -m pruning bench, its figures kept
python -m tests.benchmarks.engine write          docs/engine.md, from what was measured

Names after the part measure these networks alone. What is kept in .measured/engine is not measured again,
unless the engine has changed since (of bench: not even then), or by --anew.
"""

import argparse
from collections import Counter

import torch

from pruning.bench.request import PEER, peer_version
from tests.benchmarks import (
    engine_bench,
    engine_correctness,
    engine_coverage,
    engine_streams,
    packages_tables,
)
from tests.benchmarks.engine_coverage import LIMIT, LIMIT_DOUBLE, SCOPES
from tests.benchmarks.engine_networks import KINDS, convolutional
from tests.benchmarks.engine_rows import ROOT, kept, machine, out_of_date, table

PARTS = {
    "coverage": engine_coverage,
    "correctness": engine_correctness,
    "streams": engine_streams,
    "bench": engine_bench,
}
TARGET = 0.6  # share of the MACs that `inner` leaves at most of these
FOURTEEN = (
    *("alexnet", "vgg11_bn", "resnet18", "resnet50", "resnext50_32x4d", "densenet121", "mobilenet_v2"),
    *("mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x1_0", "googlenet", "squeezenet1_1"),
    *("mnasnet1_0", "regnet_y_400mf"),
)


def write():
    """Puts what was measured into the text."""
    rows = kept("coverage", engine_coverage.NAMES)
    able = [row for row in rows if not row.get("raises")]
    parts = {
        "machine": [machine()],
        "coverage": coverage(rows),
        "counts": counts(rows, able),
        "double": double(able),
        "reasons": table(("why", "layers", "networks"), engine_coverage.reasons(able)),
        "exceptions": exceptions(able),
        "inner": inner(able),
        "correctness": correctness(),
        "verdicts": verdicts(),
        "packages": packages_tables.lines(),
        "streams": engine_streams.lines(),
        "bench": engine_bench.lines(),
    }
    text = (ROOT / "tests" / "benchmarks" / "engine.md.in").read_text()
    for name, lines in parts.items():
        text = text.replace("{" + name + "}", "\n".join(lines))
    (ROOT / "docs" / "engine.md").write_text(text)


# --------------------------------------------------------------------------------------------- coverage


def coverage(rows: list[dict]) -> list[str]:
    """A table a kind of network."""
    by_name, lines = {row["name"]: row for row in rows}, []
    for kind, names in KINDS.items():
        own = [engine_coverage.cells(by_name[name]) for name in names]
        lines += [f"### {kind.capitalize()} ({len(names)})", "", *table(engine_coverage.HEAD, own), ""]
    return lines[:-1]


def counts(rows: list[dict], able: list[dict]) -> list[str]:
    """What the table comes to, in sentences."""
    raising = [row["name"] for row in rows if row.get("raises")]
    largest = {row["name"]: max(engine_coverage.differences(row), default=None) for row in able}
    compared = {name: gap for name, gap in largest.items() if gap is not None}
    exceed = [f"{name} ({gap:.1e})" for name, gap in compared.items() if gap > LIMIT]
    worst = max(compared, key=compared.get)
    cuts = [(row, row[scope]) for row in able for scope in SCOPES if row[scope]]
    off = list(dict.fromkeys(row["name"] for row, cut in cuts if not engine_coverage.macs_right(cut)))
    idle = list(dict.fromkeys(row["name"] for row, cut in cuts if shows_little(cut)))
    cnns = [row for row in able if row["name"] not in KINDS["zoo"] and convolutional(row["name"])]
    full = sum(engine_coverage.prunable(row) >= 0.9 for row in cnns)
    told = [
        f"{len(rows)} networks; {len(raising)} raise{listed(raising)}.",
        f"Cut equals masked within {LIMIT:g} on {len(compared) - len(exceed)} of the {len(compared)} that "
        "have groups apart from norms over channels; the largest difference is "
        f"{compared[worst]:.1e} ({worst}); above the limit: {', '.join(exceed) or 'none'}.",
        f"Counts differ from the plan: {', '.join(off) or 'none'}.",
        "Comparisons that show little, since the cut moves the answer by under 1 %: "
        f"{', '.join(idle) or 'none'}.",
        f"Of torchvision's {len(cnns)} convolutional networks {full} have at least 90 % of their layers "
        "prunable.",
        out_of_date(rows, engine_coverage.state),
    ]
    return [" ".join(filter(None, told))]


def shows_little(cut: dict) -> bool:
    return cut["moved"] is not None and cut["moved"] < 0.01


def listed(names: list[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def double(able: list[dict]) -> list[str]:
    """The sample in double precision, and whatever exceeds the limit in single precision."""
    chosen = [row for row in able if "double" in row]
    head = ("network", "float32, `inner`", "`all`", "float64, `inner`", "`all`")
    told = engine_coverage.told
    cells = [
        (row["name"], *(told(row[s]["difference"]) for s in SCOPES), *(told(gap) for gap in row["double"]))
        for row in chosen
    ]
    exceed = [row["name"] for row in chosen if max(row["double"]) > LIMIT_DOUBLE]
    return [*table(head, cells), "", f"Above {LIMIT_DOUBLE:g} in float64: {', '.join(exceed) or 'none'}."]


def exceptions(able: list[dict]) -> list[str]:
    """Each convolutional network with too many layers that stay whole: which, and why."""
    found = []
    for row in filter(engine_coverage.is_exception, able):
        whole = "; ".join(f"`{layer}`: {why}" for layer, why in row["whole"].items())
        notes = [note for note in row["notes"] if note not in row["whole"].values()]
        more = f" The trace says: {'; '.join(notes)}." if notes else ""
        found.append(f"- {row['name']} ({engine_coverage.prunable(row):.0%}): {whole}.{more}")
    return found or ["none."]


def inner(able: list[dict]) -> list[str]:
    """What `inner` leaves of the fourteen networks that it is meant for."""
    left = {row["name"]: row["inner"]["left"] for row in able if row["name"] in FOURTEEN and row["inner"]}
    over = ", ".join(name for name in FOURTEEN if left.get(name, 1.0) > TARGET)
    told = ", ".join(f"{name} {left[name]:.0%}" for name in FOURTEEN if name in left)
    return [f"At 50 % of the channels: {told}. Above {TARGET:.0%} of the MACs: {over or 'none'}."]


# ------------------------------------------------------------------------------------------- correctness


def both_sides() -> dict[str, dict[str, dict]]:
    """{network: {side: row}}."""
    names, sides = engine_correctness.NAMES, engine_correctness.SIDES
    rows = {side: kept("correctness", [f"{name}, {side}" for name in names]) for side in sides}
    return {name: {side: rows[side][place] for side in sides} for place, name in enumerate(names)}


def correctness() -> list[str]:
    rows = [engine_correctness.cells(name, sides) for name, sides in both_sides().items()]
    return table(engine_correctness.HEAD, rows)


def verdicts() -> list[str]:
    """How often each side got each verdict."""
    rows, told = both_sides(), []
    for side, who in (("ours", "Ours"), ("peer", f"{PEER} {peer_version() or ''}".strip())):
        own, now = [sides[side] for sides in rows.values()], engine_correctness.state(side)
        tally = Counter(row.get("verdict", "not measured") for row in own).most_common()
        told.append(f"{who}: {', '.join(f'{count} {verdict}' for verdict, count in tally)}.")
        told.append(out_of_date(own, lambda _, now=now: now))
    return [" ".join([f"{len(rows)} networks.", *filter(None, told)])]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=(*PARTS, "write"))
    parser.add_argument("names", nargs="*", help="networks (of streams: rows) instead of all")
    parser.add_argument("--anew", action="store_true", help="measure what is kept again")
    parser.add_argument("--bench", action="store_true", help="of write: run the benchmark first if needed")
    given = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    if given.part != "write":
        PARTS[given.part].measure(given.names, anew=given.anew)
        return
    if given.bench:
        engine_bench.measure(anew=given.anew)
    write()


if __name__ == "__main__":
    main()
