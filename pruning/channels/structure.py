"""What is known of a network's channels, as plain records: picklable, comparable, without torch."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that can only be cut together with what is tied to them.

    size: channels that can be cut one by one.   positions: places in `layers[0]`'s output that one channel
    stands for (2 for the halves of a gated linear unit, the number of norm groups for a grouped convolution).
    layers: the layers that write it, in the order they run; the first names the group.   readers: those that
    read it.
    inner: written by one dense or grouped layer (gates that multiply it aside); else it is a stream of
    several.
    renormalised: some norm is computed over its channels, so that removing any changes the others' scale.
    """

    name: str
    size: int
    layers: tuple[str, ...]
    readers: tuple[str, ...]
    inner: bool
    positions: int = 1
    renormalised: bool = False

    @property
    def tied_to(self) -> tuple[str, ...]:
        return self.layers[1:]


@dataclass(frozen=True, eq=False)
class IndexMap:
    """What each index of one dimension of one tensor belongs to.

    group: [P], position in `Structure.groups`, -1 where the index cannot be cut.   channel: [P], channel of
    that group.
    """

    group: np.ndarray
    channel: np.ndarray

    def __len__(self) -> int:
        return len(self.group)

    def of(self, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions that belong to this group, and the channel at each."""
        positions = np.flatnonzero(self.group == group)
        return positions, self.channel[positions]


@dataclass(frozen=True)
class LayerRecord:
    """A convolution or linear layer, or a norm, as it ran on the example.

    kind: convolution, depth-wise convolution, grouped convolution, transposed convolution, linear, norm.
    weight: dotted name of its weight tensor.   output, input: the weight's dimensions indexed by what it
    writes and reads (None: has none).   macs_each: multiply-accumulates per entry of the weight's first two
    dimensions, kernel and positions over all its calls, for one image (of a derived weight: all of them).
    shape: of its last output, without the batch.   groups: a grouped convolution's.
    """

    name: str
    kind: str
    weight: str
    output: int | None
    input: int | None
    macs_each: int
    shape: tuple[int, ...] = ()
    groups: int = 1

    @property
    def dense(self) -> bool:
        """Whether it makes new channels out of those it reads."""
        return self.kind not in ("norm", "depth-wise convolution")


@dataclass(frozen=True)
class Verification:
    """How sure it is that cutting is right; true where nothing was left out.

    plans: random plans tried, each cutting some channels of most groups.   passes: forward passes that took,
    of the whole network and of cut ones.   left_out: what was not tried, and why.   unseen: groups of which
    the layers that read them were given zeros alone, so that no difference could show there.
    """

    plans: int = 0
    passes: int = 0
    left_out: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.left_out

    def __str__(self) -> str:
        plans = f"{self.plans} random {'plan' if self.plans == 1 else 'plans'}"
        parts = [f"cut networks were compared with masked ones on {plans}, in {self.passes} forward passes"]
        parts += [f"left out: {', '.join(self.left_out)}"] if self.left_out else []
        parts += [f"nothing but zeros was read of {', '.join(self.unseen)}"] if self.unseen else []
        return "; ".join(parts)


DERIVED = "derived weight"  # the reason why what is computed from other tensors is not cut begins with it
UNVERIFIED = Verification(left_out=("all of it, since it was not asked for",))


@dataclass(frozen=True, eq=False)
class Structure:
    """A network's channels: groups, who writes and reads them, and what every tensor's dimensions are indexed
    by.

    heads: layers that run only in training: they lose the channels that they read, and no other.
    shapes: {tensor name: shape} of every parameter.   maps: {tensor name: {dimension: IndexMap}}, buffers
    included.
    beside: {name: shape} of what costs multiply-accumulates and is no parameter: buffers that are weights,
    and (channels, 1) of layers that work on every channel alone; `alone`: {such a layer: its IndexMap}.
    fixed: {layer: why its outputs cannot be cut}.   notes: what the trace met that it could not follow.
    """

    groups: tuple[ChannelGroup, ...]
    layers: tuple[LayerRecord, ...]
    shapes: dict[str, tuple[int, ...]]
    maps: dict[str, dict[int, IndexMap]]
    fixed: dict[str, str]
    beside: dict[str, tuple[int, ...]] = field(default_factory=dict)
    alone: dict[str, IndexMap] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model_digest: str = ""
    input_shape: tuple[int, ...] = ()
    heads: tuple[LayerRecord, ...] = ()
    verified: Verification = UNVERIFIED
    names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self):
        object.__setattr__(self, "names", tuple(group.name for group in self.groups))

    @cached_property
    def by_name(self) -> dict[str, ChannelGroup]:
        return {group.name: group for group in self.groups}

    @cached_property
    def starts(self) -> np.ndarray:
        """[G + 1]: where each group's channels begin when all are counted through, and their number."""
        return np.concatenate([[0], np.cumsum([group.size for group in self.groups])]).astype(int)

    @cached_property
    def places(self) -> dict[str, dict[int, np.ndarray]]:
        """{tensor: {dimension: [P]}}: each index's channel, counted through all groups; the last place, which
        is no channel's, where it belongs to none."""
        return {
            name: {
                d: np.where(index.group >= 0, self.starts[index.group] + index.channel, self.starts[-1])
                for d, index in dims.items()
            }
            for name, dims in self.maps.items()
        }

    def layers_of(self, group: int, side: str) -> list[LayerRecord]:
        """The layers on one side of a group: `writers` (dense), `readers` (dense), `norms`."""
        return self._sides[side].get(group, [])

    @cached_property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """{name: shape} of all that costs multiply-accumulates."""
        return self.shapes | self.beside

    def axes(self, name: str) -> tuple[int, int]:
        """The two dimensions of a tensor that channels index: its leading ones, where fewer are indexed."""
        indexed = sorted(self.maps.get(name, {}))
        others = [d for d in range(len(indexed) + 2) if d not in indexed]
        one, other = sorted([*indexed, *others][:2])
        return one, other

    @cached_property
    def occupancy(self) -> dict[str, np.ndarray]:
        """{parameter, or what else costs: [2, G + 1]}: how many indices of its two `axes` one channel of each
        group takes, and in the last column how many belong to none. A missing dimension counts as one
        constant index."""
        sizes = np.array([group.size for group in self.groups] + [1], float)
        found = {}
        for name, shape in self.sizes.items():
            rows = np.zeros((2, len(sizes)))
            maps = {0: self.alone[name]} if name in self.alone else self.maps.get(name, {})
            for row, dimension in enumerate(self.axes(name)):
                index = maps.get(dimension)
                if index is None:
                    rows[row, -1] = shape[dimension] if dimension < len(shape) else 1
                else:  # group -1 counts into the last column
                    rows[row] = np.bincount(index.group % len(sizes), minlength=len(sizes)) / sizes
            found[name] = rows
        return found

    @cached_property
    def _sides(self) -> dict[str, dict[int, list[LayerRecord]]]:
        sides = {"writers": {}, "readers": {}, "norms": {}}
        for layer in self.layers:
            for side, dimension in self.sides(layer).items():
                for group in np.unique(self.maps[layer.weight][dimension].group):
                    if group >= 0:
                        sides[side].setdefault(int(group), []).append(layer)
        return sides

    def sides(self, layer: LayerRecord) -> dict[str, int]:
        """{side: dimension of the weight} on which this layer touches channels."""
        mapped = self.maps.get(layer.weight, {})
        if layer.kind == "norm":
            return {"norms": 0} if 0 in mapped else {}
        wanted = {"writers": layer.output, "readers": layer.input} if layer.dense else {}
        return {side: dimension for side, dimension in wanted.items() if dimension in mapped}
