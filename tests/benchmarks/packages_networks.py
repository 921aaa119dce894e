"""Networks of public packages by name: in families, for a fair draw, and with an example that they accept."""

from collections import defaultdict

import torch
from torch import nn

from tests.benchmarks.engine_networks import smallest_accepted
from tests.zoo import seeded

PACKAGES = ("timm", "segmentation_models_pytorch", "pytorchcv")
SIDES = (64, 96, 128, 192, 224, 256, 288, 299, 320, 384, 480)  # of the example, the first that is accepted


def strata(package: str) -> dict[str, list[str]]:
    """{family: its networks}: timm's and pytorchcv's by the file that defines them,
    segmentation-models-pytorch's by the decoder (Unet/resnet18), with each of its encoders."""
    found = defaultdict(list)
    if package == "timm":
        import timm

        for name in timm.list_models():
            found[timm.model_entrypoint(name).__module__].append(name)
    elif package == "pytorchcv":
        from pytorchcv.model_provider import _models

        for name, builder in sorted(_models.items()):
            found[builder.__module__].append(name)
    else:
        import segmentation_models_pytorch as segmentation

        for kind in segmentation.MODEL_ARCHITECTURES_MAPPING.values():
            encoders = segmentation.encoders.get_encoder_names()
            found[kind.__name__] = [f"{kind.__name__}/{encoder}" for encoder in encoders]
    return found


def built(package: str, name: str) -> nn.Module:
    """The network with random weights; nothing is downloaded."""
    if package == "timm":
        import timm

        return timm.create_model(name, pretrained=False)
    if package == "pytorchcv":
        from pytorchcv.model_provider import get_model

        return get_model(name, pretrained=False)
    import segmentation_models_pytorch as segmentation

    decoder, encoder = name.split("/")
    return getattr(segmentation, decoder)(encoder_name=encoder, encoder_weights=None, classes=5)


def network(package: str, name: str) -> tuple[nn.Module, torch.Tensor]:
    """The network in evaluation mode with random weights, none of them trivial, and an example.

    Raises what the network raises on the largest example where it accepts none.
    """
    torch.manual_seed(0)
    model = seeded(built(package, name))
    own = getattr(model, "pretrained_cfg", {}).get("input_size", (3, *getattr(model, "in_size", (224, 224))))
    sides = [side for side in SIDES if side >= 128] if package.startswith("seg") else SIDES
    return model, smallest_accepted(model, own[0], dict.fromkeys([*sides, own[-1]]))
