"""A network with its weights: built by name, filled from a file, and told where it comes from."""

import hashlib
import re
from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pruning.models.checkpoint import Checkpoint, read_checkpoint
from pruning.models.fill import TORCHVISION, classes_in, fill
from pruning.models.normalization import Normalization, resolve_normalization
from pruning.models.registry import MODELS
from pruning.models.torchvision_index import FINGERPRINTS
from pruning.wording import choose

if TYPE_CHECKING:
    from torch import Tensor, nn

ASSETS = Path(__file__).resolve().parents[2] / "assets"
KNOWN_CLASSES = {  # of the listed data sets, which come after the models
    "scenes": 10,
    "digits": 10,
    "cifar10": 10,
    "cifar100": 100,
}


class HasClasses(Protocol):
    """What `load_model` wants to know of a loaded data set. size: side of its images, in pixels."""

    name: str
    classes: Sized
    size: int


@dataclass(frozen=True)
class Origin:
    """Where a network's weights come from, and what it expects. digest: `weights_digest` when loaded."""

    model: str
    data: str
    classes: int
    size: int  # side of the input images, pixels
    normalization: Normalization
    digest: str


def names() -> tuple[str, ...]:
    """The listed networks, as people count: 20 before 110."""
    return tuple(MODELS)


def torchvision_names() -> tuple[str, ...]:
    """Torchvision's classifiers, as people count; none of their weights come along."""
    return tuple(TORCHVISION + name for name in sorted(FINGERPRINTS, key=as_counted))


def as_counted(name: str) -> list[str | int]:
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name)]


def default_size(name: str) -> int | None:
    """Side in pixels of the images a network is meant for; None for torchvision's, which take the data's
    own size if all images share one, else 224.
    """
    if name.startswith(TORCHVISION):
        choose(name.removeprefix(TORCHVISION), FINGERPRINTS, "torchvision model")
        return None
    return MODELS[choose(name, MODELS, "model")].size


def bundled() -> tuple[tuple[str, str], ...]:
    """The pairs of network and data for which trained weights come with the project."""
    files = sorted(path.stem.partition("-") for path in ASSETS.glob("*-*.safetensors"))
    pairs = [(model, data) for model, _, data in files if model in MODELS]
    return tuple(sorted(pairs, key=lambda pair: (names().index(pair[0]), pair[1] != "scenes", pair[1])))


def load_model(
    name: str,
    data: str | Path | HasClasses = "scenes",
    checkpoint: str | Path | None = None,
    *,
    normalize: str | Normalization = "auto",
    classes: int | None = None,
    size: int | None = None,
) -> "nn.Module":
    """A network in evaluation mode, with `.origin` (Origin) saying what it is.

    name: a listed network, or torchvision:NAME.   data: what it is for: a listed name, or loaded data (for a
    path the number of classes is read from the checkpoint).   checkpoint: None is the bundled weights for
    exactly this network and data, "none" random ones (always the same), else a file.   normalize: "auto" is
    what the checkpoint says, else CIFAR-10's constants at 32 pixels and ImageNet's at every other size.
    classes, size: where they are not the data's and the network's own. Raises ValueError on an unknown name,
    a pair without bundled weights, and weights of another network.
    """
    known_size = default_size(name)  # raises on an unknown name
    label = data if isinstance(data, str) else getattr(data, "name", None) or str(data)
    weights = find_weights(name, label, checkpoint)
    classes = classes or count_classes(name, data, weights)
    model = new_model(name, classes)
    if weights is not None:
        fill(model, weights.state, name, source=Path(checkpoint or bundled_file(name, label)).name)
    size = size or known_size or accepted_size(model, getattr(data, "size", None))
    recorded = weights.metadata.get("normalize") if weights else None
    normalization = resolve_normalization(normalize, size=size, recorded=recorded)
    model.origin = Origin(name, label, classes, size, normalization, weights_digest(model))
    return model.eval()


def bundled_file(name: str, data: str) -> Path:
    return ASSETS / f"{name}-{data}.safetensors"


def find_weights(name: str, data: str, checkpoint: str | Path | None) -> Checkpoint | None:
    """The weights that `checkpoint` stands for; None for random ones."""
    if checkpoint is not None:
        return None if str(checkpoint) == "none" else read_checkpoint(checkpoint)
    if (name, data) not in bundled():
        pairs = "; ".join(f"{model} on {known}" for model, known in bundled()) or "none"
        raise ValueError(
            f"no trained weights for {name} on {data} come with this project, only for: {pairs}. "
            "Give a checkpoint file, or 'none' for random weights"
        )
    return read_checkpoint(bundled_file(name, data))


def count_classes(name: str, data: str | Path | HasClasses, weights: Checkpoint | None) -> int:
    """Classes of loaded or listed data; for a path, as many as the weights are for."""
    if hasattr(data, "classes"):
        return len(data.classes)
    if data in KNOWN_CLASSES:
        return KNOWN_CLASSES[data]
    if weights is None:
        raise ValueError(
            f"how many classes {data} has is not known yet; give classes=, or data=load_data({str(data)!r})"
        )
    guess = 10
    found = classes_in(new_model(name, guess).state_dict(), weights.state)
    return found or guess  # where the weights are another network's, `fill` will say so


def new_model(name: str, classes: int) -> "nn.Module":
    """A newly initialised network, the same at every call; the caller's random state is left alone."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if name.startswith(TORCHVISION):
            from pruning.models.from_torchvision import build

            return build(name.removeprefix(TORCHVISION), classes)
        return MODELS[name].build(classes=classes)


def accepted_size(model: "nn.Module", own: int | None) -> int:
    """The data's own image size if the network answers at it, else 224. The model comes back as it was."""
    import torch

    if own is None or own == 224:
        return 224
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, 3, own, own))
    except (RuntimeError, AssertionError):  # too small for its pools, or the size is part of its weights
        return 224
    finally:
        model.train(was_training)
    return own


def weights_digest(model: "nn.Module") -> str:
    """SHA-256 over names, shapes and bytes of all parameters and persistent buffers, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()


def bytes_of(tensor: "Tensor") -> memoryview:
    import torch

    return memoryview(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
