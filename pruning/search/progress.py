"""How far a search is: steps, evaluations, and the time that is left."""

import time

from pruning.progress import Watch

PARTS = 200  # of the way to the budget, as told


class Progress:
    """Counts, and tells a watch; the watch cancels by raising. evaluations, steps: so far."""

    def __init__(self, watch: Watch):
        self.watch, self.evaluations, self.steps = watch, 0, 0
        self.began, self.whole, self.left, self.price = time.perf_counter(), 0.0, 0.0, 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def begin(self, whole: float):
        """whole: how much of the measure is to go."""
        self.whole = self.left = whole
        self.tell()

    def evaluated(self):
        self.evaluations += 1
        self.tell()

    def stepped(self, left: float, price: float):
        """left: of the measure, still to go.   price: what the search counts, now."""
        self.steps, self.left, self.price = self.steps + 1, left, price
        self.tell()

    def within(self, stage: str, done: int, total: int, **values):
        """A watch for what a search lets others do: their stage and numbers, beside its own."""
        self.watch(stage, done, total, **values, evaluations=self.evaluations, steps=self.steps)

    def tell(self, *_, **__):
        """Says where the search stands; also called in the middle of an evaluation."""
        done = 1 - self.left / self.whole if self.whole else 1.0
        told = {"seconds_left": self.seconds * (1 - done) / done} if 0 < done < 1 else {}
        told |= {"evaluations": self.evaluations, "steps": self.steps, "price": self.price}
        self.watch("search", int(PARTS * done), PARTS, **told)
