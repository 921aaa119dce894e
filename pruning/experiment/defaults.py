"""What a recipe's fields are where they are left unsaid: the values alone."""

import os

BEST = {"criterion": "reconstruction", "allocation": "error", "repair": "match"}  # all three unsaid
PLAIN = {"criterion": "l1", "repair": "none"}  # one of the three said; allocation as in `derived`
GATE_SHARE = 60  # percent of the epochs that train gates
MATCH_STEPS = 200
UNMATCHED_STEPS = 100  # what a recipe says that doesn't match: nothing, and always the same, so digests stay
LEARNING_RATE = 0.05  # of a network that was cut and not repaired, and of one that is trained with gates
TAUGHT_RATE = 4e-4  # of Adam, where a network that translates pictures is trained
LEARNING_RATES = {"reconstruct": 0.003, "match": 0.003}  # after these; docs/tuning.md has what was measured


def default_threads() -> int:
    """One core is left for whatever else the machine does, such as serving the app."""
    return max(1, (os.cpu_count() or 1) - 1)
