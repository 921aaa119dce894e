"""Which channel groups may be closed whole: does the answer still depend on the image, and what else is then
without use?

One forward pass on the example leaves a list of operations behind (`liveness_trace`). A closed group says
nothing, so whoever reads nothing else answers a constant. A sum or a concatenation depends on the image while
one of its parts does; any other operation only while all of those do that did before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One operation: what it takes and gives, as numbers of tensors that depend on the image.

    reads, writes: groups, of a dense layer; empty where it also reads or writes what can never be cut.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    joins: bool
    reads: frozenset[int] = frozenset()
    writes: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()  # all groups that it writes, beside what can never be cut

    def silenced_by(self, closed: frozenset[int]) -> bool:
        return any(side and side <= closed for side in (self.reads, self.writes))


@dataclass
class Liveness:
    """The operations of one forward pass, in order.

    inner: groups inside blocks, which close with what feeds them; a stream without a source still carries
    constants.   known: False where some part could not be looked into; then nothing may be closed.
    """

    inner: frozenset[int]
    steps: list[Step] = field(default_factory=list)
    answers: tuple[int, ...] = ()
    first: tuple[int, ...] = ()
    known: bool = True

    def closing(self, groups: Iterable[int]) -> frozenset[int] | None:
        """All inner groups that are without use once these are closed, and these; None where the answer would
        not depend on the image any more (or where that is not known)."""
        closed = frozenset(groups)
        if not self.known:
            return None
        while True:
            alive, answers = self._alive(closed)
            if not answers:
                return None
            more = closed | (self.inner - alive)
            if more == closed:
                return closed
            closed = more

    def _alive(self, closed: frozenset[int]) -> tuple[frozenset[int], bool]:
        """The groups that carry something of the image to the answer, and whether every answer still depends
        on it."""
        live = set(self.first)
        lively = []
        for step in self.steps:
            heard = [number in live for number in step.inputs]
            lives = (any(heard) if step.joins else all(heard)) and not step.silenced_by(closed)
            lively.append(lives)
            live.difference_update(step.outputs)
            live.update(step.outputs if lives else ())
        useful, alive = set(self.answers), set()
        for step, lives in zip(reversed(self.steps), reversed(lively), strict=True):
            if lives and useful.intersection(step.outputs):
                useful.update(step.inputs)
                alive |= step.touched
        return frozenset(alive) - closed, bool(self.answers) and live.issuperset(self.answers)
