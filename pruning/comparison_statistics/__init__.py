"""What results on the same items say about each other: who leads, by how much, and which choices matter."""

from pruning.comparison_statistics.factors import shares_of_variance
from pruning.comparison_statistics.family import Family, compared

__all__ = ["Family", "compared", "shares_of_variance"]
