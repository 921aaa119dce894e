"""Beside Torch-Pruning, without training: a part of docs/repair.md. Run by `tests.benchmarks.repair peers`.

On the ResNets with shortcut A its pruner breaks where residual streams are cut, so a ResNet with shortcut B
is trained here for that, by the bundled one's recipe, and kept beside the measured rows.
"""

from pathlib import Path

from pruning.bench.accuracy import OURS, PEERS, measure_accuracy
from pruning.bench.request import SIDES
from pruning.train import train_network
from tests.benchmarks import measured
from tests.benchmarks.repaired import DEEP, SCENES, recipe_of

TRAINED = "resnet20_b-scenes"
PLACES = (DEEP, TRAINED, *SCENES[1:])
CUTS = (0.3, 0.5)
SEEDS = (0,)
CRITERIA = tuple(dict.fromkeys((*OURS, *PEERS)))


def key(place: str, criterion: str) -> str:
    return f"peers-{place}-{criterion}"


def measure(given):
    how = {"cuts": given.cuts or CUTS, "seeds": given.seeds or SEEDS, "tell": said}
    for place in given.networks or PLACES:
        recipe = recipe_of(place, threads=given.threads, **plain(place, given.threads))
        for name in given.criteria or CRITERIA:
            measured.remembered(
                key(place, name), lambda r=recipe, name=name: measure_accuracy(r, criteria=(name,), **how)
            )


def together(place: str) -> dict | None:
    """What `bench --accuracy` finds of all criteria of a network; None where nothing was measured."""
    parts = [measured.row(key(place, name)) for name in CRITERIA if measured.known(key(place, name))]
    if not parts:
        return None
    asked = {
        side: {"criteria": [name for part in parts for name in part["request"][side]["criteria"]]}
        for side in SIDES
    }
    rows = [of for part in parts for of in part["rows"]]
    return parts[0] | {"rows": rows, "request": parts[0]["request"] | asked}


def reads(place: str) -> int:
    """How often these rows read the test part: once each, and once a criterion for the full network."""
    found = together(place)
    return sum(of["hits"] is not None for of in found["rows"]) + len(CRITERIA) if found else 0


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
