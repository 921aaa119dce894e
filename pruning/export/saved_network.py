"""What a pruned network is saved as, and how it comes back: safetensors, the plan and the recipe; no
pickle."""

import io
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.cost import Plan
from pruning.error_messages import first_line
from pruning.latency import FILE, LatencyTable
from pruning.quantize import Codes
from pruning.quantize.stored_codes import arrays_of, codes_of, stored_as
from pruning.untrusted.json_texts import bounded_bytes, parsed
from pruning.untrusted.zips import opened_zip

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pruning.gates.gate_trace import GateTrace
    from pruning.models import Normalization, Origin

NEEDED = ("model.safetensors", "plan.json", "recipe.json")
LARGEST_UNPACKED = 4 * 2**30  # bytes, of all files of a zip together
BROKEN = (
    zipfile.BadZipFile,
    KeyError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
)  # as a zip is
CLASSES, LARGEST_SIDE = 100_000, 8192  # of a network that is built anew


def save(
    folder: str | Path,
    network: "nn.Module",
    plan: Plan,
    recipe_json: str,
    report: Mapping,
    predictions: Mapping[str, np.ndarray],
    codes: Mapping[str, Codes] | None = None,
    gates: "GateTrace | None" = None,
    latency: LatencyTable | None = None,
) -> Path:
    """Writes model.safetensors, plan.json, recipe.json, report.json and predictions.npz into a folder.

    codes: of weights rounded to few bits, {weight: Codes}; the plan's changes name the same weights.
    gates: how they moved; with them also gates.npz.   latency: the measured times that the plan was made on;
    with them also latency.json.
    Everything is written beside it first and then moved in, so that nothing half-made is ever left.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
        made = Path(scratch)
        save_file(_tensors(network, codes or {}), made / "model.safetensors", metadata=_origin(network))
        (made / "plan.json").write_text(plan.to_json())
        (made / "recipe.json").write_text(recipe_json)
        (made / "report.json").write_text(json.dumps(report, indent=2) + "\n")
        arrays: dict[str, Any] = dict(predictions)
        np.savez_compressed(made / "predictions.npz", **arrays)
        if gates is not None:
            arrays = traced(gates)
            np.savez_compressed(made / "gates.npz", **arrays)
        if latency is not None:
            (made / FILE).write_text(latency.to_json())
        for file in sorted(made.iterdir()):
            os.replace(file, folder / file.name)
    return folder


def traced(gates: "GateTrace") -> dict[str, Any]:
    """What stands in gates.npz: groups, sizes, steps, steps_per_epoch and scaled as in GateTrace, and an
    array for each column of its rows."""
    named = {"groups": np.array(gates.groups), "sizes": np.array(gates.sizes), "scaled": gates.scaled}
    counted = {"steps": np.array(gates.steps), "steps_per_epoch": np.array(gates.steps_per_epoch)}
    return named | counted | {name: column.to_numpy() for name, column in gates.rows.items()}


def _tensors(network: "nn.Module", codes: Mapping[str, Codes]) -> "dict[str, Tensor]":
    """What stands in model.safetensors: every tensor as it is, and rounded weights packed."""
    import torch

    whole = {name: tensor for name, tensor in network.state_dict().items() if name not in codes}
    found = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in whole.items()}
    return found | {name: torch.from_numpy(array) for name, array in arrays_of(codes).items()}


def _origin(network: "nn.Module") -> dict[str, str]:
    """What `load` needs to build the network that was cut: texts for the safetensors header."""
    origin = getattr(network, "origin", None)
    if origin is None:
        return {}
    told = {"model": origin.model, "data": origin.data, "classes": origin.classes, "size": origin.size}
    normalization = {
        "mean": origin.normalization.mean,
        "std": origin.normalization.std,
        "name": origin.normalization.name,
    }
    if not origin.normalization.channels_last:
        normalization["channels_last"] = False
    told |= {"code": origin.code} if origin.code else {}
    return {key: str(value) for key, value in told.items()} | {"normalization": json.dumps(normalization)}


def packed(folder: str | Path) -> bytes:
    """The folder's files as one zip."""
    files = sorted(Path(folder).iterdir())
    return zipped(file for file in files if file.is_file() and not file.name.startswith("."))


def zipped(files: Iterable[Path]) -> bytes:
    """Files by their names as one zip, stored without time stamps: the same files give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(file.name, (1980, 1, 1, 0, 0, 0)), file.read_bytes())
    return target.getvalue()


def load(source: str | Path, model: "nn.Module | None" = None) -> "nn.Module":
    """The smaller network that `run --out DIR` saved, in evaluation mode.

    source: the folder, or the zip of it that the app hands out.   model: the whole network (any weights),
    needed where it is no listed one and none of torchvision's: a file runs no code that it names.   Raises
    ValueError where something is missing or does not fit.
    """
    source = Path(source)
    if source.is_dir():
        return _from_folder(source, model)
    if not source.is_file():
        raise ValueError(f"there is no folder or zip {source}; give what run wrote, or the app's download")
    with tempfile.TemporaryDirectory(prefix="pruning-load-") as scratch:
        _unpack(source, Path(scratch))
        return _from_folder(Path(scratch), model)


def _unpack(source: Path, folder: Path):
    """Only the files that `save` writes, by their plain names: no path of the archive is ever used."""
    try:
        with opened_zip(source, LARGEST_UNPACKED) as archive:
            for name in NEEDED:
                with archive.open(name) as packed_file, (folder / name).open("wb") as file:
                    shutil.copyfileobj(packed_file, file)
    except BROKEN as error:
        raise ValueError(
            f"{source.name} is no saved network ({first_line(error)}); give what run or the app wrote"
        ) from None


def _from_folder(folder: Path, model: "nn.Module | None") -> "nn.Module":
    from pruning.channels.graph import digest
    from pruning.models.checkpoint import read_safetensors
    from pruning.models.fill_weights import must_be_numbers, restore
    from pruning.models.reparametrizations import without_reparametrizations
    from pruning.surgery import cut

    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"{folder} lacks {', '.join(missing)}; give a folder that run wrote")
    plan = Plan.from_json(bounded_bytes(folder / "plan.json"))
    tensors, told = read_safetensors(folder / "model.safetensors")
    whole = model if model is not None else _whole(told)
    if model is not None and digest(model) != plan.model_digest:  # it was opened with its weights made plain
        whole = without_reparametrizations(model)
    small = cut(whole, plan)
    rounded = _rounded(plan)
    tensors |= {name: _unrounded(tensors, name, small) for name in rounded}
    gone = {part for name in rounded for part in stored_as(name)}
    state = {name: tensor for name, tensor in tensors.items() if name not in gone}
    must_be_numbers(state, source="model.safetensors")
    try:
        restore(small, state)
    except RuntimeError as error:
        raise ValueError(
            f"the saved weights do not fit the plan: {str(error).splitlines()[-1].strip()}"
        ) from None
    if not hasattr(small, "origin") and "model" in told:
        small.origin = _told_origin(told, small)
    return small.eval()


def _told_origin(told: Mapping[str, str], small: "nn.Module") -> "Origin":
    """What the header says of a network that somebody else has built."""
    from pruning.models import Origin, weights_digest

    counts = (int(told["classes"]), int(told["size"]))
    found = (told["model"], told["data"], *counts, _normalization(told), weights_digest(small))
    return Origin(*found, code=told.get("code", ""))


def _rounded(plan: Plan) -> list[str]:
    """The weights that the plan says are stored in few bits."""
    try:
        return [name for change in plan.changes if change["kind"] == "bits" for name in change["weights"]]
    except (KeyError, TypeError):
        raise ValueError("the plan's changes are of no kind that is known; give one written by run") from None


def _unrounded(tensors: "Mapping[str, Tensor]", name: str, small: "nn.Module") -> "Tensor":
    """A weight from its packed codes."""
    from pruning.quantize.weights import layer_of

    try:
        layer = layer_of(small, name)
        arrays = {part: tensors[part].numpy() for part in stored_as(name) if part in tensors}
    except (AttributeError, TypeError, KeyError):
        raise ValueError(
            f"by the plan {str(name)[:80]!r} is stored in few bits, and the network has no such weight"
        ) from None
    return layer.shaped(codes_of(arrays, name, layer.channels, layer.weights // layer.channels).values)


def _whole(told: Mapping[str, str]) -> "nn.Module":
    """The network that was cut, with random weights, by what the header of model.safetensors says of it."""
    from pruning.models import load_model
    from pruning.models.own_code import is_own, parted

    if "model" not in told:
        raise ValueError(
            "this network is not a listed one; give the full network: pruning.load(folder, model=yours)"
        )
    if is_own(told["model"]):
        own = parted(told["model"])
        raise ValueError(
            f"the full network is what {own.told} makes, and a file runs no code that it names; give that "
            f"network: pruning.load(folder, model={own.factory}(...))"
        )
    try:
        classes, size, data = int(told["classes"]), int(told["size"]), told["data"]
        normalization = _normalization(told)
        if not 1 <= classes <= CLASSES or not 1 <= size <= LARGEST_SIDE:
            raise ValueError("there are no such networks")
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            "model.safetensors does not say which network was cut; give a folder that run wrote"
        ) from None
    return load_model(told["model"], data, "none", normalize=normalization, classes=classes, size=size)


def _normalization(told: Mapping[str, str]) -> "Normalization":
    from pruning.models import Normalization

    recorded = parsed(told["normalization"])
    mean, std = (tuple(map(float, recorded[name])) for name in ("mean", "std"))
    last = recorded.get("channels_last") is not False
    return Normalization(mean, std, str(recorded["name"]), last)
