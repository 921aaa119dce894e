"""Files given in the browser: kept by their digest while the session lives, and named in the recipe by it.

A recipe says `sha256:<64 hexadecimal digits>#NAME`. The file stands at $PRUNING_UPLOADS/<digits>/NAME, where
the worker processes find it; the folder is made with the first session and removed with the server.
"""

import atexit
import hashlib
import os
import shutil
from pathlib import Path

import streamlit as st

from pruning.experiment import Recipe
from pruning.experiment.sources import UPLOADS
from pruning.jobs.folder import Folder
from pruning.ui import state

KINDS = {"checkpoint": ("safetensors", "pt", "pth", "th", "bin"), "data": ("npz", "zip")}
SAID = {"checkpoint": "weights", "data": "data set"}


class Store:
    """All sessions' uploads, below one folder that nobody else can read; a killed server's is removed by the
    next."""

    def __init__(self):
        self.folder, self.owners = Folder(), {}  # {digits: the sessions that hold this file}
        os.environ[UPLOADS] = str(self.folder.path)
        atexit.register(self.folder.remove)

    def keep(self, session: "Held", name: str, content: bytes) -> str:
        """Stores a file for a session and returns what a recipe calls it."""
        digits, name = hashlib.sha256(content).hexdigest(), Path(name).name
        place = self.folder.path / digits
        place.mkdir(exist_ok=True)
        if not (place / name).exists():
            (place / (name + ".partial")).write_bytes(content)
            (place / (name + ".partial")).rename(place / name)
        self.owners.setdefault(digits, set()).add(session)
        return f"{state.UPLOADED}{digits}#{name}"

    def drop(self, session: "Held"):
        """A session has ended: what it alone held is removed."""
        for digits in [digits for digits, owners in self.owners.items() if session in owners]:
            self.owners[digits].discard(session)
            if not self.owners[digits]:
                del self.owners[digits]
                shutil.rmtree(self.folder.path / digits, ignore_errors=True)


@st.cache_resource(show_spinner=False, on_release=lambda store: store.folder.remove())
def store() -> Store:
    """Made before the workers start, which inherit where it is."""
    return Store()


class Held:
    """What one session has uploaded, by the text that names it in a recipe."""

    def __init__(self, store: Store):
        self.store, self.names = store, set()

    def keep(self, name: str, content: bytes) -> str:
        text = self.store.keep(self, name, content)
        self.names.add(text)
        return text

    def release(self):
        self.store.drop(self)


@st.cache_resource(scope="session", show_spinner=False, on_release=Held.release)
def held() -> Held:
    return Held(store())


def name_of(field: str) -> str:
    """The file's name where a recipe names an upload, else the field as it is."""
    return field.partition("#")[2] or field if field.startswith(state.UPLOADED) else field


def missing(recipe: Recipe) -> list[str]:
    """The fields of a link that name an upload which this session does not hold."""
    fields = {"checkpoint": recipe.checkpoint or "", "data": recipe.data}
    return [
        kind for kind, text in fields.items() if text.startswith(state.UPLOADED) and text not in held().names
    ]


def ask_again(recipe: Recipe):
    """A link whose upload is gone asks for that file by name and checks its digest; nothing else runs
    meanwhile."""
    for kind in missing(recipe):
        wanted = getattr(recipe, kind)
        st.info(f"This link was made with the {SAID[kind]} **{name_of(wanted)}**, which is not here.")
        given = st.file_uploader(f"Give {name_of(wanted)}", type=KINDS[kind], key=f"again {kind}")
        if given is None:
            st.stop()
        digits = hashlib.sha256(given.getvalue()).hexdigest()
        if digits != wanted.removeprefix(state.UPLOADED).partition("#")[0]:
            st.error(f"{given.name} is another file than the link was made with; give the one it names")
            st.stop()
        held().keep(name_of(wanted), given.getvalue())
        st.rerun()  # without the question
