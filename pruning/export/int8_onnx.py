"""ONNX in 8-bit integers: onnxruntime's static quantization of weights, a scale for each channel, and of what
flows between layers, a scale for each tensor, calibrated on unlabelled images.

Zero points lie in 0 to 255 (QUInt8): with onnxruntime's default, -128 to 127, half of a residual network's
convolutions and all of its sums stay in single precision. Weights take 7 of their 8 bits (`reduce_range`): an
x86 processor without VNNI adds two products of full 8-bit numbers in 16 bits and cuts the sum off, so that a
file checked on one machine would answer otherwise on another. Seen with AVX2: a small residual network gave
53 of 70 answers as in single precision, and 69 with 7 bits.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pruning.error_messages import first_line
from pruning.export import onnx_file
from pruning.export.onnx_file import opened, runtime
from pruning.export.subject import Subject

__all__ = ["opened", "runtime", "write"]

NONE = (
    "8-bit integers need images to find the range of every layer's values, and none were given; export a "
    "run: python -m pruning export FOLDER --format int8"
)


def write(subject: Subject, path: Path) -> list[Path]:
    """path: the .onnx file. Raises ValueError in one sentence where the network can't be quantized."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    if subject.calibration is None:
        raise ValueError(NONE)
    floating = path.with_name(f"{path.stem}-floating.onnx")
    onnx_file.write(subject, floating)  # of a model in memory quantize_static would take the weights away
    told = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}
    told["reduce_range"] = True
    try:
        with onnx_file.silence():
            quantize_static(floating, path, _reader(subject), quant_format=QuantFormat.QDQ, **told)
    except Exception as error:
        raise ValueError(
            f"onnxruntime can't compute this network in 8-bit integers: {first_line(error).rstrip('.')}"
        ) from error
    finally:
        floating.unlink()
    model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(subject.told) | {"batch": "any", "numbers": "8-bit integers"})
    onnx.save(model, path)
    return [path]


def _reader(subject: Subject):
    """Batch after batch of the subject's calibration images, as onnxruntime asks for them: of each batch only
    the least and the largest of every tensor are kept."""
    from onnxruntime.quantization import CalibrationDataReader

    batches: Iterator[dict[str, np.ndarray]] = (
        {name: each.cpu().numpy() for name, each in zip(subject.inputs, batch, strict=True)}
        for batch in subject.calibration()
    )

    class Reader(CalibrationDataReader):
        def get_next(self):
            return next(batches, None)

    return Reader()
