"""An optimizer follows a cut: what it keeps of every parameter loses the channels that the parameter lost."""

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from pruning.channels.slices import selected
from pruning.cost import Plan
from pruning.surgery import must_be_its_cut

HOOKS = "_optimizer_"  # how torch calls an optimizer's dictionaries of hooks
OWN = ("state", "param_groups")  # of every optimizer: followed apart, before any attribute of its own
LEAST_CURVATURE = 1e-10  # of a pair of L-BFGS's history: torch's own threshold for keeping it


def cut_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module, small: nn.Module, plan: Plan
) -> torch.optim.Optimizer:
    """The same optimizer for the smaller network, its state (momentum, moments) following the kept channels.

    small: `cut(model, plan)`.   Settings of every parameter group and attributes of the optimizer's own come
    along, an optimizer inside it (as SAM and Lookahead hold one) is cut as well; `optimizer` is left as it
    was. State is cut by its shape: as the parameter where it has its shape, and along the dimensions that are
    left where it was summed over others (Adafactor's moments of rows and columns, which go on as they were).
    L-BFGS's history is cut by position, without the pairs that then show no curvature. A schedule is bound to
    its optimizer, so make a new one.

    Raises ValueError where the optimizer holds parameters that are not the network's, where `small` was not
    cut by this plan, and where a state's entries cannot be told apart by its shape.
    """
    must_be_its_cut(small, plan, model)
    if not hasattr(optimizer, "param_groups"):
        raise ValueError(
            f"{type(optimizer).__name__} has no param_groups; give the torch optimizer inside it"
        )
    return _Following(model, small, plan).optimizer(optimizer)


class _Following:
    """What the smaller network has in place of everything that an optimizer may refer to.

    seen: {id of an object: what stands for it}, as copy.deepcopy takes it.
    """

    def __init__(self, model: nn.Module, small: nn.Module, plan: Plan):
        self.lists: list[list[torch.Tensor]] = []  # parameters in the orders in which optimizers hold them
        self.names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.by_tensor, smaller = plan.by_tensor, dict(small.named_parameters())
        self.seen: dict[int, Any] = {
            id(parameter): smaller[name] for name, parameter in model.named_parameters()
        }
        modules = dict(small.named_modules())
        self.seen |= {id(m): modules[name] for name, m in model.named_modules() if name in modules}

    def kept(self, parameter: torch.Tensor) -> Mapping[int, np.ndarray]:
        return self.by_tensor.get(self.names[id(parameter)], {})

    def optimizer(self, whole: torch.optim.Optimizer) -> torch.optim.Optimizer:
        if id(whole) in self.seen:
            return self.seen[id(whole)]
        self.lists += [group["params"] for group in whole.param_groups]
        self.lists.append([parameter for group in whole.param_groups for parameter in group["params"]])
        for parameter in self.lists[-1]:
            self._must_be_ours(parameter)
        found = self.seen[id(whole)] = object.__new__(type(whole))
        for inner in _optimizers_in(vars(whole)):
            self.optimizer(inner)
        for name in OWN:
            if id(getattr(whole, name)) not in self.seen:  # shared with an optimizer inside, it stays shared
                self.seen[id(getattr(whole, name))] = getattr(self, name)(whole)
        for name, value in vars(whole).items():
            if name.startswith(HOOKS):
                found.__dict__[name] = copy.copy(value)  # what they are bound to stays as it is
            elif name != "step":  # which a schedule has put there, and which steps the old one
                found.__dict__[name] = self.copied(value)
        if isinstance(whole, torch.optim.LBFGS):
            found._numel_cache = None
        return found

    def _must_be_ours(self, parameter: torch.Tensor):
        if id(parameter) not in self.names:
            raise ValueError(
                "the optimizer holds parameters of another network; give the one that trains this"
            )

    def param_groups(self, whole: torch.optim.Optimizer) -> list[dict]:
        groups = [self.seen.setdefault(id(group), {}) for group in whole.param_groups]
        for group, follows in zip(whole.param_groups, groups, strict=True):
            follows |= {name: self.copied(value) for name, value in group.items()}
        return groups

    def state(self, whole: torch.optim.Optimizer) -> dict:
        found = defaultdict(dict)
        for parameter, values in whole.state.items():
            if not isinstance(parameter, torch.Tensor):
                found[parameter] = self.copied(values)
            elif isinstance(whole, torch.optim.LBFGS):
                places = self.places(whole.param_groups[0]["params"])
                found[self.seen[id(parameter)]] = _history(values, places)
            else:
                self._must_be_ours(parameter)
                found[self.seen[id(parameter)]] = self.of_one(values, parameter, type(whole).__name__)
        return found

    def of_one(self, values, parameter: torch.Tensor, owner: str):
        """What is kept for one parameter, cut as it."""
        if isinstance(values, Mapping):
            return {key: self.of_one(value, parameter, f"{owner}'s {key}") for key, value in values.items()}
        if isinstance(values, (list, tuple)):
            return type(values)(self.of_one(value, parameter, owner) for value in values)
        if not isinstance(values, torch.Tensor) or id(values) in self.seen:
            return self.copied(values)
        kept = _kept_of(values.shape, parameter.shape, self.kept(parameter))
        if kept is None:
            raise ValueError(
                f"{owner} of {self.names[id(parameter)]} has shape {tuple(values.shape)}, which does not say "
                "what belongs to a channel; make a new optimizer for the smaller network"
            )
        return selected(values, kept)

    def copied(self, value):
        """An attribute of an optimizer's own: what it holds by parameter, or a tensor for each parameter of a
        list in its order, is cut as that; the network and its parts are the smaller network's."""
        if id(value) in self.seen:
            return self.seen[id(value)]
        if isinstance(value, dict) and any(id(key) in self.names for key in value):
            found: Any = copy.copy(value)
            found.clear()
            for key, part in value.items():
                mine = id(key) in self.names
                found[self.seen[id(key)] if mine else key] = (
                    self.of_one(part, key, "an attribute") if mine else self.copied(part)
                )
        elif type(value) is list and any(isinstance(part, (list, torch.Tensor)) for part in value):
            beside = self._parameters_beside(value)
            found = (
                [
                    self.of_one(part, parameter, "an attribute")
                    for part, parameter in zip(value, beside, strict=True)
                ]
                if beside
                else [self.copied(part) for part in value]
            )
        else:
            try:
                return copy.deepcopy(value, self.seen)
            except TypeError:  # a lock, a process group: nothing that depends on a width
                found = value
        return self.seen.setdefault(id(value), found)

    def _parameters_beside(self, values: list) -> list[torch.Tensor]:
        """The parameters, in an optimizer's order, of which a list has one tensor each; none where it has
        not."""
        shapes = [part.shape if isinstance(part, torch.Tensor) else None for part in values]
        if any(id(part) in self.seen for part in values):
            return []
        return next((own for own in self.lists if [parameter.shape for parameter in own] == shapes), [])

    def places(self, parameters: Sequence[torch.Tensor]) -> torch.Tensor:
        """Which entries stay of all parameters laid one behind the other."""
        found, start = [], 0
        for parameter in parameters:
            every = torch.arange(start, start + parameter.numel(), device=parameter.device)
            found.append(selected(every.view(parameter.shape), self.kept(parameter)).flatten())
            start += parameter.numel()
        return torch.cat(found)


def _optimizers_in(attributes: dict) -> list[torch.optim.Optimizer]:
    """Optimizers that another holds, by itself or in a list or dictionary."""
    waiting, found = list(attributes.values()), []
    while waiting:
        value = waiting.pop()
        if isinstance(value, torch.optim.Optimizer):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            waiting += value
        elif type(value) is dict:
            waiting += value.values()
    return found


def _kept_of(shape: torch.Size, whole: torch.Size, kept: Mapping) -> Mapping | None:
    """What stays of a state of this shape, of a parameter of shape `whole`; None where that cannot be said.

    Known are the parameter's shape, one that has 1 or nothing in place of some dimensions, and one number.
    """
    if not kept or shape == whole or shape.numel() <= 1:
        return kept if shape == whole else {}
    if len(shape) == len(whole):
        same = all(one in (1, all_) for one, all_ in zip(shape, whole, strict=True))
        return {d: indices for d, indices in kept.items() if shape[d] > 1} if same else None
    ways = list(_ways(tuple(shape), tuple(whole), 0))
    found = [{way.index(d): kept[d] for d in kept if d in way} for way in ways]
    return found[0] if found and all(_alike(found[0], other) for other in found) else None


def _ways(shape: tuple, whole: tuple, start: int):
    """Every way in which a shape is some dimensions of the whole one, in their order."""
    if not shape:
        yield ()
    for d in range(start, len(whole)) if shape else ():
        if whole[d] == shape[0]:
            yield from ((d, *rest) for rest in _ways(shape[1:], whole, d + 1))


def _alike(one: Mapping, other: Mapping) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[d], other[d]) for d in one)


def _history(state: dict, places: torch.Tensor) -> dict:
    """L-BFGS's state for the entries that stay: directions, steps and gradients are cut, and 1 / (y . s) of
    each pair and the curvature follow from them anew."""
    found = {
        key: value.index_select(0, places) if isinstance(value, torch.Tensor) and value.dim() else value
        for key, value in state.items()
        if key not in ("old_dirs", "old_stps", "ro", "al")
    }
    if state.get("old_dirs") is None:
        return found
    pairs = [(y[places], s[places]) for y, s in zip(state["old_dirs"], state["old_stps"], strict=True)]
    pairs = [(y, s) for y, s in pairs if float(y @ s) > LEAST_CURVATURE]
    found["old_dirs"], found["old_stps"] = [y for y, _ in pairs], [s for _, s in pairs]
    found["ro"] = [1.0 / (y @ s) for y, s in pairs]
    if pairs:
        y, s = pairs[-1]
        found["H_diag"] = (y @ s) / (y @ y)
    return found
