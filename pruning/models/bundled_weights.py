"""The trained weights that come with the project, and which weights a recipe's checkpoint stands for."""

from pathlib import Path

from pruning.models.build import names
from pruning.models.checkpoint import Checkpoint, read_checkpoint
from pruning.models.own_code import is_own
from pruning.models.registry import MODELS
from pruning.places import ASSETS


def bundled() -> tuple[tuple[str, str], ...]:
    """The pairs of network and data for which trained weights come with the project."""
    files = sorted(path.stem.partition("-") for path in ASSETS.glob("*-*.safetensors"))
    pairs = [(model, data) for model, _, data in files if model in MODELS]
    return tuple(sorted(pairs, key=lambda pair: (names().index(pair[0]), pair[1] != "scenes", pair[1])))


def bundled_file(name: str, data: str) -> Path:
    return ASSETS / f"{name}-{data}.safetensors"


def discriminator_file(weights: str | Path) -> Path:
    """Where the discriminator is that a network was trained against, beside the network's own file."""
    path = Path(weights)
    if path.parent == ASSETS:  # what lies there itself is a network that is offered
        path = ASSETS / "domains" / path.name
    return path.with_suffix(".discriminator.safetensors")


def find_weights(name: str, data: str, checkpoint: str | Path | None) -> Checkpoint | None:
    """The weights that `checkpoint` stands for; None for random ones, and for those that a factory of one's
    own gives its network."""
    if checkpoint is not None:
        return None if str(checkpoint) == "none" else read_checkpoint(checkpoint)
    if is_own(name):
        return None
    if (name, data) not in bundled():
        pairs = "; ".join(f"{model} on {known}" for model, known in bundled()) or "none"
        raise ValueError(
            f"no trained weights for {name} on {data} come with this project, only for: {pairs}. "
            "Give a checkpoint file, or 'none' for random weights"
        )
    return read_checkpoint(bundled_file(name, data))
