"""Putting a state dict into a network, or saying in one sentence why it does not belong there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pruning.models.registry import MODELS

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSIFIERS = ("linear", "fc")  # two names for the same layer in public checkpoints
UNUSED = ("aux1.", "aux2.", "AuxLogits.")  # torchvision's classifiers beside the network, for training only
COUNTER = "num_batches_tracked"  # absent in checkpoints written before torch 0.4.1


def fill(model: "nn.Module", state: "Mapping[str, Tensor]", name: str, *, source: str) -> None:
    """Loads `state` into `model`. name: of the network; source: of the file; both for messages.

    Raises ValueError naming the first parameter that is missing, unknown or of another shape.
    """
    wanted = model.state_dict()
    state = with_classifier_of(wanted, state)
    state = {key: tensor for key, tensor in state.items() if key in wanted or not key.startswith(UNUSED)}
    problem = first_difference(wanted, state)
    if problem:
        others = [other for other in MODELS if other != name and fits(other, state)]
        hint = f"; its weights are those of {others[0]}" if others else ""
        raise ValueError(f"{source} does not fit {name}: {problem}{hint}")
    model.load_state_dict(state, strict=False)  # only counters can be missing here


def with_classifier_of(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The state with its classifier named as the network names it: fc or linear."""
    for own, other in (CLASSIFIERS, CLASSIFIERS[::-1]):
        if f"{own}.weight" in wanted and f"{own}.weight" not in state:
            return {
                f"{own}.{key.split('.')[1]}" if key.split(".")[0] == other else key: t
                for key, t in state.items()
            }
    return dict(state)


def first_difference(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> str:
    """What differs first, in words; empty if nothing does. Other names come before other shapes."""
    missing = [key for key in wanted if key not in state and not key.endswith(COUNTER)]
    unknown = [key for key in state if key not in wanted and not key.endswith(COUNTER)]
    if missing:
        instead = f" (it has {unknown[0]!r})" if unknown else ""
        return f"it lacks {missing[0]!r}{instead}"
    if unknown:
        return f"it also has {unknown[0]!r}"
    for key in (key for key in wanted if key in state and state[key].shape != wanted[key].shape):
        has, needs = (" x ".join(map(str, tensor.shape)) or "1" for tensor in (state[key], wanted[key]))
        if key.split(".")[0] in CLASSIFIERS:
            classes = f"{state[key].shape[0]} classes and {wanted[key].shape[0]} are needed"
            return f"it has {classes} ({key!r} is {has})"
        return f"{key!r} is {has} where {needs} is needed"
    return ""


def fits(name: str, state: "Mapping[str, Tensor]") -> bool:
    """Whether the state dict is that of a listed network, for whatever number of classes."""
    import torch

    rows = next((state[f"{own}.weight"].shape for own in CLASSIFIERS if f"{own}.weight" in state), ())
    with torch.random.fork_rng(devices=[]):
        wanted = MODELS[name].build(classes=rows[0] if rows else 10).state_dict()
    return not first_difference(wanted, with_classifier_of(wanted, state))
