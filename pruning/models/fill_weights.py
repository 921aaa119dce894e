"""Putting a state dict into a network, or saying in one sentence why it does not belong there, and where it
does."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pruning.models.registry import MODELS
from pruning.models.state_dict_names import (
    Located,
    below,
    located,
    other_names,
    prefixes,
    renewed,
    resized,
    unused,
)
from pruning.models.torchvision_index import FINGERPRINTS, OLDER, TORCHVISION, fingerprint
from pruning.tasks.contract import named_all
from pruning.terms import plural

if TYPE_CHECKING:
    from torch import Tensor, nn

STATISTICS = ("running_mean", "running_var")


ROUNDED = ".weight.tops"  # a part of a weight that `run --bits` has saved


class WrongWeights(ValueError):
    """Weights of another network, or for other classes. fits: the networks whose weights they are."""

    def __init__(self, sentence: str, fits: tuple[str, ...] = ()):
        super().__init__(sentence)
        self.fits = fits


def fill(model: "nn.Module", found: Located, name: str, *, source: str) -> None:
    """Loads what was found into `model`. name: of the network; source: of the file; both for messages.

    Raises WrongWeights naming the first parameter that is missing, unknown or of another shape, and the
    networks that the weights fit; ValueError naming the first that holds no finite numbers.
    """
    problem = first_difference(model.state_dict(), found.state)
    if problem:
        fits = fitting(found.given)
        fits = () if name.partition(",")[0] in fits else fits  # only its classes are other ones
        hint = f"; its weights are those of {' or '.join(fits)}" if fits else ""
        if any(each.endswith(ROUNDED) for each in found.given):
            hint = "; it holds weights in few bits: the folder that it was saved in opens with pruning.load"
        raise WrongWeights(f"{source} does not fit {name}: {problem}{hint}", fits)
    must_be_numbers(found.state, source=source)
    must_be_of_their_kind(model.state_dict(), found.state, source=source)
    restore(model, found.state, strict=False)  # only counters can be missing here


def restore(model: "nn.Module", state: "Mapping[str, Tensor]", *, strict: bool = True) -> None:
    """Puts tensors of a network's own names and shapes into it: `load_state_dict`, but without the upgrades
    of older versions that some classes make there. Torchvision's MNASNet makes its first layers anew in one
    of them, at full width, and refuses a mapping that does not tell its version."""
    whole = OrderedDict(state)
    modules = model.named_modules(remove_duplicate=False)
    versions = {name: {"version": getattr(type(module), "_version", 1)} for name, module in modules}
    whole._metadata = versions  # type: ignore[attr-defined] # where torch looks for it
    model.load_state_dict(whole, strict=strict)


def must_be_numbers(state: "Mapping[str, Tensor]", *, source: str) -> None:
    """Raises ValueError where weights or a norm's statistics hold NaN or infinite numbers, in one sentence:
    which, how many, and in how many more."""
    bad = [name for name, tensor in state.items() if not all_finite(tensor)]
    if not bad:
        return
    import torch

    tensor = state[bad[0]].detach()
    tensor = tensor.float() if tensor.element_size() == 1 else tensor
    nan, infinite = int(torch.isnan(tensor).sum()), int(torch.isinf(tensor).sum())
    kinds = [f"{count:,} are {word}" for count, word in ((nan, "NaN"), (infinite, "infinite")) if count]
    more = f", and so are some in {plural(len(bad) - 1, 'other tensor')}" if len(bad) > 1 else ""
    raise ValueError(
        f"{source} has weights that are no finite numbers: of the {tensor.numel():,} in {bad[0]!r} "
        f"{' and '.join(kinds)}{more}; give weights from before the training diverged"
    )


def must_be_of_their_kind(
    wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]", *, source: str
) -> None:
    """Raises ValueError where fractions are wanted and others are there, or a variance is below zero."""
    for name, tensor in state.items():
        if name in wanted and wanted[name].is_floating_point() and not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ValueError(f"{source} has {name!r} in {kind}; give weights in floating point, as float32")
        if name.endswith("running_var") and bool((tensor.float() < 0).any()):
            raise ValueError(f"{source} has variances below 0 in {name!r}; give weights as they were trained")


def all_finite(tensor: "Tensor") -> bool:
    """Whether a tensor holds finite numbers only, or no fractions at all. Its sum tells most of the time, in
    one pass and without a copy; a sum may overflow where no number is infinite."""
    import torch

    if not tensor.is_floating_point() and not tensor.is_complex():
        return True
    tensor = tensor.float() if tensor.element_size() == 1 else tensor  # torch sums no numbers of 8 bits
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def first_difference(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> str:
    """What differs first, in words; empty if nothing does. Other names come before other shapes."""
    if problem := other_names(wanted, state):
        return problem
    for key in resized(wanted, state)[:1]:
        has, needs = (" x ".join(map(str, tensor.shape)) or "1" for tensor in (state[key], wanted[key]))
        if classes := classes_in(wanted, state):
            needed = wanted[key].shape[0]
            told = f"it has {classes} classes and {needed} are needed ({key!r} is {has})"
            return f"{told}; give data with {classes} classes{named_all(classes, needed)}, or other weights"
        return f"{key!r} is {has} where {needs} is needed"
    return ""


def classes_in(wanted: "Mapping[str, Tensor]", state: "Mapping[str, Tensor]") -> int | None:
    """How many classes the weights are for, where that is all in which their shapes differ from the wanted
    ones: one layer, or several alike, have another number of outputs, and only a classifier's are read by no
    other layer."""
    keys = resized(wanted, state)
    if not keys or not all(rows_apart(wanted[key].shape, state[key].shape) for key in keys):
        return None
    rows = {(wanted[key].shape[0], state[key].shape[0]) for key in keys}
    return state[keys[0]].shape[0] if len(rows) == 1 else None


def rows_apart(one: "Sequence[int]", other: "Sequence[int]") -> bool:
    """Whether two shapes differ in their first number alone."""
    return len(one) == len(other) > 0 and one[1:] == other[1:]


def fitting(state: "Mapping[str, Tensor]") -> tuple[str, ...]:
    """The networks whose weights these are, for whatever number of classes: the listed ones, then
    torchvision's."""
    listed = [name for name in MODELS if fits(name, state)]
    known = {sign: name for name, sign in FINGERPRINTS.items()} | OLDER
    state = renewed(state)
    for prefix in ("", *prefixes(state, len(state) // 4)):
        used = {key: t.shape for key, t in below(state, prefix).items() if not unused(key, t)}
        if theirs := known.get(fingerprint(used)):
            return (*listed, TORCHVISION + theirs)
    return tuple(listed)


def fits(name: str, state: "Mapping[str, Tensor]") -> bool:
    """Whether the state dict is that of a listed network, for whatever number of classes."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"):  # shapes alone: nothing is initialised
        wanted = MODELS[name].build().state_dict()
    state = located(wanted, state).state
    same_names = not other_names(wanted, state)
    return same_names and (not resized(wanted, state) or classes_in(wanted, state) is not None)
