"""One whole cut of a network, as we do it and as Torch-Pruning does it, each phase timed on its own.

Both score by L1, take the same share of every group of channels, residual streams included, leave output
layers whole, and hand back a new network beside the untouched one.
"""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

import pruning
from pruning.bench.request import AGAIN, RATIO
from pruning.channels.verification import verified


class Clock:
    """ms: {phase: milliseconds}; a phase that is entered again adds up."""

    def __init__(self):
        self.ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.ms[phase] = self.ms.get(phase, 0.0) + 1000 * (time.perf_counter() - start)


@dataclass(frozen=True)
class Done:
    """network: the cut one.   more: times what is no part of the way there, above all a second plan."""

    network: nn.Module
    more: Callable[[], None]


def ours(model: nn.Module, example: torch.Tensor, clock: Clock) -> Done:
    """Phases: trace, verify, score, plan, cut; `more`: replan.

    Raises ValueError where the network cannot be traced.
    """
    with clock("trace"):
        graph = pruning.ChannelGraph(model, example, verify=False)
    with clock("verify"):  # what ChannelGraph does by default, timed on its own
        graph.structure = verified(graph.model, graph.example, graph.structure)
    with clock("score"):
        scores = pruning.score(graph, "l1")
    with clock("plan"):
        plan = pruning.plan(graph, scores, cut=RATIO, measure="channels", groups="all")
    with clock("cut"):
        small = pruning.cut(model, plan)

    def more():
        with clock("replan"):
            pruning.plan(graph, scores, cut=AGAIN, measure="channels", groups="all")

    return Done(small, more)


def peer(model: nn.Module, example: torch.Tensor, clock: Clock) -> Done:
    """Phases: copy, construct (traces, then counts every group), score, plan, cut (the copy included, since
    ours makes one too); `more`: trace (its dependency graph alone), replan and, within it, replan_score.

    Raises whatever Torch-Pruning raises, ImportError where it is not installed.
    """
    with clock("copy"):
        copied = copy.deepcopy(model)
    with clock("construct"):
        pruner = _pruner(copied, example, RATIO, clock, "score")
    with clock("step"):
        for group in pruner.step(interactive=True):  # to the letter what step() does, but we see the parts
            with clock("cut"):
                group.prune()
    step = clock.ms.pop("step")
    score_ms, prune_ms = clock.ms.setdefault("score", 0.0), clock.ms.get("cut", 0.0)  # none: nothing to cut
    clock.ms |= {"plan": step - score_ms - prune_ms, "cut": clock.ms["copy"] + prune_ms}

    def more():
        import torch_pruning

        with clock("trace"):
            torch_pruning.DependencyGraph().build_dependency(model, (example,))
        # it has no plan apart from its cut, so a second one is counted without the pruner that it needs
        again = _pruner(copy.deepcopy(model), example, AGAIN, clock, "replan_score")
        with clock("replan"):
            for _ in again.step(interactive=True):
                pass

    return Done(copied, more)


def _pruner(model: nn.Module, example: torch.Tensor, ratio: float, clock: Clock, scoring: str):
    import torch_pruning

    importance = torch_pruning.importance.MagnitudeImportance(p=1)

    def timed(group):
        with clock(scoring):
            return importance(group)

    return torch_pruning.pruner.MagnitudePruner(
        model,
        (example,),  # of a bare tensor it would first run the network on each image without its batch
        timed,
        pruning_ratio=ratio,
        ignored_layers=[[module for module in model.modules() if isinstance(module, nn.Linear)][-1]],
        # its defaults are dicts that all pruners of a process share, and keep every network seen alive
        in_channel_groups={},
        out_channel_groups={},
        num_heads={},
    )


SIDE = {"ours": ours, "peer": peer}
