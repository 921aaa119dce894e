"""What a long computation tells while it works, and how it is stopped.

Every long function takes a keyword `watch` and calls it at least once a batch. A watch that raises
`Cancelled` stops the
work there: progress and cancelling are one thing, and none of the mathematics knows about bars, jobs or
pages.
"""

from collections.abc import Callable

Watch = Callable[..., None]  # watch(stage, done, total, **values): values are plain numbers and short texts


class Cancelled(Exception):
    """Raised by a watch between two batches: nobody wants the result any more."""


class Paused(Cancelled):
    """Raised by the work itself once it has kept its state, because it was asked to pause: it can go on."""


def silent(stage: str, done: int, total: int, **values) -> None:
    """The watch of a caller who does not look. `values` is a page's or a bar's business, so it is not read
    here."""
