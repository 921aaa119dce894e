"""How long a network takes, measured, and estimated at any widths.

table.estimate(structure, widths) -> ms                 microseconds, no torch
measure.latency_table(graph) -> LatencyTable            seconds: every layer alone at some widths
"""

from pruning.latency.table import FILE, Form, LatencyTable, Machine

__all__ = ["FILE", "Form", "LatencyTable", "Machine"]
