"""OpenVINO's own format, by way of ONNX: weights and arithmetic stay in single precision."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pruning.error_messages import first_line
from pruning.export import onnx_file
from pruning.export.subject import Run, Subject

# unless told, processors with bfloat16 compute in it, and answers differ by up to 0.1
PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}


def runtime() -> str:
    import openvino

    return f"openvino {openvino.__version__.partition('-')[0]}"


def write(subject: Subject, path: Path) -> list[Path]:
    """path: the .xml file; the weights are a .bin beside it."""
    import openvino

    between = path.with_suffix(".onnx")
    onnx_file.write(subject, between)
    try:
        model = openvino.convert_model(between)
    except Exception as error:
        raise ValueError(f"OpenVINO can't read this network: {first_line(error).rstrip('.')}") from error
    finally:
        between.unlink()
    for name, text in subject.told.items():
        model.set_rt_info(text, ["pruning", name])
    openvino.save_model(model, path, compress_to_fp16=False)  # else weights lose half of their digits
    return [path, path.with_suffix(".bin")]


def opened(path: Path) -> Run:
    """In single precision, with torch's number of threads."""
    compiled = _compiled(path)

    def run(*given):
        answers = compiled([each.numpy() for each in given])
        return [torch.from_numpy(answers[output].copy()) for output in compiled.outputs]

    return run


def again_and_again(content: bytes, given: Mapping[str, np.ndarray]) -> Callable[[], object]:
    """An ONNX file's content, run on these inputs at every call."""
    return partial(_compiled(io.BytesIO(content)), dict(given))


def _compiled(source: Path | io.BytesIO):
    import openvino

    settings = PRECISION | {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
    core = openvino.Core()
    return core.compile_model(core.read_model(source), "CPU", settings)
