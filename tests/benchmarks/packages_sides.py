"""What ours, Torch-Pruning and torch-kirigami make of one network: each is asked for the same share."""

import copy
import re
import time
from collections import Counter
from unittest.mock import patch

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import pruning
from pruning.channels.ids import flat
from pruning.cost import macs_form
from tests.benchmarks.engine_correctness import OUTPUT, compared, pruned_by_peer, zeroed
from tests.benchmarks.engine_coverage import about, counted
from tests.benchmarks.engine_rows import first_line, relative_difference

CUT = 0.4  # share of the channels of every group that goes
LIMIT, LIMIT_DOUBLE = 1e-4, 1e-9  # relative differences that rounding can leave


@torch.no_grad()
def ours(model: nn.Module, example: torch.Tensor) -> dict:
    """Cut against masked by a random choice in every group, in double precision where the network runs in it.
    Groups under a norm over channels, where a cut rightly differs, must run in the same shapes."""
    start = time.process_time()
    with patch.object(time, "perf_counter", time.process_time):  # the machine may do other work meanwhile
        graph = pruning.ChannelGraph(model, example)
    row = {"seconds": f"{time.process_time() - start:.2f}"} | reachable(graph, model, example)
    if not graph.groups:
        return row | {"verdict": "nothing to cut"}
    scores = pruning.score(graph, "random")
    options = {"cut": CUT, "measure": "channels", "groups": "all"}
    plan = pruning.plan(graph, scores, **options)
    row["left"] = f"{plan.macs / plan.macs_before:.3f}"
    wrong = shape_differs(model, pruning.cut(model, plan), example)
    if wrong:
        return row | {"verdict": "broken", "detail": wrong}
    under = [group.name for group in graph.groups if group.renormalised]
    if len(under) == len(graph.groups):
        return row | {"verdict": "runs", "detail": "all under norms over channels, where a cut differs"}
    plan = pruning.plan(graph, scores, **options, protect=under)
    model, example, limit = in_double(model, example)
    with pruning.masked(model, plan):
        masked = model(example)
    gap = relative_difference(masked, pruning.cut(model, plan)(example))
    return row | {"verdict": "exact" if gap <= limit else "wrong", "difference": f"{gap:.1e}"}


def made_plain(model: nn.Module, example: torch.Tensor) -> dict:
    """Ours, once the weights that layers compute are parameters."""
    return ours(pruning.plain(model, example), example)


def in_double(model: nn.Module, example: torch.Tensor) -> tuple[nn.Module, torch.Tensor, float]:
    try:
        twin = copy.deepcopy(model).double()
        twin(example.double())
        return twin, example.double(), LIMIT_DOUBLE
    except Exception:  # single precision is written into its code
        return model, example, LIMIT


def reachable(graph, model: nn.Module, example: torch.Tensor) -> dict:
    """How much of the network could go, and why the rest could not."""
    found, form = about(graph, model, example), macs_form(graph.structure)
    sizes = np.array([group.size for group in graph.groups])
    whole = form(sizes)
    named = r"\S*(\.\w+)+ |^\w+ (?=applies)"
    why = Counter(re.sub(named, "... ", reason) for reason in found["whole"].values())
    return {
        "groups": found["groups"],
        "layers": found["layers"],
        "prunable": found["layers"] - len(found["whole"]),
        "reach": f"{1 - form(np.ones(len(sizes))) / whole:.3f}" if whole else "",
        "whole": "; ".join(f"{reason} ({count})" for reason, count in why.most_common()),
        "left_out": "; ".join(graph.verified.left_out),
    }


def shape_differs(model: nn.Module, small: nn.Module, example: torch.Tensor) -> str:
    """Why a pruned network's answer cannot stand for the whole one's; empty where it can."""
    try:
        found = flat(small(example))
    except Exception as error:
        return first_line(error)
    shapes = [tuple(t.shape) for t in found if isinstance(t, torch.Tensor)]
    wanted = [tuple(t.shape) for t in flat(model(example)) if isinstance(t, torch.Tensor)]
    return "" if shapes == wanted else f"answers in shapes {shapes} in place of {wanted}"


@torch.no_grad()
def macs(model: nn.Module, example: torch.Tensor) -> float:
    with FlopCounterMode(display=False) as counter:
        model(example)
    return counted(counter.get_flop_counts().get("Global", {}), len(example))[0]


def torch_pruning(model: nn.Module, example: torch.Tensor) -> dict:
    """MagnitudePruner with its defaults, the layers that write the network's outputs left out as its README
    says; where no norm over channels is met, what it answers is compared with the network masked alike."""
    graph = pruning.ChannelGraph(model, example, verify=False)
    outputs = {layer for layer, why in graph.fixed.items() if why == OUTPUT}
    start, small = time.process_time(), copy.deepcopy(model)
    left = pruned_by_peer(small, example, outputs, CUT)
    row = {"seconds": f"{time.process_time() - start:.2f}"}
    row |= pruned(model, small, example)
    if row["verdict"] == "runs" and not any(group.renormalised for group in graph.groups):
        found = compared(zeroed(model, left, example), model, small, example)
        row |= {key: found[key] for key in ("verdict", "detail") if key in found}
    return row


def torch_kirigami(model: nn.Module, example: torch.Tensor) -> dict:
    """Its quick start's way: greedy by the groups' magnitude, first with the same share of every group's
    channels, and where it refuses that, with four fifths of the parameters."""
    from torch_kirigami import DependencyGraph
    from torch_kirigami.pruning import ChannelRatio, Greedy, GroupMagnitude, ParameterBudget, Pruner

    start, small = time.process_time(), copy.deepcopy(model)
    graph = DependencyGraph.build(small, args=(example,))
    pruner, strategy = Pruner(small, graph=graph), Greedy(GroupMagnitude(p=2))
    candidates, detail = pruner.discover_candidates(), ""
    try:
        small, _ = pruner.prune(candidates, budget=ChannelRatio(CUT), strategy=strategy)
    except Exception as error:
        detail = f"not by {CUT:.0%} of the channels: {first_line(error)}"
        budget = ParameterBudget(int(0.8 * sum(p.numel() for p in model.parameters())))
        small, _ = pruner.prune(candidates, budget=budget, strategy=strategy)
    seconds = f"{time.process_time() - start:.2f}"
    return {"detail": detail, "seconds": seconds} | pruned(model, small, example)


@torch.no_grad()
def pruned(model: nn.Module, small: nn.Module, example: torch.Tensor) -> dict:
    if sum(p.numel() for p in small.parameters()) == sum(p.numel() for p in model.parameters()):
        return {"verdict": "nothing cut"}
    wrong = shape_differs(model, small, example)
    if wrong:
        return {"verdict": "broken", "detail": wrong}
    return {"verdict": "runs", "left": f"{macs(small, example) / max(1, macs(model, example)):.3f}"}


PLAIN = "ours, made plain"  # of the networks in which ours has met derived weights
SIDES = {"ours": ours, PLAIN: made_plain, "torch-pruning": torch_pruning, "torch-kirigami": torch_kirigami}
