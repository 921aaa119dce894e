"""What a run goes through: how long every stage took, and what the network says of the test part after it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from pruning.experiment.duration import Left
from pruning.experiment.loading import Loaded
from pruning.experiment.shared_steps import Alone, network_key
from pruning.progress import Watch


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
        value = {found.task.metric.name: found.value}
        self.watch("evaluate", len(test), len(test), message=stage, **value)
        return found

    @property
    def last(self) -> str:
        return list(self.found)[-1]

    def predictions(self) -> dict[str, np.ndarray]:
        arrays = self.loaded.data.task.kept(self.loaded.data.test.labels)
        for stage, found in self.found.items():
            arrays |= {f"{stage}_{name}": array for name, array in found.statistics.items()}
        return arrays
