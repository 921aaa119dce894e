"""The tables of docs/gates.md, from what `gates` has measured."""

import numpy as np

from pruning.tasks import paired_difference
from tests.benchmarks.criteria import filled
from tests.benchmarks.gates import COSTED, CUTS, FROZEN, NETWORKS, NEW, RANDOM, RIVALS
from tests.benchmarks.measured import SEEDS, in_points, known, percent, row, spread
from tests.benchmarks.speed import machine


def seeds_of(*keys: str) -> list[int]:
    """The seeds of which every one of these rows is there. keys: without the seed at their end."""
    return [seed for seed in SEEDS if all(known(f"{key}-{seed}") for key in keys)]


def so_far(seeds: list[int]) -> list[str]:
    """A line, where not every seed has been measured."""
    listed = ", ".join(map(str, seeds))
    return (
        [] if len(seeds) == len(SEEDS) else [f"Measured so far: seed{'s' * (len(seeds) > 1)} {listed}.", ""]
    )


def digits_table() -> list[str]:
    lines = [
        "| asked | seed | MACs cut | in between | 10 steps before | gated | right after removal | tuned "
        "| largest difference |",
        "|---" * 9 + "|",
    ]
    for share in CUTS:
        for seed in SEEDS:
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
        "| digits, 50 % | MACs cut | right after removal | tuned | GDP leads by, tuned |",
        "|---" * 5 + "|",
    ]
    of = {name: [row(f"gates-digits-{name}-0.5-{seed}") for seed in SEEDS] for name in titles}
    for name, title in titles.items():
        cells = [f"{np.mean([r['macs_cut'] for r in of[name]]):.1%}"]
        cells += [spread([r[stage] for r in of[name]]) for stage in ("cut", "tuned")]
        cells.append("" if name == "none" else gap(of["none"], of[name]))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def gap(ours: list[dict], theirs: list[dict], stage: str = "tuned") -> str:
    return in_points(paired_difference([r[stage] for r in ours], [r[stage] for r in theirs]))


def scenes_table() -> list[str]:
    arms = {"GDP": "gdp-none", RANDOM: "gdp-random", **{name: name for name in RIVALS}, NEW: "new"}
    lines = [
        "| scenes, 50 %, 4 epochs | MACs cut | right after the cut | repaired | tuned | GDP leads by |",
        "|---" * 6 + "|",
    ]
    seeds = seeds_of(*(f"gates-scenes-{key}" for key in arms.values()))
    of = {title: [row(f"gates-scenes-{key}-{seed}") for seed in seeds] for title, key in arms.items()}
    for title, rows in of.items():
        macs = f"{np.mean([r['macs_cut'] for r in rows]):.1%}" if "macs_cut" in rows[0] else "as GDP's"
        cells = [spread([r[s] for r in rows]) if s in rows[0] else "" for s in ("cut", "repaired", "tuned")]
        lead = "" if title == "GDP" else gap(of["GDP"], rows)
        lines.append(f"| {title} | {macs} | {' | '.join(cells)} | {lead} |")
    return [*so_far(seeds), *lines, "", f"Full network: {percent(of['GDP'][0]['baseline'])} %."]


def public_table() -> list[str]:
    lines = [
        "| public ResNet-56, 50 %, 5 epochs in all | MACs cut | right after the cut | repaired | tuned |",
        "|---" * 5 + "|",
    ]
    of = {"GDP": "gdp", "L1, recalibrated": "l1"}
    seeds = seeds_of(*(f"gates-public-{key}" for key in of.values()))
    of = {title: [row(f"gates-public-{key}-{seed}") for seed in seeds] for title, key in of.items()}
    controls = {RANDOM: "gates-public-random-0", FROZEN: "gates-public-frozen-0"}
    of |= {title: [row(key)] for title, key in controls.items() if known(key)}
    for title, rows in of.items():
        cells = [spread([r[s] for r in rows]) if s in rows[0] else "" for s in ("cut", "repaired", "tuned")]
        lines.append(f"| {title} | {np.mean([r['macs_cut'] for r in rows]):.1%} | {' | '.join(cells)} |")
    told = f"GDP leads L1 by {gap(of['GDP'], of['L1, recalibrated'])} points."
    drawn = f"Seed 0: GDP leads {RANDOM} by {gap(of['GDP'][:1], of[RANDOM])}." if RANDOM in of else ""
    whole = f"Full network: {percent(of['GDP'][0]['baseline'])} %."
    return [*so_far(seeds), *lines, "", f"{whole} {told} {drawn}"]


def networks_table() -> list[str]:
    lines = [
        "| network | asked | MACs cut | blocks closed | full | gated | right after removal | tuned "
        "| largest difference |",
        "|---" * 9 + "|",
    ]
    measured = {name: changes for name, changes in NETWORKS.items() if known(f"gates-network-{name}")}
    for model, changes in measured.items():
        found = row(f"gates-network-{model}")
        gates = found["gates"]
        cells = [f"{changes['cut']:.0%}", f"{found['macs_cut']:.1%}", str(len(gates["closed_blocks"]))]
        cells += [percent(found["baseline"]), f"{100 * gates['accuracy']:.1f}"]
        cells += [percent(found["cut"]), percent(found["tuned"]), f"{gates['absorb_difference']:.0e}"]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return lines


def cost_table() -> list[str]:
    lines = ["| a training step of 64 images | plain, ms | gated, ms | ratio |", "|---|---|---|---|"]
    for model in COSTED:
        found = row(f"gates-cost-{model}")
        ratio = found["gated"] / found["plain"]
        lines.append(f"| {model} | {1000 * found['plain']:.0f} | {1000 * found['gated']:.0f} | {ratio:.3f} |")
    return lines


def write():
    tables = (digits_table, controls_table, scenes_table, public_table, networks_table, cost_table)
    parts = {table.__name__.removesuffix("_table"): table() for table in tables}
    filled(parts | {"machine": [machine()]}, "gates.md")


if __name__ == "__main__":
    write()
