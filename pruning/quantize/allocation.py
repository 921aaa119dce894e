"""Which channel gets how many bits: the least weighted error under a budget of bits. NumPy only.

A multiple-choice knapsack: every channel takes one of the widths, a width costs (weights of the channel) x
bits, and buys a smaller error. Relaxed, its optimum takes steps along each channel's lower convex hull, the
steepest (error saved per bit) of all channels first; that is done here, so the result lies at most one step
from the optimum, holds the budget exactly, and never gets worse when the budget grows.
"""

from collections.abc import Sequence

import numpy as np


def allocate(errors: np.ndarray, sizes: np.ndarray, choices: Sequence[int], budget: float) -> np.ndarray:
    """The width of every channel: [C], each one of `choices`, sum of sizes * bits at most `budget`.

    errors: [C, choices], what a channel costs at each width (weighted squared error).   sizes: [C], weights
    of each channel.   choices: bits, ascending.   budget: bits in all, at least sizes.sum() * choices[0].
    Steps that save equally much per bit go by channel number; a step that no longer fits is left out, and
    smaller ones may follow.
    """
    widths = np.asarray(choices)
    steps = [step for c, row in enumerate(errors) for step in _hull_steps(c, row, float(sizes[c]), widths)]
    steps.sort(key=lambda step: (-step[0], step[1], step[2]))  # slope, channel, from
    place = np.zeros(len(errors), int)  # each channel's position in `widths`
    left = budget - float(sizes @ np.full(len(sizes), widths[0]))
    for _, channel, before, after, price in steps:
        if price <= left + 1e-9 and place[channel] == before:
            place[channel] = after
            left -= price
    return widths[place]


def _hull_steps(channel: int, errors: np.ndarray, size: float, choices: np.ndarray) -> list[tuple]:
    """(error saved per bit, channel, from, to, bits) along the lower convex hull of (bits, error), which ends
    where more bits save nothing."""
    steps, at = [], 0
    while at + 1 < len(choices):
        prices = (choices[at + 1 :] - choices[at]) * float(size)
        slopes = (errors[at] - errors[at + 1 :]) / prices
        best = at + 1 + int(np.argmax(slopes))
        if slopes[best - at - 1] <= 0:
            break
        steps.append((slopes[best - at - 1], channel, at, best, prices[best - at - 1]))
        at = best
    return steps


def spread_evenly(sizes: np.ndarray, choices: Sequence[int], budget: float) -> np.ndarray:
    """The baseline `uniform`: one width for all where the budget is such a width, else the two widths around
    it, the wider one given to channels evenly spread by their number: [C]."""
    choices = np.asarray(choices)
    mean = budget / sizes.sum()
    low = int(np.searchsorted(choices, mean + 1e-9, side="right")) - 1
    if low + 1 == len(choices):
        return np.full(len(sizes), choices[-1])
    share = (mean - choices[low]) / (choices[low + 1] - choices[low])
    due, wider = 0.0, np.zeros(len(sizes), bool)
    for c, size in enumerate(sizes):
        due += share * size
        if due >= size - 1e-6:
            wider[c] = True
            due -= size
    return np.where(wider, choices[low + 1], choices[low])
