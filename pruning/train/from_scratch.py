"""Training a listed network from nothing, into a file that says how it was made."""

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pruning.data import Dataset, load_data, must_ask
from pruning.devices import usable
from pruning.models import Origin, asked_task, default_size, load_model, write_checkpoint
from pruning.models.bundled_weights import discriminator_file
from pruning.output_places import writable
from pruning.progress import Watch, silent
from pruning.train.evaluation import Predictions, evaluate
from pruning.train.fit import fit
from pruning.train.samples import SampleSheet
from pruning.train.training_state import Saved

RATE, ADVERSARIAL_RATE = 0.1, 4e-4  # of stochastic gradient descent, and of Adam


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that `train_network` wrote. path: the file.   test: what it says of the test part.   seconds:
    of training.   history: as `fit` returns it."""

    path: Path
    test: Predictions
    seconds: float
    history: list[dict]


def train_network(
    model: str,
    data: str,
    *,
    size: int | None = None,
    task: str | None = None,
    epochs: int,
    out: str | Path,
    lr: float | None = None,
    batch_size: int = 64,
    seed: int = 0,
    threads: int | None = None,
    device: str = "cpu",
    watch: Watch = silent,
) -> Trained:
    """Trains a network from random weights, without the hold-out, and writes it as safetensors, whose header
    records the command, the metric on the test part, and versions. size: of the images, or the network's own.
    task: of `pruning.tasks.TASKS`, or the data's.   lr: 0.1 by gradient descent, 0.0004 where a discriminator
    is trained too, which is written beside, with a sheet of samples an epoch, and the state: asked for the
    same again, an ended training goes on. Raises ValueError before it trains."""
    path, home = writable(out, folder=False, name="out", ending=".safetensors"), usable(device)
    dataset = data_for(model, data, task, size=size)
    network = load_model(model, dataset, "none", size=size).to(home)
    options: dict[str, Any] = {"epochs": epochs, "lr": lr or rate_of_new_weights(dataset)}
    options |= {"batch_size": batch_size, "seed": seed}
    where: dict[str, Any] = {"normalization": network.origin.normalization, "device": device, "watch": watch}
    against = opponent(path, dataset, network.origin)
    words = {"model": model, "data": data, "task": task, "size": size, **options, "threads": threads}
    words |= {"device": device, "out": path.name}
    kept = Saved(path.with_suffix(".training"), command(words))
    start = time.perf_counter()
    with threads_set(threads) as used:
        history = fit(network, dataset, **options, **where, **against, schedule="one-cycle", saved=kept)
        seconds = time.perf_counter() - start
        test = evaluate(network, dataset.test, **where, again=True)
    said = described(network.origin, dataset) | {"command": command(words | {"threads": used})}
    write_checkpoint(path, network.state_dict(), said | measured(test, seconds))
    write_opponent(path, against, said)
    kept.remove()
    return Trained(path, test, seconds, history)


def data_for(model: str, data: str, task: str | None, *, size: int | None) -> Dataset:
    """The data, read for the task that is named, else for the network's own, where it has one. Raises
    ValueError where they ask for another one than is named."""
    found = load_data(data, size=size or default_size(model), task=asked_task(model, task))
    must_ask(found, task)
    return found


def opponent(path: Path, dataset: Dataset, origin: Origin) -> dict[str, Any]:
    """Of a network that makes pictures: the discriminator that it is trained against, and the sheet of
    samples that is written after every epoch, as `fit` takes them."""
    if not dataset.task.taught:
        return {}
    from pruning.train.adversarial import new_adversary

    path.parent.mkdir(parents=True, exist_ok=True)  # sheets are written before the first state is
    sheet = SampleSheet(path.with_suffix(".samples.png"), dataset, origin.normalization)
    return {
        "adversary": new_adversary(len(dataset.classes), origin.size),
        "after_epoch": sheet.write,
    }


def write_opponent(path: Path, against: dict[str, Any], said: dict[str, str]):
    """The discriminator, where there is one, beside the network that it has trained."""
    if against:
        write_checkpoint(discriminator_file(path), against["adversary"].discriminator.state_dict(), said)


def measured(test: Predictions, seconds: float) -> dict[str, str]:
    """What a checkpoint's header says of how good it is, and how long that took."""
    return {
        f"test_{test.task.metric.name}": repr(test.value),
        "test_images": str(len(test.labels)),
        "seconds": str(round(seconds)),
        **({"test_correct": str(test.correct)} if test.task.counts_right else {}),
    }


def rate_of_new_weights(dataset: Dataset) -> float:
    """The highest learning rate of a network that is newly initialised."""
    return ADVERSARIAL_RATE if dataset.task.taught else RATE


def command(words: Mapping[str, object]) -> str:
    """What makes the same network again."""
    given = {name.replace("_", "-"): str(value) for name, value in words.items() if value is not None}
    typed = [word for name, value in given.items() for word in (f"--{name}", value)]
    return shlex.join(["python", "-m", "pruning", "train", *typed])


def described(origin: Origin, dataset: Dataset) -> dict[str, str]:
    """What a checkpoint's header says about the network, apart from how it was made."""
    return {
        "model": origin.model,
        "data": origin.data,
        "data_digest": dataset.digest,
        "classes": json.dumps(dataset.classes),
        "size": str(origin.size),
        "normalize": origin.normalization.name,
        "versions": json.dumps({name: version(name) for name in ("torch", "numpy", "scikit-learn")}),
    }


@contextmanager
def threads_set(threads: int | None) -> Iterator[int]:
    """Has torch compute with so many threads for a while; None leaves them. Yields how many there are."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield threads or before
    finally:
        torch.set_num_threads(before)
