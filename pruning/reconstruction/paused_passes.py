"""Forward passes that pause at every step: so a layer sees all images, and only some are in memory.

The images are dealt into batches. Each batch is on its way through the network on a thread of its own, which
stops wherever the output of a step is taken up, until all the others have come there; then the layer is
changed, and all go on. Only one batch computes at a time, and what the others hold is the activation store's
affair. Nothing of a network is written down but its Python frames, so any network that runs can pause.
"""

import copy
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pruning.reconstruction.activation_store import ActivationStore, Scratch
from pruning.reconstruction.steps import Pass, Running, Step

BATCH = 128  # images that go through at once, at most
BYTES = 64 * 2**20  # of activations that one batch may hold on its way: near what caches hold is fast
PASSES = 128  # batches at most: each has two threads


def images_at_once(images: int, each: float) -> int:
    """Of so many images, of which one takes `each` bytes on its way."""
    return max(1, min(BATCH, int(BYTES / max(1.0, each))), -(-images // PASSES))


class PausedPass:
    """One batch on its way through a network.

    inputs: () -> the batch.   reading: Step -> where this network runs it.   look: (Running, result) -> what
    is wanted of a step, called as soon as it pauses.   `seen` is that, `running` the step's.
    rows: what layers see is held from their operation to where their output is taken up."""

    def __init__(
        self,
        model: nn.Module,
        inputs: Callable[[], Tensor],
        steps: Iterable[Step],
        reading: Callable,
        look: Callable,
        store: ActivationStore,
        *,
        rows: bool = True,
    ):
        self.model, self.inputs, self.look, self.store = model, inputs, look, store
        self.running: Running | None = None
        self.seen: Any = None
        self.change: Callable[[Running, Tensor], None] | None = None
        self.error: BaseException | None = None
        self.ended, self.live = False, list[weakref.ref[Tensor]]()
        self.resumed, self.paused = threading.Semaphore(0), threading.Semaphore(0)
        self.course = Pass(steps, reading, self._pause, rows=rows, made=self._made)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def go_on(self):
        """Lets it run until its next step; `change`, if there is one, is done first to the result at which
        it paused."""
        if not self.thread.ident:
            self.thread.start()
        self.resumed.release()

    def wait(self):
        """Until it pauses, or is through: then `running` is None. Raises what it raised."""
        self.paused.acquire()
        if self.error is not None:
            raise self.error

    def taken(self):
        """What was seen where it paused; it is not held any longer."""
        seen, self.seen = self.seen, None
        return seen

    def end(self):
        """It runs no further."""
        self.ended = True
        if self.thread.ident:
            self.resumed.release()
            self.thread.join()

    def _run(self):
        self.scratch = Scratch()
        self.resumed.acquire()
        try:
            if not self.ended:
                with torch.no_grad():
                    own = self.inputs()
                    self._made([own])
                    with self.course:
                        self.model(own)
        except _Ended:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.running = self.seen = None
            self.scratch.close()
            self.paused.release()

    def _made(self, tensors: Iterable[Tensor]):
        self.live += [weakref.ref(tensor) for tensor in tensors]

    def _pause(self, running: Running, result: Tensor):
        self.running, self.seen = running, self.look(running, result)
        living = {id(tensor): tensor for one in self.live if (tensor := one()) is not None}
        self.live = [weakref.ref(tensor) for tensor in living.values()]
        parked = self.store.park(living.values(), self.scratch)
        del living
        self.paused.release()
        self.resumed.acquire()
        if self.ended:
            raise _Ended
        self.store.fetch(parked, self.scratch)
        change, self.change = self.change, None
        if change is not None:
            change(running, result)


class _Ended(Exception):
    """Nobody waits for this pass any more."""


def own_shell(model: nn.Module) -> nn.Module:
    """The network with modules of its own and the same parameters and buffers: what modules keep in
    attributes while they run is then this pass's alone."""
    shared = (*model.parameters(), *model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in shared})
