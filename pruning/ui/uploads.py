"""Files given in the browser: kept by their digest for the visitor who gave them, and named in the recipe by
it.

A recipe says `sha256:<64 hexadecimal digits>#NAME`. The file stands at $PRUNING_UPLOADS/<digits>/NAME, where
the worker processes find it; the folder is made with the first session and removed with the server. A link
names the file, it does not open it: who has not given the file himself is asked for it.
"""

import atexit
import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit import runtime

from pruning import models
from pruning.experiment import Recipe
from pruning.experiment.uploaded_files import UPLOADS
from pruning.jobs.folder import Folder
from pruning.limits import Limits
from pruning.ui import display_names, state, visitor
from pruning.ui.page_messages import unlinked
from pruning.ui.upload_memory import bound_memory

KINDS = {"checkpoint": ("safetensors", "pt", "pth", "th", "bin"), "data": ("npz", "zip")}
SAID = {"checkpoint": "weights", "data": "data set"}
KEPT = 24 * 3600  # seconds that a file stays without being used
EACH, ALL = 2**30, 4 * 2**30  # bytes of one visitor's files, and of all visitors' together
LONGEST_NAME = 200  # bytes of a file's name; most disks take 255
PATIENCE = 600  # seconds between two looks for files that nobody has used for too long
RECONNECTS = 120  # seconds in which Streamlit takes up a session whose connection was cut


@dataclass
class Upload:
    """A visitor's claim to a file. size: bytes.   used: when a page last showed it, in seconds since 1970."""

    size: int
    used: float


class Store:
    """All visitors' uploads, below one folder that nobody else can read; a killed server's is removed by the
    next."""

    def __init__(self, *, each: int = EACH, all: int = ALL, clock: Callable[[], float] = time.time):
        self.folder, self.each, self.all, self.clock = Folder(), each, all, clock
        self.held: dict[str, dict[str, Upload]] = {}  # {visitor: {what a recipe calls it: Upload}}
        self.lock, self.closed = threading.RLock(), threading.Event()
        os.environ[UPLOADS] = str(self.folder.path)
        atexit.register(self.folder.remove)
        threading.Thread(target=self.sweep_while_open, daemon=True, name="uploads").start()

    def keep(self, owner: str, name: str, content: bytes) -> tuple[str, list[str]]:
        """Stores a visitor's file. Returns what a recipe calls it, and the names of his files that had to go
        for it, the longest unused first. Raises ValueError for a file beyond all room there is."""
        name = file_name(name)
        if len(content) > self.each:
            raise ValueError(f"{name} has {in_mib(len(content))}; give at most {in_mib(self.each)}")
        text = f"{state.UPLOADED}{hashlib.sha256(content).hexdigest()}#{name}"
        with self.lock:
            self.held.setdefault(owner, {})[text] = Upload(len(content), self.clock())
            gone = self.make_room({owner}, self.each, (owner, text))
            self.make_room(set(self.held), self.all, (owner, text))
            self.write(self.place(text), content)
        return text, [display_names.name_of(other) for other in gone]

    def holds(self, owner: str, text: str) -> bool:
        """Whether this visitor has given this file; from now on it counts as used."""
        with self.lock:
            upload = self.held.get(owner, {}).get(text)
            if upload is not None:
                upload.used = self.clock()
            return upload is not None

    def drop(self, owner: str, text: str):
        """A visitor's claim ends, and with the last claim the file."""
        with self.lock:
            del self.held[owner][text]
            if not self.held[owner]:
                del self.held[owner]
            if not any(text in own for own in self.held.values()):
                place = self.place(text)
                place.unlink(missing_ok=True)
                if place.parent.exists() and not any(place.parent.iterdir()):
                    place.parent.rmdir()

    def let_go(self, before: float, owner: str | None = None):
        """Drops what was last used before that moment: one visitor's, or anybody's."""
        with self.lock:
            for whose, text in self.claims():
                if owner in (None, whose) and self.held[whose][text].used <= before:
                    self.drop(whose, text)

    # ----------------------------------------------------------------------------------------------- inside

    def claims(self) -> list[tuple[str, str]]:
        return [(owner, text) for owner, own in self.held.items() for text in own]

    def make_room(self, owners: set[str], most: int, newest: tuple[str, str]) -> list[str]:
        """Drops the longest unused of these visitors' files, but for the newest, until the rest fits; returns
        what went."""
        claims = [claim for claim in self.claims() if claim[0] in owners and claim != newest]
        claims.sort(key=lambda claim: self.held[claim[0]][claim[1]].used)
        gone = []
        while len(gone) < len(claims) and self.size(owners) > most:
            owner, text = claims[len(gone)]
            self.drop(owner, text)
            gone.append(text)
        return gone

    def size(self, owners: set[str]) -> int:
        """Bytes on the disk; what several hold is there once."""
        files = {text: upload.size for owner in owners for text, upload in self.held.get(owner, {}).items()}
        return sum(files.values())

    def place(self, text: str) -> Path:
        digits, _, name = text.removeprefix(state.UPLOADED).partition("#")
        return self.folder.path / digits / name

    def write(self, place: Path, content: bytes):
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            partial = place.with_name(place.name + ".partial")
            partial.write_bytes(content)
            partial.rename(place)

    def sweep_while_open(self):
        while not self.closed.wait(PATIENCE):
            self.let_go(self.clock() - KEPT)

    def close(self):
        self.closed.set()
        self.folder.remove()


@st.cache_resource(show_spinner=False, on_release=Store.close)
def store() -> Store:
    """Made before the workers start, which inherit where it is."""
    most = Limits.from_environment().uploads
    if runtime.exists():
        bound_memory(runtime.get_instance().uploaded_file_mgr)
    return Store(each=EACH if most is None else int(most * 2**20))


class Session:
    """One session of a visitor, for what has to be done when it ends. kept: whether its browser keeps the
    visitor's token; else nobody comes back to his files."""

    def __init__(self, store: Store, owner: str):
        self.store, self.owner, self.kept = store, owner, True

    def release(self):
        if not self.kept:
            ended = self.store.clock()
            timer = threading.Timer(RECONNECTS, self.store.let_go, [ended, self.owner])
            timer.daemon = True
            timer.start()


@st.cache_resource(scope="session", show_spinner=False, on_release=Session.release)
def session() -> Session:
    return Session(store(), visitor.owner())


def file_name(name: str) -> str:
    """What a browser calls a file, as one can be called here: without folders and control characters, its end
    kept where it is long."""
    plain = "".join(letter for letter in Path(name).name if letter.isprintable())
    while len(plain.encode()) > LONGEST_NAME:
        plain = plain[1:]
    return plain if plain.strip(".") else "file"


def largest(kind: str) -> int:
    """MB of one file that is given here: of weights what Streamlit takes, of data what this server allows."""
    most = st.get_option("server.maxUploadSize")
    own = Limits.from_environment().file if kind == "data" else None
    return most if own is None else max(1, min(most, int(own)))


def field(label: str, kind: str, **how):
    """Where a file is given. The browser refuses one that is too large before it sends any of it."""
    return st.file_uploader(label, type=KINDS[kind], max_upload_size=largest(kind), **how)


def keep(kind: str, name: str, content: bytes) -> str:
    """Stores what the visitor gave and returns what a recipe calls it; says what had to go for it. Raises
    ValueError for a file that the browser should not have sent."""
    if len(content) > largest(kind) * 2**20:
        raise ValueError(f"{file_name(name)} is larger than {largest(kind)} MB; give a smaller file")
    text, gone = store().keep(visitor.owner(), name, content)
    if gone:
        most = in_mib(store().each)
        state.refuse(
            f"Your files here may have {most}, so those unused for longest were deleted: {', '.join(gone)}."
        )
    return text


def kept_once(given) -> str:
    """The same for the data that a form's field holds, which is there at every run of the page. given:
    Streamlit's. Raises ValueError in one sentence for a file that was refused, which is not stored again."""
    if sentence := st.session_state.get(f"refused {given.file_id}"):
        raise ValueError(sentence)
    text = st.session_state.get(f"upload {given.file_id}")
    if text is None or not store().holds(visitor.owner(), text):
        text = st.session_state[f"upload {given.file_id}"] = keep("data", given.name, given.getvalue())
    return text


def refused(text: str, sentence: str, given=None):
    """A file that turned out to be none is not left on the disk, unless it is open. given: the form's field
    that holds it, which from now on says the sentence."""
    now = state.recipe_now()
    if text.startswith(state.UPLOADED) and text not in (now.checkpoint, now.data):
        if store().holds(visitor.owner(), text):
            store().drop(visitor.owner(), text)
        if given is not None:
            st.session_state[f"refused {given.file_id}"] = sentence


def how_long() -> str:
    """What becomes of a file that is given here, and how large it may be, which the browser says where one
    points at a file that is refused."""
    most = f"A file of weights may have {largest('checkpoint')} MB, one of data {largest('data')} MB. "
    if not visitor.kept():
        return most + (
            "Your browser keeps no cookies, so what you give here is forgotten when the page is reloaded or "
            "closed."
        )
    return most + (
        f"What you give here stays on this server until you have not used it for {KEPT // 3600} hours, also "
        "when the page is reloaded. Nobody else can open it, not by a link either."
    )


def in_mib(size: int) -> str:
    return f"{max(1, round(size / 2**20)):,} MiB"


def missing(recipe: Recipe) -> list[str]:
    """The fields of a link that name an upload which this visitor has not given."""
    session().kept = visitor.kept()
    fields = {"checkpoint": recipe.checkpoint or "", "data": recipe.data}
    return [
        kind
        for kind, text in fields.items()
        if text.startswith(state.UPLOADED) and not store().holds(visitor.owner(), text)
    ]


def ask_again(recipe: Recipe):
    """A link whose upload is not here asks for that file by name and checks its digest, or leads back to a
    network that comes along; nothing else runs meanwhile."""
    for kind in missing(recipe):
        wanted = getattr(recipe, kind)
        name = unlinked(display_names.name_of(wanted))
        st.space("small")  # the bar above the page would hide it
        st.info(
            f"This link was made with the {SAID[kind]} **{name}**, which you have "
            "not given to this server, or not used for a day."
        )
        given = field(f"Give {name}", kind, key=f"again {kind}")
        model, data = nearest(recipe)
        label = f"Open {display_names.network(model)} on {display_names.data(data)} instead"
        st.button(label, on_click=state.open_bundled, args=(model, data), key="open bundled")
        if given is None:
            st.stop()
        digits = hashlib.sha256(given.getvalue()).hexdigest()
        if digits != wanted.removeprefix(state.UPLOADED).partition("#")[0]:
            st.error(f"{given.name} is another file than the link was made with; give the one it names")
            st.stop()
        keep(kind, display_names.name_of(wanted), given.getvalue())
        st.rerun()  # without the question


def nearest(recipe: Recipe) -> tuple[str, str]:
    """The pair of network and data that comes along and has most in common with the recipe."""
    pairs = models.bundled()
    return max(pairs, key=lambda pair: (pair[0] == recipe.model) + (pair[1] == recipe.data))
