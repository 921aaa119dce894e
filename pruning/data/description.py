"""What is told of a data set before anything is run on it."""

from typing import Any

from pruning.data.class_balance import class_balance, counted_in, uncounted
from pruning.data.dataset import Dataset
from pruning.tasks import TRANSLATED
from pruning.terms import percent, plural


def described(dataset: Dataset) -> dict[str, Any]:
    """name, task, size (side in pixels), images ({part: number}), shares_of and classes (see
    `class_balance`), uncounted ({train, test: share of pixels}), digest, messages. Plain values."""
    return {
        "name": dataset.name,
        "task": dataset.task.name,
        "size": dataset.size,
        "images": {part: len(getattr(dataset, part)) for part in ("train", "holdout", "test")},
        "shares_of": counted_in(dataset),
        "classes": class_balance(dataset),
        "uncounted": uncounted(dataset),
        "digest": dataset.digest,
        "messages": list(dataset.messages),
    }


def in_one_line(told: dict[str, Any]) -> str:
    images, size = told["images"], told["size"]
    kinds = ("domain", "domains") if told["task"] == TRANSLATED.name else ("class", "classes")
    line = (
        f"{told['name']}: {told['task']}, {plural(len(told['classes']), *kinds)}, images of "
        f"{size} x {size} pixels: {images['train'] + images['holdout']:,} for training, "
        f"{images['holdout']:,} of them held out, {images['test']:,} for the test"
    )
    if told["uncounted"]:
        shares = {part: percent(share) for part, share in told["uncounted"].items()}
        line += (
            f"; {shares['train']} of the training pixels and {shares['test']} of the test pixels do not count"
        )
    return line


def table_row(row: dict[str, Any], shares_of: str) -> dict[str, str]:
    """A class as a table shows it."""
    shown = {"number": str(row["number"]), "class": row["class"]}
    for part, head in (("train", "training"), ("test", "test")):
        shown[f"{head} images"] = f"{row[f'{part}_images']:,}"
        shown[f"of {head} {shares_of}"] = percent(row[f"{part}_share"])
    return shown
