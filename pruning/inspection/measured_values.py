"""What previews found: values of the task's metric on some images, and what it takes to say them in words."""

from dataclasses import dataclass

from pruning.tasks import TASKS, Task


@dataclass(frozen=True)
class AccuracyNow:
    """The task's metric on `images` images of the hold-out. learned: the network may have been trained on
    them.

    task: its name among `TASKS`.   baseline, raw, repaired: values of its metric; repaired after the repair
    `how`, which took `repair_seconds` (0 where that was on another machine), and None where only the cut was
    measured.   error: share of the variance that the plan loses, where it was made by errors; else None.
    noise: half of the 95 % interval of the repaired value less the whole network's; None where the metric
    counts right answers, whose noise follows from their number.   messages: what the repair says."""

    task: str
    images: int
    where: str
    learned: bool
    baseline: float
    raw: float
    repaired: float | None
    how: str
    repair_seconds: float
    error: float | None = None
    noise: float | None = None
    messages: tuple[str, ...] = ()

    @property
    def of_task(self) -> Task:
        """What the images are asked for."""
        return TASKS[self.task]


@dataclass(frozen=True)
class FullAccuracy:
    """The task's metric of the full network on the first `images` of the `of` test images that there are.
    task: its name among `TASKS`."""

    task: str
    value: float
    images: int
    of: int

    @property
    def of_task(self) -> Task:
        return TASKS[self.task]
