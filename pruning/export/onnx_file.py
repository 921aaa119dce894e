"""ONNX by torch's own exporter: one file, any batch size, norms folded, what it is in its metadata."""

import io
import logging
import re
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from pruning.error_messages import first_line
from pruning.export.exported_program import must_not_answer, traced
from pruning.export.subject import Run, Subject

OPSET = 20
TELLING = ("torch.onnx", "onnxscript", "onnx_ir", "root")  # loggers of what is quieted
LARGEST = 2**31 - 2**20  # bytes of one file: what its format can say
_MADE: MutableMapping[Subject, Any] = WeakKeyDictionary()


def runtime() -> str:
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"


def write(subject: Subject, path: Path) -> list[Path]:
    """path: the .onnx file."""
    import onnx

    model = model_of(subject)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"torch's ONNX exporter makes no valid file: {first_line(error)}") from error
    onnx.save(model, path)
    return [path]


def model_of(subject: Subject):
    """onnx.ModelProto of a network. Raises ValueError in one sentence where it can't be made.

    One is made once: it is the float file, what is rounded to 8 bits, what OpenVINO reads and what all of
    these are timed beside, and the exporter takes seconds. Kept as long as the subject; not to be changed."""
    if subject not in _MADE:
        _MADE[subject] = _made(subject)
    return _MADE[subject]


def _made(subject: Subject):
    import onnx

    size = sum(tensor.nbytes for tensor in subject.network.state_dict().values())
    if size > LARGEST:
        raise ValueError(
            f"the weights take {size / 2**30:.1f} GiB, and one ONNX file holds 2; give another format"
        )
    program = traced(subject)
    must_not_answer(program, (str, int, float), "an ONNX file")
    names = {"input_names": list(subject.inputs), "output_names": subject.output_names}
    try:
        with silence():
            made = torch.onnx.export(program, dynamo=True, opset_version=OPSET, verbose=False, **names)
    except Exception as error:
        raise ValueError(_reason(error)) from error
    model = made.model_proto
    _cleaned(model)
    onnx.helper.set_model_props(model, dict(subject.told) | {"batch": "any"})
    return model


def opened(path: Path) -> Run:
    """With torch's number of threads, on the processor."""
    session = _session(str(path))
    names = [given.name for given in session.get_inputs()]

    def run(*given):
        answers = session.run(None, {name: each.numpy() for name, each in zip(names, given, strict=True)})
        return [torch.from_numpy(answer) for answer in answers]

    return run


def again_and_again(content: bytes, given: Mapping[str, np.ndarray]) -> Callable[[], object]:
    """A file's content, run on these inputs at every call."""
    return partial(_session(content).run, None, dict(given))


def _session(source: str | bytes):
    """source: a path, or a file's content."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 4
    # threads of a session go on spinning after its run, and networks that are timed in turns slow each other
    # down fourfold (public ResNet-56, one image, two threads)
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of its own kinds: it has no kernel for this, such as in other than float32
        why = first_line(error)
        raise ValueError(f"onnxruntime does not run the file: {why}; give a network in float32") from error


def _cleaned(model):
    """Takes out what the exporter notes of this machine and of the network's code; names the batch."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    symbols = {graph.input[0].type.tensor_type.shape.dim[0].dim_param: "batch"}
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in symbols:
                dimension.dim_param = symbols[dimension.dim_param]


@contextmanager
def silence():
    """The exporter and the quantizer tell of their steps, and libraries of what will change in them."""
    loggers = [logging.getLogger(name) for name in TELLING]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _reason(error: Exception) -> str:
    """What the exporter could not do, in a sentence; its own error lists every step, the cause is beneath."""
    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    text = " ".join(" ".join(str(cause).split()) for cause in causes)
    if operation := re.search(r"op='([\w.:]+)'", text):
        return f"torch's ONNX exporter does not know the operation {operation[1]}; give another format"
    return f"torch's ONNX exporter can't follow this network: {first_line(causes[-1]).rstrip('.')}"
