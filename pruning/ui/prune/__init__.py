"""The panels of the Prune page: what to cut, what is left, the job that does it, and what came of it."""
