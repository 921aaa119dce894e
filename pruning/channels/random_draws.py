"""What a network draws at random in evaluation mode, settled: noise, masks, dropout that is always on.

A draw for a narrower map takes other numbers out of the same generator, so no seed makes two widths agree.
Every number drawn is therefore the same one, and every mask keeps everything.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

DRAWN = 0.5  # not 0: what noise is multiplied by should still be heard


class Settled(TorchFunctionMode):
    """Inside, nothing is left to chance; no generator is touched."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        settle = _attention if name == "scaled_dot_product_attention" else SETTLED.get(name)
        return func(*args, **kwargs) if settle is None else settle(func, *args, **kwargs)


def _kept(func: Callable, input, *_, **__):
    return input


def _like(func: Callable, input, **options):
    return torch.full_like(input, DRAWN, **_without_generator(options))


def _sized(func: Callable, *size, **options):
    size = options.pop("size", size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
    return torch.full(tuple(size), DRAWN, **_without_generator(options))


def _filled(func: Callable, *args, **named):
    return (args[0] if args else named["tensor"]).fill_(DRAWN)  # torch.nn.init calls it `tensor`


def _bernoulli(func: Callable, input, *_, **__):
    return torch.ones_like(input)


def _bernoulli_in_place(func: Callable, input, *_, **__):
    return input.fill_(1)


def _normal(func: Callable, mean, std=1.0, size=None, **options):
    if size is not None:
        return torch.full(tuple(size), mean + DRAWN * std, **_without_generator(options))
    return mean + DRAWN * std


def _permutation(func: Callable, n, **options):
    return torch.arange(n, **_without_generator(options))


def _integers(func: Callable, *args, **options):
    low = options.pop("low", args[0] if len(args) == 3 else 0)
    size = options.pop("size", args[-1])
    options.pop("high", None)
    return torch.full(tuple(size), low, **{"dtype": torch.long, **_without_generator(options)})


def _integers_like(func: Callable, input, *bounds, **options):
    low = options.pop("low", bounds[0] if len(bounds) == 2 else 0)
    options.pop("high", None)
    return torch.full_like(input, low, **options)


def _multinomial(func: Callable, input, num_samples, *_, **__):
    if num_samples <= input.shape[-1]:
        return input.topk(num_samples, -1).indices
    return input.argmax(-1, keepdim=True).expand(*input.shape[:-1], num_samples)


def _rrelu(func: Callable, input, lower=1 / 8, upper=1 / 3, *_, **__):
    return F.leaky_relu(input, (lower + upper) / 2)


def _gumbel_softmax(func: Callable, logits, tau=1.0, hard=False, eps=1e-10, dim=-1):
    soft = F.softmax(logits / tau, dim)
    return (soft == soft.amax(dim, keepdim=True)).to(soft.dtype) if hard else soft


def _attention(func: Callable, *args, **options):
    options.pop("dropout_p", None)
    return func(*args[:4], 0.0, *args[5:], **options) if len(args) > 4 else func(*args, **options)


def _without_generator(options: dict) -> dict:
    return {key: value for key, value in options.items() if key != "generator"}


_DROPOUTS = "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout feature_dropout"
SETTLED: dict[str, Callable] = {
    **dict.fromkeys([name + end for name in _DROPOUTS.split() for end in ("", "_")], _kept),
    **dict.fromkeys(("rand_like", "randn_like"), _like),
    **dict.fromkeys(("rand", "randn"), _sized),
    **dict.fromkeys(
        ("uniform_", "normal_", "exponential_", "log_normal_", "cauchy_", "geometric_", "random_"), _filled
    ),
    "bernoulli": _bernoulli,
    "bernoulli_": _bernoulli_in_place,
    "normal": _normal,
    "randperm": _permutation,
    "randint": _integers,
    "randint_like": _integers_like,
    "multinomial": _multinomial,
    "rrelu": _rrelu,
    "rrelu_": _rrelu,
    "gumbel_softmax": _gumbel_softmax,
}
