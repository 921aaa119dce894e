"""DI: discriminant information (Hou and Kung 2020). What a channel tells about the class that the others do
not.

DI = trace[(S + rho I)^-1 B], S the total and B the between-class scatter of a layer's features. It is the
drop in ridge least-squares error when the labels are predicted from the channels.
"""

from typing import Annotated, Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from pruning.criteria.label_checks import must_tell_classes
from pruning.criteria.registry import criterion
from pruning.statistics import DualDiscriminant, DualShare, LayerStatistics, PooledFeatures

RHO = {"taylor": 0.1, "exact": 1e-4}
Side = Literal["writers", "readers"]
SIDES: dict[str, Side] = {"before": "writers", "after": "readers"}
INTERPOLATED = 0.99  # of DI / (K - 1): above, the features fit any labels, and shuffled ones rank alike


def _side(options) -> Side:
    return SIDES[options["where"]]


def _needs(options) -> tuple:
    if options["form"] == "exact":
        return (PooledFeatures(side=_side(options)),)
    return (DualDiscriminant(rho=options["rho"], side=_side(options)),)


def share_needed(options) -> tuple:
    """The statistic that says how much of the K - 1 the `taylor` form reaches; nothing for `exact`."""
    return (DualShare(rho=options["rho"], side=_side(options)),) if options["form"] == "taylor" else ()


def _unit(options) -> str:
    if options["form"] == "exact" and not options["one_shot"]:
        return "place in backward elimination"
    return "discriminant information"


@criterion(
    "di",
    meaning=(
        "Keeps the channels without which the features would lose most discriminant information about "
        "the classes."
    ),
    unit=_unit,
    side=_side,
    needs=_needs,
    columns=("score", "lost"),
    uses_labels=True,
    only_with={"one_shot": {"form": "exact"}},
    resolve=lambda options: (
        options | {"rho": RHO[options["form"]] if options["rho"] is None else options["rho"]}
    ),
)
def di(
    layer: LayerStatistics,
    *,
    form: Annotated[
        Literal["taylor", "exact"],
        "taylor: to first order, on un-pooled features. exact: backward elimination on pooled features.",
    ] = "taylor",
    rho: Annotated[
        float,
        (
            "Ridge regularisation. taylor: absolute, 0.1 by default. exact: relative to the mean total "
            "scatter, 1e-4 by default."
        ),
    ] = None,
    one_shot: Annotated[
        bool, "exact: rank all channels by the loss of removing each alone (of two copies both are cut)."
    ] = False,
    where: Annotated[
        Literal["before", "after"],
        "Features before norm and activation, as the convolution writes them, or after, as they are read.",
    ] = "before",
) -> np.ndarray:
    """[P, 2]: the score by which channels are ordered, and the DI lost with each; higher = keep.

    taylor: both are 2 ||V_c||^2 [C]. exact: the score is the place of removal in backward elimination, the
    loss is that of the moment of removal; with one_shot both are the losses of removing each channel alone
    [D]."""
    must_tell_classes(layer, "discriminant information")
    if form == "taylor":
        first_order = layer[DualDiscriminant(rho=rho, side=SIDES[where])]
        return np.stack([first_order, first_order], axis=1)
    features, index = pooled_features(layer, where)
    if one_shot:
        lost = discriminant_losses(features, layer.labels, rho=rho)
        said = np.stack([lost, lost], axis=1)
    else:
        order, losses = backward_elimination(features, layer.labels, rho=rho)
        said = np.empty((len(order), 2))
        said[order, 0], said[order, 1] = np.arange(len(order)), losses
    return (said / np.bincount(index)[:, None])[index]  # a flattened channel's pixels add up to its own


def pooled_features(layer: LayerStatistics, where: str) -> tuple[np.ndarray, np.ndarray]:
    """[N, C] spatial means of what `exact` compares, and which of them each of the layer's positions is."""
    values, index = layer.channels_of(layer[PooledFeatures(side=SIDES[where])].T)
    return (values.mean(axis=1) if values.ndim == 3 else values).T, index


def scaled_labels(labels: np.ndarray) -> np.ndarray:
    """One-hot labels with column k divided by sqrt(N_k), then centred: [N, classes present]; squared norm K -
    1."""
    present, numbers = np.unique(labels, return_inverse=True)
    hot = np.eye(len(present))[numbers]
    hot /= np.sqrt(hot.sum(axis=0))
    return hot - hot.mean(axis=0)


def centred_features(features: np.ndarray) -> np.ndarray:
    """Xb, in float64."""
    return np.asarray(features, float) - features.mean(axis=0, dtype=float)


def ridge_of(total: np.ndarray, rho: float) -> float:
    """rho times the mean diagonal of the total scatter; rho itself where nothing varies."""
    return rho * (np.trace(total) / len(total) or 1.0)


def ridge_inverse(features: np.ndarray, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """M = (S + rho mean(diag S) I)^-1 and Xb'Yb's left factor Xb, in float64. features: [N, C]."""
    centred = centred_features(features)
    total = centred.T @ centred
    factor = cho_factor(total + ridge_of(total, rho) * np.eye(len(total)))
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


def cumulative_information(
    features: np.ndarray, labels: np.ndarray, order: np.ndarray, *, rho: float = 1e-4
) -> np.ndarray:
    """DI kept when channels go in any order: [C + 1], from all of them down to none (0).

    order: [C], channels from the first removed to the last. The ridge is that of all channels, kept. One
    Cholesky factor tells every step: with the last removed first, S + rho I = L L', the squared rows of
    L^-1 Xb'Yb add up, first channel by channel, to the DI of every set on the way [D]."""
    _two_classes(labels)
    centred = centred_features(features)
    total, last_first = centred.T @ centred, np.asarray(order)[::-1]
    ridged = total + ridge_of(total, rho) * np.eye(len(total))
    cross = centred.T @ scaled_labels(labels)
    factor = np.linalg.cholesky(ridged[np.ix_(last_first, last_first)])
    each = (solve_triangular(factor, cross[last_first], lower=True) ** 2).sum(axis=1)
    return np.append(np.cumsum(each)[::-1], 0.0)


def discriminant_information(features: np.ndarray, labels: np.ndarray, *, rho: float = 1e-4) -> float:
    """trace[(S + rho mean(diag S) I)^-1 B], in 0 .. K - 1. features: [N, C]."""
    inverse, centred = ridge_inverse(features, rho)
    cross = centred.T @ scaled_labels(labels)
    return float((cross * (inverse @ cross)).sum())


def _two_classes(labels: np.ndarray):
    if len(np.unique(labels)) < 2:
        raise ValueError("discriminant information needs images of at least two classes")
