"""What is exported: a network, what it is given and answers, and what its files say of it."""

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

Run = Callable[..., list[Tensor]]  # inputs in their order, each [N, ...] -> outputs in their order
EXAMPLE = 2  # images that a network is traced with: of 1 exporters take for granted that there is no other


@dataclass(frozen=True, eq=False)
class Subject:
    """network: in evaluation mode, on the processor; nobody else holds it.   inputs: {name: [N, ...]}, real
    ones, by the names that files give them.   by_name: the network takes them by these names, else in this
    order.   answers: what its first output is: scores of classes [N, K], scores of every pixel [N, K, H, W],
    or pictures -1 to 1; empty where only numbers are compared.   outputs: their names; empty: numbered.
    told: texts that go into the file.   calibration: batches of unlabelled inputs in their order, made anew
    at each call; None where there are none."""

    network: nn.Module
    inputs: Mapping[str, Tensor]
    by_name: bool = False
    answers: Literal["classes", "masks", "pictures", ""] = ""
    outputs: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    calibration: Callable[[], Iterable[Sequence[Tensor]]] | None = None

    @property
    def example(self) -> dict[str, Tensor]:
        """Inputs to trace with: no image that was given goes into a file."""
        return {
            name: torch.zeros(EXAMPLE, *given.shape[1:], dtype=given.dtype)
            for name, given in self.inputs.items()
        }

    @property
    def run(self) -> Run:
        """The network itself, as exported ones are run."""

        @torch.no_grad()
        def run(*given: Tensor) -> list[Tensor]:
            if self.by_name:
                return leaves(self.network(**dict(zip(self.inputs, given, strict=True))))
            return leaves(self.network(*given))

        return run

    @property
    def output_names(self) -> list[str]:
        """One for each tensor of its answer."""
        count = len(self.run(*self.example.values()))
        if len(self.outputs) == count:
            return list(self.outputs)
        word = "answer" if any(name.startswith("output") for name in self.inputs) else "output"
        return [word] if count == 1 else [f"{word}_{number}" for number in range(count)]


def subject_of(network: nn.Module, example: Any) -> Subject:
    """Any network, with its example: a tensor, batch first; a tuple of what it takes in that order; or a dict
    of it by name. Raises ValueError where an example is none, or the network does not run on it."""
    network, by_name = unwrapped(network), isinstance(example, Mapping)
    given = list(example.values()) if by_name else list(example) if _several(example) else [example]
    if not given or not all(isinstance(each, Tensor) and each.dim() for each in given):
        raise ValueError("the example holds something else than tensors; give tensors, batch first")
    if not len(given[0]):
        raise ValueError("the example holds no images; give some, such as images[:70]")
    if len({len(each) for each in given}) > 1:
        raise ValueError(
            "the example's tensors differ in their first size; give the same number of items in each"
        )
    names = list(example) if by_name else _parameters(network)[: len(given)]
    if len(names) < len(given):
        names = [f"input_{number}" for number in range(len(given))]
    inputs = {name: each.detach().cpu() for name, each in zip(names, given, strict=True)}
    found = Subject(ready(network), inputs, by_name=by_name)
    try:
        found.run(*inputs.values())
    except Exception as error:
        shapes = [tuple(each.shape) for each in given]
        reason = str(error).strip().splitlines()[:1]
        raise ValueError(
            f"the network does not run on an example of shape {shapes}: {''.join(reason)}"
        ) from error
    return found


def unwrapped(network: nn.Module) -> nn.Module:
    """The network inside what runs it on several devices, or compiles it. Raises ValueError where it has no
    code of Python's."""
    while isinstance(network, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        network = network.module
    network = getattr(network, "_orig_mod", network)  # of torch.compile
    if not isinstance(network, nn.Module):
        raise ValueError(f"the network is a {type(network).__name__}; give a torch.nn.Module")
    if isinstance(network, torch.jit.ScriptModule):
        raise ValueError("the network was traced or scripted by torch.jit; give the one that it was made of")
    return network


def _several(example: Any) -> bool:
    return isinstance(example, Sequence) and not isinstance(example, Tensor)


def takes_any_number(network: nn.Module) -> bool:
    """Whether its forward is written for any number of inputs, as those of wrappers are."""
    given = inspect.signature(network.forward).parameters.values()
    return any(one.kind is one.VAR_POSITIONAL for one in given)


def _parameters(network: nn.Module) -> list[str]:
    """What its forward calls what it takes by position."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [one.name for one in inspect.signature(network.forward).parameters.values() if one.kind in kinds]


class AsNetwork(nn.Module):
    """A file that is run, where a network of one input is asked for."""

    def __init__(self, run: Run):
        super().__init__()
        self.run = run

    def forward(self, inputs: Tensor) -> Tensor:
        return self.run(inputs.contiguous())[0]


def ready(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, on the processor, whose weights ask for no gradient."""
    return copy.deepcopy(network).cpu().eval().requires_grad_(False)


def leaves(answer: Any) -> list[Tensor]:
    """The tensors of an answer, in the order that exporters give them."""
    return [leaf for leaf in tree_leaves(answer) if isinstance(leaf, Tensor)]
