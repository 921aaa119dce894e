"""What is said of a task's metric on some images: shares of right answers as counts too, other metrics by
their name."""

from pruning.tasks import Metric, Task


def correct(task: Task, value: float, images: int) -> int | None:
    """How many of the images are right; None where the metric is no count of them."""
    return round(value * images) if task.counts_right else None


def in_full(task: Task, value: float, of: str, images: int) -> str:
    """ "94.4 % (1,888 of 2,000 test images)"; of a metric that counts nothing "71.2 % on 2,000 test images".
    of: the images in words, their number among them."""
    right = correct(task, value, images)
    if right is None:
        return f"{task.metric.in_words(value)} on {of}"
    return f"{task.metric.in_words(value)} ({right:,} of {of})"


def counted(task: Task, value: float, images: int) -> str:
    """ "932 right"; "" of a metric that counts nothing."""
    right = correct(task, value, images)
    return "" if right is None else f"{right:,} right"


def change(metric: Metric, difference: float) -> str:
    """A difference of two values: -0.0125 -> -1.2 points."""
    if metric.unit == "share":
        return f"{100 * difference:+.1f} points"
    return f"{difference:+.3g} {metric.step}".rstrip()


def scale(metric: Metric) -> float:
    """What values are drawn in: percent where the metric is a share."""
    return 100.0 if metric.unit == "share" else 1.0


def axis(metric: Metric, of: str = "") -> str:
    """ "accuracy on the hold-out images (%)".   of: what follows the name."""
    unit = "%" if metric.unit == "share" else metric.unit
    return f"{metric.name}{of}" + (f" ({unit})" if unit else "")
