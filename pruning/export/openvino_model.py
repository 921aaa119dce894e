"""OpenVINO's own format, by way of ONNX: weights and arithmetic stay in single precision."""

from pathlib import Path

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
    import openvino

    settings = PRECISION | {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = openvino.Core().compile_model(path, "CPU", settings)

    def run(*given):
        answers = compiled([each.numpy() for each in given])
        return [torch.from_numpy(answers[output].copy()) for output in compiled.outputs]

    return run
