"""Keys of a link that take one of a few names, and which these are."""

from collections.abc import Mapping

from pruning.criteria import SCORED
from pruning.error_messages import choose
from pruning.terms import RUNTIMES
from pruning.ui.learn.articles import VIEWS

# of the page Compare, whose modules are not imported before it is opened
COMPARE_VIEWS = ("results", "new", "runs")
STAGES = ("last", "cut", "repaired", "tuned", "quantized")
AGAINST = ("choices", "macs", "parameters", "latency", "bytes")
CHOICES = {
    "article": (VIEWS, "article"),
    "estimated": (RUNTIMES, "runtime"),
    "beside": (SCORED, "criterion to stand beside"),
    "view": (COMPARE_VIEWS, "view of Compare"),
    "stage": (STAGES, "stage of a comparison"),
    "against": (AGAINST, "cost to draw against"),
}


def must_be_choices(opened: Mapping[str, str]) -> None:
    """Raises ValueError for a name that is none of its key's. opened: what a link looks at."""
    for key, (known, kind) in CHOICES.items():
        if key in opened:
            choose(opened[key], known, kind)
