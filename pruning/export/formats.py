"""The formats that a network can leave in: what each is for, its files, and what has to be installed."""

from dataclasses import dataclass
from importlib.util import find_spec

from pruning.error_messages import choose

NAME = "network"  # of every file, before its ending


@dataclass(frozen=True)
class Format:
    """title: on pages.   endings: of its files, first that of the one which is opened.   module: in this
    folder; it has `write`, `opened` and `runtime`.   needs: packages, as pip and Python name them.   meaning:
    in a sentence.   runtime: what opens it, as recipes name that.   exact: it answers what the network does,
    to the last digits; else answers are rounded, and told beside the unrounded network's."""

    name: str
    title: str
    endings: tuple[str, ...]
    module: str
    needs: tuple[str, ...]
    meaning: str
    runtime: str = "torch"
    exact: bool = True

    @property
    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        return [package for package in self.needs if find_spec(package) is None]


FORMATS = {
    form.name: form
    for form in (
        Format(
            "onnx",
            "ONNX",
            (".onnx",),
            "onnx_file",
            ("onnx", "onnxscript", "onnxruntime"),
            "One file for onnxruntime and whatever else reads ONNX.",
            "onnxruntime",
        ),
        Format(
            "int8",
            "ONNX in 8-bit integers",
            ("-int8.onnx",),
            "int8_onnx",
            ("onnx", "onnxscript", "onnxruntime"),
            "One file for onnxruntime that computes in 8-bit integers, calibrated on training images without "
            "their labels: a quarter of the size, and often faster.",
            "onnxruntime",
            exact=False,
        ),
        Format(
            "exported",
            "Exported program (PyTorch)",
            (".pt2",),
            "exported_program",
            (),
            "One file that torch.export.load opens, without any of the network's code.",
        ),
        Format(
            "openvino",
            "OpenVINO",
            (".xml", ".bin"),
            "openvino_model",
            ("openvino", "onnx", "onnxscript"),
            "Two files for OpenVINO.",
            "openvino",
        ),
        Format(
            "pytorch",
            "Plain PyTorch",
            (".py", ".safetensors"),
            "plain_pytorch",
            (),
            "Python that names every layer and its width, and its weights; it imports torch and safetensors.",
        ),
    )
}


def usable_format(name: str) -> Format:
    """The format of that name. Raises ValueError where there is none, or what it needs is not installed."""
    form = FORMATS[choose(name, FORMATS, "format")]
    if form.missing:
        packages = " ".join(form.missing)
        raise ValueError(f"{form.title} needs {packages}, not installed here; run: pip install {packages}")
    return form
