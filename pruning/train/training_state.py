"""What a training needs to go on after it was ended: tensors and numbers in a folder, no pickle.

One safetensors file a stage, its numbers as JSON in the file's header, so that the two are never of
different moments. A file is written beside the old one and then moved over it: whatever ends the process, one
of them is whole.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pruning.devices import of_network, random_states, set_random_states
from pruning.latency import FILE
from pruning.models.fill_weights import restore

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

SUFFIX = ".state.safetensors"
Wish = Literal["pause", "stop"]
MOMENTS = {  # as torch has them, and as they are kept
    "momentum_buffer": "momentum",
    "exp_avg": "first_moment",
    "exp_avg_sq": "second_moment",
    "step": "steps",
}
ASKED, DATA = "asked.json", "data.txt"  # what else was asked for; digest of the data that it is trained on
BESIDE = (FILE, ASKED, DATA)  # what may lie beside a recipe
WISHES: tuple[Wish, ...] = ("pause", "stop")


class Saved:
    """The state of a run under way, and what somebody wishes of it.

    folder: made when something is first kept. A process that trains and one that asks share it.
    recipe: recipe.json's text, of whatever is kept here; what another recipe left is removed at once, and
    that somebody asked for a pause is forgotten. Unsaid by who only looks.
    beside: {file name: text} of what else the recipe needs, kept with it.
    """

    def __init__(
        self, folder: str | Path, recipe: str | None = None, beside: Mapping[str, str] | None = None
    ):
        self.folder, self.recipe, self.beside = Path(folder), recipe, beside or {}
        if recipe is not None:
            if self.told.is_file() and self.told.read_text() != recipe:
                self.remove()
            if self.wish() == "pause":
                self.ask(None)

    @property
    def told(self) -> Path:
        """The recipe beside the state."""
        return self.folder / "recipe.json"

    def keep(self, stage: str, tensors: "Mapping[str, Tensor]", values: Mapping[str, Any]) -> None:
        """Replaces what was kept of this stage. values: whatever JSON holds."""
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True, exist_ok=True)
        if self.recipe is not None and not self.told.is_file():
            self.told.write_text(self.recipe)
            for name, text in self.beside.items():
                (self.folder / name).write_text(text)
        whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        scratch = self._file(stage).with_suffix(".writing")
        save_file(whole, scratch, metadata={"values": json.dumps(values)})
        os.replace(scratch, self._file(stage))

    def found(self, stage: str) -> "tuple[dict[str, Tensor], dict[str, Any]] | None":
        """What was kept of a stage last, on the CPU; None where nothing was. Raises ValueError for a file
        that is none of ours."""
        from safetensors import SafetensorError, safe_open

        if not self._file(stage).is_file():
            return None
        try:
            with safe_open(self._file(stage), framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}
                return tensors, json.loads(file.metadata()["values"])
        except (SafetensorError, KeyError, TypeError, json.JSONDecodeError):
            raise ValueError(
                f"{self._file(stage)} holds no state of a run; delete {self.folder} and start it again"
            ) from None

    def said(self, name: str) -> str | None:
        """A text that was kept beside the recipe; None where there is none."""
        file = self.folder / name
        return file.read_text() if self.told.is_file() and file.is_file() else None

    @property
    def holds(self) -> bool:
        """Whether the state of any stage is kept."""
        return any(self.folder.glob(f"*{SUFFIX}"))

    def ask(self, wish: Wish | None) -> None:
        """Tells the training to pause or to stop, from whichever process; None takes that back."""
        if wish is None:
            return self._wishes.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self._wishes.with_suffix(".writing")
        scratch.write_text(wish)
        os.replace(scratch, self._wishes)

    def wish(self) -> Wish | None:
        """What somebody asked for, if anybody did: some microseconds."""
        try:
            told = self._wishes.read_text().strip()
        except OSError:
            return None
        return told if told in WISHES else None

    def remove(self) -> None:
        """Removes what was kept, and the folder unless it holds anything else."""
        kept = [*self.folder.glob(f"*{SUFFIX}"), *self.folder.glob("*.writing")]
        others = [self.folder / name for name in BESIDE]
        for file in [*kept, self._wishes, *([self.told, *others] if kept else [])]:
            file.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _file(self, stage: str) -> Path:
        return self.folder / f"{stage}{SUFFIX}"

    @property
    def _wishes(self) -> Path:
        return self.folder / "wish"


def state_of(
    model: "nn.Module", best: "Mapping[str, Tensor]", optimizer: "Optimizer", random: np.random.Generator
) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """All that the next steps of a training depend on, as `keep` takes it. best: a state dict beside the
    model's own."""
    tensors = random_states(of_network(model)[0])
    tensors |= {f"now {name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best {name}": tensor for name, tensor in best.items()}
    return tensors | moments(optimizer), {"random": random.bit_generator.state}


def moments(optimizer: "Optimizer") -> "dict[str, Tensor]":
    """What an optimizer remembers of every parameter: SGD's momentum, Adam's moments and steps."""
    return {
        f"{MOMENTS[name]} {number}": tensor
        for number, state in optimizer.state_dict()["state"].items()
        for name, tensor in state.items()
        if tensor is not None
    }


def set_moments(optimizer: "Optimizer", tensors: "Mapping[str, Tensor]") -> None:
    """Goes back to what `moments` told, in place."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, word in MOMENTS.items():
        for key, tensor in tensors.items():
            kind, _, number = key.partition(" ")
            if kind == word and number.isdecimal():
                state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def put_back(
    tensors: "Mapping[str, Tensor]",
    values: Mapping[str, Any],
    model: "nn.Module",
    optimizer: "Optimizer",
    random: np.random.Generator,
) -> "dict[str, Tensor]":
    """Goes back to what `state_of` told, in place; returns the best state."""

    def part(prefix: str) -> "dict[str, Tensor]":
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    restore(model, part("now "))
    set_moments(optimizer, tensors)
    set_random_states(tensors, of_network(model)[0])
    random.bit_generator.state = values["random"]
    return part("best ")
