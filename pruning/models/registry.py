"""The listed networks, by name. Being registered is all it takes to be listed, built by name and tested.

Builders import torch themselves when they are called: the list alone is needed long before any network is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pruning.tasks import DEFAULT, Task

Build = Callable[..., Any]  # build(classes=10, in_channels=3) -> torch.nn.Module, newly initialised


@dataclass(frozen=True)
class KnownModel:
    """A listed network. size: side in pixels of the images it is meant for.   meaning: one sentence.   task:
    what it is for."""

    name: str
    meaning: str
    size: int
    build: Build
    task: Task = DEFAULT


MODELS: dict[str, KnownModel] = {}  # filled while pruning.models is imported, only read afterwards


def model(name: str, *, meaning: str, size: int, task: Task = DEFAULT) -> Callable[[Build], Build]:
    """Decorator: lists the builder it stands on under a name of its own, and hands it back unchanged."""

    def listed(build: Build) -> Build:
        if name in MODELS:
            raise ValueError(f"model {name!r} is taken by {MODELS[name].build.__module__}")
        MODELS[name] = KnownModel(name, meaning, size, build, task)
        return build

    return listed
