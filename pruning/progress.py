"""What a long computation tells while it works, and how it is stopped.

Every long function takes a keyword `watch` and calls it at least once a batch. A watch that raises
`Cancelled` stops the
work there: progress and cancelling are one thing, and none of the mathematics knows about bars, jobs or
pages.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watch = Callable[..., None]  # watch(stage, done, total, **values): values are plain numbers and short texts


class Cancelled(Exception):
    """Raised by a watch between two batches: nobody wants the result any more."""


class Paused(Cancelled):
    """Raised by the work itself once it has kept its state, because it was asked to pause: it can go on."""


class Yielded(Exception):
    """Raised by long work between two parts, so that others get their turn: it is queued anew behind them,
    and the same call has to go on where it was."""


def others_wait(watch: Watch) -> bool:
    """Whether work that has had its turn should make way by raising `Yielded`; never where nobody queues,
    such as on the command line."""
    asked = getattr(watch, "others_wait", None)
    return asked is not None and asked()


def silent(stage: str, done: int, total: int, **values) -> None:
    """The watch of a caller who does not look. `values` is a page's or a bar's business, so it is not read
    here."""


def timed(watch: Watch) -> Watch:
    """A watch of a stage that begins now and is the same throughout: it adds the `seconds_left` of it."""
    began = time.perf_counter()

    def told(stage: str, done: int, total: int, **values):
        if done:
            values["seconds_left"] = (time.perf_counter() - began) / done * (total - done)
        watch(stage, done, total, **values)

    return told


@contextmanager
def between_layers(model, look: Callable[[], None]) -> Iterator[None]:
    """Inside, `look` is called before each layer of `model` that runs, so that a long batch can be ended in
    its middle. model: an nn.Module; its hooks come off again, also after an exception."""
    leaves = [module for module in model.modules() if next(module.children(), None) is None]
    leaves = [leaf for leaf in leaves if not type(leaf).__module__.startswith("torch.jit")]  # take no hooks
    hooks = [leaf.register_forward_pre_hook(lambda *_: look()) for leaf in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
