"""`pruning.export_onnx` and `pruning.export_program`: any network at hand, with an example of its input."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from pruning.export.checked_files import Exported


def export_onnx(model: "nn.Module", path: str | Path, example: Any) -> "Exported":
    """Writes an ONNX file (opset 20, any batch size) and checks it with onnxruntime against the network.

    model: any nn.Module, cut or not; it is not changed.   path: of the file.   example: a tensor, batch
    first; a tuple of what the network takes in that order; or a dict of it by name. The check compares
    answers on it, so give real images, 70 of them to try batches of 1, 5 and 64.
    Raises ValueError in one sentence where the network can't be written or answers something else, or the
    file can't be written; then nothing is.
    """
    return _exported("onnx", model, path, example)


def export_program(model: "nn.Module", path: str | Path, example: Any) -> "Exported":
    """Writes a .pt2 file that torch.export.load opens, for any batch size; checked as by `export_onnx`."""
    return _exported("exported", model, path, example)


def _exported(name: str, model: "nn.Module", path: str | Path, example: Any) -> "Exported":
    from pruning.export.checked_files import write_checked
    from pruning.export.formats import FORMATS, usable_format
    from pruning.export.subject import subject_of

    path, ending = Path(path), FORMATS[name].endings[0]
    usable_format(name)
    if path.suffix != ending or os.path.isdir(path):
        raise ValueError(f"{path} is no name of a {ending} file; give one, such as network{ending}")
    return write_checked(name, subject_of(model, example), path)
