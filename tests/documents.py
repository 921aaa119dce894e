"""The documents as a reader has them: their code blocks, links and headings."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.front_door import REPOSITORY

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^ *```$", re.DOTALL | re.MULTILINE)
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z", re.DOTALL)  # stands before a block, and says why
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")


@dataclass(frozen=True)
class Block:
    """A code block. place: the document and the heading above it, `docs/deploy.md: Limits`.
    not_run: why it is not run, as the comment before it says; None if it is."""

    place: str
    language: str
    code: str
    not_run: str | None


def documents() -> list[Path]:
    """README and the like, and docs/ with its folders."""
    return sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


def code_blocks(document: Path) -> list[Block]:
    text = document.read_text()
    found = []
    for fence in FENCE.finditer(text):
        before = text[: fence.start()]
        heading = (re.findall(r"^#+ (.+)$", FENCE.sub("", before), re.MULTILINE) or [""])[-1]
        reason = NOT_RUN.search(before.rstrip())
        place = f"{document.relative_to(REPOSITORY).as_posix()}: {heading}"
        code = re.sub(rf"^{fence['indent']}", "", fence["code"], flags=re.MULTILINE)
        found.append(Block(place, fence["language"], code, reason and reason[1]))
    return found


def links(document: Path) -> list[tuple[str, str]]:
    """[(file, anchor)] of the links to other places of the repository; outside of code."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", document.read_text()))
    return LINK.findall(text)


def anchors(document: Path) -> set[str]:
    """Of a document's headings, as GitHub makes them; a second one of a name has -1 behind it."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text()), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {f"{name}-{i}" if i else name for name, count in found.items() for i in range(count + 1)}
