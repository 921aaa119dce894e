"""The map of the program, docs/architecture.md, names what is there, in the order that imports keep."""

import ast
import re

from tests.front_door import REPOSITORY
from tests.test_imports import ORDER, SOURCES

MAP = (REPOSITORY / "docs" / "architecture.md").read_text()
ROOMS = MAP.split("\n## Rooms, in import order\n")[1]


def on_the_map() -> list[str]:
    """The files' names as they stand there; a folder, `channels/`, stands for its __init__.py."""
    return re.findall(r"^(?:- )?`([\w/]+(?:\.py|/))`: ", ROOMS, re.MULTILINE)


def line_of(path) -> str:
    """The line that the map needs for a file: its name, and the first sentence that it says of itself."""
    name = path.relative_to(REPOSITORY / "pruning").as_posix().removesuffix("__init__.py")
    told = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].replace("\n", " ")
    return f"{'' if name.count('/') == 1 and name.endswith('/') else '- '}`{name}`: {told.split('. ')[0]}"


def test_every_module_is_on_the_map_and_nothing_else():
    wanted = {line_of(path).split("`")[1]: path for path in SOURCES if path.parent.name != "pruning"}
    wanted |= {path.name: path for path in SOURCES if path.parent.name == "pruning"}
    del wanted["__init__.py"]  # the package's front
    listed = on_the_map()
    missing = [line_of(wanted[name]) for name in sorted(set(wanted) - set(listed))]
    assert not missing, "add to docs/architecture.md, each below its room:\n" + "\n".join(missing)
    gone = sorted(set(listed) - set(wanted))
    assert not gone, f"take out of docs/architecture.md what is not there any more: {', '.join(gone)}"
    assert len(listed) == len(set(listed)), "a module stands on docs/architecture.md twice"


def test_the_map_has_the_rooms_in_the_order_of_imports():
    rooms = re.findall(r"^### (\w+)$", ROOMS, re.MULTILINE)
    assert rooms == list(ORDER), (
        "the rooms of docs/architecture.md stand in the order of tests/test_imports.py"
    )
    for room, text in zip(rooms, re.split(r"^### \w+$", ROOMS, flags=re.MULTILINE)[1:], strict=True):
        names = re.findall(r"^(?:- )?`([\w/.]+)`: ", text, re.MULTILINE)
        assert {name.split("/")[0].removesuffix(".py") for name in names} == {room}


def test_what_the_map_points_at_is_there():
    asked = MAP.split("\n## Where do I find\n")[1].split("\n## ")[0]
    for name in re.findall(r"`([a-z_]+/[\w/]*(?:\.py)?)", asked):
        places = [REPOSITORY / name, REPOSITORY / "pruning" / name]
        assert any(place.exists() for place in places), name
