"""GDP: a gate on every channel, trained with the network until it is exactly shut or wide open."""

from importlib import import_module

_WHERE = {
    "Gates": "gates",
    "Gated": "training",
    "GateTrace": "gate_trace",
    "GateOptimizer": "gate_optimizer",
    "train_gates": "training",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module 'pruning.gates' has no attribute {name!r}")
    return getattr(import_module(f"pruning.gates.{_WHERE[name]}"), name)
