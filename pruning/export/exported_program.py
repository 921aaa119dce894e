"""torch.export's program: one .pt2 file with any batch size, which needs none of the network's code."""

import json
import warnings
from pathlib import Path

import torch
from torch.export import Dim, ExportedProgram

from pruning.error_messages import first_line
from pruning.export.subject import Run, Subject, leaves, takes_any_number

ABOUT = "about.json"  # in the file, beside the program
LARGEST = 65_536  # images at once
FIXED = (
    "the network's code turns the number of images into a plain number ({reason}), so no file can be made "
    "that takes any number; compute with x.shape[0] in its place"
)


def runtime() -> str:
    return f"torch {torch.__version__.partition('+')[0]}"


def write(subject: Subject, path: Path) -> list[Path]:
    """path: the .pt2 file."""
    program = traced(subject)
    must_not_answer(program, str, "an exported program")  # torch writes it, and does not load it again
    about = {ABOUT: json.dumps(dict(subject.told), indent=2)}
    torch.export.save(program, path, extra_files=about)
    return [path]


def opened(path: Path) -> Run:
    network = torch.export.load(path).module()

    @torch.no_grad()
    def run(*given):
        return leaves(network(*given))

    return run


def traced(subject: Subject) -> ExportedProgram:
    """The network's operations, for 1 to LARGEST images at once. Raises ValueError in one sentence where
    torch.export can't follow it."""
    batch, example = Dim("batch", min=1, max=LARGEST), subject.example
    given = tuple(example.values())
    together = subject.by_name or takes_any_number(subject.network)
    network = _Positional(subject) if together else subject.network
    each = tuple({0: batch} for _ in given)
    shapes: tuple = (each,) if together else each  # of *given, or of named arguments
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of things that the network does, said to who wrote it
            program = torch.export.export(network, given, dynamic_shapes=shapes)
    except Exception as error:
        raise ValueError(_reason(error)) from error
    for node in program.graph.nodes:  # lines of files of this machine
        node.meta.pop("stack_trace", None)
    return program


def must_not_answer(program: ExportedProgram, kinds: type | tuple[type, ...], what: str):
    """Raises ValueError in one sentence where a network answers a value of these kinds beside its tensors.
    what: that can't hold such, in words."""
    for answer in program.graph_signature.output_specs:
        value = getattr(answer.arg, "value", None)
        if isinstance(value, kinds):
            raise ValueError(
                f"the network answers {value!r}, which is no tensor, and {what} can't hold it; give a "
                "network that answers tensors alone"
            )


class _Positional(torch.nn.Module):
    """A network that takes its inputs by name, given them in order: so files name and order them alike. Or
    one that takes any number of them."""

    def __init__(self, subject: Subject):
        super().__init__()
        self.network, self.names = subject.network, tuple(subject.inputs)
        self.by_name = subject.by_name

    def forward(self, *given):
        return (
            self.network(**dict(zip(self.names, given, strict=True)))
            if self.by_name
            else self.network(*given)
        )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "specialized" in text or "Constraints violated" in text or "inferred" in text:
        return FIXED.format(reason=first_line(error).rstrip(" .:"))
    return f"torch.export can't follow this network: {first_line(error).rstrip('.')}"
