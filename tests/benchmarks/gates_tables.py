"""The tables of docs/gates.md, from what `gates` has measured."""

import numpy as np

from pruning.tasks import paired_difference
from tests.benchmarks.criteria import filled
from tests.benchmarks.gates import COSTED, CUTS, FROZEN, RANDOM
from tests.benchmarks.gates_choice import (
    AT_RANDOM,
    CHOICE,
    NETWORKS,
    READINGS,
    RIVALS,
    ROWS,
    SAME_L1,
    SAME_RANDOM,
    STAGES,
)
from tests.benchmarks.measured import SEEDS, in_points, known, percent, row, spread
from tests.benchmarks.measured_rows import hits
from tests.benchmarks.speed import machine


def digits_table() -> list[str]:
    lines = [
        "| asked | seed | MACs cut | in between | 10 steps before | gated | right after removal | tuned "
        "| largest difference |",
        "|---" * 9 + "|",
    ]
    for share in CUTS:
        for seed in (seed for seed in SEEDS if known(f"gates-digits-none-{share}-{seed}")):
            found = row(f"gates-digits-none-{share}-{seed}")
            gates = found["gates"]
            cells = [f"{share:.0%}", str(seed), f"{found['macs_cut']:.1%}", f"{gates['between']:.1%}"]
            cells += [percent(found["ten_before"]), f"{100 * gates['accuracy']:.1f}", percent(found["cut"])]
            cells += [percent(found["tuned"]), f"{gates['absorb_difference']:.0e}"]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def controls_table() -> list[str]:
    titles = {"none": "GDP", "frozen": FROZEN, "random": RANDOM}
    lines = [
        "| digits, 50 % | seeds | MACs cut | right after removal | tuned | GDP leads by, tuned |",
        "|---" * 6 + "|",
    ]
    seeds = {name: [s for s in SEEDS if known(f"gates-digits-{name}-0.5-{s}")] for name in titles}
    both = [seed for seed in seeds["none"] if seed in seeds["frozen"]]
    if not both:
        return ["Not measured yet."]
    titles = {name: title for name, title in titles.items() if set(both) <= set(seeds[name])}
    of = {name: [row(f"gates-digits-{name}-0.5-{seed}") for seed in both] for name in titles}
    for name, title in titles.items():
        cells = [", ".join(map(str, both)), f"{np.mean([r['macs_cut'] for r in of[name]]):.1%}"]
        cells += [spread([r[stage] for r in of[name]]) for stage in ("cut", "tuned")]
        cells.append("" if name == "none" else gap(of["none"], of[name]))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def gap(ours: list[dict], theirs: list[dict], stage: str = "tuned") -> str:
    return in_points(paired_difference([r[stage] for r in ours], [r[stage] for r in theirs]))


def of_choice(network: str, arm: str, stage: str, seeds: tuple[int, ...] = SEEDS) -> dict[int, dict]:
    """{seed: row} of what gates_choice has measured so far."""
    share, known_rows = str(NETWORKS[network]["cut"]), ROWS.known()
    keys = {seed: (network, share, str(seed), arm, stage) for seed in seeds}
    return {seed: known_rows[key] for seed, key in keys.items() if key in known_rows}


def paired(ours: dict[int, dict], theirs: dict[int, dict]) -> str:
    """By how much the first leads, over the seeds that both have."""
    both = [seed for seed in ours if seed in theirs]
    if not both:
        return ""
    return in_points(paired_difference([hits(ours[s]) for s in both], [hits(theirs[s]) for s in both]))


def cut_share(found: dict[int, dict]) -> str:
    return f"{np.mean([float(row['macs_cut']) for row in found.values()]):.1%}"


def points(found: dict[int, dict]) -> str:
    return spread([hits(row) for row in found.values()]) if found else ""


def choice_table() -> list[str]:
    """The channels chosen, cut from the weights that gates began with, recalibrated; a row a reading."""
    lines = [
        "| network | reading | MACs cut | seeds | chosen | L1, same widths | random, same widths "
        "| leads random by | leads L1 by |",
        "|---" * 9 + "|",
    ]
    for network in NETWORKS:
        for reading in READINGS:
            same = (reading, f"{reading}: {SAME_L1}", f"{reading}: {SAME_RANDOM}")
            ours, by_l1, drawn = (of_choice(network, arm, CHOICE) for arm in same)
            if not (ours and by_l1 and drawn):
                continue
            cells = [network, reading, cut_share(ours), ", ".join(map(str, ours))]
            cells += [points(ours), points(by_l1), points(drawn), paired(ours, drawn), paired(ours, by_l1)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def tuned_table() -> list[str]:
    """Whole runs, with as many epochs in all; a row an arm."""
    lines = [
        "| network | how | MACs cut | seeds | blocks closed | full | right after removal | repaired | tuned "
        "| GDP leads by, tuned |",
        "|---" * 10 + "|",
    ]
    for network in NETWORKS:
        for arm in (*READINGS, AT_RANDOM, *RIVALS):
            full, cut, repaired, tuned = (of_choice(network, arm, stage) for stage in STAGES)
            if not tuned:
                continue
            lead = "" if arm == "gdp" else paired(of_choice(network, "gdp", "tuned"), tuned)
            blocks = ", ".join(row["blocks"] for row in tuned.values()) if "blocks" in network else ""
            cells = [network, arm, cut_share(tuned), ", ".join(map(str, tuned)), blocks]
            cells += [points(full).partition(" ")[0], points(cut), points(repaired), points(tuned), lead]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def blocks_line() -> list[str]:
    """What is left of ResNet-20 where whole blocks may close."""
    found = [of_choice("resnet20, blocks", "gdp", stage) for stage in ("cut", "tuned")]
    if not all(found):
        return ["Not measured yet under the gate on the norm."]
    cut, tuned = found
    closed = ", ".join(row["blocks"] for row in cut.values())
    return [
        f"With the gate on the norm the same recipe closes {closed} of nine blocks (seed "
        f"{', '.join(map(str, cut))}), cuts {cut_share(cut)} of the MACs, and has {points(cut)} right after "
        f"removal, {points(tuned)} in the end."
    ]


def cost_table() -> list[str]:
    lines = [
        "| a training step of 64 images | plain, ms | gated, ms | ratio "
        "| while the loss is asked, ms | ratio |",
        "|---" * 6 + "|",
    ]
    for model in (model for model in COSTED if known(f"gates-cost-{model}")):
        found = row(f"gates-cost-{model}")
        cells = [model, f"{1000 * found['plain']:.0f}"]
        for how in ("gated", "asked"):
            cells += [f"{1000 * found[how]:.0f}", f"{found[how] / found['plain']:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write():
    tables = (digits_table, controls_table, choice_table, tuned_table, cost_table)
    parts = {table.__name__.removesuffix("_table"): table() for table in tables}
    filled(parts | {"machine": [machine()], "blocks": blocks_line()}, "gates.md")


if __name__ == "__main__":
    write()
