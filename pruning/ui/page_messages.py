"""Messages and errors of the package as a page shows them: settings in words. The command line writes the
same settings as its flags (pruning/flags.py)."""

import re

from pruning.criteria import CRITERIA
from pruning.experiment import Recipe
from pruning.terms import ALLOCATIONS, MEASURE_NAMES, REPAIRS, title

VALUES = {
    "allocation": {name: term.title for name, term in ALLOCATIONS.items()},
    "repair": {name: term.title for name, term in REPAIRS.items()},
    "measure": MEASURE_NAMES,
    "criterion": {name: title(name) for name in CRITERIA},
}
NAMES = {*Recipe.__dataclass_fields__, *(name for known in CRITERIA.values() for name in known.options)}
GIVEN = re.compile(rf"\b({'|'.join(sorted(NAMES, key=len, reverse=True))})=([\w-]+)")
LONG = re.compile(rf"\b({'|'.join(sorted((n for n in NAMES if '_' in n), key=len, reverse=True))})\b")


def unlinked(text: str) -> str:
    """The same as Markdown without links and pictures: names come with links that anybody may have made, and
    a picture is fetched from wherever it says."""
    return text.replace("](", "] (")


def in_page_words(message: object) -> str:
    """match_steps is 0 -> match steps is 0; give repair=match -> give repair: block-wise feature matching."""

    def in_words(found: re.Match) -> str:
        name, value = found.groups()
        return f"{name}: {VALUES.get(name, {}).get(value, value)}"

    return LONG.sub(lambda found: found[0].replace("_", " "), GIVEN.sub(in_words, unlinked(str(message))))
