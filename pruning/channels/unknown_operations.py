"""An operation in no table, tried out: does each channel of what it answers depend on one channel alone, and
does it answer for fewer channels what it answers for all?

First some channels of an input are made NaN, or other numbers: only theirs may change in the answer. Then
some are really taken away: the answer must be the same without theirs. Both on the tensors of the traced
pass, with channels drawn at random from a generator of its own.
"""

from collections.abc import Callable

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from pruning.channels.ids import along, compact, flat

TRIES = 6  # a channel that reads one other goes unnoticed in one of six; then the cut is what finds it
CLOSE = 1e-4  # of the largest entry: kernels round differently at other widths

Kept = list[list[torch.Tensor | None]]  # of every input, the ids that it gives every output; None: mixed


def kept_apart(
    func: Callable, args: tuple, kwargs: dict, ids: list[torch.Tensor], outputs: list[torch.Tensor]
) -> Kept | None:
    """What every input's channels are in the outputs, or None where the operation can't be tried.

    ids: of every tensor among the arguments, in order."""
    trial = _Trial(func, args, kwargs)
    if len(trial.tensors) != len(ids):
        return None
    whole = trial.answers({})
    if whole is None or [t.shape for t in whole] != [t.shape for t in outputs]:
        return None
    random = torch.Generator().manual_seed(0)
    found: Kept = []
    for number, own in enumerate(ids):
        if not bool(compact(own).any()):
            found.append([torch.zeros((), dtype=torch.long)] * len(outputs))
        else:
            found.append(_followed(trial, number, own, whole, random))
    return found if _cuts(trial, ids, found, whole, random) else None


class _Trial:
    """One operation with its arguments, to be run again with some of its tensors exchanged."""

    def __init__(self, func: Callable, args: tuple, kwargs: dict):
        self.func = func
        self.leaves, self.form = tree_flatten((args, kwargs))
        self.places = [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, torch.Tensor)]
        self.tensors = [self.leaves[i] for i in self.places]

    def answers(self, instead: dict[int, torch.Tensor]) -> list[torch.Tensor] | None:
        """The tensors that it answers, or None where it does not run. instead: {number: tensor}."""
        leaves = list(self.leaves)
        for number, place in enumerate(self.places):
            leaves[place] = instead.get(number, self.tensors[number]).clone()  # it may write in place
        args, kwargs = tree_unflatten(leaves, self.form)
        try:
            return [t for t in flat(self.func(*args, **kwargs)) if isinstance(t, torch.Tensor)]
        except Exception:  # whatever an unknown operation raises: then it is not followed
            return None


def _followed(trial: _Trial, number: int, ids: torch.Tensor, whole: list, random) -> list:
    """The ids that one input gives each output, as far as they hold."""
    tensor, shadow = trial.tensors[number], compact(ids)
    guesses = [_guesses(shadow, tensor.shape, output.shape) for output in whole]
    every = torch.unique(shadow)
    for go in range(TRIES):
        chosen = every[torch.rand(len(every), generator=random) < 0.5]
        chosen = chosen[chosen != 0]
        touched = torch.isin(shadow, chosen).to(tensor.device)
        other = _other(tensor, go, random)
        answers = trial.answers({number: torch.where(touched, other, tensor)})
        if answers is None or [t.shape for t in answers] != [t.shape for t in whole]:
            return [None] * len(whole)
        for place, (answer, before) in enumerate(zip(answers, whole, strict=True)):
            changed = (answer != before) & ~((answer != answer) & (before != before))
            changed = changed.cpu()
            guesses[place] = [
                guess for guess in guesses[place] if not bool((changed & ~torch.isin(guess, chosen)).any())
            ]
        if not all(guesses):
            return [None] * len(whole)
    return [guess[0] for guess in guesses]


def _guesses(shadow: torch.Tensor, shape: torch.Size, wanted: torch.Size) -> list[torch.Tensor]:
    """Where an input's channels may lie in an output: where they were, else along any dimension of the same
    size."""
    guesses = []
    if len(shape) <= len(wanted) and all(
        a in (1, b) for a, b in zip(shape[::-1], wanted[::-1][: len(shape)], strict=True)
    ):
        guesses.append(shadow.reshape([1] * (len(wanted) - len(shape)) + list(shadow.shape)))
    long = [d for d, size in enumerate(shadow.shape) if size > 1]
    if len(long) == 1:
        d = long[0]
        same = [e for e, size in enumerate(wanted) if size == shape[d]]
        same.sort(key=lambda e: (e != d, e - len(wanted) != d - len(shape)))
        guesses += [compact(along(shadow.reshape(-1), e, wanted)) for e in same]
    return guesses


def _other(tensor: torch.Tensor, go: int, random: torch.Generator) -> torch.Tensor:
    """Other values for a tensor: NaN and other numbers by turns; of whole numbers, which may be indices, the
    same ones in another order."""
    if tensor.dtype == torch.bool:
        return ~tensor
    if not tensor.is_floating_point() and not tensor.is_complex():
        order = torch.randperm(tensor.numel(), generator=random).to(tensor.device)
        return tensor.reshape(-1)[order].view(tensor.shape)
    if go % 2:
        return torch.full_like(tensor, torch.nan)
    return (tensor - 1) * -1.5 + torch.randn(tensor.shape, generator=random).to(tensor)


def _cuts(trial: _Trial, ids: list[torch.Tensor], found: Kept, whole: list, random: torch.Generator) -> bool:
    """Whether the operation, given fewer channels, answers what it did without theirs."""
    gone = _some(found, whole, random)
    less: dict[int, torch.Tensor | None] = {}
    for number, own in enumerate(ids):
        if all(kept is not None for kept in found[number]) and bool(compact(own).any()):
            less[number] = _without(trial.tensors[number], own, gone)
    less |= {
        number: _expanded(trial, number, ids, less, gone) for number in set(range(len(ids))) - less.keys()
    }
    wanted = [_without(answer, _joined(found, place, answer), gone) for place, answer in enumerate(whole)]
    if any(part is None for part in [*less.values(), *wanted]):
        return False
    answers = trial.answers(less)
    return answers is not None and all(map(_close, answers, wanted))


def _expanded(trial: _Trial, number: int, ids: list, less: dict, gone: torch.Tensor) -> torch.Tensor:
    """An input without channels of its own; where it was expanded to a map's shape, it follows."""
    tensor = trial.tensors[number]
    for other in less:
        shadow, shape = compact(ids[other]), trial.tensors[other].shape
        long = [d for d, size in enumerate(shadow.shape) if size > 1]
        if len(long) == 1 and tensor.shape == shape and _even(tensor, long[0]):
            return _without(tensor, ids[other], gone)
    return tensor


def _even(tensor: torch.Tensor, dimension: int) -> bool:
    return bool((tensor == tensor.narrow(dimension, 0, 1)).all())


def _joined(found: Kept, place: int, answer: torch.Tensor) -> torch.Tensor:
    """The ids of one output."""
    result = torch.zeros([1] * answer.dim(), dtype=torch.long)
    for of_input in found:
        if of_input[place] is not None:
            one, other = torch.broadcast_tensors(result, of_input[place])
            result = torch.where(one == 0, other, one)
    return result


def _some(found: Kept, whole: list, random: torch.Generator) -> torch.Tensor:
    """Ids of some channels, with all that meet them."""
    meeting = []
    for place, answer in enumerate(whole):
        kept = [k[place] for k in found if k[place] is not None]
        kept = [k.reshape([1] * (answer.dim() - k.dim()) + list(k.shape)) for k in kept]
        if kept:
            meeting.append(torch.stack(torch.broadcast_tensors(*kept)).reshape(len(kept), -1).unique(dim=1))
    every = torch.unique(torch.cat([m.flatten() for m in meeting])) if meeting else torch.zeros(0)
    every = every[every != 0]
    gone = every[torch.rand(len(every), generator=random) < 0.3]
    for rows in meeting * 2:  # what meets what goes, goes too
        gone = torch.unique(torch.cat([gone, rows[:, torch.isin(rows, gone).any(0)].flatten()]))
    return gone[gone != 0]


def _without(tensor: torch.Tensor, ids: torch.Tensor, gone: torch.Tensor) -> torch.Tensor | None:
    """A tensor without some of its channels; None where they do not lie along one dimension."""
    shadow = compact(ids)
    long = [d for d, size in enumerate(shadow.shape) if size > 1]
    if not long:
        return tensor
    if len(long) > 1:
        return None
    d = long[0] - shadow.dim()
    stays = torch.nonzero(~torch.isin(shadow.reshape(-1), gone)).flatten().to(tensor.device)
    return tensor.index_select(d, stays)


def _close(answer: torch.Tensor, wanted: torch.Tensor) -> bool:
    if answer.shape != wanted.shape or answer.dtype != wanted.dtype:
        return False
    if not wanted.is_floating_point() and not wanted.is_complex():
        return torch.equal(answer, wanted)
    scale = wanted.abs().nan_to_num(0, 0, 0).max() if wanted.numel() else 0
    return torch.allclose(answer, wanted, rtol=0, atol=float(CLOSE * scale), equal_nan=True)
