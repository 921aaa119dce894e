"""A forward pass that is run again as a list of operations: without modules, hooks or a mode that watches.

Recorded once under a TorchFunctionMode, so functional operations are there as well as modules'. Sizes are
those of the recording; one whose course hangs on values, or that computes unseen by PyTorch, is refused.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from pruning.models.module_modes import evaluating
from pruning.reconstruction.im2col import Call

# what may be asked of a tensor: sizes and kinds, which are the same in every pass
ASKED = frozenset(
    "__get__ size dim ndimension stride numel nelement __len__ is_contiguous is_floating_point is_complex "
    "element_size storage_offset get_device type".split()
)
WRITES = "__setitem__"  # gives nothing, and changes what it is given
NOTHING = -1  # number of an operation that gives nothing


class Unrepeatable(Exception):
    """Why a network's operations cannot be run again from a list, in a few words."""


@dataclass(frozen=True)
class Value:
    """Stands for what an operation makes, by number."""

    number: int


@dataclass(eq=False)
class Step:
    """An operation. number: as in a ForwardPass.   args, kwargs: with a `Value` for each tensor that another
    one makes.   made: numbers of the tensors in what it gives."""

    number: int
    func: Callable
    args: tuple
    kwargs: dict[str, Any]
    made: list[int]

    @property
    def read(self) -> list[int]:
        return [leaf.number for leaf in tree_leaves((self.args, self.kwargs)) if isinstance(leaf, Value)]

    @property
    def call(self) -> Call | None:
        """Of a layer."""
        return Call.of(self.func, self.args, self.kwargs)


@dataclass(eq=False)
class Replay:
    """What `record` makes; called, it shows `seen(place among the numbers, tensor)` what it was asked for."""

    steps: list[Step]
    places: dict[int, int]  # number of an operation -> its place

    def __post_init__(self):
        last = {value: k for k, step in enumerate(self.steps) for value in (*step.made, *step.read)}
        ending: dict[int, list[int]] = {}
        for value, k in last.items():
            ending.setdefault(k, []).append(value)
        self.plan = [
            (
                step.func,
                [_filler(arg) for arg in step.args],
                {name: _filler(arg) for name, arg in step.kwargs.items()},
                step.made,
                self.places.get(step.number),
                step.call is not None,
                ending.get(k, []),
            )
            for k, step in enumerate(self.steps)
        ]

    def __call__(self, inputs: Tensor, seen: Callable[[int, Tensor], None], look: Callable[[], None]):
        """look: called before each layer."""
        values: dict[int, Any] = {0: inputs.clone()}
        for func, args, kwargs, made, place, layer, ending in self.plan:
            if layer:
                look()
            result = func(*[fill(values) for fill in args], **{k: fill(values) for k, fill in kwargs.items()})
            if type(result) is Tensor:
                values[made[0]] = result
            else:
                values.update(zip(made, _tensors(result), strict=True))
            if place is not None:
                seen(place, result)
            for value in ending:
                values.pop(value, None)


def _filler(arg) -> Callable[[dict[int, Any]], Any]:
    """What puts an operation's argument together from values."""
    if isinstance(arg, Value):
        return itemgetter(arg.number)
    if any(isinstance(leaf, Value) for leaf in tree_leaves(arg)):
        return lambda values: tree_map(lambda x: values[x.number] if isinstance(x, Value) else x, arg)
    return lambda values: arg


def record(model: nn.Module, inputs: Tensor, numbers: Collection[int]) -> Replay:
    """The operations of these inputs through the network in evaluation mode, up to the last of `numbers`,
    which are shown. inputs: [N, ...], of the size that it will be run on.   Raises Unrepeatable."""
    tape = _Tape(model)
    with evaluating(model), torch.no_grad():
        own = inputs.clone()
        tape.known[own] = 0
        with tape:
            model(own)
    if tape.reason:
        raise Unrepeatable(tape.reason)
    last = next(place for place, step in enumerate(tape.steps) if step.number == max(numbers))
    return Replay(tape.steps[: last + 1], {number: place for place, number in enumerate(numbers)})


class _Tape(TorchFunctionMode):
    def __init__(self, model: nn.Module):
        super().__init__()
        held = [value for module in model.modules() for value in vars(module).values()]
        held += [*model.parameters(), *model.buffers()]
        self.constants = {id(leaf) for leaf in tree_leaves(held) if isinstance(leaf, Tensor)}
        self.known, self.count = WeakTensorKeyDictionary(), 1
        self.steps: list[Step] = []
        self.number, self.reason = -1, ""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        put_args, put_kwargs = self._put((args, kwargs))
        result = func(*args, **kwargs)
        made = _tensors(result)
        if not made and name != WRITES:
            self._asked(name, given)
            return result
        self.number += bool(made)
        self.reason = self.reason or self._unseen(name, given)
        number = self.number if made else NOTHING
        self.steps.append(Step(number, func, put_args, put_kwargs, [self._new(tensor) for tensor in made]))
        return result

    def _new(self, tensor: Tensor) -> int:
        number = self.known[tensor] = self.count
        self.count += 1
        return number

    def _put(self, given):
        def one(leaf):
            return Value(self.known[leaf]) if isinstance(leaf, Tensor) and leaf in self.known else leaf

        return tree_map(one, given)

    def _asked(self, name: str, given: list[Tensor]):
        """What gives no tensor: it may ask for sizes only."""
        of_values = any(tensor in self.known for tensor in given)
        if name == "_set_grad_enabled" or of_values and name not in ASKED:
            self.reason = self.reason or f"it calls {name}()"

    def _unseen(self, name: str, given: list[Tensor]) -> str:
        """A tensor that no operation here made, and that the network doesn't hold."""
        strange = any(tensor not in self.known and id(tensor) not in self.constants for tensor in given)
        return f"{name}() reads a tensor that is made unseen by PyTorch" if strange else ""


def _tensors(result) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
