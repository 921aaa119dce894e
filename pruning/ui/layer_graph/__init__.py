"""The whole and the cut network side by side, layer by layer."""
