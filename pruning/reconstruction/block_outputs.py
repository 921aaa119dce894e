"""What a network gives at the end of each block, asked for again and again: as fast as that can be had.

The pass is recorded once for each size of batch and run again from the list of its operations, norms folded.
A network that this is not possible with runs as it is, watched: the same values, in more time.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pruning.error_messages import first_line
from pruning.progress import between_layers
from pruning.reconstruction.blocks import Block
from pruning.reconstruction.folded_norms import Folding
from pruning.reconstruction.replay import Replay, Unrepeatable, record

Seen = Callable[[int, Tensor], None]  # seen(place among the blocks, tensor), as the network runs
CLOSE = 1e-3  # of a block's largest value: what another order of sums may change a replayed output by


class BlockOutputs:
    """model: in evaluation mode.   inputs: a few, to try it with.   trained: its weights are: `weights` are
    then what is to be moved, and `put_back` takes it into the network.   message: why it can't be replayed,
    or ''."""

    def __init__(self, model: nn.Module, blocks: list[Block], inputs: Tensor, *, trained: bool):
        self.model, self.numbers = model, [block.number for block in blocks]
        self.folding, self.recorded = Folding(trained=trained), {}
        self.message = ""
        # Channels last in memory: on a processor narrow convolutions are up to twice as fast so.
        last = inputs.dim() == 4 and inputs.device.type == "cpu"
        for kind in (torch.channels_last, None) if last else (None,):
            self.layout, self.recorded = kind, {}
            if not (why := self._unlike(inputs)):
                return
        self.message, self.recorded = why, None

    def __call__(self, inputs: Tensor, seen: Seen, look: Callable[[], None] = lambda: None):
        """look: called before each layer, so that a long pass can be ended in its middle."""
        if self.recorded is None:
            self._watched(inputs, seen, look)
            return
        if self.layout is not None:
            inputs = inputs.contiguous(memory_format=self.layout)
        shape = tuple(inputs.shape)
        if shape not in self.recorded:
            self.recorded[shape] = self._record(inputs)
        self.recorded[shape](inputs, seen, look)

    def _watched(self, inputs: Tensor, seen: Seen, look: Callable[[], None] = lambda: None):
        own = inputs.clone()  # not counted among the operations
        with between_layers(self.model, look), _Taps(self.numbers, seen):
            self.model(own)

    def _record(self, inputs: Tensor) -> Replay:
        return self.folding(record(self.model, inputs, self.numbers))

    def _unlike(self, inputs: Tensor) -> str:
        """Why replayed outputs are not the network's, or ''. Tried on other images than recorded."""
        other, pairs, last = inputs.flip(-1).neg(), [], {}
        try:
            with torch.no_grad():
                self(inputs, lambda *_: None)
                self(other, last.__setitem__)
                self._watched(other, lambda place, tensor: pairs.append((last[place], tensor.clone())))
        except (Unrepeatable, RuntimeError) as error:
            return first_line(error)
        unlike = [p for p, (a, b) in enumerate(pairs) if a.shape != b.shape or _differ(a, b)]
        return "its course hangs on the images" if unlike else ""

    def weights(self) -> list[nn.Parameter]:
        """What is to be moved: parameters, and folded ones in place of those they stand for."""
        folded = self.folding.every() if self.recorded is not None else []
        replaced = {id(tensor) for one in folded for tensor in one.replaced}
        own = [p for p in self.model.parameters() if p.requires_grad and p.numel() and id(p) not in replaced]
        return own + [weight for one in folded for weight in (one.weight, one.bias)]

    def put_back(self):
        """The folded weights into the network."""
        for one in self.folding.every() if self.recorded is not None else []:
            one.put_back()


def _differ(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() > CLOSE * other.abs().max())


class _Taps(TorchFunctionMode):
    """Shows what each block gives, as the network runs."""

    def __init__(self, numbers: list[int], seen: Seen):
        super().__init__()
        self.places, self.seen, self.number = {n: k for k, n in enumerate(numbers)}, seen, -1

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if any(isinstance(leaf, Tensor) for leaf in tree_leaves(result)):
            self.number += 1
            if self.number in self.places:
                self.seen(self.places[self.number], result)
        return result
