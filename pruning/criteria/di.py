"""DI: discriminant information (Hou and Kung 2020). What a channel tells about the class that the others do
not.

DI = trace[(S + rho I)^-1 B], S the total and B the between-class scatter of a layer's features. It is the
drop in ridge least-squares error when the labels are predicted from the channels.
"""

from typing import Annotated, Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from pruning.criteria.registry import criterion
from pruning.statistics import DualDiscriminant, LayerStatistics, PooledFeatures

RHO = {"taylor": 0.1, "exact": 1e-4}


def _needs(options) -> tuple:
    if options["form"] == "exact":
        return (PooledFeatures(side="writers"),)
    return (DualDiscriminant(rho=options["rho"]),)


@criterion(
    "di",
    meaning="Keeps the channels without which the classes would be told apart less well.",
    unit="discriminant information",
    needs=_needs,
    columns=("score", "lost"),
    uses_labels=True,
    resolve=lambda options: (
        options | {"rho": RHO[options["form"]] if options["rho"] is None else options["rho"]}
    ),
)
def di(
    layer: LayerStatistics,
    *,
    form: Annotated[
        Literal["taylor", "exact"],
        "taylor: first-order, un-pooled features. exact: backward elimination on pooled ones.",
    ] = "taylor",
    rho: Annotated[
        float, "Ridge. taylor: absolute, 0.1 unless said. exact: times the mean total scatter, 1e-4."
    ] = None,
    one_shot: Annotated[
        bool, "exact: rank all channels by the loss of removing each alone (exact copies both go)."
    ] = False,
) -> np.ndarray:
    """[P, 2]: the score by which channels are ordered, and the DI lost with each; higher = keep.

    taylor: both are 2 ||V_c||^2 [C]. exact: the score is the place of removal in backward elimination, the
    loss is that of the moment of removal; with one_shot both are the losses of removing each channel alone
    [D]."""
    if form == "taylor":
        first_order = layer[DualDiscriminant(rho=rho)]
        return np.stack([first_order, first_order], axis=1)
    features = layer[PooledFeatures(side="writers")]
    if one_shot:
        lost = discriminant_losses(features, layer.labels, rho=rho)
        return np.stack([lost, lost], axis=1)
    order, lost = backward_elimination(features, layer.labels, rho=rho)
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    by_channel = np.empty(len(order))
    by_channel[order] = lost
    return np.stack([place, by_channel], axis=1)


def scaled_labels(labels: np.ndarray) -> np.ndarray:
    """One-hot labels with column k divided by sqrt(N_k), then centred: [N, classes present]; squared norm K -
    1."""
    present, numbers = np.unique(labels, return_inverse=True)
    hot = np.eye(len(present))[numbers]
    hot /= np.sqrt(hot.sum(axis=0))
    return hot - hot.mean(axis=0)


def ridge_inverse(features: np.ndarray, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """M = (S + rho mean(diag S) I)^-1 and Xb'Yb's left factor Xb, in float64. features: [N, C]."""
    centred = np.asarray(features, float) - features.mean(axis=0, dtype=float)
    total = centred.T @ centred
    ridge = rho * (np.trace(total) / len(total) or 1.0)
    factor = cho_factor(total + ridge * np.eye(len(total)))
    return cho_solve(factor, np.eye(len(total))), centred


def discriminant_losses(features: np.ndarray, labels: np.ndarray, *, rho: float = 1e-4) -> np.ndarray:
    """Discriminant information a layer loses without each channel, all from one inverse.

    features: [N, C], pooled activations, any scale; centred here.   labels: [N], class numbers.
    rho: ridge, relative to the mean diagonal of the total scatter (no unit).
    Returns [C], at least 0, in units of DI (a layer's DI lies in 0 .. K-1); higher = keep.
    Raises ValueError with fewer than two classes: every score would be 0.
    Source: DI after Hou and Kung 2020 [C]; the one-inverse form ||V_c||^2 / M_cc is derived here [D].
    """
    _two_classes(labels)
    inverse, centred = ridge_inverse(features, rho)
    dual = inverse @ (centred.T @ scaled_labels(labels))  # [C, K]
    return (dual**2).sum(axis=1) / np.diag(inverse)


def backward_elimination(
    features: np.ndarray, labels: np.ndarray, *, rho: float = 1e-4
) -> tuple[np.ndarray, np.ndarray]:
    """Removes the least informative channel again and again: [C] channels in the order removed, [C] the DI
    each cost.

    The ridge is computed once from all channels and kept. After each removal the inverse is downdated by its
    rank-one formula, O(C^2) each. Of k copies of a channel one survives until all that tells nothing is gone.
    """
    _two_classes(labels)
    inverse, centred = ridge_inverse(features, rho)
    dual = inverse @ (centred.T @ scaled_labels(labels))
    alive, order, lost = np.arange(len(inverse)), [], []
    while len(alive):
        losses = (dual**2).sum(axis=1) / np.diag(inverse)
        worst = int(np.argmin(losses))
        order.append(alive[worst])
        lost.append(losses[worst])
        column, pivot = inverse[:, worst], inverse[worst, worst]
        dual = np.delete(dual - np.outer(column / pivot, dual[worst]), worst, axis=0)
        inverse = np.delete(
            np.delete(inverse - np.outer(column, column) / pivot, worst, axis=0), worst, axis=1
        )
        alive = np.delete(alive, worst)
    return np.array(order), np.array(lost)


def discriminant_information(features: np.ndarray, labels: np.ndarray, *, rho: float = 1e-4) -> float:
    """trace[(S + rho mean(diag S) I)^-1 B], in 0 .. K - 1. features: [N, C]."""
    inverse, centred = ridge_inverse(features, rho)
    cross = centred.T @ scaled_labels(labels)
    return float((cross * (inverse @ cross)).sum())


def _two_classes(labels: np.ndarray):
    if len(np.unique(labels)) < 2:
        raise ValueError("discriminant information needs images of at least two classes")
