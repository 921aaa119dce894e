"""Keeps glibc from handing freed memory back to the system, only to ask for it again a moment later.

A network frees and allocates megabytes at each layer. By default the allocator returns what lies at the end
of its heap, and the next layer meets fresh pages that the system fills with zeros one by one: up to half of
the time, depending on what the process did before. Measured, ResNet-20, batch of 64, one thread: 57 ms
without this, 36 ms with it. Results are the same.

And all threads share one heap. By default each of many has one of its own, and what one thread freed no other
can use: a repair whose batches wait on a hundred threads (`reconstruction.paused_passes`) took half a
gigabyte more. Measured on public ResNet-20, 1,000 images of 96 pixels, 256 MiB of activations in memory:
docs/repair.md.
"""

import ctypes
import platform
from functools import cache

TRIM, FROM_SYSTEM, HEAPS = -1, -3, -8  # mallopt's M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX
KEPT = 2**30  # bytes at the end of the heap that may lie idle
LARGE = 2**28  # bytes from which an allocation is the system's own


@cache
def keep_freed_memory() -> bool:
    """Whether the allocator is glibc's and does so from now on. Once a process, for good."""
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    told = ((TRIM, KEPT), (FROM_SYSTEM, LARGE), (HEAPS, 1))
    return all([bool(library.mallopt(what, value)) for what, value in told])


def give_back_freed_memory():
    """Returns what lies idle to the system, before work that needs much at once."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
