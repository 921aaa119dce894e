"""The parts of the Compress page."""
