"""Which channels live and die together: shadow channel ids, channel groups, and cutting by index.

`records` needs NumPy only, so the app can hold a network's structure without loading torch.
"""

from pruning.channels.structure import ChannelGroup, IndexMap, LayerRecord, Structure

__all__ = ["ChannelGroup", "IndexMap", "LayerRecord", "Structure"]
