"""The wall: what a network says of 60 test pictures, at every cut, raw and repaired by reconstruction.

`python -m pruning.wall` computes the ones that ship, for the first screen; the app computes others live.
Block matching would mend a little more, and takes ten times as long a cut.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pruning.bars import Bars
from pruning.experiment.preview import loaded, plan_of
from pruning.experiment.recipe import Recipe
from pruning.progress import Watch, silent

PICTURES = 60
CUTS = tuple(round(0.05 * step, 2) for step in range(20))
REPAIR = "reconstruct"
SHIPPED = ("reconstruction", "l1", "cpot", "di", "catro", "random")
COUNTED = 500  # test images that the shipped wall counts right answers among, beside its 60 pictures
ASSET = Path(__file__).resolve().parents[1] / "assets" / "wall-resnet20-scenes.npz"


@dataclass(frozen=True, eq=False)
class Wall:
    """images: uint8 [60, H, W, 3].   labels: [60].   cuts: [K] shares of MACs, those within the network's
    reach.
    predictions: int16 [2 (raw, repaired), K, 60], class numbers.   correct: int32 [2, K], right answers among
    the first `test_images` test images.   weights_digest: of the network as loaded."""

    images: np.ndarray
    labels: np.ndarray
    cuts: np.ndarray
    predictions: np.ndarray
    correct: np.ndarray
    test_images: int
    classes: tuple[str, ...]
    weights_digest: str


def wall(recipe: Recipe, cuts: Sequence[float] = CUTS, watch: Watch = silent, *, count: int = 0) -> Wall:
    """Cuts the recipe's network at each share, raw and reconstructed, and asks it about the pictures.

    The recipe's own cut, repair and epochs are not read. Cuts out of reach are left out. count: right answers
    are counted among the first so many test images; 0 is among the 60 pictures alone. Without a cut there is
    nothing to repair, so both are the same.
    """
    found = loaded(recipe, watch)
    rows = picture_rows(found.data.test.labels, len(found.data.classes))
    pictures = found.data.test.take(rows)
    counted = found.data.test.take(np.arange(min(count, len(found.data.test)))) if count else pictures
    reached, answers, correct = [], [], []
    for number, cut in enumerate(cuts):
        watch("evaluate", number, len(cuts), cut=cut)
        try:
            plan = plan_of(recipe.but(cut=float(cut), repair="none", epochs=0), watch)
        except ValueError:  # the caps allow no more
            break
        reached.append(cut)
        models = _raw_and_repaired(found, plan, recipe, watch)
        said = [_answers(found, model, pictures, counted) for model in models]
        answers.append([shown for shown, _ in said])
        correct.append([right for _, right in said])
    watch("evaluate", len(cuts), len(cuts))
    return Wall(
        images=pictures.images,
        labels=pictures.labels,
        cuts=np.array(reached),
        predictions=np.array(answers, np.int16).reshape(len(reached), 2, len(rows)).transpose(1, 0, 2),
        correct=np.array(correct, np.int32).reshape(len(reached), 2).T,
        test_images=len(counted),
        classes=tuple(map(str, found.data.classes)),
        weights_digest=found.model.origin.digest,
    )


def picture_rows(labels: np.ndarray, classes: int) -> np.ndarray:
    """Row numbers of the pictures: as many of each class as there can be, in a fixed mixed order, at most
    60."""
    random = np.random.default_rng(0)
    ranks = np.empty(len(labels), int)
    for k in range(classes):
        mine = np.flatnonzero(labels == k)
        ranks[mine] = np.arange(len(mine))
    return random.permutation(np.lexsort((labels, ranks))[:PICTURES])


def _raw_and_repaired(found, plan, recipe: Recipe, watch: Watch) -> list:
    """The cut network and a repaired copy of it; twice the whole one where nothing is cut."""
    from pruning.reconstruction import repair
    from pruning.surgery import cut

    if plan.macs == plan.macs_before:
        return [found.model, found.model]
    raw, repaired = cut(found.model, plan), cut(found.model, plan)
    images = {"calibration": recipe.calibration, "seed": recipe.seed}
    repair(repaired, plan, found.model, found.data, how=REPAIR, watch=watch, **images)
    return [raw, repaired]


def _answers(found, model, pictures, counted) -> tuple[np.ndarray, int]:
    """Predicted classes of the pictures, and how many of the counted images are right."""
    from pruning.train import evaluate

    how = {"normalization": found.model.origin.normalization, "device": found.recipe.device}
    shown = evaluate(model, pictures, **how)
    return shown.classes, shown.correct if counted is pictures else evaluate(model, counted, **how).correct


def shipped_recipe(criterion: str) -> Recipe:
    """What a shipped wall is of: resnet20 on scenes, by one thread of the processor: more threads and other
    devices change the last digits."""
    return Recipe(criterion=criterion, allocation="error", repair=REPAIR, threads=1, device="cpu")


def ship(out: Path, watch: Watch):
    """Computes and writes the walls of the first screen: a handful of criteria, widths by error."""
    walls = [wall(shipped_recipe(name), CUTS, watch, count=COUNTED) for name in SHIPPED]
    first = walls[0]
    arrays = {
        "images": first.images,
        "labels": first.labels.astype(np.int8),
        "cuts": first.cuts,
        "criteria": np.array(SHIPPED),
        "predictions": np.stack([w.predictions for w in walls]).astype(np.int8),
        "correct": np.stack([w.correct for w in walls]),
        "test_images": np.array(first.test_images),
        "classes": np.array(first.classes),
        "weights_digest": np.array(first.weights_digest),
    }
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m pruning.wall", description=__doc__)
    parser.add_argument("--out", type=Path, default=ASSET)
    path = parser.parse_args().out
    with Bars() as bars:
        ship(path, bars)
    print(f"wrote {path} ({path.stat().st_size / 2**20:.2f} MiB)")
    sys.exit(0)
