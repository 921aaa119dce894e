"""Fine-tuning from every start: a part of docs/repair.md. Run by `tests.benchmarks.repair tune`."""

import copy
import time
from dataclasses import dataclass

import torch
from torch import nn

from pruning.train import Teaching, fit
from tests.benchmarks.measured import remembered, right
from tests.benchmarks.repaired import CALIBRATION, DEEP, REPAIRS, Case, repaired

CUTS = (0.5, 0.7)
SEEDS = (0, 1, 2)
EPOCHS = 3
LR, LR_NEW = 0.02, 0.1  # of fine-tuning as in docs/gates.md; of new weights as `train` has it
NEW = "new"
STARTS = (*REPAIRS, NEW)


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned network: where it starts, and whether under the full network as teacher."""

    cut: float
    seed: int
    start: str
    distill: bool
    epochs: int = EPOCHS

    @property
    def key(self) -> str:
        how = "distilled" if self.distill else "plain"
        return f"repair-{DEEP}-tune-{self.start}-{how}-{self.epochs}-{self.cut:g}-{self.seed}"


def cases(cuts=CUTS, seeds=SEEDS, epochs=EPOCHS) -> list[Tuned]:
    return [
        Tuned(cut, seed, start, distill, epochs)
        for cut in cuts
        for seed in seeds
        for start in STARTS
        for distill in (False, True)
    ]


def measure(given):
    for case in cases(given.cuts or CUTS, given.seeds or SEEDS, given.epochs):
        remembered(case.key, lambda case=case: tuned(case, given.threads))


def tuned(case: Tuned, threads: int) -> dict:
    """{"hits": right answers after the epochs, "seconds" of training}."""
    start = Case(DEEP, case.cut, case.seed, repair="none" if case.start == NEW else case.start)
    loaded, _, small, _ = repaired(start, threads)
    if case.start == NEW:
        small = newly_initialised(small, case.seed)
    normalization = loaded.model.origin.normalization
    options = {"lr": LR_NEW, "schedule": "one-cycle"} if case.start == NEW else {"lr": LR}
    if case.distill:
        options["teach"] = Teaching(loaded.model, loaded.graph, calibration=CALIBRATION, seed=case.seed)
    begun = time.perf_counter()
    fit(small, loaded.data, epochs=case.epochs, seed=case.seed, normalization=normalization, **options)
    seconds = time.perf_counter() - begun
    return {"hits": right(small, loaded.data.test, normalization), "seconds": seconds}


def newly_initialised(small: nn.Module, seed: int) -> nn.Module:
    """The same widths with new weights (He et al. 2015)."""
    small = copy.deepcopy(small)
    torch.manual_seed(seed)
    for module in small.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
            module.reset_parameters()
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
    return small
