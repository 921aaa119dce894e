"""Classes as domains: the same pictures, each asked for in another class, and a judge that tells what it
became."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.data.cache_folder import cache_folder
from pruning.data.dataset import Dataset, Split
from pruning.models import load_model, read_checkpoint
from pruning.places import ASSETS
from pruning.tasks import DEFAULT, TRANSLATED, Task, Translation

if TYPE_CHECKING:
    from torch import nn

SEED = 17  # of the domains asked for: the same pictures are asked for the same domains by every recipe
JUDGE = "judge.safetensors"  # in a folder of domains, or beside a file of them, its name before it
PARTS = ("train", "holdout", "test")
BUNDLED = ASSETS / "domains"


def asked_by(dataset: Dataset, task: Task, path: Path | None = None) -> Dataset:
    """The data as a network of this task needs it, where they can be that: pictures with classes are also
    pictures of domains, and the other way round. path: of the file or folder that they are from."""
    if dataset.task.name == task.name or dataset.normalised:
        return dataset
    if task.name == TRANSLATED.name and dataset.task.name == DEFAULT.name:
        return translated(dataset, judge_of(dataset.name, path))
    if task.name == DEFAULT.name and dataset.task.name == TRANSLATED.name:
        return classified(dataset)
    return dataset


@lru_cache(maxsize=2)
def translated(dataset: Dataset, judge: Path | None) -> Dataset:
    """Classes as domains. Every picture is asked for in one that it is not of, drawn evenly."""
    judged: Callable[[], nn.Module] | None = partial(loaded_judge, judge, dataset.classes) if judge else None
    task = Translation(len(dataset.classes), judged, dataset.holdout.images)
    parts: dict[str, Any] = {part: with_targets(getattr(dataset, part), task) for part in PARTS}
    digest = hashlib.sha256(f"{dataset.digest} {task.name}".encode()).hexdigest()
    return replace(dataset, **parts, digest=digest)


def classified(dataset: Dataset) -> Dataset:
    """Domains as classes."""
    parts: dict[str, Any] = {}
    for part in PARTS:
        split = getattr(dataset, part)
        parts[part] = replace(split, labels=split.labels[:, 0].copy(), task=DEFAULT)
    digest = hashlib.sha256(f"{dataset.digest} {DEFAULT.name}".encode()).hexdigest()
    return replace(dataset, **parts, digest=digest)


def with_targets(split: Split, task: Translation) -> Split:
    """Labels [N] -> [N, 2]: and beside each a domain asked for."""
    random, domains = np.random.default_rng([SEED, len(split)]), task.domains
    further = random.permutation(np.arange(len(split)) % (domains - 1)) + 1
    asked = (split.labels + further) % domains
    return replace(split, labels=np.stack([split.labels, asked], axis=1), task=task)


def judge_of(name: str, path: Path | None) -> Path | None:
    """The file of the classifier that judges these data's translations; None where there is none."""
    if path is None:  # of listed data: one that comes along, or one of the user's own
        found = BUNDLED / f"{name}.{JUDGE}"
        found = found if found.is_file() else cache_folder() / found.name
    else:
        found = path / JUDGE if path.is_dir() else path.with_name(f"{path.stem}.{JUDGE}")
    return found if found.is_file() else None


def loaded_judge(file: Path, classes: tuple[str, ...]) -> "nn.Module":
    """Raises ValueError in one sentence where the file is not of a listed classifier of these domains."""
    import json

    told = read_checkpoint(file).metadata
    own = tuple(json.loads(told.get("classes", "[]")))
    if not told.get("model") or own != classes:
        raise ValueError(
            f"{file.name} is no judge of {', '.join(classes)}; make one with python -m pruning train --model "
            f"resnet20 --data FOLDER --out {file.name}"
        )
    return load_model(told["model"], told.get("data", "domains"), file, classes=len(classes))
