"""Beside Torch-Pruning, without training: a part of docs/repair.md. Run by `tests.benchmarks.repair peers`.

On the ResNets with shortcut A its pruner breaks where residual streams are cut, so a ResNet with shortcut B
is trained here for that, by the bundled one's recipe, and kept beside the measured rows.
"""

from pathlib import Path

from pruning.bench.accuracy import measure_accuracy
from pruning.train import train_network
from tests.benchmarks import measured
from tests.benchmarks.repaired import DEEP, SCENES, recipe_of

TRAINED = "resnet20_b-scenes"
PLACES = (DEEP, TRAINED, *SCENES[1:])
CUTS = (0.3, 0.5)
SEEDS = (0,)


def key(place: str) -> str:
    return f"peers-{place}"


def measure(given):
    how = {"cuts": given.cuts or CUTS, "seeds": given.seeds or SEEDS, "criteria": given.criteria or ()}
    for place in given.networks or PLACES:
        recipe = recipe_of(place, threads=given.threads, **plain(place, given.threads))
        measured.remembered(key(place), lambda recipe=recipe: measure_accuracy(recipe, **how, tell=said))


def plain(place: str, threads: int) -> dict:
    fields = {"criterion": "l1", "allocation": "uniform", "repair": "none"}
    return fields | ({"checkpoint": str(trained(threads))} if place == TRAINED else {})


def trained(threads: int) -> Path:
    """The weights of the network with shortcut B; trained where they are not there yet."""
    path = measured.KEPT / f"{TRAINED}.safetensors"
    if not path.exists():
        measured.KEPT.mkdir(exist_ok=True)
        model, _, data = TRAINED.partition("-")
        train_network(
            model, data, epochs=14, out=path, lr=0.1, batch_size=64, seed=0, threads=threads, device="cpu"
        )
    return path


def said(row: dict):
    from pruning.bench.accuracy_table import in_one_line

    print(in_one_line(row), flush=True)
