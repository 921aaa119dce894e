"""Ours and Torch-Pruning over the zoo: does the cut network compute what the one masked the same way does?

Each network and side in a process of its own, which is stopped where it takes too long or too much.
"""

import contextlib
import copy
import multiprocessing
import os
import time
from collections.abc import Iterable

import torch
from torch import nn

import pruning
from pruning.bench.measure import resident
from pruning.bench.request import GIGABYTES, PEER, SECONDS, peer_version
from tests.benchmarks.engine_networks import KINDS, network
from tests.benchmarks.engine_rows import (
    ENGINE,
    ZOO,
    first_line,
    relative_difference,
    remembered,
    state_of,
)

CUT = 0.5  # share of the channels of every group that goes, by L1
TOLERANCE = 1e-4  # relative to the largest output; rounding leaves 1e-6, one wrong channel 1e-2 and more
OUTPUT = "it is the network's output"
LARGER = ("densenet121", "shufflenet_v2_x1_0", "mobilenet_v3_small", "swin_t")
NAMES = KINDS["zoo"] + LARGER  # the zoo holds resnet20 (zero-padding shortcut) and resnet20_b
SIDES = ("ours", "peer")
CONVOLUTIONS = nn.modules.conv._ConvNd


def measure(names: Iterable[str] = (), *, anew: bool = False):
    """Rows of these networks (none named: of all), both sides of each."""
    states = {side: state(side) for side in SIDES}
    if peer_version() is not None:
        import torch_pruning  # noqa: F401 (once, before the forks)
    for name in names or NAMES:
        for side in SIDES:
            if side == "ours" or peer_version() is not None:
                key = f"{name}, {side}"
                remembered(
                    "correctness", key, states[side], lambda n=name, s=side: in_a_child(n, s), anew=anew
                )


def state(side: str) -> str:
    """What a row of this side depends on: the peer's not on our engine."""
    own = ("tests/benchmarks/engine_correctness.py", "tests/benchmarks/engine_networks.py", *ZOO)
    return state_of(own + (ENGINE if side == "ours" else ()))


def in_a_child(name: str, side: str) -> dict:
    """What one side makes of a network: a verdict, and a detail where there is one. The process is forked:
    this one has imported everything and started no thread of torch's."""
    forked = multiprocessing.get_context("fork")
    here, there = forked.Pipe()
    process = forked.Process(target=in_the_child, args=(name, side, there))
    process.start()
    there.close()
    begun = None
    try:
        while begun is None or time.monotonic() - begun < SECONDS:
            if here.poll(0.05):
                found = here.recv()
                if isinstance(found, dict):
                    return found
                begun = time.monotonic()  # the network is loaded, which is nobody's merit
            if resident(process.pid) > GIGABYTES * 1e9:
                return {"verdict": f"over {GIGABYTES:g} GB"}
        return {"verdict": f"over {SECONDS:g} s"}
    except EOFError:
        process.join()
        return {"verdict": "ended", "detail": f"exit code {process.exitcode}"}
    finally:  # also when the user stops us
        process.kill()
        process.join()


def in_the_child(name: str, side: str, parent):
    """Says "ready" once the network is loaded, then what was found."""
    torch.set_num_threads(1)
    model, example = network(name)
    parent.send("ready")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # the peer may print
        try:
            found = SIDE[side](model, example)
        except Exception as error:
            found = {"verdict": "refused", "detail": first_line(error)}
    parent.send(found)


@torch.no_grad()
def ours(model: nn.Module, example: torch.Tensor) -> dict:
    """Cut against `masked`; groups under a norm over channels stay whole, for the peer as well."""
    graph = pruning.ChannelGraph(model, example)
    under = [group.name for group in graph.groups if group.renormalised]
    if len(under) == len(graph.groups):
        return {"verdict": "nothing to cut", "detail": "; ".join(dict.fromkeys(graph.fixed.values()))}
    scores = pruning.score(graph, "l1")
    plan = pruning.plan(graph, scores, cut=CUT, measure="channels", groups="all", protect=under)
    small = pruning.cut(model, plan)
    with pruning.masked(model, plan):
        masked = model(example)
    return compared(masked, model, small, example)


def peer(model: nn.Module, example: torch.Tensor) -> dict:
    """The same of Torch-Pruning: what it takes from the inputs of each layer is written down as it prunes,
    and the whole network with these inputs zeroed is what its small one must compute."""
    whole = whole_layers(model, example)
    small = copy.deepcopy(model)
    try:
        left = pruned_by_peer(small, example, whole)
    except Exception as error:  # whatever it raises is its answer for this network
        return {"verdict": "refused", "detail": first_line(error)}
    return compared(with_inputs_zeroed(model, left, example), model, small, example)


def whole_layers(model: nn.Module, example: torch.Tensor) -> set[str]:
    """Layers whose outputs stay: the network's own outputs, and what is under a norm over channels."""
    graph = pruning.ChannelGraph(model, example)
    under = {layer for group in graph.groups if group.renormalised for layer in group.layers}
    return under | {layer for layer, why in graph.fixed.items() if why == OUTPUT}


def pruned_by_peer(small: nn.Module, example: torch.Tensor, whole: set[str]) -> dict[str, list[int]]:
    """Prunes in place; {layer: the channels that it still reads, in the whole network's numbers}."""
    import torch_pruning

    names = {module: name for name, module in small.named_modules()}
    left: dict[str, list[int]] = {}

    def note(dependency, indices):
        module = dependency.target.module
        if dependency.handler.__name__ != "prune_in_channels" or module not in names:
            return
        gone = {getattr(index, "idx", index) for index in indices}  # some carry the first layer's beside them
        before = left.get(names[module], list(range(dependency.handler.__self__.get_in_channels(module))))
        left[names[module]] = [channel for place, channel in enumerate(before) if place not in gone]

    pruner = torch_pruning.pruner.MagnitudePruner(
        small,
        (example,),
        torch_pruning.importance.MagnitudeImportance(p=1),
        pruning_ratio=CUT,
        ignored_layers=[module for module, name in names.items() if name in whole],
        in_channel_groups={},  # its defaults are dicts that all pruners of a process share
        out_channel_groups={},
        num_heads={},
    )
    for group in pruner.step(interactive=True):  # to the letter what step() does
        for dependency, indices in group:  # in the order in which they are pruned next
            note(dependency, indices)
        group.prune()
    return left


@torch.no_grad()
def with_inputs_zeroed(model: nn.Module, left: dict[str, list[int]], example: torch.Tensor):
    """The whole network's answer with the channels that are not left zero wherever they are read."""
    modules, hooks = dict(model.named_modules()), []
    for name, channels in left.items():
        module = modules[name]
        dimension = -1 - len(module.kernel_size) if isinstance(module, CONVOLUTIONS) else -1
        hooks.append(module.register_forward_pre_hook(keeping(channels, dimension)))
    try:
        return model(example)
    finally:
        for hook in hooks:
            hook.remove()


def keeping(channels: list[int], dimension: int):
    def zeroed(module, given):
        mask = torch.zeros(given[0].shape[dimension], dtype=given[0].dtype)
        mask[channels] = 1
        return (given[0] * mask.view([-1] + [1] * (-1 - dimension)), *given[1:])

    return zeroed


@torch.no_grad()
def compared(masked, model: nn.Module, small: nn.Module, example: torch.Tensor) -> dict:
    """exact, wrong (runs, but computes something else), broken (does not run) or nothing cut; the share of
    parameters left, and the relative difference."""
    share = sum(p.numel() for p in small.parameters()) / sum(p.numel() for p in model.parameters())
    if share == 1:
        return {"verdict": "nothing cut"}
    try:
        gap = relative_difference(masked, small(example))
    except Exception as error:
        return {"verdict": "broken", "detail": first_line(error), "left": share}
    verdict = "exact" if gap <= TOLERANCE else "wrong"
    detail = "in other shapes" if gap == float("inf") else f"differs by {gap:.1e}"
    return {"verdict": verdict, "detail": detail, "left": share}


SIDE = {"ours": ours, "peer": peer}


# ------------------------------------------------------------------------------------ what is told of it

HEAD = ("network", "ours", "parameters left", f"{PEER} {peer_version() or ''}".strip(), "parameters left")


def cells(name: str, rows: dict[str, dict]) -> list[str]:
    """One line of the table of correctness; rows: {side: its row}."""
    told = [name.removeprefix("zoo: ")]
    for side in SIDES:
        row = rows[side]
        verdict, detail = row.get("verdict", row.get("raises")), row.get("detail", "")
        words = verdict if verdict == "exact" or not detail else f"{verdict}: {detail}"
        told += [words, f"{row['left']:.0%}" if "left" in row else ""]
    return told
