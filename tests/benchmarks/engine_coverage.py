"""Every network of torchvision and the zoo: what can be cut of it, whether the cut is exact, and counted."""

import copy
import gc
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import pruning
from tests.benchmarks.engine_networks import KINDS, convolutional, network
from tests.benchmarks.engine_rows import (
    ENGINE,
    ZOO,
    first_line,
    relative_difference,
    remembered,
    state_of,
)

CUT = 0.5  # share of the channels of every group that goes
SCOPES = ("inner", "all")
LIMIT, LIMIT_DOUBLE = 1e-5, 1e-10  # relative differences that rounding can leave
DOUBLE = (  # measured in double precision as well, as is what exceeds the limit in single precision
    *("resnet50", "densenet121", "mobilenet_v3_small", "efficientnet_b0"),
    *("shufflenet_v2_x1_0", "googlenet", "swin_v2_b", "deeplabv3_mobilenet_v3_large"),
)
NAMES = tuple(name for names in KINDS.values() for name in names)
OUTPUT = "it is the network's output"
DEPTHWISE = "depth-wise over channels that cannot be cut"


def state(name: str) -> str:
    """What this network's row depends on."""
    made = ZOO if name.startswith("zoo: ") else ("tests/benchmarks/engine_networks.py",)
    return state_of((*ENGINE, *made))


def measure(names: Iterable[str] = (), *, anew: bool = False):
    """Rows of these networks (none named: of all), one after the other."""
    torch.backends.mha.set_fastpath_enabled(False)  # else the counter hears nothing of its matrix products
    states = {name: state(name) for name in names or NAMES}  # of what has been imported, not of later edits
    for name in states:
        remembered("coverage", name, states[name], lambda name=name: row(name), anew=anew)
        gc.collect()


def row(name: str) -> dict:
    """All figures of one network, or {"raises": what it raised}."""
    try:
        model, example = network(name)
        start = time.perf_counter()
        graph = pruning.ChannelGraph(model, example)
        seconds = time.perf_counter() - start
        scores = pruning.score(graph, "random")
        found = about(graph, model, example) | {"seconds": seconds}
        for scope in SCOPES:
            found[scope] = scoped(model, example, graph, scores, scope)
        if name in DOUBLE or max(differences(found), default=0.0) > LIMIT:
            twin, exact = copy.deepcopy(model).double(), example.double()
            found["double"] = [difference(twin, exact, graph, scores, scope)[0] for scope in SCOPES]
        return found
    except Exception as error:  # an error is a row too
        return {"raises": first_line(error)}


def about(graph, model: nn.Module, example: torch.Tensor) -> dict:
    structure = graph.structure
    layers = [layer for layer in structure.layers if layer.kind != "norm"]
    maps = {name: dims.values() for name, dims in structure.maps.items()}
    whole = [x for x in layers if not any((index.group >= 0).any() for index in maps.get(x.weight, ()))]
    return {
        "shape": list(example.shape),
        "parameters": sum(p.numel() for p in model.parameters()),
        "verified": bool(graph.verified),
        "groups": len(graph.groups),
        "inner_groups": sum(group.inner for group in graph.groups),
        "under_norms": sum(group.renormalised for group in graph.groups),
        "layers": len(layers),
        "whole": {x.name or "the network itself": reason(structure, x) for x in whole},
        "fixed": dict(graph.fixed),
        "notes": list(structure.notes),
    }


def reason(structure, layer) -> str:
    """Why nothing of a layer can be cut."""
    if not layer.dense:
        return DEPTHWISE
    why = structure.fixed.get(layer.name) or next(iter(structure.notes), "no reason given")
    return f"{why}, and what it reads cannot be cut either" if why == OUTPUT else why


@torch.no_grad()
def scoped(model: nn.Module, example: torch.Tensor, graph, scores, scope: str) -> dict | None:
    """Figures of one cut; None where there is no group of this scope."""
    if not eligible(graph, scope):
        return None
    plan = pruning.plan(graph, scores, cut=CUT, measure="channels", groups=scope)
    small = pruning.cut(model, plan)
    with FlopCounterMode(display=False) as counter:
        small(example)
    products = counter.get_flop_counts().get("Global", {})
    parameters = sum(p.numel() for p in small.parameters())
    del small
    gap, moved = difference(model, example, graph, scores, scope)
    return {
        "left": plan.macs / plan.macs_before,
        "planned": plan.macs,
        "counted": counted(products, len(example)),
        "parameters_exact": plan.parameters == parameters,
        "difference": gap,
        "moved": moved,
    }


def eligible(graph, scope: str) -> list:
    return [group for group in graph.groups if group.inner or scope == "all"]


def counted(products: dict, images: int) -> list[float]:
    """MACs of one image by the counter, the products of attention left out (batched ones and its own
    kernels); and with the batched ones, since a weight may be read by one, too."""
    own = {str(key): flops for key, flops in products.items() if "attention" not in str(key)}
    bare = sum(flops for key, flops in own.items() if "bmm" not in key)
    return [bare / 2 / images, sum(own.values()) / 2 / images]


@torch.no_grad()
def difference(model, example, graph, scores, scope: str) -> tuple[float | None, float | None]:
    """Cut against masked, and masked against whole (0: the comparison would show nothing). Groups under a
    norm over channels stay whole, since there a cut rightly differs; None where there is no other."""
    under = [group.name for group in graph.groups if group.renormalised]
    if all(group.renormalised for group in eligible(graph, scope)):
        return None, None
    plan = pruning.plan(graph, scores, cut=CUT, measure="channels", groups=scope, protect=under)
    whole = model(example)
    with pruning.masked(model, plan):
        masked = model(example)
    return relative_difference(masked, pruning.cut(model, plan)(example)), relative_difference(whole, masked)


# ---------------------------------------------------------------------------------------- what is told of it

HEAD = (
    *("network", "example", "groups (inner)", "MACs left, `inner`", "`all`"),
    *("cut against masked, `inner`", "`all`", "MACs as planned", "layers prunable", "graph, s"),
)


def cells(row: dict) -> list[str]:
    """One line of the table of coverage."""
    if row.get("raises"):
        return [row["name"], f"raises: {row['raises']}", *[""] * (len(HEAD) - 2)]
    return [
        row["name"].removeprefix("zoo: "),
        " x ".join(str(side) for side in row["shape"][1:]),
        f"{row['groups']} ({row['inner_groups']})",
        *(f"{row[scope]['left']:.0%}" if row[scope] else "none" for scope in SCOPES),
        *(told(row[scope]["difference"]) if row[scope] else "none" for scope in SCOPES),
        ", ".join(dict.fromkeys(filter(None, (macs_told(row[scope]) for scope in SCOPES)))) or "none",
        f"{prunable(row):.0%} of {row['layers']}",
        f"{row['seconds']:.2f}",
    ]


def told(gap: float | None) -> str:
    return "all under norms" if gap is None else f"{gap:.1e}" if gap else "0"


def macs_told(cut: dict | None) -> str:
    if cut is None:
        return ""
    return "yes" if macs_right(cut) else f"{cut['planned']:,} but {cut['counted'][0]:,.0f}"


def macs_right(cut: dict) -> bool:
    return cut["planned"] in cut["counted"] and cut["parameters_exact"]


def prunable(row: dict) -> float:
    return 1 - len(row["whole"]) / row["layers"] if row["layers"] else 0.0


def differences(row: dict) -> list[float]:
    cuts = (row.get(scope) for scope in SCOPES)
    return [cut["difference"] for cut in cuts if cut and cut["difference"] is not None]


def reasons(rows: Iterable[dict]) -> list[tuple[str, int, str]]:
    """(reason, layers, networks) of all layers that stay whole, the most common first; modules unnamed."""
    layers, networks = Counter(), defaultdict(list)
    for row in rows:
        told = [re.sub(r"\w+(\.\w+)+", "...", why) for why in row.get("whole", {}).values()]
        layers.update(told)
        for why in dict.fromkeys(told):
            networks[why].append(row["name"])
    return [(why, count, some(networks[why])) for why, count in layers.most_common()]


def some(names: list[str]) -> str:
    return f"{len(names)}: {', '.join(names[:7])}{' ...' if len(names) > 7 else ''}"


def is_exception(row: dict) -> bool:
    return not row.get("raises") and convolutional(row["name"]) and prunable(row) < 0.9
