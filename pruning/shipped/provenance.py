"""What shipped values were computed from: the code behind them, the weights, and the libraries' versions."""

import ast
import hashlib
import importlib.metadata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pruning.models.bundled_weights import bundled_file
from pruning.shipped.questions import Question

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = ("numpy", "scipy", "torch")
# By the function that answers: modules and packages below pruning/ that decide what it answers.
NETWORK = ("models", "data", "channels", "tasks", "experiment/loading.py", "inspection/preview.py")
CHOICE = (
    "criteria",
    "statistics",
    "attribution",
    "reconstruction/error_curves.py",
    "reconstruction/gram_matrices.py",
)
PLANS = (
    "allocation",
    "cost.py",
    "experiment/planning.py",
    "search/by_error.py",
    "search/budget.py",
    "search/removal_order.py",
    "search/plan.py",
)
COUNTS = ("surgery.py", "train/evaluation.py", "reconstruction")
BEHIND = {
    "describe": NETWORK,
    "scored": (*NETWORK, *CHOICE),
    "errors_by_group": (*NETWORK, *CHOICE),
    "accuracy_now": (*NETWORK, *CHOICE, *PLANS, *COUNTS),
    "wall": (*NETWORK, *CHOICE, *PLANS, *COUNTS, "wall.py"),
    "bits_now": (*NETWORK, *CHOICE, *PLANS, *COUNTS, "quantize", "inspection/compress_preview.py"),
}
BEHIND["bits_compared"] = (*BEHIND["bits_now"], "tasks/resampling.py")


def stamp(question: Question) -> dict:
    """What an answer depends on beside its recipe, as plain values that compare."""
    recipe = question.recipe
    return {
        "code": code_behind(question.function.__qualname__),
        "weights": _file_digest(bundled_file(recipe.model, recipe.data)),
        "versions": {name: importlib.metadata.version(name).partition("+")[0] for name in LIBRARIES},
    }


@lru_cache
def code_behind(function: str) -> str:
    """Digest of the modules behind a function: comments, docstrings and layout have no part in it."""
    files = [file for part in BEHIND[function] for file in sorted(_files(PACKAGE / part))]
    told = hashlib.sha256()
    for file in dict.fromkeys(files):
        told.update(str(file.relative_to(PACKAGE)).encode())
        told.update(meaning(file.read_text(encoding="utf-8")).encode())
    return told.hexdigest()[:16]


def _files(place: Path) -> Iterator[Path]:
    yield from [place] if place.suffix else place.rglob("*.py")


def meaning(source: str) -> str:
    """A module's syntax tree as text, without docstrings; the same in every version of Python that has this
    syntax, since what a node leaves empty is left out."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            del body[0]
    return repr(_shape(tree))


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _shape(node):
    if isinstance(node, ast.AST):
        parts = [(name, _shape(value)) for name, value in ast.iter_fields(node)]
        return (type(node).__name__, *((name, value) for name, value in parts if value not in (None, ())))
    return tuple(map(_shape, node)) if isinstance(node, list) else node


@lru_cache
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
