"""Tasks: what a network is for. One file a task; all else asks the task of the data that it was given.

Importing this loads no torch.
"""

from pruning.tasks.classification import Classification
from pruning.tasks.contract import Metric, SampledPixels, Statistics, Task
from pruning.tasks.mask_colours import marked
from pruning.tasks.resampling import Difference, paired_difference
from pruning.tasks.segmentation import IGNORED, MOST_CLASSES, Segmentation
from pruning.tasks.translation import KEPT_SIDE as PICTURE_SIDE
from pruning.tasks.translation import Translation, with_domains

TASKS: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Lists a task under its name; data sets name it by this object. Raises ValueError where the name is
    taken."""
    if task.name in TASKS:
        raise ValueError(f"task {task.name!r} is taken by {type(TASKS[task.name]).__module__}")
    TASKS[task.name] = task
    return task


DEFAULT = register(Classification())  # of data that says nothing else
PIXELWISE = register(Segmentation())  # of data whose labels are masks
TRANSLATED = register(Translation())  # of pictures that are to change their domain; bound by data to a judge

__all__ = [
    "DEFAULT",
    "IGNORED",
    "MOST_CLASSES",
    "PICTURE_SIDE",
    "PIXELWISE",
    "TASKS",
    "TRANSLATED",
    "Difference",
    "Metric",
    "SampledPixels",
    "Statistics",
    "Task",
    "Translation",
    "marked",
    "paired_difference",
    "register",
    "with_domains",
]
