"""The documents: links lead somewhere, examples run, and the site of them loads nothing from elsewhere."""

import re
import shlex
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from cyclopts import CycloptsError
from mkdocs.commands.build import build
from mkdocs.config import load_config
from PIL import Image

import pruning
from pruning.__main__ import app, main
from pruning.terms import GLOSSARY
from tests import gallery
from tests.documents import anchors, code_blocks, documents, links
from tests.front_door import REPOSITORY

# Run by a test of its own, which looks at what comes out: tests/test_readme.py.
BY_TEST_README = {
    "README.md: Five lines on the command line",
    "README.md: Five lines of Python",
    "README.md: Your own network",
    "README.md: Adding a criterion",
}
BLOCKS = [block for document in documents() for block in code_blocks(document)]
EXAMPLES = [block for block in BLOCKS if block.language in ("sh", "python")]
HERE = [block for block in EXAMPLES if block.not_run is None and block.place not in BY_TEST_README]


def commands(code: str) -> list[list[str]]:
    """The words behind `python -m pruning` on every line of a shell's example that has it."""
    code = code.replace("\\\n", " ")
    found = []
    for line in code.splitlines():
        words = shlex.split(line, comments=True)
        if "pruning" in words and words[words.index("pruning") - 2 :][:2] == ["python", "-m"]:
            found.append(words[words.index("pruning") + 1 :])
    return found


# ------------------------------------------------------------------------------------------------ examples


def test_every_example_is_run_or_says_why_not():
    assert len(HERE) > 2 and BY_TEST_README <= {block.place for block in EXAMPLES}
    for block in BLOCKS:
        assert block.not_run is None or len(block.not_run) > 10, f"{block.place}: say why it is not run"


def test_every_command_of_an_example_is_one_that_the_command_line_takes():
    """Also of those that are not run: a flag that is gone or misspelt is found."""
    checked = 0
    for document in documents():
        shell = [block for block in code_blocks(document) if block.language == "sh"]
        variables = dict(
            re.findall(r'^(\w+)="(.*)"$', "\n".join(block.code for block in shell), re.MULTILINE)
        )
        for block in shell:
            code = block.code
            for name, value in variables.items():
                code = re.sub(rf"\${name}\b", value, code)
            for words in commands(code):
                try:
                    app.parse_args(words, exit_on_error=False, print_error=False)
                except CycloptsError as error:
                    pytest.fail(f"{block.place}: python -m pruning {shlex.join(words)}\n{error}")
                checked += 1
    assert checked > 40


def test_every_python_example_can_be_read_and_names_what_there_is():
    for block in EXAMPLES:
        if block.language == "python":
            compile(block.code, block.place, "exec")
            for name in re.findall(
                r"\bpruning\.(\w+)", re.sub(r"^from .*$", "", block.code, flags=re.MULTILINE)
            ):
                assert name in pruning.__all__ or (REPOSITORY / "pruning" / name).is_dir(), block.place


@pytest.mark.parametrize("place", sorted({block.place for block in HERE}))
def test_an_example_runs(place, tmp_path, monkeypatch):
    """As it stands there; the blocks of one section in one go, in an empty folder."""
    mine = [block for block in HERE if block.place == place]
    python = "\n".join(block.code for block in mine if block.language == "python")
    monkeypatch.chdir(tmp_path)
    exec(compile(python, place, "exec"), {"__name__": "__main__"})
    for block in mine:
        if block.language == "sh":
            lines = commands(block.code)
            assert len(lines) == len(block.code.replace("\\\n", " ").splitlines()), (
                "python -m pruning, every line"
            )
            for words in lines:
                with pytest.raises(SystemExit) as ended:
                    sys.exit(main(words))
                assert not ended.value.code, shlex.join(words)


# --------------------------------------------------------------------------------------------------- links


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_links_lead_to_files_and_headings_that_are_there(document):
    for file, anchor in links(document):
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), f"{document.name} links to {file}"
        if anchor:
            assert anchor in anchors(target), f"{document.name} links to {file}#{anchor}"


# ---------------------------------------------------------------------------------------------------- site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """What `make docs` builds: strict, so that a link or an anchor that leads nowhere ends it."""
    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(REPOSITORY / "mkdocs.yml"), site_dir=str(folder)))
    return folder


class Loaded(HTMLParser):
    """What a browser loads by itself to show a page: not what a reader may click."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "srcset", "poster", "data") or (tag == "link" and name == "href"):
                self.found.append(value or "")


def test_the_site_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text())
        assert len(loaded.found) > 3 or page.name == "404.html", page
        for address in loaded.found:
            parts = urlsplit(address)
            assert not parts.netloc and parts.scheme in ("", "data"), f"{page.name} loads {address}"
            if page.name != "404.html" and not parts.scheme and parts.path:
                assert (page.parent / unquote(parts.path)).exists(), f"{page.name} loads {address}"
    for sheet in site.rglob("*.css"):
        addresses = re.findall(r"url\(\s*['\"]?([^)'\"]+)|@import\s+['\"]([^'\"]+)", sheet.read_text())
        assert not [one for pair in addresses for one in pair if one.startswith(("http", "//"))], sheet.name


def test_the_references_hold_all_that_there_is(site):
    python = (site / "reference" / "python.html").read_text()
    headings = re.findall(r"<h2 id=.*?>\s*pruning\.([\w.]+)\s", python, re.DOTALL)
    missing = [name for name in pruning.__all__ if name not in headings]
    assert not missing, f"not on the page of Python names: {missing}"
    command_line = (site / "reference" / "command_line.html").read_text()
    for command in ("run", "compare", "export"):
        assert f"python -m pruning {command}" in command_line
    recipe = (site / "reference" / "recipe.html").read_text()
    for name in pruning.Recipe.__dataclass_fields__:
        assert f"<code>{name}</code>" in recipe
    words = (site / "reference" / "glossary.html").read_text()
    assert all(f"<strong>{term[:1].upper()}{term[1:]}</strong>" in words for term in GLOSSARY)


def test_the_gallery_shows_what_was_taken_in_less_than_two_mebibytes():
    assert gallery.TEXT.read_text() == gallery.text(), "make gallery, or python -m tests.gallery VIEW"
    pictures = {path.stem: path for path in gallery.FOLDER.glob("*.webp")}
    assert len(pictures) >= 8 and set(pictures) <= {view.name for view in gallery.VIEWS}
    assert sum(path.stat().st_size for path in pictures.values()) < gallery.MOST_BYTES
    for view in gallery.VIEWS:
        if view.name in pictures:
            with Image.open(pictures[view.name]) as picture:
                assert picture.size == (gallery.WIDTH, view.height), view.name
