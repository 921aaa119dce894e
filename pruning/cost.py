"""What a network costs at any widths, and the Plan that says which channels stay. NumPy only: no torch, no
model.

"FLOPs" means multiply-accumulates (MACs) of convolutions and linear layers, as in the papers. The MACs of a
layer are a * n_in * n_out (depth-wise: a * n), and each n is a constant plus a weighted sum of group widths,
so the cost of any widths
is a bilinear form: exact, and microseconds to evaluate.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pruning.channels.indices import kept_by_tensor
from pruning.channels.structure import Structure
from pruning.untrusted.json_texts import parsed


class CostForm:
    """cost(n) = constant + sum over terms of each * (first @ [n, 1]) * (second @ [n, 1]).

    each: [T].   first, second: [T, G + 1], channels of every group in a tensor's two leading dimensions, the
    last column what does not change.
    """

    def __init__(self, each: Iterable[float], first: np.ndarray, second: np.ndarray, constant: float = 0):
        self.each, self.first, self.second = np.asarray(list(each), float), first, second
        self.constant = constant

    def __call__(self, widths: np.ndarray) -> float:
        """widths: [G], channels kept in every group; fractions are allowed, for bisection."""
        n = np.append(np.asarray(widths, float), 1.0)
        return self.constant + float(self.each @ ((self.first @ n) * (self.second @ n)))


def macs_form(structure: Structure) -> CostForm:
    """MACs of one image. Equal to half of what torch's FLOP counter counts for convolutions and matrix
    products."""
    own = [layer for layer in structure.layers if layer.weight in structure.sizes and layer.macs_each]
    derived = sum(layer.macs_each for layer in structure.layers if layer.weight not in structure.sizes)
    return _form(structure, [(layer.weight, layer.macs_each) for layer in own], constant=derived)


def parameters_form(structure: Structure) -> CostForm:
    """Number of parameters, those of norms and biases included; buffers are none."""
    tensors = []
    for name, shape in structure.shapes.items():
        axes = structure.axes(name)
        tensors.append((name, int(np.prod([n for d, n in enumerate(shape) if d not in axes]))))
    return _form(structure, tensors)


def _form(structure: Structure, tensors: list[tuple[str, int]], *, constant: int = 0) -> CostForm:
    rows = [structure.occupancy[name] for name, _ in tensors]
    stacked = np.stack(rows) if rows else np.zeros((0, 2, len(structure.groups) + 1))
    return CostForm([each for _, each in tensors], stacked[:, 0], stacked[:, 1], constant)


WIDTHS = ["group", "before", "after", "share_cut", "inner", "tied_to", "closed"]  # of `Plan.table`


@dataclass(frozen=True)
class Step:
    """One step of an allocation that searches: which group gave, and what that cost.

    channels: given in this step.   kept: that the group has left.   rise: of what the search counts.   price:
    that in all, after the step; nats (of cross-entropy or KL), DI lost, or utility lost.   left: of the
    measure that is cut (MACs, parameters, channels), after the step.
    """

    group: str
    channels: int
    kept: int
    rise: float
    price: float
    left: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """Which channels stay, in every group, and what that costs.

    kept: {group: [width] channel indices, ascending}.   requested, achieved: shares of `measure` removed, 0
    to 1.
    macs, parameters: of the network cut by this plan; `*_before` of the whole one.   expected: accuracy,
    where predicted.
    path: a Step each time that a group gave, where an allocation searched.   messages: what a user should
    know, in sentences.
    """

    kept: dict[str, np.ndarray]
    measure: str
    requested: float
    achieved: float
    macs: int
    parameters: int
    macs_before: int
    parameters_before: int
    model_digest: str
    input_shape: tuple[int, ...]
    messages: tuple[str, ...] = ()
    expected: dict | None = None
    path: tuple[Step, ...] = ()
    changes: tuple[dict, ...] = ()  # in order: own code, sliced classes, closed blocks, bits
    structure: Structure | None = field(default=None, repr=False)  # absent in a plan read from a file
    stored: dict | None = field(default=None, repr=False)  # {"by_tensor": ..., "reads": ...} of such a plan

    @property
    def widths(self) -> dict[str, int]:
        return {name: len(channels) for name, channels in self.kept.items()}

    @property
    def closed(self) -> dict[str, str]:
        """{group: the block that it closed with} of the groups that closed whole."""
        changes = [c for c in self.changes if c["kind"] == "closed" and c.get("group") in self.kept]
        return {
            c["group"]: str(c.get("block", c["group"])) for c in changes if not len(self.kept[c["group"]])
        }

    @cached_property
    def by_tensor(self) -> dict[str, dict[int, np.ndarray]]:
        """{tensor: {dimension: indices that stay}} of every tensor that gets smaller."""
        if self.stored is not None:
            return self.stored["by_tensor"]
        return kept_by_tensor(self.structure, dict(enumerate(self.kept.values())))

    @cached_property
    def reads(self) -> dict[str, int]:
        """{weight: dimension indexed by the channels that it reads}, for the weights that read cut
        channels."""
        if self.stored is not None:
            return self.stored["reads"]
        layers = [layer for layer in (*self.structure.layers, *self.structure.heads) if layer.dense]
        return {x.weight: x.input for x in layers if x.input in self.by_tensor.get(x.weight, {})}

    def then(self, second: "Plan") -> "Plan":
        """One plan that does what this one and, on the network that it leaves, the second do together.

        Raises ValueError where the second is not of such a network, or where the first cut has given it other
        groups: a grouped convolution with one channel a group is a depth-wise one."""
        found, wanted = (second.macs_before, second.parameters_before), (self.macs, self.parameters)
        sizes = (
            {group.name: group.size for group in second.structure.groups} if second.structure else self.widths
        )
        if found != wanted or sizes != self.widths or second.kept.keys() != self.kept.keys():
            raise ValueError("the second plan is not of the network that the first leaves, group by group")
        kept = {name: channels[second.kept[name]] for name, channels in self.kept.items()}
        by_tensor = {name: dict(dims) for name, dims in self.by_tensor.items()}
        for name, dims in second.by_tensor.items():
            for dimension, stay in dims.items():
                mine = by_tensor.setdefault(name, {})
                mine[dimension] = mine[dimension][stay] if dimension in mine else stay
        share = 1 - (1 - self.achieved) * (1 - second.achieved)
        return replace(
            self,
            kept=kept,
            macs=second.macs,
            parameters=second.parameters,
            requested=share,
            achieved=share,
            messages=(*self.messages, *second.messages),
            path=(*self.path, *second.path),
            stored={"by_tensor": by_tensor, "reads": {**second.reads, **self.reads}},
        )

    def table(self) -> pd.DataFrame:
        """A row a group: group, before, after (channels), share_cut (0 to 1), inner, tied_to (other writing
        layers), closed (the block that it closed with, or nothing)."""
        rows, closed = [], self.closed
        for group in self.structure.groups if self.structure else ():
            after = len(self.kept[group.name])
            share = 1 - after / group.size
            told = (group.inner, "; ".join(group.tied_to), closed.get(group.name, ""))
            rows.append((group.name, group.size, after, share, *told))
        return pd.DataFrame(rows, columns=WIDTHS)

    def path_table(self) -> pd.DataFrame:
        """A row a step of the search: group, channels, kept, rise, price, left, as Step says."""
        return pd.DataFrame([asdict(step) for step in self.path], columns=[f.name for f in fields(Step)])

    def to_json(self) -> str:
        """Enough to cut a fresh copy of the same network without its example."""
        tensors = {name: {d: i.tolist() for d, i in dims.items()} for name, dims in self.by_tensor.items()}
        content = {
            "version": 1,
            "model_digest": self.model_digest,
            "input_shape": list(self.input_shape),
            "measure": self.measure,
            "requested": self.requested,
            "achieved": self.achieved,
            "macs": [self.macs_before, self.macs],
            "parameters": [self.parameters_before, self.parameters],
            "kept": {name: channels.tolist() for name, channels in self.kept.items()},
            "by_tensor": tensors,
            "reads": self.reads,
            "changes": list(self.changes),
            "messages": list(self.messages),
            "path": [astuple(step) for step in self.path],
        }
        return json.dumps(content) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Plan":
        """Raises ValueError where the text is no plan."""
        try:
            content = parsed(text)
            if content["version"] != 1:
                raise ValueError
            return cls(
                kept={name: indices(channels) for name, channels in content["kept"].items()},
                measure=content["measure"],
                requested=float(content["requested"]),
                achieved=float(content["achieved"]),
                macs_before=int(content["macs"][0]),
                macs=int(content["macs"][1]),
                parameters_before=int(content["parameters"][0]),
                parameters=int(content["parameters"][1]),
                model_digest=content["model_digest"],
                input_shape=tuple(map(int, content["input_shape"])),
                changes=changes_of(content["changes"]),
                messages=tuple(map(str, content["messages"])),
                path=tuple(Step(*step) for step in content.get("path", ())),
                stored={
                    "by_tensor": {
                        name: {int(d): indices(i) for d, i in dims.items()}
                        for name, dims in content["by_tensor"].items()
                    },
                    "reads": {name: int(d) for name, d in content["reads"].items()},
                },
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError("that is no plan: give a plan.json written by run") from error


def indices(channels: Any) -> np.ndarray:
    """Channel numbers out of a file: [width]. Raises ValueError for anything else."""
    if not isinstance(channels, list) or not all(type(number) is int and number >= 0 for number in channels):
        raise ValueError("channels are a list of whole numbers")
    return np.asarray(channels, int)


def changes_of(told: Any) -> tuple[dict, ...]:
    """A plan's further changes out of a file. Raises ValueError for anything but records of some kind."""
    if not isinstance(told, list) or not all(isinstance(one, dict) and "kind" in one for one in told):
        raise ValueError("changes are records of a kind")
    return tuple(told)
