"""Networks of one's own by name, `package.module:factory` or `path/to/file.py:factory`: which file a name
means, and whether this process may run it.

Only whoever types commands, or starts a server with --allow-code, has code run: the app refuses it otherwise.
`must_be_allowed` is asked right before a file is run, in whichever process that is, so that no way to a
recipe leads past it. Importing this runs none of that code, and loads no torch."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from pruning.models.torchvision_index import TORCHVISION

ALLOWED = "PRUNING_ALLOW_CODE"  # 1: yes; anything else: no; unset: yes, but for the app
FORM = "PACKAGE.MODULE:FACTORY or path/to/FILE.py:FACTORY"
_sender: ContextVar[bool] = ContextVar("whether whoever sent this call may have code run", default=True)


class OwnCodeError(ValueError):
    """What is wrong with a network of one's own, in a sentence; its cause, where there is one, was raised by
    that code."""


@dataclass(frozen=True)
class OwnName:
    """where: a dotted module, or the path of a .py file.   factory: the attribute that makes the network."""

    where: str
    factory: str

    @property
    def is_file(self) -> bool:
        return self.where.endswith(".py")

    @property
    def told(self) -> str:
        """unet of nets.py, without the folder."""
        return f"{self.factory} of {Path(self.where).name if self.is_file else self.where}"


def is_own(name: str) -> bool:
    """Whether a network's name means code of one's own."""
    return name.endswith(".py") or (":" in name and not name.startswith(TORCHVISION))


def parted(name: str) -> OwnName:
    """Raises ValueError where a name has another form."""
    where, _, factory = name.rpartition(":")
    found = OwnName(where, factory)
    dotted = (factory,) if found.is_file else (where, factory)
    if where and all(part.isidentifier() for text in dotted for part in text.split(".")):
        return found
    raise ValueError(f"model is {name!r}, which names no factory of a network; give {FORM}")


def absolute(name: str) -> str:
    """The name with the path of its file made absolute."""
    own = parted(name)
    return f"{Path(own.where).expanduser().resolve()}:{own.factory}" if own.is_file else name


# ------------------------------------------------------------------------------------------------ which file


def file_of(own: OwnName) -> Path | None:
    """The file that defines the factory, found without running anything; None where there is none, or it is
    no source."""
    if own.is_file:
        path = Path(own.where).expanduser().resolve()
        return path if path.is_file() else None
    places, spec, name = importable(), None, ""
    for part in own.where.split("."):
        name = f"{name}.{part}" if name else part
        spec = PathFinder.find_spec(name, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None


def importable() -> list[str]:
    """Where modules are looked for: as Python has it, and in the working folder."""
    here = os.getcwd()
    return sys.path if here in sys.path or "" in sys.path else [*sys.path, here]


def recorded(name: str) -> str:
    """The factory's file as a recipe records it, sha256:DIGEST#NAME, as it is now; empty where there is
    none."""
    file = file_of(parted(name))
    return described(file, file.read_bytes()) if file is not None else ""


def described(file: Path, source: bytes) -> str:
    return f"sha256:{hashlib.sha256(source).hexdigest()}#{file.name}"


def digest_in(code: str) -> str:
    """The SHA-256 in what `recorded` returns."""
    return code.removeprefix("sha256:").partition("#")[0]


def stamp(name: str) -> tuple[str, ...]:
    """What tells apart networks of one name: nothing of those that are listed, of one's own the file."""
    try:
        return (recorded(name),) if is_own(name) else ()
    except (OSError, ValueError):  # whoever loads it says what is wrong
        return ("",)


# ---------------------------------------------------------------------------------- who may run it


def allowed() -> bool:
    return os.environ.get(ALLOWED, "1") == "1" and _sender.get()


def refusal(name: str) -> str:
    """Why this process does not make that network, in a sentence; empty where it may."""
    if not is_own(name) or allowed():
        return ""
    return (
        f"{name} is code of one's own, and this server runs none; choose a listed network, or have the "
        "server started with --allow-code"
    )


def must_be_allowed(name: str) -> None:
    if sentence := refusal(name):
        raise ValueError(sentence)


def refuse_unless_said() -> None:
    """From now on this process, and those that it starts, run no code of one's own unless they were told
    to."""
    os.environ.setdefault(ALLOWED, "0")


@contextmanager
def sent_by(may: bool) -> Iterator[None]:
    """Inside, a call that came from elsewhere may have code run only if its sender may."""
    before = _sender.set(may)
    try:
        yield
    finally:
        _sender.reset(before)
