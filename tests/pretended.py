"""A device that is only pretended, so that code for a GPU can be tested without one.

Its tensors hold ordinary ones and compute as these do, but torch takes them for tensors of another device,
and what a GPU refuses is refused here: operations on tensors of two devices, NumPy, and, inside
`without_float64`, double precision. As on CUDA a number without dimensions that is on the CPU may be mixed
in element by element, and a tensor of this device may be indexed by tensors of the CPU.

Registered in torch under the key that it keeps for devices which others bring (PrivateUse1), once a process.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from pruning import devices

NAME = "pretended"
aten = torch.ops.aten
# what takes tensors of two devices on CUDA too: copies, and indices
COPIES = {aten.copy_.default, aten._to_copy.default}
INDEXED = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
FIRST = ("empty.memory_format", "empty_strided", "arange", "arange.start", "arange.start_step")
FIRST += ("eye", "eye.m")
DOUBLE = (torch.float64, torch.complex128)
_no_double = False


class Pretended(Tensor):
    """A tensor of the pretended device. held: where its values are."""

    def __new__(cls, held: Tensor):
        if _no_double and held.dtype in DOUBLE:
            raise TypeError(f"the {NAME} device has no {held.dtype}")
        like = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        with torch.inference_mode(False):  # else views of parameters could not be made in that mode
            return Tensor._make_wrapper_subclass(cls, held.shape, **like, device=torch.device(NAME, 0))

    def __init__(self, held: Tensor):
        self.held = held

    def __repr__(self, **_) -> str:
        return f"{NAME} {self.held!r}"

    def tolist(self) -> list:
        return self.held.tolist()  # a copy to the CPU on CUDA; torch refuses it of a subclass

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return computed(func, args, kwargs or {})


def computed(func, args: tuple, kwargs: dict):
    """What an operation gives, computed on the tensors held; refused where tensors are of two devices."""
    here, there = [], []
    bare = [_bare(value, here, there) for value in args]
    named = {key: _bare(value, here, there) for key, value in kwargs.items()}
    if here and there and func not in COPIES:
        _must_be_together(func, args, kwargs, there)
    target = isinstance(args[0], Pretended) if here else False
    if func is not aten.copy_.default:
        target = bool(here)
    if named.get("device") is not None:
        target, named["device"] = torch.device(named["device"]).type == NAME, "cpu"
    found = func(*bare, **named)
    if func._schema.is_mutable:
        return _given_back(func, here + there, found, target)
    return _wrapped(found) if target else found


def _bare(value, here: list, there: list):
    """The value without pretence; its tensors are noted by where they are."""
    if isinstance(value, Pretended):
        here.append(value)
        return value.held
    if isinstance(value, Tensor):
        there.append(value)
    elif type(value) in (list, tuple):
        return type(value)(_bare(part, here, there) for part in value)
    return value


def _wrapped(found):
    if isinstance(found, Tensor):
        return Pretended(found)
    return type(found)(map(_wrapped, found)) if type(found) in (list, tuple) else found


def _given_back(func, given: list[Tensor], found, target: bool):
    """Of an operation in place the tensors that it was given, of others of its outcome new ones."""
    own = {id(tensor.held if isinstance(tensor, Pretended) else tensor): tensor for tensor in given}
    for tensor in own.values():
        if isinstance(tensor, Pretended) and tensor.shape != tensor.held.shape:
            raise NotImplementedError(f"{func} changes the size of a tensor in place")
    if type(found) in (list, tuple):
        return type(found)(_given_back(func, given, part, target) for part in found)
    return own.get(id(found), _wrapped(found) if target else found)


def _must_be_together(func, args: tuple, kwargs: dict, there: list[Tensor]):
    """there: tensors on the CPU, beside some that are not."""
    if func in INDEXED and isinstance(args[0], Pretended):
        there = [value for value in args[2:3] if not isinstance(value, Pretended) and value.dim()]
    elif torch.Tag.pointwise in func.tags or func is aten.fill_.Tensor:
        changed = func._schema.is_mutable and not isinstance(args[0], Pretended)
        there = [tensor for tensor in there if tensor.dim() or changed]
    if there:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found at least two devices, {NAME}:0 and "
            f"cpu! (in {func})"
        )


@contextmanager
def without_float64() -> Iterator[None]:
    """Inside, the device has no double precision and is known to have none, as Apple's (MPS)."""
    global _no_double
    before, devices.WITHOUT_DOUBLE = devices.WITHOUT_DOUBLE, (*devices.WITHOUT_DOUBLE, NAME)
    _no_double = True
    try:
        yield
    finally:
        devices.WITHOUT_DOUBLE, _no_double = before, False


class _Module:
    """What torch asks a device's module. Random numbers are the CPU's."""

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def synchronize(self, device=None):
        pass

    def get_rng_state(self, device=None) -> Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: Tensor, device=None):
        torch.set_rng_state(state)

    def manual_seed_all(self, seed: int):
        pass

    def _is_in_bad_fork(self) -> bool:
        return False


def _made_first(func):
    return lambda *args, **kwargs: computed(func, args, kwargs)


def _copied(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    return computed(aten.copy_.default, (target, source, non_blocking), {})


_setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
_LIBRARY = torch.library.Library("aten", "IMPL")  # undone when it is let go
for _name in FIRST:
    _packet, _, _overload = _name.partition(".")
    _LIBRARY.impl(_name, _made_first(getattr(getattr(aten, _packet), _overload or "default")), "PrivateUse1")
_LIBRARY.impl("_copy_from", _copied, "PrivateUse1")
