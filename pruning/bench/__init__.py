"""Ours and Torch-Pruning side by side in one run: how long a cut takes, and how much memory.

`request` says what is asked of both, `sides` how each does it, `child` is the process that measures,
`measure` starts those processes and gathers what they say, `table` writes it down. Only `sides` and `child`
import torch, so only the measuring processes do.
"""
