"""How long a network takes, measured, and estimated at any widths.

latency_table(graph, batch=64) -> LatencyTable         seconds: every layer alone at some widths
table.estimate(structure, widths) -> ms                 microseconds, no torch
"""

from pruning.latency.table import FILE, Form, LatencyTable, Machine
from pruning.progress import Watch, silent

__all__ = ["FILE", "Form", "LatencyTable", "Machine", "latency_table"]


def latency_table(graph, *, batch: int | None = None, watch: Watch = silent) -> LatencyTable:
    """Measures the network of a ChannelGraph on this machine, with torch's threads as they are set.

    batch: images at once; unsaid 64, fewer of a very large network. Takes 5 s for ResNet-20, 15 for
    ResNet-56. The network is not changed."""
    from pruning.latency.measure import latency_table as measured

    return measured(graph, batch=batch, watch=watch)
