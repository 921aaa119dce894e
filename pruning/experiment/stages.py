"""What a run goes through: how long every stage took, and what the network says of the test part after it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from pruning.experiment.duration import Left
from pruning.experiment.loading import Loaded
from pruning.experiment.shared_steps import Alone, network_key
from pruning.progress import Watch
from pruning.tasks import PICTURE_SIDE

# in predictions.npz, of tasks whose answers are pictures: a few test images, and these in every domain
SHOWN, IN_DOMAINS = "shown_", "in_domains_"


class Clock:
    """Seconds of every stage. left: the watch, which knows what is under way."""

    def __init__(self, watch: Watch):
        self.left = Left(watch)
        self.seconds: dict[str, float | None] = dict.fromkeys(
            ("trace", "statistics", "score", "plan", "cut", "repair", "gates", "tune", "quantize", "latency")
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        self.left.begin(name)
        yield
        self.seconds[name] = round(time.perf_counter() - start, 4)


class Stages:
    """What the network says of every test image at each stage."""

    def __init__(self, loaded: Loaded, watch: Left, shared: Alone):
        self.loaded, self.watch, self.shared = loaded, watch, shared
        watch.expect(loaded)
        self.found: dict[str, Any] = {}
        self.rows = shown_rows(loaded)

    def evaluate(self, stage: str, model):
        self.watch.begin(f"evaluate {stage}")
        make = partial(self._asked, stage, model)
        key = network_key(self.loaded.recipe)
        self.found[stage] = self.shared(stage, key, make) if stage == "baseline" else make()

    def _asked(self, stage: str, model):
        from pruning.train import evaluate

        def told(_, done, total, **values):
            self.watch("evaluate", done, total, message=stage, **values)

        test, origin = self.loaded.data.test, self.loaded.model.origin
        where = {"normalization": origin.normalization, "device": self.loaded.recipe.device}
        found = evaluate(model, test, **where, watch=told, again=True)
        if len(self.rows):
            found = replace(found, in_domains=self._in_domains(model))
        value = {found.task.metric.name: found.value}
        self.watch("evaluate", len(test), len(test), message=stage, **value)
        return found

    def _in_domains(self, model) -> np.ndarray:
        """uint8 [n, domains, h, w, 3]: the shown test images, in every domain."""
        from pruning.train.samples import in_every_domain

        data, origin = self.loaded.data, self.loaded.model.origin
        few, device = data.test.take(self.rows), self.loaded.recipe.device
        return smaller(in_every_domain(model, few, len(data.classes), origin.normalization, device))

    @property
    def last(self) -> str:
        return list(self.found)[-1]

    def predictions(self) -> dict[str, np.ndarray]:
        arrays = self.loaded.data.task.kept(self.loaded.data.test.labels)
        for stage, found in self.found.items():
            arrays |= {f"{stage}_{name}": array for name, array in found.statistics.items()}
            if found.in_domains is not None:
                arrays[f"{IN_DOMAINS}{stage}"] = found.in_domains
        if len(self.rows):
            pictures = self.loaded.data.test.images[self.rows]
            arrays |= {f"{SHOWN}rows": self.rows, f"{SHOWN}pictures": smaller(np.array(pictures))}
        return arrays


def shown_rows(loaded: Loaded) -> np.ndarray:
    """[n]: the first test image of every domain; none where the task draws no pictures."""
    test = loaded.data.test
    if loaded.data.task.drawn_as != "pictures":
        return np.empty(0, np.int64)
    return np.unique(test.labels[:, 0], return_index=True)[1]


def smaller(pictures: np.ndarray) -> np.ndarray:
    """Every so many pixels of pictures [..., H, W, 3]: what can be seen of them where they are drawn."""
    step = -(-max(pictures.shape[-3:-1]) // PICTURE_SIDE)
    return np.ascontiguousarray(pictures[..., step // 2 :: step, step // 2 :: step, :])
