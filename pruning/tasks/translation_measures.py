"""What is told of translations beside the share that a judge takes for what was asked: how far they are from
the full network's and from real pictures, and what is lost of a picture on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.tasks.contract import Statistics
from pruning.tasks.frechet import Gaussian, frechet_distance

DRAWN_ANEW = 300  # resamples behind the interval of what is no mean over pictures
STAGES = ("baseline", "cut", "repaired", "tuned", "quantized")


@dataclass(frozen=True)
class Measure:
    """What is told of translations beside the metric; lower is better in all of them. unit: of its values.
    meaning: one sentence."""

    name: str
    unit: str
    meaning: str


MEASURES = (
    Measure(
        "reconstruction_error",
        "share of the range of pixels",
        "Mean absolute difference of pixels to what the full network makes of the same picture.",
    ),
    Measure(
        "frechet_distance",
        "squared distance of features",
        "Between Gaussians of the judge's features of translated and of real pictures.",
    ),
    Measure(
        "cycle_error",
        "share of the range of pixels",
        "Mean absolute difference of pixels between a picture and itself, translated and back.",
    ),
    Measure(
        "identity_error",
        "share of the range of pixels",
        "Mean absolute difference of pixels between a picture and its translation to its own domain.",
    ),
)


def measured(stages: Mapping[str, Statistics], real: Gaussian) -> dict[str, Any]:
    """Of every measure: unit, meaning, direction, and values {stage: {value, low, high}}, low and high where
    95 % lie with pictures drawn anew; None for a stage that was not done, and where the network was not asked
    again.   real: of the judge's features of real pictures."""
    return {
        measure.name: {
            "unit": measure.unit,
            "meaning": measure.meaning,
            "direction": "lower",
            "values": {stage: at_stage(measure.name, stages, stage, real) for stage in STAGES},
        }
        for measure in MEASURES
    }


def at_stage(
    name: str, stages: Mapping[str, Statistics], stage: str, real: Gaussian
) -> dict[str, float] | None:
    """One measure at one stage: value, low and high."""
    found = stages.get(stage)
    if found is None:
        return None
    if name == "frechet_distance":
        value = frechet_distance(Gaussian.of(found["features"]), real)
        return told(value, resampled(found["features"], real))
    asked = found.get(name.removesuffix("_error"))
    if name == "reconstruction_error":
        asked = pixel_errors(found["pictures"], stages["baseline"]["pictures"])
    if asked is None:
        return None
    errors: np.ndarray = asked
    spread = 1.96 * float(errors.std()) / max(1, len(errors)) ** 0.5
    value = float(errors.mean())
    return {"value": value, "low": max(0.0, value - spread), "high": value + spread}


def told(value: float, drawn: np.ndarray) -> dict[str, float]:
    """A value and where 95 % of resamples lie about it: as far on either side as these do about their own
    mean, for drawing pictures twice makes Gaussians narrower and the distance larger."""
    low, high = np.percentile(drawn - drawn.mean(), [2.5, 97.5])
    return {"value": value, "low": max(0.0, value + float(low)), "high": value + float(high)}


def resampled(features: np.ndarray, real: Gaussian) -> np.ndarray:
    """[R] Fréchet distances of pictures drawn anew."""
    random, n = np.random.default_rng(0), len(features)
    draws = (random.integers(n, size=n) for _ in range(DRAWN_ANEW))
    return np.array([frechet_distance(Gaussian.of(features[rows]), real) for rows in draws])


def pixel_errors(pictures: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """[N] mean absolute differences of uint8 pictures [N, h, w, 3], as shares of the range."""
    gaps = [
        np.abs(one.astype(np.int16) - other).mean() for one, other in zip(pictures, reference, strict=True)
    ]
    return np.array(gaps) / 255
