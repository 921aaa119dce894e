"""Runs that are kept, and comparisons: lists of recipes of which nothing is lost and nothing done twice.

Importing this loads neither torch nor MLflow.
"""

from pruning.runs.product import Comparison, Entry
from pruning.runs.results_table import COLUMNS, row_of
from pruning.runs.run_key import run_key
from pruning.runs.store import KeptRun, RunStore, runs_folder

__all__ = ["COLUMNS", "Comparison", "Entry", "KeptRun", "RunStore", "row_of", "run_key", "runs_folder"]
