"""Repair without labels, widths by error, and speed, measured: docs/repair.md.

python -m tests.benchmarks.repair public      public networks, reconstructed and matched; the curve over steps
python -m tests.benchmarks.repair factors     every criterion x allocation x repair
python -m tests.benchmarks.repair tune        fine-tuning from every start
python -m tests.benchmarks.repair rates       rates and epochs of fine-tuning after each repair, on hold-outs
python -m tests.benchmarks.repair time        seconds and memory
python -m tests.benchmarks.repair scenes      bundled networks, and what the plans expected
python -m tests.benchmarks.repair speed       measured speed-up, and what stands in its way
python -m tests.benchmarks.repair peers       beside Torch-Pruning
python -m tests.benchmarks.repair_tables      writes the document

public, factors, tune, rates, time and speed need PRUNING_DATA. Every part goes on where it was stopped.
"""

import argparse

import torch
from threadpoolctl import threadpool_limits

from pruning.criteria import SCORED
from tests.benchmarks import repair_cost, repair_peers, repair_rates, repair_tune
from tests.benchmarks.repaired import (
    CUTS,
    DEEP,
    REPAIRS,
    SCENES,
    SHALLOW,
    Case,
    baseline,
    measured,
)

SEEDS = (0, 1, 2, 3, 4)  # of the calibration images
CURVE = (25, 50, 100, 200, 400)  # steps
CURVE_SEEDS = SEEDS[:3]
CURVES = ((DEEP, 0.5), (DEEP, 0.7), (SHALLOW, 0.5))
FACTORED = (DEEP, "resnet20-scenes")
FACTORED_AT = 0.5
ALLOCATIONS = ("uniform", "error")
GROUPS = ("inner", "all")


def cases_of_public(places, cuts, seeds) -> list[Case]:
    return [
        Case(place, cut, seed, repair=how)
        for place in places
        for seed in seeds
        for cut in cuts
        for how in ("reconstruct", "match")
    ]


def cases_of_curve(places, cuts, seeds) -> list[Case]:
    return [
        Case(place, cut, seed, repair="match", steps=steps)
        for place, cut in CURVES
        if place in places and cut in cuts
        for seed in seeds
        if seed in CURVE_SEEDS
        for steps in CURVE
    ]


def cases_of_factors(places, criteria, groups, seeds) -> list[Case]:
    return [
        Case(place, FACTORED_AT, seed, criterion, allocation, group, how)
        for place in places
        for group in groups
        for seed in seeds
        for criterion in criteria
        for allocation in ALLOCATIONS
        for how in REPAIRS
    ]


def cases_of_scenes(places, cuts, seeds) -> list[Case]:
    return [
        Case(place, cut, seed, repair=how)
        for place in places
        for seed in seeds
        for cut in cuts
        for how in REPAIRS
    ]


def measure_public(given):
    places = given.networks or (DEEP, SHALLOW)
    for place in places:
        baseline(place, given.threads)
    asked = (places, given.cuts or CUTS, given.seeds or SEEDS)
    for case in cases_of_public(*asked) + cases_of_curve(*asked):
        measured(case, given.threads)


def measure_factors(given):
    criteria, groups = given.criteria or SCORED, given.groups or GROUPS
    for case in cases_of_factors(given.networks or FACTORED, criteria, groups, given.seeds or SEEDS[:1]):
        measured(case, given.threads)


def measure_scenes(given):
    places = given.networks or SCENES
    for place in places:
        baseline(place, given.threads)
    for case in cases_of_scenes(places, given.cuts or CUTS, given.seeds or SEEDS[:3]):
        measured(case, given.threads, expecting=True)


PARTS = {
    "public": measure_public,
    "factors": measure_factors,
    "tune": repair_tune.measure,
    "rates": repair_rates.measure,
    "time": repair_cost.measure_time,
    "scenes": measure_scenes,
    "speed": repair_cost.measure_speed,
    "peers": repair_peers.measure,
}


def asked_for() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", help="fewer, or other ones")
    parser.add_argument("--cuts", type=float, nargs="+", help="of public, tune, scenes and peers")
    parser.add_argument("--networks", nargs="+", help=f"such as {DEEP} or {SCENES[0]}")
    parser.add_argument("--criteria", nargs="+", help="of factors and peers")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, help="of factors")
    parser.add_argument("--epochs", type=int, default=3, help="of tune")
    return parser.parse_args()


if __name__ == "__main__":
    given = asked_for()
    torch.set_num_threads(given.threads)
    threadpool_limits(given.threads, user_api="blas")
    PARTS[given.part](given)
