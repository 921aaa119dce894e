"""Rounding a network's weights to few bits, more of them for channels that tell more about the class.

`rounding.quantize` does it (and imports torch); what it returns and the arithmetic need NumPy alone.
"""

from pruning.quantize.quantized import Quantized
from pruning.quantize.quantizer import Codes

__all__ = ["Codes", "Quantized"]
