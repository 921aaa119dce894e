"""Pruning Explorer: see how a convolutional network can be made smaller, and get the smaller network.

import pruning
model = pruning.load_model("resnet20", data="scenes")
graph = pruning.ChannelGraph(model, example)
scores = pruning.score(graph, "l1")
plan = pruning.plan(graph, scores, cut=0.5)
small = pruning.cut(model, plan)

Names are imported when they are first used, so that `import pruning` costs nothing.
"""

from importlib import import_module

_WHERE = {
    "ChannelGraph": "pruning.channels.graph",
    "Plan": "pruning.cost",
    "Recipe": "pruning.experiment",
    "Result": "pruning.experiment",
    "LatencyTable": "pruning.latency",
    "cut": "pruning.surgery",
    "cut_optimizer": "pruning.optimizers",
    "export_onnx": "pruning.export.from_python",
    "export_program": "pruning.export.from_python",
    "latency_table": "pruning.runtimes",
    "load": "pruning.export.saved_network",
    "load_data": "pruning.data",
    "load_model": "pruning.models",
    "load_report": "pruning.experiment.report",
    "masked": "pruning.surgery",
    "plain": "pruning.plain_weights",
    "plan": "pruning.allocation",
    "repair": "pruning.reconstruction",
    "run": "pruning.experiment",
    "score": "pruning.criteria.scoring",
    "Target": "pruning.targets",
    "smallest": "pruning.targets",
    "search_plan": "pruning.search",
}

__all__ = sorted(_WHERE)
__version__ = "0.1.0"


def __getattr__(name: str):
    if name in _WHERE:
        value = globals()[name] = getattr(import_module(_WHERE[name]), name)
        return value
    where = f"pruning.{name}"
    try:
        if not name.startswith("_"):
            return import_module(where)  # as pruning.gates
    except ModuleNotFoundError as error:
        if error.name != where:
            raise
    raise AttributeError(f"module 'pruning' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
