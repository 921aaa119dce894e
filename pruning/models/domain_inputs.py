"""Networks that take a picture and a domain apart, as the published StarGAN does, made ones of one input."""

import inspect
from typing import TYPE_CHECKING, Any

from pruning.tasks import TRANSLATED, Task

if TYPE_CHECKING:
    from torch import Tensor, nn

JOINED = "takes_domains_as_maps"  # on the class of a network that `join` has changed
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def takes_two(network: "nn.Module") -> bool:
    """Whether its forward needs two tensors."""
    parameters = inspect.signature(network.forward).parameters.values()
    return sum(one.kind in POSITIONAL and one.default is one.empty for one in parameters) == 2


def join_where_asked(network: "nn.Module", task: Task | None, channels: int = 3) -> None:
    """Makes a network of one input of one that takes two, where data ask for translations."""
    if task is not None and task.name == TRANSLATED.name and takes_two(network):
        join(network, channels)


def join(network: "nn.Module", channels: int) -> None:
    """From now on it takes pictures [N, channels, H, W] with maps of domains [N, D, H, W] behind them, and
    gives its own forward the pictures and one value a map, [N, D]. In place: its parameters keep their
    names."""
    kind: Any = type(network)

    def forward(self, joint: "Tensor") -> "Tensor":
        return kind.forward(self, joint[:, :channels], joint[:, channels:, 0, 0])

    own = {"forward": forward, "__module__": kind.__module__, JOINED: True}
    network.__class__ = type(kind.__name__, (kind,), own)


def separated(network: "nn.Module") -> bool:
    """Makes a network that takes pictures with maps of domains behind them take both apart, pictures
    [N, channels, H, W] and one-hot domains [N, D], where its own forward can; whether it does. In place."""
    kind: Any = type(network)
    if kind.__dict__.get(JOINED):
        network.__class__ = kind.__mro__[1]
        return True
    parameters = [p for p in inspect.signature(network.forward).parameters.values() if p.kind in POSITIONAL]
    return [p.name for p in parameters] == ["pictures", "domains"]
