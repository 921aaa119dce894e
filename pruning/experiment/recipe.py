"""The Recipe: everything about one pruning experiment, as one flat, frozen, comparable record.

The command line's flags, the app's link, a downloaded model's `recipe.json` and `run`'s argument are all this
record. Help texts live once, in the fields' metadata (`recipe_fields`): pages show them, and so do flags.
"""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from pruning.criteria import CRITERIA, resolve_options
from pruning.devices import chosen
from pruning.error_messages import choose
from pruning.experiment.checks import check
from pruning.experiment.defaults import BEST
from pruning.experiment.dependent_defaults import combination, derived, followed
from pruning.experiment.field_values import as_text, from_text, whole_numbers
from pruning.experiment.recipe_fields import ADDED_LATER, CHOICES, RecipeFields
from pruning.models.own_code import is_own
from pruning.number_checks import brief
from pruning.untrusted.json_texts import parsed


@dataclass(frozen=True, kw_only=True)
class Recipe(RecipeFields):
    """All that `run` needs for one experiment, and nothing that it finds out.

    Lists arrive as tuples (JSON's lists are turned into them), so a recipe compares and hashes. Every field
    is checked here, wherever the recipe comes from; a wrong one raises ValueError that says what would be
    right.
    """

    def __post_init__(self):
        self._freeze()
        object.__setattr__(self, "device", chosen(self.device))  # others give other last digits
        self._fill(combination(self))
        choose(self.criterion, CRITERIA, "criterion")
        self._fill(derived(self))
        if self.blocks is True and "blocks" in CRITERIA[self.criterion].options:  # one switch, by two names
            object.__setattr__(self, "options", (*dict(self.options).items(), ("blocks", True)))
            object.__setattr__(self, "blocks", False)
        for name in CHOICES:
            choose(getattr(self, name), get_args(RecipeFields.__annotations__[name]), name)
        check(self)
        if not is_own(self.model):
            object.__setattr__(self, "code", None)  # of a network that was chosen before
        object.__setattr__(self, "options", resolve_options(self.criterion, dict(self.options)))

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
        names = self.protect if isinstance(self.protect, (list, tuple, set, frozenset)) else [None]
        if not all(isinstance(name, str) for name in names):
            raise ValueError(f"protect is {brief(self.protect)}; give a list of group names")
        object.__setattr__(self, "protect", tuple(self.protect))
        for name in ("criterion", "device", "model", *CHOICES):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} is {brief(value)}; give a name")
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
            given = parsed(text)
        except ValueError as error:
            raise ValueError(f"that is no recipe, {error}; give a recipe.json written by run") from None
        return cls.from_dict(given)

    def unused(self) -> frozenset[str]:
        """Fields that earlier versions did not have, where they have their default: no digest counts them."""
        later = (f for f in fields(self) if f.name in ADDED_LATER)
        return frozenset(f.name for f in later if getattr(self, f.name) == f.default)

    def digest(self) -> str:
        """Ten hexadecimal digits of everything the numbers depend on."""
        told = {name: value for name, value in self.to_dict().items() if name not in self.unused()}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:10]

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
        return "\n".join([*lines, 'print(result.report["values"])']) + "\n"

    def but(self, **changes) -> "Recipe":
        """A copy with these fields changed. Another criterion starts from its own options' defaults, and
        fields that are as they would be unsaid follow what they depend on.

        Allocation and repair stay as they are under another criterion, also those of the best combination;
        only a criterion that trains takes their place. All three None: the best combination."""
        return replace(self, **followed(self, changes))
