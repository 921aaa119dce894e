"""The parts of the Gates page."""
