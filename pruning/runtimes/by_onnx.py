"""Times of layers and networks in the runtimes that read ONNX, on the processor, in single precision."""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import torch

from pruning.error_messages import first_line
from pruning.export.formats import Format
from pruning.export.subject import subject_of
from pruning.latency.calls import Call
from pruning.latency.in_torch import Timed, machine
from pruning.latency.table import Machine
from pruning.latency.timing import own_clock
from pruning.progress import Watch
from pruning.runtimes.single_layer import INPUT, layer_graph

# onnxruntime leaves its blocked layout at widths that are no multiples of this
ALIGNED = {"onnxruntime": 4}


class ByOnnx:
    """form: the format that the runtime reads. Fewer networks than in torch: writing each takes seconds."""

    shares: tuple[float, ...] = (0.0, 0.3, 0.5)

    def __init__(self, form: Format):
        self.form, self.module = form, import_module(f"pruning.export.{form.module}")
        self.aligned = ALIGNED.get(form.runtime, 1)

    def place(self, device: torch.device) -> torch.device:
        return torch.device("cpu")

    def machine(self, device: torch.device) -> Machine:
        return machine(device, self.module.runtime())

    def clock(self, device: torch.device) -> Callable[[], float]:
        """onnxruntime computes in the thread that asks, where it may use no other; OpenVINO does not."""
        return own_clock(device) if self.form.runtime == "onnxruntime" else time.perf_counter

    def layer(self, call: Call, device: torch.device) -> Timed:
        """By itself, from and to the layout that the rest of a network has."""
        content = layer_graph(call)
        given = {INPUT: np.random.default_rng(0).standard_normal(call.reads, "float32")}
        try:
            run = self.module.again_and_again(content, given)
            run()
            return run
        except Exception as error:
            raise ValueError(
                f"{self.form.runtime} can't compute {call.weight.removesuffix('.weight')} by itself: "
                f"{first_line(error).rstrip('.')}; give runtime=torch"
            ) from error

    def networks(self, models: Sequence, inputs: tuple, watch: Watch) -> list[Timed]:
        """As they are exported."""
        passes: list[Timed] = []
        with tempfile.TemporaryDirectory(prefix="pruning-timed-") as scratch:
            for number, model in enumerate(models):
                watch("export", number, len(models), message=f"writing {self.form.title}")
                path = Path(scratch, f"{number}{self.form.endings[0]}")
                files = self.module.write(subject_of(model, tuple(x[:2] for x in inputs)), path)
                passes.append(partial(self.module.opened(files[0]), *inputs))
        return passes
