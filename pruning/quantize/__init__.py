"""Rounding a network's weights to few bits, more of them for channels that tell more about the class.

`rounding.quantize` does it (and imports torch); what it returns and the arithmetic need NumPy alone.
"""

from pruning.quantize.quantizer import Codes
from pruning.quantize.records import Quantized

__all__ = ["Codes", "Quantized"]
