"""A convolution or linear layer as a product: sampled rows of what it reads, times a matrix.

At every output position a layer computes a @ V + b, where a holds what the layer sees there: kernel x
channels numbers, all places of one channel beside each other. Grouped convolutions are several such products.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
PRODUCTS = ("matmul", "__matmul__", "mm")
_ARGUMENTS = {
    **dict.fromkeys(CONVOLUTIONS, ("input", "weight", "bias", "stride", "padding", "dilation", "groups")),
    **dict.fromkeys(
        TRANSPOSED,
        ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    ),
    "linear": ("input", "weight", "bias"),
    **dict.fromkeys(PRODUCTS, ("input", "weight")),
}
SAMPLED_ALL = 4096  # places up to which each image's sample is without repetition


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer, with all that it was given. name: of the operation."""

    name: str
    given: dict[str, Any]

    @classmethod
    def of(cls, func, args: tuple, kwargs: dict) -> "Call | None":
        """None for an operation that is no convolution, linear layer or matrix product."""
        name = getattr(func, "__name__", "")
        if name not in _ARGUMENTS:
            return None
        known = dict(zip(_ARGUMENTS[name], args, strict=False))
        return cls(name, known | {"weight" if key == "other" else key: v for key, v in kwargs.items()})

    def without_input(self) -> "Call":
        """The same, not holding what the layer was given."""
        return Call(self.name, self.given | {"input": None})

    input = property(lambda self: self.given["input"])
    weight = property(lambda self: self.given["weight"])
    bias = property(lambda self: self.given.get("bias"))
    groups = property(lambda self: self.given.get("groups", 1))
    transposed = property(lambda self: self.name in TRANSPOSED)
    channels_last = property(lambda self: self.name not in (*CONVOLUTIONS, *TRANSPOSED))

    @property
    def input_channels(self) -> int:
        return self.input.shape[-1 if self.channels_last else self.input.dim() - len(self.kernel) - 1]

    @property
    def kernel(self) -> tuple[int, ...]:
        return () if self.channels_last else tuple(self.weight.shape[2:])

    def matrix(self, weight: Tensor | None = None) -> Tensor:
        """V: [groups, columns, outputs of a group]. weight: another one of the same layout."""
        weight = (self.weight if weight is None else weight).detach()
        if self.name in PRODUCTS:
            return weight.unsqueeze(0)
        if (
            self.transposed
        ):  # a convolution of the input with zeros put between, its kernel the other way round
            flipped = weight.flip(list(range(2, weight.dim())))
            split = flipped.unflatten(0, (self.groups, len(flipped) // self.groups)).transpose(2, 1)
        else:
            split = weight.unflatten(0, (self.groups, len(weight) // self.groups))
        return split.flatten(2).transpose(1, 2)

    def weight_of(self, matrix: Tensor) -> Tensor:
        """The weight whose matrix this is."""
        if self.name in PRODUCTS:
            return matrix[0]
        split = matrix.transpose(1, 2)
        if not self.transposed:
            return split.reshape(self.weight.shape)
        inputs, outputs = self.weight.shape[:2]
        split = split.reshape(self.groups, outputs, inputs // self.groups, *self.kernel).transpose(2, 1)
        return split.reshape(self.weight.shape).flip(list(range(2, self.weight.dim())))

    def rows(self, where: "Places") -> Tensor:
        """What the layer sees at these places of its output: [groups, rows, columns]."""
        if self.channels_last:
            return self._flat(self.input, where).unsqueeze(0)
        padded, stride, dilation = self._padded()
        spatial = padded.dim() - 2
        corner = [p * s for p, s in zip(where.grid(), stride, strict=True)]
        rows = padded.new_empty(len(where), padded.shape[1], math.prod(self.kernel))
        for place, offset in enumerate(np.ndindex(*self.kernel)):
            at = [corner[d] + offset[d] * dilation[d] for d in range(spatial)]
            rows[:, :, place] = padded[(where.image, slice(None), *at)]
        columns = rows.shape[1] // self.groups * rows.shape[2]  # none of a closed layer
        return rows.reshape(len(rows), self.groups, columns).transpose(0, 1)

    def outputs(self, output: Tensor, where: "Places") -> Tensor:
        """A map of the output's shape at these places: [rows, outputs]."""
        if self.channels_last:
            return self._flat(output, where)
        return output[(where.image, slice(None), *where.grid())]

    def split(self, outputs: Tensor) -> Tensor:
        """[rows, outputs] as [groups, rows, outputs of a group]."""
        return outputs.reshape(len(outputs), self.groups, -1).transpose(0, 1)

    def size(self, output: Tensor) -> tuple[int, ...]:
        """Of the output's map: () where there is one number a channel."""
        return tuple(output.shape[1:-1] if self.channels_last else output.shape[2:])

    def _flat(self, tensor: Tensor, where: "Places") -> Tensor:
        if tensor.dim() == 1:
            tensor = tensor.unsqueeze(0)
        return tensor.reshape(len(tensor), -1, tensor.shape[-1])[where.image, where.place]

    def _padded(self) -> tuple[Tensor, tuple[int, ...], tuple[int, ...]]:
        """The input with its padding, the stride and the dilation of an ordinary convolution over it."""
        spatial = len(self.kernel)
        stride, dilation = (_each(self.given.get(n, 1), spatial) for n in ("stride", "dilation"))
        reach = [d * (k - 1) for d, k in zip(dilation, self.kernel, strict=True)]
        padding = self.given.get("padding", 0)
        if padding == "same":
            sides = [(r // 2, r - r // 2) for r in reach]
        else:
            padding = _each(0 if padding == "valid" else padding, spatial)
            sides = [(p, p) for p in padding]
        if not self.transposed:
            return F.pad(self.input, _sides(sides)), stride, dilation
        more = _each(self.given.get("output_padding", 0), spatial)
        sides = [(r - p, r - p + m) for r, p, m in zip(reach, padding, more, strict=True)]
        return F.pad(_spread(self.input, stride), _sides(sides)), (1,) * spatial, dilation


def _each(value, spatial: int) -> tuple[int, ...]:
    return (value,) * spatial if isinstance(value, int) else tuple(value) * (spatial // len(value))


def _sides(sides: list[tuple[int, int]]) -> list[int]:
    """As F.pad wants them: the last dimension first. A negative one crops."""
    return [side for pair in reversed(sides) for side in pair]


def _spread(maps: Tensor, stride: tuple[int, ...]) -> Tensor:
    """The maps with stride - 1 zeros between their places."""
    size = [(n - 1) * s + 1 for n, s in zip(maps.shape[2:], stride, strict=True)]
    wide = maps.new_zeros(*maps.shape[:2], *size)
    wide[(..., *(slice(None, None, s) for s in stride))] = maps
    return wide


@dataclass(frozen=True, eq=False)
class Places:
    """Sampled output positions. image, place: [rows], the place counted through the map.   size: its."""

    image: Tensor
    place: Tensor
    size: tuple[int, ...]

    @classmethod
    def drawn(cls, random: np.random.Generator, images: int, size: tuple[int, ...], number: int, device):
        """`number` places of each of `images` images; all of them where there are no more."""
        every = math.prod(size)
        if number >= every:
            place = np.tile(np.arange(every), (images, 1))
        elif every <= SAMPLED_ALL:
            place = np.argpartition(random.random((images, every), np.float32), number, axis=1)[:, :number]
        else:
            place = random.integers(0, every, (images, number))
        image = np.repeat(np.arange(images), place.shape[1])
        image, place = image.reshape(-1), np.sort(place, 1).reshape(-1)
        return cls(torch.from_numpy(image).to(device), torch.from_numpy(place).to(device), size)

    def of(self, first: int, number: int) -> "Places":
        """Those of some images in a row, which are then the first ones."""
        each = len(self.image) // max(1, int(self.image[-1]) + 1)
        part = slice(first * each, (first + number) * each)
        return Places(self.image[part] - first, self.place[part], self.size)

    def grid(self) -> list[Tensor]:
        """[rows] for every dimension of the map."""
        left, found = self.place, []
        for n in reversed(self.size):
            found.append(left % n)
            left = left // n
        return found[::-1]

    def __len__(self) -> int:
        return len(self.image)
