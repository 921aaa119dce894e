"""The listed data sets, by name. Being registered is all it takes to be listed, loaded by name and tested."""

from collections.abc import Callable
from dataclasses import dataclass

from pruning.data.dataset import Dataset
from pruning.tasks import DEFAULT, Task

Load = Callable[..., Dataset]


@dataclass(frozen=True)
class KnownData:
    """A listed data set. meaning: one sentence.   offline: it needs no download.   sized: its pictures are of
    many sizes, and `load` takes the side that they are to have, in pixels or None.   task: what its images
    are asked for, known before it is loaded."""

    name: str
    meaning: str
    offline: bool
    load: Load
    sized: bool = False
    task: Task = DEFAULT


DATA: dict[str, KnownData] = {}  # filled while pruning.data is imported, only read afterwards


def dataset(
    name: str, *, meaning: str, offline: bool, sized: bool = False, task: Task = DEFAULT
) -> Callable[[Load], Load]:
    """Decorator: lists the loader it stands on under a name of its own, and hands it back unchanged."""

    def listed(load: Load) -> Load:
        if name in DATA:
            raise ValueError(f"data set {name!r} is taken by {DATA[name].load.__module__}")
        DATA[name] = KnownData(name, meaning, offline, load, sized, task)
        return load

    return listed
