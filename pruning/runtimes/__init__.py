"""Where a network runs: which runtimes there are, and how long it takes in each.

latency_table(graph, runtime="onnxruntime") -> LatencyTable     seconds: every layer alone at some widths
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pruning.error_messages import choose
from pruning.export.formats import FORMATS, Format, usable_format
from pruning.latency import LatencyTable, Machine
from pruning.progress import Watch, silent
from pruning.terms import RUNTIMES

if TYPE_CHECKING:
    import torch

    from pruning.latency.in_torch import Runtime

NO_TABLE = (
    "torch.compile takes a minute or more for each network, and its layers are not computed one by one, so "
    "there is no table of their times; give runtime=torch, and time the networks afterwards: python -m "
    "pruning times FOLDER --runtime compile"
)


def format_in(runtime: str) -> Format:
    """The format that a runtime reads, of those that have a file of their own."""
    return next(form for form in FORMATS.values() if form.runtime == runtime)


def installed() -> list[str]:
    """Runtimes whose passes can be timed here in seconds: torch.compile takes minutes."""
    return [name for name in RUNTIMES if name != "compile" and not format_in(name).missing]


def must_be_timed(runtimes: Iterable[str]):
    """Raises ValueError in one sentence where a runtime is not installed here."""
    for name in runtimes:
        if choose(name, RUNTIMES, "runtime") != "compile":
            usable_format(format_in(name).name)


def must_have_tables(runtime: str):
    """Raises ValueError in one sentence where layers can't be timed in this runtime, here or at all."""
    choose(runtime, RUNTIMES, "runtime")
    if runtime == "compile":
        raise ValueError(NO_TABLE)
    usable_format(format_in(runtime).name)


def latency_table(
    graph, *, batch: int | None = None, runtime: str = "torch", watch: Watch = silent
) -> LatencyTable:
    """Measures the network of a ChannelGraph on this machine, with torch's number of threads.

    batch: images at once; unsaid 64, fewer of a very large network.   runtime: torch, onnxruntime or
    openvino. Takes 5 s for ResNet-20 in torch, 15 for ResNet-56; two to three times that in others. The
    network is not changed. Raises ValueError in one sentence where the runtime is not installed or can't
    compute it."""
    from pruning.latency.measure import latency_table as measured

    must_have_tables(runtime)
    return measured(graph, batch=batch, runtime=timed_in(runtime), watch=watch)


def machine_now(runtime: str, device: "torch.device") -> Machine | None:
    """What times measured now would depend on, of a network on this device; None where the runtime is not
    installed."""
    if format_in(runtime).missing:
        return None
    timed = timed_in(runtime)
    return timed.machine(timed.place(device))


def timed_in(runtime: str) -> "Runtime":
    if runtime == "torch":
        from pruning.latency.in_torch import InTorch

        return InTorch()
    from pruning.runtimes.by_onnx import ByOnnx

    return ByOnnx(format_in(runtime))
