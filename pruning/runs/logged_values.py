"""What MLflow is told of a run beside its files: its name, what was chosen, and what came of it."""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from pruning.experiment.recipe import Recipe

LONGEST = 500  # letters of a parameter or tag
MOST = 1000  # metrics of one call
ALWAYS = ("model", "data", "criterion", "cut", "allocation", "repair", "seed")


def name_of(recipe: Recipe) -> str:
    return f"{recipe.model} {recipe.data.rpartition('/')[2][:60]} {recipe.criterion} {recipe.cut:g}"


def params_of(recipe: Recipe) -> dict[str, str]:
    """What differs from the defaults, and what everybody looks for."""
    told = {name: getattr(recipe, name) for name in ALWAYS} | recipe.differences()
    told |= {f"option.{name}": value for name, value in told.pop("options").items()}
    return {name: str(value)[:LONGEST] for name, value in told.items()}


def metrics_of(report: Mapping[str, Any], history: Iterable[Mapping], seconds: float) -> list:
    from mlflow.entities import Metric

    now = int(1000 * time.time())
    values = {stage: value for stage, value in report["values"].items() if value is not None}
    for name in ("macs", "parameters", "bytes", "latency_ms"):
        values |= {f"{name}_{stage}": report[name][stage] for stage in ("baseline", "final")}
    metrics = [Metric(name, float(value), now, 0) for name, value in (values | {"seconds": seconds}).items()]
    for step, row in enumerate(history, start=1):
        numbers = {name: value for name, value in row.items() if isinstance(value, float)}
        # what diverges: MLflow keeps an infinite value as the largest finite one, and not-a-number as such
        numbers = {name: math.nan if math.isinf(value) else value for name, value in numbers.items()}
        metrics += [Metric(name.replace(" ", "_"), value, now, step) for name, value in numbers.items()]
    return metrics[:MOST]
