"""What quantization leaves behind, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pruning.quantize.quantizer import Codes

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False, kw_only=True)
class Quantized:
    """A network with rounded weights. Activations, biases and norms stay as they were.

    model: computes with the rounded weights as any network does.   codes: {weight name: Codes}.
    errors, importance: {weight name: [C]}, squared rounding error before any fine-tuning, and what it was
    weighted by (1 where nothing was).   others: bytes of all that is not rounded.
    by: who allocated.   history: a row an epoch of fine-tuning.   messages: what a user should know.
    """

    model: "nn.Module"
    codes: Mapping[str, Codes]
    errors: Mapping[str, np.ndarray]
    importance: Mapping[str, np.ndarray]
    others: int
    choices: tuple[int, ...]
    by: str
    history: tuple[dict, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def bits(self) -> dict[str, np.ndarray]:
        """{weight name: [C]} bits of every output channel."""
        return {name: codes.bits.astype(int) for name, codes in self.codes.items()}

    @property
    def scales(self) -> dict[str, np.ndarray]:
        """{weight name: [C]} distance between neighbouring values of a channel."""
        return {
            name: 2 * codes.tops / (2.0 ** codes.bits.astype(np.float32) - 1)
            for name, codes in self.codes.items()
        }

    @property
    def mean_bits(self) -> float:
        """Bits of a rounded weight on average, those of the first convolution and of the classifier too."""
        sizes = {name: codes.levels.shape[1] for name, codes in self.codes.items()}
        weights = sum(codes.levels.size for codes in self.codes.values())
        return sum(int(c.bits.sum()) * sizes[name] for name, c in self.codes.items()) / weights

    @property
    def bytes(self) -> int:
        """All tensors as `save` writes them: packed codes, a range and a width a channel, and the rest."""
        return sum(codes.bytes for codes in self.codes.values()) + self.others

    @property
    def bytes_before(self) -> int:
        """All tensors with the weights in float32."""
        return sum(4 * codes.levels.size for codes in self.codes.values()) + self.others

    @property
    def change(self) -> dict:
        """What a plan says of it, for `Plan.changes`; each channel's width stands beside its codes."""
        return {
            "kind": "bits",
            "mean": self.mean_bits,
            "choices": list(self.choices),
            "by": self.by,
            "weights": list(self.codes),
        }

    def table(self) -> pd.DataFrame:
        """A row a channel: layer, channel, bits, weights (count), squared_error, importance."""
        parts = []
        for name, codes in self.codes.items():
            channels = len(codes.bits)
            columns = {
                "layer": name.removesuffix(".weight"),
                "channel": np.arange(channels),
                "bits": codes.bits.astype(int),
                "weights": codes.levels.shape[1],
                "squared_error": self.errors[name],
                "importance": self.importance[name],
            }
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)
