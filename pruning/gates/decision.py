"""Which gates are to shut, once the loss has had its say: the narrowest, until the target is met."""

from collections.abc import Callable

import numpy as np

from pruning.gates.gates import Gates


def decided(
    gates: Gates, scaled: np.ndarray, closed: frozenset[int], goal: float, left: Callable
) -> np.ndarray:
    """[N]: which gates are to shut: the narrowest, one by one, until what is left is nearest to the target;
    the others are to open.

    scaled: [N].   closed: groups that have closed.   goal: share of the measure that is to be left.   left:
    that of [N] gates, those that are not exactly zero counted whole.
    """
    placement, trial, shutting = gates.placement, scaled.copy(), scaled == 0
    best, miss = shutting.copy(), abs(left(trial) - goal)
    for chosen, groups in in_order(gates, scaled):
        then = closed
        if groups:
            then = placement.closing(closed | groups)
            if then is None:
                continue
        value = trial[chosen].copy()
        trial[chosen] = 0
        now = left(trial) - goal
        if now < -0.003 and len(chosen) > 1:  # a block too large to go; single channels come nearer
            trial[chosen] = value
            continue
        closed = then
        shutting[chosen] = True
        if abs(now) < miss:
            best, miss = shutting.copy(), abs(now)
        if now <= 0:
            break
    return best


def in_order(gates: Gates, scaled: np.ndarray) -> list[tuple[np.ndarray, frozenset[int]]]:
    """What may still shut, the narrowest first: single gates above a group's floor; the last gates of a group
    that can close, together; and whole blocks. A block whose gate stands on its last norm goes by that gate,
    and in no other way; another one by the mean of its channels', where its own gate falls."""
    placement, found = gates.placement, []
    for g, own in placement.starts.items():
        alive = own.start + np.flatnonzero(scaled[own] > 0)
        order = alive[np.argsort(scaled[alive], kind="stable")]
        free = max(0, len(order) - int(placement.floors[g]))
        found += [(scaled[gate], np.array([gate]), frozenset()) for gate in order[:free]]
        rest = order[free:]
        closes = any(g in branch for branch in placement.branches) and g not in gates.fading
        if len(rest) and scaled[rest].max() < 1 and closes:
            found.append((scaled[rest].max(), rest, frozenset([int(g)])))
    for number, branch in enumerate(gates.blocks):
        gate = len(placement.owner) + number
        inside = np.flatnonzero(np.isin(placement.owner, list(branch)))
        if gates.block_norms[number] and scaled[gate] > 0:
            found.append((scaled[gate], np.append(inside, gate), branch))
        elif 0 < scaled[gate] < 1:
            found.append((scaled[inside].mean(), np.append(inside, gate), branch))
    return [(chosen, groups) for _, chosen, groups in sorted(found, key=lambda each: each[0])]
