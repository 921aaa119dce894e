"""What docs/engine.md says of the networks of public packages, from docs/measured/packages.csv."""

import re
from collections import Counter, defaultdict
from statistics import median

from tests.benchmarks.engine_correctness import LONGEST
from tests.benchmarks.engine_coverage import some
from tests.benchmarks.engine_rows import table
from tests.benchmarks.packages import LIST, PACKAGES, PLAIN, SIDES, listed, rows

HALF = 0.5  # prunable share of the layers below which a network is named
VERDICTS = ("exact", "runs", "wrong", "broken", "refused", "nothing cut", "nothing to cut", "stopped")


def lines() -> list[str]:
    found = [row for row in rows().values() if row["verdict"] != "no example"]
    own = [row for row in found if row["side"] == "ours"]
    unfit = sorted({row["network"] for row in rows().values() if row["verdict"] == "no example"})
    aside = f" No image was accepted by {len(unfit)}: {', '.join(unfit)}." if unfit else ""
    drawn = len(listed())
    told = f"Measured so far: {len(own)} of {drawn} by ours" + "".join(
        f", {sum(row['side'] == side for row in found)} by {side}"
        for side in SIDES
        if side not in ("ours", PLAIN)
    )
    return [
        *(f"{told} (`{LIST.name}` is the draw).{aside}", ""),
        *table(("package", "side", "networks", "verdicts", "MACs left", "reach"), totals(found)),
        *("", "Layers of which nothing can be cut, by the reason that is given:", ""),
        *table(("package", "layers", "whole", "why"), whole(own)),
        *("", "Ours: networks that neither are exact nor run, and those with under half of their layers"),
        *("prunable:", ""),
        *(exceptions(own) or ["none."]),
        *("", "Both peers, by what they say:", ""),
        *table(("side", "verdict", "networks", "detail"), peers(found)),
    ]


def totals(found: list[dict]) -> list[list[str]]:
    """One line a package and side: how many, each verdict, medians of what is left and of what could go."""
    lines = []
    for package in PACKAGES:
        for side in SIDES:
            mine = [row for row in found if row["package"] == package and row["side"] == side]
            if not mine:
                continue
            counts = Counter(row["verdict"] for row in mine)
            verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
            medians = [[float(row[key]) for row in mine if row[key]] for key in ("left", "reach")]
            shares = [f"{median(values):.0%}" if values else "" for values in medians]
            lines.append([package, side, str(len(mine)), verdicts, *shares])
    return lines


def reasons(row: dict) -> list[tuple[str, int]]:
    parts = re.findall(r"(.+?) \((\d+)\)(?:; |$)", row["whole"])
    return [(why, int(count)) for why, count in parts]


def whole(own: list[dict]) -> list[list[str]]:
    lines = []
    for package in PACKAGES:
        mine, counts = [row for row in own if row["package"] == package], Counter()
        for row in mine:
            for why, count in reasons(row):
                counts[why] += count
        layers = sum(int(row["layers"] or 0) for row in mine)
        most = "; ".join(f"{why} ({count})" for why, count in counts.most_common(8))
        lines.append([package, str(layers), str(counts.total()), most])
    return lines


def exceptions(own: list[dict]) -> list[str]:
    found = []
    for row in own:
        share = int(row["prunable"] or 0) / int(row["layers"] or 1)
        if row["verdict"] in ("exact", "runs") and share >= HALF:
            continue
        why = row["detail"] or "; ".join(f"{why} ({count})" for why, count in reasons(row)[:3])
        told = f"{row['verdict']}, {share:.0%} of {row['layers']} layers" if row["layers"] else row["verdict"]
        found.append(f"- {row['network']} ({row['package']}): {told}: {why}.")
    return found


def peers(found: list[dict]) -> list[list[str]]:
    gathered = defaultdict(list)
    for row in found:
        if row["side"] not in ("ours", PLAIN) and row["verdict"] not in ("exact", "runs"):
            stopped, wrong = row["verdict"] == "stopped", row["verdict"] == "wrong"
            detail = row["detail"] if stopped else re.sub(r"\d+", "n", row["detail"])[:LONGEST]
            detail = "" if wrong else detail
            gathered[row["side"], row["verdict"], detail].append(row["network"])
    ordered = sorted(gathered.items(), key=lambda item: (item[0][0], -len(item[1])))
    return [[side, verdict, some(names), detail] for (side, verdict, detail), names in ordered]
