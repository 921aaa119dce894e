"""How rounded weights stand in a safetensors file, and how they are read from one that nobody vouches for.

Instead of NAME there are NAME.codes (a stream of bits), and NAME.bits and NAME.tops: the width and the range
of each channel.
"""

from collections.abc import Mapping

import numpy as np

from pruning.quantize.packing import packed, unpacked
from pruning.quantize.quantizer import Codes


def stored_as(name: str) -> tuple[str, str, str]:
    """The names under which a weight's codes, widths and ranges stand in the file."""
    return f"{name}.codes", f"{name}.bits", f"{name}.tops"


def arrays_of(codes: Mapping[str, Codes]) -> dict[str, np.ndarray]:
    """{name in the file: array} of every rounded weight."""
    found = {}
    for name, layer in codes.items():
        parts = (packed(layer.levels, layer.bits), layer.bits, layer.tops)
        found |= dict(zip(stored_as(name), parts, strict=True))
    return found


def codes_of(arrays: Mapping[str, np.ndarray], name: str, channels: int, n: int) -> Codes:
    """One weight's codes again. channels, n: the rows and columns that the network has there.

    Raises ValueError where the arrays are not of such a weight."""
    missing = [part for part in stored_as(name) if part not in arrays]
    if missing:
        raise ValueError(f"by the plan {name} is quantized, and {missing[0]} is missing")
    stream, bits, tops = (arrays[part] for part in stored_as(name))
    sound = stream.dtype == bits.dtype == np.uint8 and tops.dtype == np.float32
    sound = sound and stream.ndim == 1 and bits.shape == tops.shape == (channels,) and np.isfinite(tops).all()
    if not sound:
        raise ValueError(f"{name} is stored in another form than its {channels} channels need")
    try:
        return Codes(unpacked(stream, bits, n), bits, tops)
    except ValueError as error:
        raise ValueError(f"{name} cannot be unpacked: {error}") from None
