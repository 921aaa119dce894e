"""The Fréchet distance of two Gaussians (Dowson and Landau, 1982), by which translated pictures are compared
with real ones (Heusel and others, 2017)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Gaussian:
    """mean: [F].   covariance: [F, F]."""

    mean: np.ndarray
    covariance: np.ndarray

    @staticmethod
    def of(features: np.ndarray) -> "Gaussian":
        """Of the rows of [N, F]. Raises ValueError of fewer than two."""
        if len(features) < 2:
            raise ValueError(f"{len(features)} pictures have no covariance; give two or more")
        found = np.asarray(features, np.float64)
        return Gaussian(found.mean(0), np.atleast_2d(np.cov(found, rowvar=False)))


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """|m - n|^2 + tr(C + D - 2 (C D)^(1/2)), 0 and more: squared, as it is told everywhere.

    The trace of the root is that of (C^(1/2) D C^(1/2))^(1/2), which is symmetric: no imaginary parts, also
    where there are fewer pictures than features."""
    values, vectors = np.linalg.eigh(one.covariance)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    product = np.linalg.eigvalsh(root @ other.covariance @ root)
    means = ((one.mean - other.mean) ** 2).sum()
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    return max(0.0, float(means + traces - 2 * np.sqrt(np.clip(product, 0, None)).sum()))
