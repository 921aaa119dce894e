"""Torchvision's classifiers and segmenters by name, and what tells that weights are theirs: known without
importing torchvision, which takes seconds, and without building ninety networks.
"""

import hashlib
from collections.abc import Mapping, Sequence

TORCHVISION = "torchvision:"  # before their names
COUNTER = "num_batches_tracked"  # absent in checkpoints written before torch 0.4.1


def fingerprint(shapes: Mapping[str, Sequence[int]]) -> str:
    """Of a state dict, whatever the number of its classes: the names, each with its shape but for the first
    number. shapes: {name: shape}."""
    kept = sorted((name, tuple(shape)[1:]) for name, shape in shapes.items() if not name.endswith(COUNTER))
    told = [f"{name} {rest}" for name, rest in kept]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


# of torchvision 0.29; tests/test_models.py compares the names with torchvision's own and makes some anew
FINGERPRINTS = {
    "alexnet": "fee188a4635dc950",
    "convnext_base": "84b665e47727381e",
    "convnext_large": "5eb5b553f2b0f279",
    "convnext_small": "b585f41246bfa2a6",
    "convnext_tiny": "080cc800ab7e23b6",
    "deeplabv3_mobilenet_v3_large": "a0fe8d556ce1ed06",
    "deeplabv3_resnet101": "36bb8c4be63509ab",
    "deeplabv3_resnet50": "7216c08f02b26b5e",
    "densenet121": "5bd0e53853f64fc7",
    "densenet161": "c42df8ea3398cbea",
    "densenet169": "13303f12552465ca",
    "densenet201": "b5f76478ae8c7172",
    "efficientnet_b0": "c966142ee53468a2",
    "efficientnet_b1": "33cff1833a94a6be",
    "efficientnet_b2": "657dcb52b8a9eefc",
    "efficientnet_b3": "221152d334d4fe53",
    "efficientnet_b4": "7fef7beb00df17c9",
    "efficientnet_b5": "26f157ffae788109",
    "efficientnet_b6": "e37a013ff986d740",
    "efficientnet_b7": "5a233f47b8169c5f",
    "efficientnet_v2_l": "8b356e7533307407",
    "efficientnet_v2_m": "52ec6ac542fe05f4",
    "efficientnet_v2_s": "3e510bc0f8ca30a1",
    "fcn_resnet101": "92f771cda43473b5",
    "fcn_resnet50": "e947b77431d18b4a",
    "googlenet": "d978b80dedb3ac64",
    "inception_v3": "8a327459173ffc9c",
    "lraspp_mobilenet_v3_large": "e172c7c18d4f02a6",
    "maxvit_t": "b3248a36f4a0ea6b",
    "mnasnet0_5": "9e59c0d4140b6c6a",
    "mnasnet0_75": "362ae016d58eedc5",
    "mnasnet1_0": "30536f2053bbed5f",
    "mnasnet1_3": "6baca0217fb09eae",
    "mobilenet_v2": "26cfe88eb73ce7a0",
    "mobilenet_v3_large": "cdfbff3c01506a1c",
    "mobilenet_v3_small": "9ba2a79722e144a0",
    "regnet_x_16gf": "291f6fc8768440b5",
    "regnet_x_1_6gf": "bae8d5cfbd57f88f",
    "regnet_x_32gf": "9172e3e918eafcb5",
    "regnet_x_3_2gf": "6a200029b6302b5f",
    "regnet_x_400mf": "af9e0b5af0564ebe",
    "regnet_x_800mf": "921890dbaa629c68",
    "regnet_x_8gf": "b9080cf8c2b62c4c",
    "regnet_y_128gf": "d028543c9313d321",
    "regnet_y_16gf": "788814abfffa77dd",
    "regnet_y_1_6gf": "0d5b78de5bb9baba",
    "regnet_y_32gf": "1e44de9a810a9f05",
    "regnet_y_3_2gf": "35c96bdb4683f97f",
    "regnet_y_400mf": "9be5b81cdcf7e46a",
    "regnet_y_800mf": "a6def40bffdaa014",
    "regnet_y_8gf": "b16743f585add35e",
    "resnet101": "b7a6d478dfd24935",
    "resnet152": "4a514de8611f20e4",
    "resnet18": "0135712891a69745",
    "resnet34": "2cd746d0016313c5",
    "resnet50": "d0881f3d83292e5a",
    "resnext101_32x8d": "f7922d9ae7090da8",
    "resnext101_64x4d": "8f9db516719204bf",
    "resnext50_32x4d": "85f9c4616d9f13cf",
    "shufflenet_v2_x0_5": "952d3ad5894159d5",
    "shufflenet_v2_x1_0": "b6cb27208bad6dc8",
    "shufflenet_v2_x1_5": "793c820b20214c6e",
    "shufflenet_v2_x2_0": "5ef5278ad77f47d5",
    "squeezenet1_0": "275dcb94a55501e6",
    "squeezenet1_1": "fac4bbaf3c14c2c9",
    "swin_b": "f35def2574885e6f",
    "swin_s": "8cf596220f054008",
    "swin_t": "75a0d2faeffb6f54",
    "swin_v2_b": "b6617efcabbe8261",
    "swin_v2_s": "76d843e55a44010a",
    "swin_v2_t": "c6fe9ab815149ff2",
    "vgg11": "d4b683e9f16c808c",
    "vgg11_bn": "9421d804a6758bf7",
    "vgg13": "4f2724f63dda2caf",
    "vgg13_bn": "e37edb4ab61a1cae",
    "vgg16": "2f21e35964e82d79",
    "vgg16_bn": "81141eb146708fef",
    "vgg19": "6c9eebcc0138d060",
    "vgg19_bn": "bca12af628400c5d",
    "vit_b_16": "97948e77cecf34a5",
    "vit_b_32": "b88a90bc4fee30c0",
    "vit_h_14": "bf3f65d9c913ee3d",
    "vit_l_16": "c5ed4559eae8fe4c",
    "vit_l_32": "0961111d241deb02",
    "wide_resnet101_2": "b09ca50452e136ef",
    "wide_resnet50_2": "7dea1a58e795bc5f",
}

# answer a class for every pixel; made anew by the same test, without the auxiliary heads
SEGMENTERS = (
    *("deeplabv3_mobilenet_v3_large", "deeplabv3_resnet50", "deeplabv3_resnet101"),
    *("fcn_resnet50", "fcn_resnet101", "lraspp_mobilenet_v3_large"),
)

# of weights of MNASNet's first version, which had other first layers but at width 1
OLDER = {
    "ee38ff25be421335": "mnasnet0_5",
    "54e71a9000abb3e0": "mnasnet0_75",
    "2c46facbe4add9da": "mnasnet1_3",
}
