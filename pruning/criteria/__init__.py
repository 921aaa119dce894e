"""The criteria, one file a method. Importing them loads NumPy and SciPy, not torch."""

from pruning.criteria import (
    catro,
    conductance,
    cpot,
    di,
    energy,
    fpgm,
    gdp,
    gradient_x_activation,
    integrated_gradients,
    l1,
    l2,
    random,
    reconstruction,
    slimming,
    taylor,
)
from pruning.criteria.registry import CRITERIA, Criterion, Option, criterion, resolve_options
from pruning.criteria.scores import Scores

SCORED = tuple(name for name, known in CRITERIA.items() if not known.trained)  # by looking at the network

__all__ = ["CRITERIA", "SCORED", "Criterion", "Option", "Scores", "criterion", "resolve_options"]
__all__ += ["catro", "conductance", "cpot", "di", "energy", "fpgm", "gdp", "gradient_x_activation"]
__all__ += ["integrated_gradients", "l1", "l2", "random", "reconstruction"]
__all__ += ["slimming", "taylor"]
