"""Codes as bits: what stands in the file. NumPy only.

A layer's channels are taken by width, the narrowest first, and in a width by number; all codes of a width are
one stream of bits, the highest bit of a code first, filled up to whole bytes.
"""

import numpy as np


def packed(levels: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """The stream of a layer: uint8 [bytes].

    levels: uint8 [C, n], each below 2 ** its channel's bits.   bits: [C], 1 to 8."""
    streams = []
    for width in np.unique(bits):
        mine = levels[bits == width][..., None]  # [R, n, 1]
        streams.append(np.packbits(mine >> np.arange(width)[::-1].astype(np.uint8) & 1))
    return np.concatenate([np.zeros(0, np.uint8), *streams])


def unpacked(stream: np.ndarray, bits: np.ndarray, n: int) -> np.ndarray:
    """The levels again: uint8 [C, n]. Raises ValueError where the stream is not as long as it has to be."""
    if len(bits) and not (1 <= bits.min() and bits.max() <= 8):
        raise ValueError("channels have from 1 to 8 bits")
    if len(stream) != packed_bytes(bits, n):
        raise ValueError(f"{len(stream)} bytes of codes where {packed_bytes(bits, n)} are due")
    levels, start = np.zeros((len(bits), n), np.uint8), 0
    for width in np.unique(bits):
        mine = np.flatnonzero(bits == width)
        count = len(mine) * n * int(width)
        end = start + -(-count // 8)
        digits = np.unpackbits(stream[start:end], count=count).reshape(len(mine), n, int(width))
        levels[mine] = (digits << np.arange(width)[::-1].astype(np.uint8)).sum(axis=2, dtype=np.uint8)
        start = end
    return levels


def packed_bytes(bits: np.ndarray, n: int) -> int:
    """How many bytes the codes of a layer take."""
    widths, channels = np.unique(bits, return_counts=True)
    return int(sum(-(-int(c) * n * int(width) // 8) for width, c in zip(widths, channels, strict=True)))
