"""Whatever can be opened by a click keeps open while what stands above it comes and goes: by its key."""

import ast

from tests.front_door import REPOSITORY
from tests.test_imports import SOURCES

OPENED = ("expander", "popover", "tabs")
PAGES = [
    REPOSITORY / "app.py",
    *REPOSITORY.glob("pages/*.py"),
    *(path for path in SOURCES if "ui" in path.parts),
]


def without_key(source: str) -> list[int]:
    """The lines that make one of these without a key."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    opened = [call for call in calls if getattr(call.func, "attr", "") in OPENED]
    return [call.lineno for call in opened if "key" not in {keyword.arg for keyword in call.keywords}]


def test_what_is_opened_by_a_click_has_a_key():
    found = {path.relative_to(REPOSITORY).as_posix(): without_key(path.read_text()) for path in PAGES}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert sum(".expander(" in path.read_text() for path in PAGES) > 15


def test_one_without_a_key_is_found():
    assert without_key('st.expander("A")\nst.expander("B", key="b")\nplace.popover("C")') == [1, 3]
