"""The Recipe: everything about one pruning experiment, as one flat, frozen, comparable record.

The command line's flags, the app's link, a downloaded model's `recipe.json` and `run`'s argument are all this
record. Help texts live here once, in the fields' metadata: pages show them, and so do flags.
"""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from pruning.criteria import CRITERIA, resolve_options
from pruning.devices import AUTO, chosen
from pruning.experiment.checks import check
from pruning.experiment.unsaid import BEST, MATCH_STEPS, combination, default_threads, derived, followed
from pruning.experiment.values import as_text, from_text, whole_numbers
from pruning.terms import ALLOCATIONS, REPAIRS, listed
from pruning.wording import choose

Measure = Literal["macs", "params", "channels", "latency"]
Allocation = Literal["uniform", "global", "greedy", "trace-ratio", "error", "gates"]
SearchBy = Literal["cross-entropy", "kl", "di"]
Groups = Literal["inner", "all"]
Repair = Literal["none", "recalibrate", "reconstruct", "match"]
BitsBy = Literal["di", "error", "uniform"]
Normalize = Literal["auto", "cifar10", "imagenet", "none"]
CHOICES = ("normalize", "measure", "allocation", "search_by", "groups", "repair", "bits_by")


def setting(default, help_text: str, typed: str = ""):
    """A field. help_text: what it is, on pages and on the command line.   typed: what the command line adds:
    the values as they are typed, and what is taken where none is given."""
    return field(default=default, metadata={"help": help_text, "typed": typed})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that `run` needs for one experiment, and nothing that it finds out.

    Lists arrive as tuples (JSON's lists are turned into them), so a recipe compares and hashes. Every field
    is checked here, wherever the recipe comes from; a wrong one raises ValueError that says what would be
    right.
    """

    model: str = setting("resnet20", "The network.", "A listed one ('list models') or torchvision:NAME.")
    data: str = setting(
        "scenes",
        "The data set.",
        "scenes, digits, cifar10, cifar100, or a path: class folders, a .zip of them, an .npz.",
    )
    checkpoint: str | None = setting(
        None,
        "Weights: a safetensors file or a PyTorch state dict.",
        "'none': random ones. Default: the bundled ones.",
    )
    normalize: Normalize = setting("auto", "How pixels are normalised before the network sees them.")
    size: int | None = setting(None, "Side of the images in pixels.", "Default: the network's own.")
    subtask: tuple[int, ...] = setting(
        (),
        "The classes to tell apart: data, network and all figures are narrowed to them.",
        "Class numbers, such as 3 5 8. Default: all.",
    )
    criterion: str = setting(
        None,
        "How channels are ranked.",
        "'list criteria' names them. Default: l1; where allocation and repair are not given either, the "
        "best combination measured: reconstruction, error and match.",
    )
    options: tuple[tuple[str, Any], ...] = setting((), "The criterion's own options.")
    cut: float = setting(
        0.5,
        "Pruning ratio: the share of the MACs, parameters, channels or latency to remove.",
        "From 0 to below 1.",
    )
    measure: Measure = setting(
        "macs",
        "What the pruning ratio counts: MACs (multiply-accumulates), parameters, channels, or the "
        "latency of a batch, estimated from measured times of the layers.",
    )
    latency: str | None = setting(
        None,
        "The measured times behind a pruning ratio of latency.",
        "A latency.json. Default: measured now.",
    )
    allocation: Allocation = setting(
        None,
        "How the cut is distributed over the channel groups.",
        f"{listed(ALLOCATIONS)} Default: gates with gdp, else uniform; see criterion.",
    )
    search_by: SearchBy = setting(
        "kl",
        "Cost of a step of the greedy search: the rise in cross-entropy or in KL divergence from the "
        "full network's predictions on hold-out images, or the discriminant information (DI) lost, "
        "without running the network.",
    )
    search_temperature: float = setting(
        1.0, "Temperature that softens the predictions before their KL divergence; 1 leaves them as they are."
    )
    search_images: int = setting(256, "Hold-out images on which every step of the greedy search is measured.")
    search_every: int = setting(
        0, "Steps of the greedy search after which channels are scored again; 0: never."
    )
    groups: Groups = setting(
        "inner", "Which channel groups may be cut: those inside blocks, or the residual streams as well."
    )
    protect: tuple[str, ...] = setting((), "Channel groups that are not cut.")
    cut_group: tuple[tuple[str, float], ...] = setting(
        (), "Channel groups with a pruning ratio of their own.", "NAME=SHARE."
    )
    max_cut_per_group: float = setting(0.9, "The highest pruning ratio of any one group.")
    min_channels: int = setting(1, "The least number of channels that a group keeps.")
    round_to: int = setting(1, "Every group that is cut keeps a multiple of this many channels.")
    repair: Repair = setting(
        None,
        "What follows the cut before any training, without labels.",
        f"{listed(REPAIRS)} Default: none; see criterion.",
    )
    match_steps: int = setting(MATCH_STEPS, "Gradient steps of block-wise feature matching.")
    epochs: int = setting(0, "Epochs of fine-tuning after the cut; where gates are trained, of all training.")
    gate_epochs: int | None = setting(None, "Epochs that train the gates.", "Default: 60 %, rounded up.")
    lr: float = setting(
        None, "Initial learning rate; it falls to 0 along a cosine.", "Default: 0.05; 0.003 after a refit."
    )
    batch_size: int = setting(64, "Images per step of fine-tuning.")
    distill: bool = setting(False, "Fine-tune with the full network as teacher (knowledge distillation).")
    distill_temperature: float = setting(
        4.0, "Temperature that softens the predictions of teacher and student."
    )
    distill_logits: float = setting(1.0, "Weight of the distillation loss on predictions.")
    distill_features: float = setting(
        0.3, "Weight of the distillation loss on discriminant features at the end of each stage."
    )
    bits: float | None = setting(None, "Mean bits per weight after quantization.", "Default: not quantized.")
    bit_choices: tuple[int, ...] = setting((2, 4, 8), "Bit-widths that a channel may get.")
    bits_by: BitsBy = setting(
        "di",
        "What gives a channel more bits: discriminant information (DI) and rounding error, rounding "
        "error alone, or nothing (all alike).",
    )
    bits_epochs: int = setting(0, "Epochs of quantization-aware training, with rounded weights.")
    calibration: int = setting(1000, "Training images that data-driven criteria and the repair look at.")
    seed: int = setting(0, "Seed of calibration images, shuffling, augmentation and splits.")
    device: str = setting(AUTO, "Device that PyTorch computes on.", "auto: cuda, else mps, else cpu.")
    threads: int = setting(default_threads(), "Threads that PyTorch uses; they change the last digits.")

    def __post_init__(self):
        self._freeze()
        object.__setattr__(self, "device", chosen(self.device))  # others give other last digits
        self._fill(combination(self))
        choose(self.criterion, CRITERIA, "criterion")
        self._fill(derived(self))
        for name in CHOICES:
            choose(getattr(self, name), get_args(self.__annotations__[name]), name)
        check(self)
        object.__setattr__(self, "options", resolve_options(self.criterion, dict(self.options)))

    @property
    def trained(self) -> bool:
        """Whether the criterion's scores come from training gates with the network."""
        return CRITERIA[self.criterion].trained

    @property
    def best(self) -> bool:
        """Whether criterion, allocation and repair are the best combination, as where all are unsaid."""
        return all(getattr(self, name) == value for name, value in BEST.items())

    @property
    def tune_epochs(self) -> int:
        """Epochs of plain fine-tuning: what training gates leaves of them."""
        return self.epochs - (self.gate_epochs or 0)

    def _fill(self, values: Mapping[str, Any]):
        """Fields that are unsaid get these values."""
        for name, value in values.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    def _freeze(self):
        """Lists and dicts, as JSON and callers hand them over, become sorted or ordered tuples."""
        options = self.options.items() if isinstance(self.options, Mapping) else self.options
        shares = self.cut_group.items() if isinstance(self.cut_group, Mapping) else self.cut_group
        try:
            object.__setattr__(self, "options", tuple(sorted((str(k), v) for k, v in options)))
            object.__setattr__(self, "cut_group", tuple(sorted((str(k), float(v)) for k, v in shares)))
        except (TypeError, ValueError):
            raise ValueError("options and cut_group are mappings, such as {'layer1.0.conv1': 0.3}") from None
        if isinstance(self.protect, str) or not all(isinstance(name, str) for name in self.protect):
            raise ValueError(f"protect is {self.protect!r}; give a list of group names")
        object.__setattr__(self, "protect", tuple(self.protect))
        for name in ("subtask", "bit_choices"):
            object.__setattr__(self, name, whole_numbers(getattr(self, name), name))
        if isinstance(self.bits, int) and not isinstance(self.bits, bool):
            object.__setattr__(self, "bits", float(self.bits))

    # --------------------------------------------------------------------------------------------- as JSON

    def to_dict(self) -> dict:
        """Every field, resolved, in plain JSON types."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["options"] = dict(self.options)
        plain["cut_group"] = dict(self.cut_group)
        plain |= {name: list(plain[name]) for name in ("protect", "subtask", "bit_choices")}
        return plain

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "Recipe":
        """Raises ValueError naming a field that no recipe has, with the nearest that it has."""
        if not isinstance(given, Mapping):
            raise ValueError('a recipe is a JSON object of its fields, such as {"model": "resnet20"}')
        known = [f.name for f in fields(cls)]
        for name in given:
            choose(name, known, "recipe field")
        return cls(**given)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Recipe":
        try:
            given = json.loads(text)
        except (UnicodeDecodeError, json.JSONDecodeError):
            raise ValueError("that is no recipe: give a recipe.json written by run (a JSON object)") from None
        return cls.from_dict(given)

    def digest(self) -> str:
        """Ten hexadecimal digits of everything the numbers depend on."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:10]

    # ---------------------------------------------------------------------------------- as a link, as text

    def differences(self) -> dict[str, Any]:
        """The fields that differ from the defaults; of the options those that differ from the criterion's
        own. The best combination is said by nothing, another one by its criterion and what differs there."""
        plain = self.to_dict()
        default = Recipe(criterion=self.criterion).to_dict() | derived(self) | (BEST if self.best else {})
        told = {name: value for name, value in plain.items() if name != "options" and value != default[name]}
        if not self.best:
            told["criterion"] = self.criterion
        told["options"] = {k: v for k, v in plain["options"].items() if v != default["options"][k]}
        return told

    def _spoken(self) -> dict[str, Any]:
        """`differences`, and what a reader wants to see named in any case."""
        named = ("model", "data", *(BEST if self.best else ("criterion",)))
        return {name: getattr(self, name) for name in named} | self.differences()

    def to_query(self) -> dict[str, str]:
        """The link's keys: only what differs from the default, options as keys of their own, lists joined by
        commas."""
        told = self.differences()
        query = {name: as_text(value) for name, value in told.items() if name != "options"}
        return query | {name: as_text(value) for name, value in told["options"].items()}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Recipe":
        """Reads a link's keys; those that are no field and no option of the criterion are an error."""
        kinds = {f.name: f.type for f in fields(cls)}
        given: dict[str, Any] = {"options": {}}
        for name, text in query.items():
            if name in kinds and name != "options":
                given[name] = from_text(name, text, kinds[name])
            else:
                given["options"][name] = text
        return cls(**given)

    def flags(self) -> list[str]:
        """The command line's flags for this recipe, without the subcommand: only what differs from the
        defaults."""
        told, words = self._spoken(), []
        for name, value in (told | told.pop("options")).items():
            flag = "--" + name.replace("_", "-")
            if isinstance(value, dict):
                value = [f"{key}={part}" for key, part in value.items()]
            if value is True or value is False:
                words.append(flag if value else flag.replace("--", "--no-", 1))
            else:
                words += [flag, *(str(part) for part in (value if isinstance(value, list) else [value]))]
        return words

    def command_line(self, out: str = "pruned") -> str:
        return shlex.join(["python", "-m", "pruning", "run", *self.flags(), "--out", out])

    def python(self, out: str = "pruned") -> str:
        told = self._spoken()
        arguments = ", ".join(f"{name}={value!r}" for name, value in told.items() if value not in ({}, []))
        lines = ["import torch", "import pruning", "", f"torch.set_num_threads({self.threads})"]
        lines += [f"result = pruning.run(pruning.Recipe({arguments}))", f"result.save({out!r})"]
        return "\n".join([*lines, 'print(result.report["accuracy"])']) + "\n"

    def but(self, **changes) -> "Recipe":
        """A copy with these fields changed. Another criterion starts from its own options' defaults, and
        fields that are as they would be unsaid follow what they depend on.

        Allocation and repair stay as they are under another criterion, also those of the best combination;
        only a criterion that trains takes their place. All three None: the best combination."""
        return replace(self, **followed(self, changes))
