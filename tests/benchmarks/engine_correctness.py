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
LONGEST = 90  # characters of a detail in the table
OUTPUT = "it is the network's output"
LARGER = ("densenet121", "shufflenet_v2_x1_0", "mobilenet_v3_small", "swin_t")
NAMES = KINDS["zoo"] + LARGER  # the zoo holds resnet20 (zero-padding shortcut) and resnet20_b
SIDES = ("ours", "peer")
UNDER_NORMS = {
    "verdict": "not compared",
    "detail": "all under a norm over channels, where a cut rightly differs",
}
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
    if not graph.groups:
        return {"verdict": "nothing to cut", "detail": next(iter(graph.fixed.values()), "")}
    if len(under) == len(graph.groups):
        return UNDER_NORMS
    scores = pruning.score(graph, "l1")
    plan = pruning.plan(graph, scores, cut=CUT, measure="channels", groups="all", protect=under)
    small = pruning.cut(model, plan)
    with pruning.masked(model, plan):
        masked = model(example)
    return compared(masked, model, small, example)


def peer(model: nn.Module, example: torch.Tensor) -> dict:
    """The same of Torch-Pruning: what it takes from each layer's inputs and outputs is written down as it
    prunes, and the full network with these zeroed is what its small one must compute."""
    graph = pruning.ChannelGraph(model, example)
    if graph.groups and all(group.renormalised for group in graph.groups):
        return UNDER_NORMS
    whole = whole_layers(graph)
    small = copy.deepcopy(model)
    try:
        left = pruned_by_peer(small, example, whole)
    except Exception as error:  # whatever it raises is its answer for this network
        return {"verdict": "refused", "detail": first_line(error)}
    return compared(zeroed(model, left, example), model, small, example)


def whole_layers(graph) -> set[str]:
    """Layers whose outputs stay: the network's own outputs, and what is under a norm over channels."""
    under = {layer for group in graph.groups if group.renormalised for layer in group.layers}
    return under | {layer for layer, why in graph.fixed.items() if why == OUTPUT}


def pruned_by_peer(
    small: nn.Module, example: torch.Tensor, whole: set[str], share: float = CUT
) -> dict[str, dict]:
    """Prunes in place. Returns {"in", "out": {layer: the channels that it still reads or writes, in the whole
    network's numbers}}."""
    import torch_pruning

    names = {module: name for name, module in small.named_modules()}
    left: dict[str, dict[str, list[int]]] = {"in": {}, "out": {}}

    def note(dependency, indices):
        module, handler = dependency.target.module, dependency.handler
        side = {"prune_in_channels": "in", "prune_out_channels": "out"}.get(handler.__name__)
        if module in names and side:
            number = getattr(handler.__self__, f"get_{side}_channels")(module)
            before = left[side].get(names[module], list(range(number)))
            gone = {getattr(index, "idx", index) for index in indices}  # some carry the first layer's as well
            left[side][names[module]] = [c for place, c in enumerate(before) if place not in gone]

    pruner = torch_pruning.pruner.MagnitudePruner(
        small,
        (example,),
        torch_pruning.importance.MagnitudeImportance(p=1),
        pruning_ratio=share,
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
def zeroed(model: nn.Module, left: dict[str, dict], example: torch.Tensor):
    """The full network's answer with the channels that are not left zero wherever they are read by a layer,
    and where a convolution or linear layer writes them (a function may use its weight as well). Layers that
    share a weight get one each, since the peer parts them."""
    model = copy.deepcopy(model)
    modules = dict(model.named_modules())
    for module in modules.values():
        if isinstance(module, (CONVOLUTIONS, nn.Linear)) and "weight" in module._parameters:
            module.weight = nn.Parameter(module.weight.clone())
    for name, channels in left["in"].items():
        module = modules[name]
        dimension = -1 - len(module.kernel_size) if isinstance(module, CONVOLUTIONS) else -1
        module.register_forward_pre_hook(keeping(channels, dimension))
    for name, channels in left["out"].items():
        module = modules[name]
        if isinstance(module, (CONVOLUTIONS, nn.Linear)):
            rows = module.weight.transpose(0, 1) if getattr(module, "transposed", False) else module.weight
            for tensor in (rows, module.bias):
                if tensor is not None:
                    tensor[sorted(set(range(len(tensor))) - set(channels))] = 0
    return model(example)


def keeping(channels: list[int], dimension: int):
    def kept(module, given):
        mask = torch.zeros(given[0].shape[dimension], dtype=given[0].dtype)
        mask[channels] = 1
        return (given[0] * mask.view([-1] + [1] * (-1 - dimension)), *given[1:])

    return kept


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
        detail = detail if len(detail) <= LONGEST else detail[:LONGEST].rstrip() + " ..."
        words = verdict if verdict == "exact" or not detail else f"{verdict}: {detail}"
        told += [words, f"{row['left']:.0%}" if "left" in row else ""]
    return told
