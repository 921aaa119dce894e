"""Allocations that run the network: which group gives how many channels, found step by step.

`greedy` (DI's structure search) takes from the group where the next channels cost least per MAC saved;
`trace-ratio` (CATRO's first stage) from the one whose next channel is worth least for telling classes apart.
The criterion's scores say which channels of a group go first. Importing this loads no torch.
"""

from pruning.search.expected_accuracy import Asked
from pruning.search.plan import SEARCHES, errors_of, search_plan

__all__ = ["SEARCHES", "Asked", "errors_of", "search_plan"]
