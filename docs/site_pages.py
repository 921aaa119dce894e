"""What `make docs` adds to the pages of docs/: README, contributing and changes as pages of the site, the
references (Python names, command line, recipe, criteria, glossary) from the program itself, and a page for
every file of the source that a document links to. mkdocs.yml names this file as a hook of MkDocs."""

import dataclasses
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File, Files, InclusionLevel

import pruning

TOP = Path(__file__).resolve().parent.parent
FROM_THE_TOP = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(\))")
LANGUAGES = {".py": "python", ".sh": "sh", ".toml": "toml", ".js": "javascript", ".yml": "yaml"}
GATES = {"gates.Gates": "pruning.gates.gates", "gates.GateOptimizer": "pruning.gates.training"}


def on_files(files: Files, config) -> Files:
    """Adds the pages and files that do not stand in docs/."""
    pages = {site: (TOP / name).read_text() for name, site in FROM_THE_TOP.items()}
    pages |= {source_page(name): source_text(name) for name in sorted(linked_sources(files))}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
        if name.startswith("source/"):
            files.get_file_from_path(name).inclusion = InclusionLevel.NOT_IN_NAV
    for name, source in {"icon.svg": "assets/icon.svg", "assets/site.css": "docs/site.css"}.items():
        files.append(File.generated(config, name, content=(TOP / source).read_text()))
    return files


def on_page_markdown(markdown: str, page, config, files: Files) -> str:
    """Links lead to pages of the site, wherever the file that they name stands; a reference is made."""
    place = page.file.src_uri
    here = {site: name for name, site in FROM_THE_TOP.items()}.get(place, f"docs/{place}")

    def led(found: re.Match) -> str:
        target = led_to(here, found[2])
        return (
            found[1]
            + posixpath.relpath(target, posixpath.dirname(place) or ".")
            + (found[3] or "")
            + found[4]
        )

    linked = outside_code(markdown, lambda text: LINK.sub(led, text))
    return without_make(linked) + REFERENCES[place]() if place in REFERENCES else linked


def without_make(intro: str) -> str:
    """What stands in the repository says where the rest is to be seen; on the site it follows."""
    return re.sub(r"`make docs` puts [^.;]+ here[.;]\s*", "", intro).rstrip() + "\n\n"


def led_to(here: str, link: str) -> str:
    """What a link of a file of the repository, both by their paths there, is on the site."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    return FROM_THE_TOP.get(target) or source_page(target)


def outside_code(markdown: str, change) -> str:
    """The text with everything changed that is no code block."""
    parts = re.split(r"(^[ ]*```.*?^[ ]*```$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.lstrip().startswith("```") else change(part) for part in parts)


def linked_sources(files: Files) -> set[str]:
    """Files outside of docs/, by their paths in the repository, that a document links to."""
    documents = [TOP / name for name in FROM_THE_TOP]
    documents += [TOP / "docs" / file.src_uri for file in files.documentation_pages()]
    found = set()
    for document in documents:
        here = document.relative_to(TOP).as_posix()
        for _, link, _, _ in LINK.findall(document.read_text()):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
            if not target.startswith("docs/") and target not in FROM_THE_TOP and (TOP / target).is_file():
                found.add(target)
    return found


def source_page(name: str) -> str:
    return f"source/{name}.md"


def source_text(name: str) -> str:
    language = LANGUAGES.get(Path(name).suffix, "text")
    return f"# `{name}`\n\n````{language}\n{(TOP / name).read_text()}````\n"


# ------------------------------------------------------------------------------------------ the references


def python_reference() -> str:
    """The names that `import pruning` offers, each with its docstring."""
    lines = []
    for name, module in sorted({**pruning._WHERE, **GATES}.items(), key=lambda item: item[0].lower()):
        lines += [f"::: {defined_in(module, name.split('.')[-1])}", "    options:"]
        lines += [f"        {option}: pruning.{name}" for option in ("heading", "toc_label")] + [""]
    return "\n".join(lines)


def defined_in(module: str, name: str) -> str:
    """Where a name that a package passes on is defined: `pruning.surgery.cut`. Read, not imported."""
    folder = TOP / Path(*module.split("."))
    text = (folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")).read_text()
    if re.search(rf"^(?:def|class) {name}\b", text, re.MULTILINE):
        return f"{module}.{name}"
    found = re.search(rf"^from ([\w.]+) import (?:\([^)]*|[^\n(]*)\b{name}\b", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{module} neither defines nor imports {name}; see _WHERE in pruning/__init__.py")
    return defined_in(found[1], name)


def command_line_reference() -> str:
    """What `--help` says of every command, by the alphabet."""
    from pruning.__main__ import app

    told = app.generate_docs(heading_level=1, flatten_commands=True, usage_name=app.name[0])
    _, *commands = re.split(rf"^# {app.name[0]} ", told, flags=re.MULTILINE)
    return f"{app.help}\n\n" + "".join(f"## {command}" for command in sorted(commands))


def recipe_reference() -> str:
    from pruning.experiment.recipe import Recipe

    lines = ["| field | default | what it is |", "|---|---|---|"]
    for field in dataclasses.fields(Recipe):
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        told = f"{field.metadata['help']} {field.metadata['typed']}".strip()
        lines.append(f"| `{field.name}` | {default} | {cell(told)} |")
    return "\n".join(lines) + "\n"


def criteria_reference() -> str:
    """What `list criteria` says, a table a group."""
    from pruning import listing
    from pruning.terms import title

    lines = []
    group = None
    for row in listing.criteria():
        if row["group"] != group:
            group = row["group"]
            lines += [
                "",
                f"## {group}",
                "",
                "| criterion | | unit | options | looks at |",
                "|---|---|---|---|---|",
            ]
        looks = "images and labels" if row["uses_labels"] else "images" if row["uses_data"] else "weights"
        options = ", ".join(f"`--{name.replace('_', '-')}` {value}" for name, value in row["options"].items())
        cells = (f"{title(row['name'])}, `{row['name']}`", row["meaning"], row["unit"], options, looks)
        lines.append(f"| {' | '.join(map(cell, cells))} |")
    return "\n".join(lines) + "\n"


def glossary_reference() -> str:
    from pruning.terms import GLOSSARY, sentence

    lines = ["| | |", "|---|---|"]
    lines += [
        f"| **{sentence(term)}** | {cell(GLOSSARY[term])} |" for term in sorted(GLOSSARY, key=str.lower)
    ]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


REFERENCES = {
    "reference/python.md": python_reference,
    "reference/command_line.md": command_line_reference,
    "reference/recipe.md": recipe_reference,
    "reference/criteria.md": criteria_reference,
    "reference/glossary.md": glossary_reference,
}
