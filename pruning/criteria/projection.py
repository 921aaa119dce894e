"""A channel group projected on some of its own channels, in the Wasserstein sense.

The group is a measure over its channels; projecting it on those that stay means that every channel's mass
goes to the one where it costs least, so the distance of the two measures is the sum of what that costs (a
transport problem whose arrival is free is solved channel by channel). Which k channels make it least is the
k-median problem; here channels are taken out one by one, each time the one without which the distance rises
least.
"""

import numpy as np


def elimination(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order in which channels go, and the distance after each: [C], [C].

    costs: [C, C + 1], of moving all of a channel's mass to another one; last, of losing it."""
    size = len(costs)
    left, going = np.ones(size, bool), costs[:, :size].copy()
    order, distance = np.empty(size, int), np.empty(size)
    best = going.argmin(axis=1)
    for step in range(size):
        now = going[np.arange(size), best]
        others = going.copy()
        others[np.arange(size), best] = np.inf
        second = np.minimum(others.min(axis=1), costs[:, size])
        rise = np.bincount(best, second - now, minlength=size)
        gone = int(np.where(left, rise, np.inf).argmin())
        order[step], left[gone] = gone, False
        going[:, gone] = np.inf
        if not left.any():
            distance[step] = costs[:, size].sum()
            break
        best = going.argmin(axis=1)
        distance[step] = np.minimum(going[np.arange(size), best], costs[:, size]).sum()
    return order, distance


def heirs(costs: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """[C]: the channel that takes over from each, itself where it stays. The plan of the transport.

    kept: [k] channels that stay, at least one."""
    found = np.asarray(kept)[costs[:, kept].argmin(axis=1)]
    found[kept] = kept
    return found


def projected_distance(costs: np.ndarray, kept: np.ndarray) -> float:
    """What it costs to move the group to these channels: a share of what it gives its readers."""
    least = costs[:, -1] if not len(kept) else np.minimum(costs[:, kept].min(axis=1), costs[:, -1])
    return float(least.sum())
