"""The tables of docs/repair.md, from what `tests.benchmarks.repair` has measured; writes the document."""

import numpy as np
import pandas as pd

from pruning.comparison_statistics import shares_of_variance
from pruning.criteria import SCORED
from pruning.tasks import paired_difference
from tests.benchmarks import (
    before_after,
    large_images,
    matched,
    repair,
    repair_cost,
    repair_peers,
    repair_tune,
)
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import in_points, known, percent, row, spread
from tests.benchmarks.repair_peers_table import peers_tables
from tests.benchmarks.repaired import CUTS, DEEP, REPAIRS, SCENES, SHALLOW, STEPS, TITLES, Case, reads
from tests.benchmarks.speed import machine

NAMES = {DEEP: "ResNet-56", SHALLOW: "ResNet-20"} | {place: place.partition("-")[0] for place in SCENES}
NOTHING = ["Not measured yet."]


def found(cases: list[Case], suffix: str = "") -> list[dict]:
    """The rows of these cases that are there."""
    return [row(case.key + suffix) for case in cases if known(case.key + suffix)]


def counted(rows: list[dict]) -> str:
    """Mean and deviation over seeds, and over how many where it is not all of them."""
    return spread([of["hits"] for of in rows]) if rows else ""


def against(rows: list[dict], others: list[dict]) -> str:
    """Paired difference in points. others: one row that stands for all, or as many."""
    if not rows or not others:
        return ""
    others = others * len(rows) if len(others) == 1 else others
    return in_points(paired_difference([of["hits"] for of in rows], [of["hits"] for of in others]))


def table(head: list[str], lines: list[list[str]]) -> list[str]:
    if not lines:
        return NOTHING
    return [
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
        *(f"| {' | '.join(line)} |" for line in lines),
    ]


# ----------------------------------------------------------------------------------------- public networks


def public_table() -> list[str]:
    head = ["network", "MACs cut", "seeds", "reconstructed", "less full network", f"matched, {STEPS} steps"]
    lines = []
    for place in (DEEP, SHALLOW):
        for cut in CUTS:
            cases = repair.cases_of_public((place,), (cut,), repair.SEEDS)
            by = {how: found([case for case in cases if case.repair == how]) for how in REPAIRS[2:]}
            if not all(by.values()):
                continue
            whole = [row(f"repair-{place}-baseline")]
            name = f"{NAMES[place]} ({percent(whole[0]['hits'])})"
            rows = by["match"]
            cells = [name, f"{np.mean([of['macs_cut'] for of in rows]):.1%}", str(len(rows))]
            for each in by.values():
                cells += [counted(each), against(each, whole)]
            lines.append(cells)
    return table([*head, "less full network"], lines)


def curve_table() -> list[str]:
    """A row a number of steps; 0 is reconstructed only."""
    lines = []
    for steps in (0, *repair.CURVE):
        cells = []
        for place, cut in repair.CURVES:
            cases = [
                Case(place, cut, seed, repair="match", steps=steps)
                if steps
                else Case(place, cut, seed, repair="reconstruct")
                for seed in repair.CURVE_SEEDS
            ]
            cells.append(counted(found(cases)))
        lines.append([str(steps), *cells])
    titles = [f"{NAMES[place]}, {cut:.0%}" for place, cut in repair.CURVES]
    return table(["steps", *titles], [line for line in lines if any(line[1:])])


# ------------------------------------------------------------------------------------------------- factors


def factored(place: str, groups: str) -> dict[tuple[str, str, str], list[dict]]:
    """{(criterion, allocation, repair): rows}, of the criteria of which all are measured, and of the seeds
    that all of them have: some rows of our own criterion stand in other tables too, with more seeds."""
    random = (Case(place, repair.FACTORED_AT, seed, "random", "uniform", groups) for seed in repair.SEEDS)
    told, seeds = {}, [case.seed for case in random if known(case.key)]
    for name in SCORED:
        cases = repair.cases_of_factors((place,), (name,), (groups,), seeds)
        rows = {(name, a, how): [] for a in repair.ALLOCATIONS for how in REPAIRS}
        for case in cases:
            rows[(name, case.allocation, case.repair)] += found([case])
        if all(rows.values()):
            told |= rows
    return told


def factors_tables(place: str) -> list[str]:
    """One table a choice of groups, then where the variance is."""
    lines, shares, head = [], [], []
    for groups in repair.GROUPS:
        told = factored(place, groups)
        if not told:
            continue
        titles = [f"{a}: {TITLES[how]}" for a in repair.ALLOCATIONS for how in REPAIRS]
        cells = [
            [name, *(counted(told[(name, a, how)]) for a in repair.ALLOCATIONS for how in REPAIRS)]
            for name in dict.fromkeys(key[0] for key in told)
        ]
        lines += [f"`--groups {groups}`:", "", *table(["criterion", *titles], cells), ""]
        parts = parts_of_variance(told)
        head = ["groups", *parts]
        shares.append([f"`{groups}`", *(f"{share:.0%}" for share in parts.values())])
    if not lines:
        return NOTHING
    return [*lines, "Shares of the variance of all these accuracies:", "", *table(head, shares)]


def parts_of_variance(told: dict[tuple[str, str, str], list[dict]]) -> dict[str, float]:
    """Sums of squares of main effects and of pairs over the total, of means over seeds; the rest is of all
    three together."""
    names = ["criterion", "allocation", "repair"]
    rows = [[*key, np.mean([np.mean(of["hits"]) for of in rows])] for key, rows in told.items()]
    found = shares_of_variance(pd.DataFrame(rows, columns=[*names, "accuracy"]), names, "accuracy")
    sums = found.set_index("term")["sum_of_squares"]
    return (sums / sums.sum()).to_dict()


# ----------------------------------------------------------------------------------------------- the others


def tune_table() -> list[str]:
    lines = []
    for cut in repair_tune.CUTS:
        for start in repair_tune.STARTS:
            cells = [f"{cut:.0%}", TITLES.get(start, "new weights, same widths")]
            before = (
                [Case(DEEP, cut, seed, repair=start) for seed in repair_tune.SEEDS]
                if start in REPAIRS
                else []
            )
            cells.append(counted(found(before)))
            by = [
                [
                    row(case.key)
                    for case in repair_tune.cases((cut,))
                    if (case.start, case.distill) == (start, taught) and known(case.key)
                ]
                for taught in (False, True)
            ]
            if not by[0]:
                continue
            cells += [counted(by[0]), counted(by[1])]
            cells += [against(by[1], by[0]) if len(by[0]) == len(by[1]) else ""]
            lines.append([*cells, str(len(by[0]))])
    head = ["MACs cut", "start", "before", "3 epochs", "3 epochs, distilled", "distilled less plain", "seeds"]
    return table(head, lines)


def time_table() -> list[str]:
    lines = []
    for network, steps in repair_cost.TIMED.items():
        key = f"repair-time-{network.replace(':', '-')}"
        if not known(key):
            continue
        told = row(key)
        seconds, peak = told["seconds"], told["peak"]
        first = sum(seconds[stage] for stage in ("score", "allocate", "reconstruct"))
        cells = [NAMES.get(network, network), str(told["images"]), f"{seconds['score']:.1f}"]
        cells += [f"{seconds['allocate']:.1f}", f"{seconds['reconstruct']:.1f}", f"{first:.1f}"]
        cells += [
            f"{seconds['match']:.0f} ({steps})",
            in_gigabytes(peak["reconstruct"]),
            in_gigabytes(peak["match"]),
        ]
        lines.append(cells)
    head = ["network", "images", "score", "allocate", "reconstruct", "together", "match (steps)", "GB"]
    return table([*head, "GB, matched"], lines)


def in_gigabytes(held: int | None) -> str:
    return "" if held is None else f"{held / 1e9:.2f}"


def scenes_table() -> list[str]:
    lines, inside, all_of, wide = [], 0, 0, 0
    for place in SCENES:
        for cut in CUTS:
            cases = repair.cases_of_scenes((place,), (cut,), repair.SEEDS)
            for how in REPAIRS:
                rows = found([case for case in cases if case.repair == how], "-expected")
                if not rows:
                    continue
                cells = [NAMES[place], f"{cut:.0%}", TITLES[how], counted(rows), str(len(rows))]
                told = [of for of in rows if of["expected"]]
                held = [within(of) for of in told]
                inside, all_of = inside + sum(held), all_of + len(held)
                wide += sum(of["expected"]["high"] - of["expected"]["low"] > 0.2 for of in told)
                bands = "; ".join(band(of["expected"]) for of in told)
                lines.append([*cells, bands, f"{sum(held)} of {len(held)}" if held else ""])
    head = ["network", "MACs cut", "repair", "accuracy", "seeds", "expected before the cut, by seed", "holds"]
    total = f"The band holds the truth in {inside} of {all_of} cuts" if all_of else ""
    total += f"; {wide} of the bands are wider than 20 points, and say little." if all_of else ""
    wholes = [
        f"{NAMES[p]} {percent(row(f'repair-{p}-baseline')['hits'])} %"
        for p in SCENES
        if known(f"repair-{p}-baseline")
    ]
    return [*table(head, lines), "", f"{total} Full networks: {', '.join(wholes)}."] if lines else NOTHING


def within(of: dict) -> bool:
    return of["expected"]["low"] <= np.mean(of["hits"]) <= of["expected"]["high"]


def band(expected: dict) -> str:
    return f"{100 * expected['accuracy']:.1f} ({100 * expected['low']:.1f} to {100 * expected['high']:.1f})"


# ------------------------------------------------------------------------------------------------- speed-up


def speed_table() -> list[str]:
    lines = []
    for place in repair_cost.SPED:
        if not known(f"repair-speed-{place}"):
            continue
        told = row(f"repair-speed-{place}")
        whole = told["whole"]
        lines.append([NAMES[place], "whole", "", in_milliseconds(whole), "", ""])
        for way, of in told["cut"].items():
            cells = [NAMES[place], way, f"{of['macs_cut']:.1%}", in_milliseconds(of)]
            lines.append([*cells, f"{whole['ms'] / of['ms']:.2f}", f"{of['estimate_ms']:.1f}"])
    return table(["network", "widths", "MACs cut", "ms (10 to 90 %)", "times faster", "estimated ms"], lines)


def in_milliseconds(of: dict) -> str:
    return f"{of['ms']:.1f} ({of['spread'][0]:.1f} to {of['spread'][1]:.1f})"


def layers_table() -> list[str]:
    """Of the fastest way: the layers that keep most of the time, their share of the MACs and of the time."""
    lines = []
    for place in repair_cost.SPED:
        if not known(f"repair-speed-{place}"):
            continue
        told = row(f"repair-speed-{place}")
        way, of = min(told["cut"].items(), key=lambda item: item[1]["ms"])
        whole, sizes = told["whole"]["layers"], told["whole"]["sizes"]
        for name in sorted(whole, key=lambda layer: -of["layers"].get(layer, 0.0))[:12]:
            left = of["layers"].get(name, 0.0)
            macs = f"{of['sizes'].get(name, 0) / sizes[name]:.0%}" if name in sizes else ""
            title = name.removesuffix(".weight") if name in sizes else "all else: activations, pools, sums"
            cells = [NAMES[place], way, title, f"{whole[name]:.2f}", f"{left:.2f}", macs]
            lines.append([*cells, f"{left / whole[name]:.0%}" if whole[name] else ""])
    return table(["network", "widths", "layer", "ms, whole", "ms, cut", "MACs left", "time left"], lines)


def write():
    parts = {"public": public_table(), "curve": curve_table(), "tune": tune_table(), "time": time_table()}
    parts |= {"scenes": scenes_table(), "speed": speed_table(), "layers": layers_table()}
    parts |= {f"factors_{NAMES[place].lower()}": factors_tables(place) for place in repair.FACTORED}
    parts |= peers_tables() | {"machine": [machine()]}
    parts |= {"matched": matched.matched_table(), "before_after": before_after.table()}
    parts |= {"large_images": large_images.table()}
    parts |= {
        f"reads_{name}": [str(reads(place) + repair_peers.reads(place))]
        for name, place in (("deep", DEEP), ("shallow", SHALLOW))
    }
    filled(parts, "repair.md")


if __name__ == "__main__":
    write()
