"""Writes in place: by index, by a copy, through a view. Whatever shares the memory is something else then."""

from collections.abc import Iterable

import torch

from pruning.channels.ids import ADD, compact, flat
from pruning.channels.reductions import CHANNELS, lie
from pruning.channels.tensor_ids import TensorIds


def assign(tracer: TensorIds, target: torch.Tensor, index, value):
    """target[index] = value. What is written over places ties the two, as a sum would; what is written to
    some of the channels only is not followed by any cut."""
    parts = [t for t in flat((index,)) if isinstance(t, torch.Tensor)]
    picked = [tracer.ids_of(part) for part in parts]
    given = tracer.ids_of(value) if isinstance(value, torch.Tensor) else torch.zeros((), dtype=torch.long)
    before = tracer.ids_of(target)
    if not any(bool(compact(ids).any()) for ids in (before, given, *picked)):
        return
    index = _on_processor(index)
    region = before[index]
    given = given.reshape(given.shape[max(0, given.dim() - region.dim()) :])
    tracer.trace.unite(given, region, ADD)
    after, touched = before.clone(), torch.zeros(target.shape, dtype=torch.bool)
    after[index], touched[index] = torch.where(region == 0, given, region), True
    if len(parts) == 1 and parts[0].dtype == torch.bool and parts[0].shape == target.shape:
        tracer.trace.unite(picked[0], after, ADD)  # a mask of the same channels
        touched = touched if not bool(compact(picked[0]).any()) else torch.ones((), dtype=torch.bool)
    else:
        for ids in picked:
            tracer.trace.fix(ids, f"{tracer.where()} writes where its channels say")
    _take(tracer, target, touched.expand(target.shape), after)
    shared(tracer, target, before)


def _on_processor(index):
    """An index, with its tensors where the ids are."""
    if isinstance(index, torch.Tensor):
        return index.cpu()
    return type(index)(map(_on_processor, index)) if isinstance(index, (list, tuple)) else index


def _take(tracer: TensorIds, tensor: torch.Tensor, touched: torch.Tensor, after: torch.Tensor):
    """The ids that a tensor has from now on. touched: where it was written to."""
    after = compact(after, every=True)
    some = [d for d in range(tensor.dim()) if bool((touched != touched.narrow(d, 0, 1)).any())]
    if any(lie(tracer.trace, after, [d]) == CHANNELS for d in some):
        tracer.trace.fix(after, f"{tracer.where()} writes to some of its channels, by literal places")
    elif some:  # several maps in one, which are equally wide
        tracer.trace.unite(after.amax(some, keepdim=True), after, ADD)
    tracer.put(tensor, after)


def shared(tracer: TensorIds, tensor: torch.Tensor, before: torch.Tensor):
    """After a tensor was written in place: the same ids for all that share its memory. before: what it had.

    Every tensor is a view of one stretch of memory, so ids are laid out there and read back by each."""
    after = tracer.ids_of(tensor)
    one, other = torch.broadcast_tensors(compact(before), compact(after))
    if torch.equal(one, other) or tensor.layout != torch.strided or not tensor.numel():
        return
    after = torch.where(after == 0, before, after)
    tracer.put(tensor, compact(after))
    memory, size = tensor.untyped_storage(), tensor.element_size()
    laid = torch.full((memory.nbytes() // size,), -1)
    laid.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).copy_(after)
    for alias in sharing(tensor, tracer.ids):
        if alias.element_size() != size:  # real and imaginary parts, or other types of the same bytes
            tracer.trace.fix(after, f"{tracer.where()} writes to a map that is also read as another type")
            continue
        view = laid.as_strided(alias.shape, alias.stride(), alias.storage_offset())
        if bool((view >= 0).any()):
            _take(tracer, alias, view >= 0, torch.where(view > 0, view, tracer.ids_of(alias)))
    for name in tracer.holding(memory):
        tracer.trace.fix(after, f"{tracer.where()} writes its channels into {name}, which the network keeps")


def sharing(tensor: torch.Tensor, among: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """The others of some tensors that lie in the same memory."""
    memory = tensor.untyped_storage().data_ptr()
    others = [t for t in list(among) if t is not tensor and t.layout == torch.strided]
    return [t for t in others if t.untyped_storage().data_ptr() == memory]
