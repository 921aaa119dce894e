"""Who may import whom, read from the sources; what starts without torch, read from running processes."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.front_door import REPOSITORY, cli

# A module imports only from those before it: the way of the data, then what stands on it.
ORDER = (
    *(
        "progress",
        "devices",
        "progress_bars",
        "error_messages",
        "number_checks",
        "terms",
        "places",
        "output_places",
        "untrusted",
        "tasks",
        "metric_words",
        "models",
        "data",
        "channels",
    ),
    *("cost", "statistics", "surgery", "optimizers"),
    *("latency", "reconstruction", "attribution", "criteria", "allocation", "train"),
    *("plain_weights", "gates", "search"),
    *(
        "quantize",
        "export",
        "runtimes",
        "experiment",
        "targets",
        "comparison_statistics",
        "inspection",
        "wall",
        "shipped",
    ),
    *("limits", "jobs", "listing", "flags", "runs", "figures", "html_report", "ui", "bench"),
    *(
        "data_command",
        "measuring_commands",
        "target_command",
        "earlier_files",
        "comparison_command",
        "export_command",
        "app_command",
        "run_command",
        "__main__",
    ),
)
ABOVE_ALL = {
    "jobs",
    "ui",
    "bench",
    "__main__",
}  # only these use the package by its front, as anyone outside does
DRAWING = {"pandas", "numpy", "plotly"}  # all that a figure is made of
SOURCES = sorted((REPOSITORY / "pruning").rglob("*.py"))
PAGES = [REPOSITORY / "app.py", *sorted((REPOSITORY / "pages").glob("*.py"))]
TESTS = sorted((REPOSITORY / "tests").rglob("*.py"))


def place(path: Path) -> str:
    """The part of the package a file belongs to: pruning/models/resnet.py is in models."""
    return path.relative_to(REPOSITORY / "pruning").parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Dotted names a file imports anywhere, also inside functions; `from pruning import x` is pruning.x."""
    here = path.relative_to(REPOSITORY).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(here[: len(here) - node.level]) if node.level else ""
            module = ".".join(part for part in (start, node.module) if part)
            yield from (f"{module}.{name.name}" if module == "pruning" else module for name in node.names)


def parts_used(path: Path) -> set[str]:
    """Parts of the package a file imports; a public name, such as pruning.Recipe, is of the front, ''."""
    names = [name.split(".") for name in imported(path)]
    return {(name[1] if name[1:] and name[1] in ORDER else "") for name in names if name[0] == "pruning"}


def libraries(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def test_every_module_has_its_place_in_the_order():
    assert {place(path) for path in SOURCES} - {"__init__"} <= set(ORDER)


def test_no_module_imports_one_that_comes_after_it():
    backwards = []
    for path in (path for path in SOURCES if place(path) != "__init__"):
        allowed = set(ORDER[: ORDER.index(place(path)) + 1]) | ({""} if place(path) in ABOVE_ALL else set())
        backwards += [(path.name, part or "the package's front") for part in parts_used(path) - allowed]
    assert not backwards


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


def test_no_modules_import_each_other_in_a_circle():
    """Not for their types alone either."""
    known = {module_of(path): path for path in SOURCES}
    graph = {}
    for name, path in known.items():
        used = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module in known:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                used |= {one if one in known else node.module for one in inner}
            elif isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names if alias.name in known}
        graph[name] = used - {name}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_streamlit_stays_in_the_app():
    assert not [path for path in SOURCES if place(path) != "ui" and "streamlit" in libraries(path)]


def test_a_figure_is_made_of_tables_alone():
    known = DRAWING | {"pruning"} | set(sys.stdlib_module_names)
    for path in (path for path in SOURCES if place(path) == "figures"):
        assert libraries(path) <= known, path
        assert parts_used(path) <= {"figures", "terms", "metric_words"}, path


def test_every_pinned_library_is_used_and_every_used_one_is_pinned():
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    pinned = {line.split("==")[0] for line in lines if line and not line.startswith("#")}
    distribution = {"ot": "pot", "PIL": "pillow", "mlflow": "mlflow-skinny"}  # where the names differ
    used = {name for path in [*SOURCES, *PAGES] for name in libraries(path)}
    used -= {"pruning", "__future__"} | set(sys.stdlib_module_names)
    # the benchmark's peer, a development dependency, and one more runtime: told about where they are missing
    used -= {"torch_pruning", "openvino"}
    # distributed makes the workers' temporary keys with the first; of the second a file is read; the last is
    # behind torch.onnx
    elsewhere = {
        "cryptography",
        "scikit-learn",
        "sqlalchemy",
        "alembic",
        "onnxscript",
    }  # two are MLflow's store
    assert {distribution.get(name, name) for name in used} | elsewhere == pinned


@pytest.mark.parametrize("words", [["--help"], ["list", "models"], ["list", "criteria"]], ids=" ".join)
def test_the_command_line_starts_without_torch(words):
    command = [sys.executable, "-X", "importtime", "-m", "pruning", *words]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0 and "pruning" in modules
    assert not {"torch", "torchvision", "streamlit", "distributed"} & modules


def test_the_package_and_a_recipe_need_no_torch():
    code = "import pruning, sys; pruning.Recipe(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_first_paint_needs_no_torch():
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "app = AppTest.from_file('app.py', default_timeout=600).run()\n"
        "assert not app.exception, app.exception\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr


def test_a_file_holds_one_idea_and_a_page_and_a_function_fit_a_screen():
    too_long = []
    for path in [*SOURCES, *PAGES, *TESTS]:
        name, text = str(path.relative_to(REPOSITORY)), path.read_text()
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        too_long += [name] if len(text.splitlines()) > (40 if path in PAGES else 300) else []
        too_long += [f"{name}: {f.name}" for f in functions if f.end_lineno - f.lineno >= 40]
    assert not too_long


def test_help_names_the_commands():
    told = cli("--help").stdout
    assert all(word in told for word in ("list", "scores", "run", "train", "oracle", "sensitivity", "bench"))
