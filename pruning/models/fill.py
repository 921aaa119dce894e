"""Putting a state dict into a network, or saying in one sentence why it does not belong there, and where it
does."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pruning.models.registry import MODELS
from pruning.models.torchvision_index import COUNTER, FINGERPRINTS, fingerprint

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSIFIERS = ("linear", "fc")  # two names for the same layer in public checkpoints
UNUSED = ("aux1.", "aux2.", "AuxLogits.")  # torchvision's classifiers beside the network, for training only
TORCHVISION = "torchvision:"


class WrongWeights(ValueError):
    """Weights of another network, or for other classes. fits: the networks whose weights they are."""

    def __init__(self, sentence: str, fits: tuple[str, ...] = ()):
        super().__init__(sentence)
        self.fits = fits


def fill(model: "nn.Module", state: "Mapping[str, Tensor]", name: str, *, source: str) -> None:
    """Loads `state` into `model`. name: of the network; source: of the file; both for messages.

    Raises WrongWeights naming the first parameter that is missing, unknown or of another shape, and the
    networks that the weights fit.
    """
    wanted = model.state_dict()
    given, state = state, as_named_in(wanted, state)
    problem = first_difference(wanted, state)
    if problem:
        fits = fitting(given)
        fits = () if name in fits else fits  # only its classes are other ones
        hint = f"; its weights are those of {' or '.join(fits)}" if fits else ""
        raise WrongWeights(f"{source} does not fit {name}: {problem}{hint}", fits)
    model.load_state_dict(state, strict=False)  # only counters can be missing here


def as_named_in(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The state with its classifier named as the network names it, without what the network never uses."""
    state = with_classifier_of(wanted, state)
    return {key: tensor for key, tensor in state.items() if key in wanted or not key.startswith(UNUSED)}


def with_classifier_of(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The state with its classifier named as the network names it: fc or linear."""
    for own, other in (CLASSIFIERS, CLASSIFIERS[::-1]):
        if f"{own}.weight" in wanted and f"{own}.weight" not in state:
            return {
                own + key.removeprefix(other) if key.split(".")[0] == other else key: t
                for key, t in state.items()
            }
    return dict(state)


def first_difference(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> str:
    """What differs first, in words; empty if nothing does. Other names come before other shapes."""
    if problem := other_names(wanted, state):
        return problem
    for key in resized(wanted, state)[:1]:
        has, needs = (" x ".join(map(str, tensor.shape)) or "1" for tensor in (state[key], wanted[key]))
        if classes := classes_in(wanted, state):
            told = f"it has {classes} classes and {wanted[key].shape[0]} are needed ({key!r} is {has})"
            return f"{told}; give data with {classes} classes, or other weights"
        return f"{key!r} is {has} where {needs} is needed"
    return ""


def other_names(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> str:
    """The first name that is missing or unknown, in words; empty if there is none."""
    missing = [key for key in wanted if key not in state and not key.endswith(COUNTER)]
    unknown = [key for key in state if key not in wanted and not key.endswith(COUNTER)]
    if missing:
        instead = f" (it has {unknown[0]!r})" if unknown else ""
        return f"it lacks {missing[0]!r}{instead}"
    return f"it also has {unknown[0]!r}" if unknown else ""


def resized(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> list[str]:
    """The names that both have, with tensors of different shapes."""
    return [key for key in wanted if key in state and state[key].shape != wanted[key].shape]


def classes_in(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> int | None:
    """How many classes the weights are for, where that is all in which their shapes differ from the wanted
    ones: one layer has another number of outputs, and only a classifier's are read by no other layer."""
    state = as_named_in(wanted, state)
    keys = resized(wanted, state)
    one_layer = len({key.rpartition(".")[0] for key in keys}) == 1
    if one_layer and all(rows_apart(wanted[key].shape, state[key].shape) for key in keys):
        return state[keys[0]].shape[0]
    return None


def rows_apart(one: "Sequence[int]", other: "Sequence[int]") -> bool:
    """Whether two shapes differ in their first number alone."""
    return len(one) == len(other) > 0 and one[1:] == other[1:]


def fitting(state: "Mapping[str, Tensor]") -> tuple[str, ...]:
    """The networks whose weights these are, for whatever number of classes: the listed ones, then
    torchvision's."""
    listed = [name for name in MODELS if fits(name, state)]
    used = {key: tensor.shape for key, tensor in state.items() if not key.startswith(UNUSED)}
    known = {sign: name for name, sign in FINGERPRINTS.items()}
    theirs = known.get(fingerprint(used))
    return (*listed, TORCHVISION + theirs) if theirs else tuple(listed)


def fits(name: str, state: "Mapping[str, Tensor]") -> bool:
    """Whether the state dict is that of a listed network, for whatever number of classes."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"):  # shapes alone: nothing is initialised
        wanted = MODELS[name].build().state_dict()
    state = as_named_in(wanted, state)
    same_names = not other_names(wanted, state)
    return same_names and (not resized(wanted, state) or classes_in(wanted, state) is not None)
