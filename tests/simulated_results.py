"""Answers of pruned networks as they could have been, whose true accuracies are known."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

# Shares of the variance of the latent scale: how hard an image is for all, for one method, and for one method
# under one seed. Two methods of 90 % then differ in whether they are right on 10 % of the images.
IMAGE, METHOD, BOTH = 0.75, 0.15, 0.10


def answers(
    random: np.random.Generator,
    shares: np.ndarray,
    seed_spread: np.ndarray,
    *,
    seeds: int,
    items: int,
    common_spread: float = 0.003,
) -> np.ndarray:
    """[methods, seeds, items] bool: which images are right.

    shares: [methods], true accuracies, over all images and seeds.   seed_spread: [methods], standard
    deviation of the accuracy over seeds, fractions of 1, each method's own; common_spread: what a seed does
    to all methods. An image is right where the sum of normal parts is above a threshold, so the true
    accuracies are exact.
    """
    slope = norm.pdf(norm.ppf(shares.mean()))  # accuracy per unit of the latent scale
    own, common = seed_spread / slope, common_spread / slope
    threshold = norm.ppf(shares) * np.sqrt(IMAGE + METHOD + BOTH + own**2 + common**2)
    methods = len(shares)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, dtype=np.float32)

    image, method = np.sqrt(IMAGE) * normal(items), np.sqrt(METHOD) * normal(methods, 1, items)
    shift = own[:, None] * normal(methods, seeds) + common * normal(seeds) + threshold[:, None]
    latent = image + method + np.sqrt(BOTH) * normal(methods, seeds, items)
    return latent + shift[:, :, None].astype(np.float32) > 0


def right_to_statistics(right: np.ndarray, names: Sequence[str]):
    """({name: statistics of every seed}, labels), as the classification task has them."""
    results = {
        name: [{"classes": np.where(of_seed, 0, 1)} for of_seed in of]
        for name, of in zip(names, right, strict=False)
    }
    return results, np.zeros(right.shape[-1], int)
