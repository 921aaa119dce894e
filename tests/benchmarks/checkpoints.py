"""`python -m tests.benchmarks.checkpoints`: the layout of every official file of torchvision's classifiers
loads into its network, and every prefix and container of training libraries is taken.

Nothing is downloaded: the files are made from new weights, with the names that the official ones have. Fails
where any does not load. Takes some 10 minutes on one thread and 6 GB of memory.
"""

import gc
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from pruning.models import load_model
from pruning.models.from_torchvision import build
from pruning.models.state_dict_names import located, other_names, resized
from pruning.models.torchvision_index import FINGERPRINTS, SEGMENTERS
from tests.test_checkpoint_kinds import official, random_like, under

LARGE = 120_000_000  # parameters; beyond it names and shapes alone are compared
NAMES = ("state_dict", "model_state_dict", "model", "net", "network", "params", "params_ema", "ema")
NAMES += ("state_dict_ema", "model_ema", "weights")
PREFIXES = ("model.", "net.", "module.", "_orig_mod.", "module._orig_mod.", "backbone.", "student.model.")
SIZES = {"vit_h_14": 518, "vit_b_16": 384, "vit_l_16": 512, "regnet_y_16gf": 384}  # of files made end to end
HEADS = {  # official files of these hold heads for training as well
    "googlenet": ("aux1.conv.conv.weight", "aux2.fc2.weight"),
    "inception_v3": ("AuxLogits.conv0.conv.weight", "AuxLogits.fc.bias"),
    **dict.fromkeys(SEGMENTERS, ("aux_classifier.0.weight", "aux_classifier.4.bias")),
}


def layouts():
    """(name as listed, name as built): every network, and those of other settings in official files."""
    yield from ((name, name) for name in FINGERPRINTS)
    yield from ((name, f"{name},image_size={size}") for name, size in SIZES.items() if "vit" in name)
    yield from ((f"mnasnet{width}", f"mnasnet{width},version=1") for width in ("0_5", "0_75", "1_3"))


def loads(name: str, built: str, folder: Path) -> str:
    """What came of one layout, in words; empty where it loads and holds the same numbers."""
    model = build(built, 1000)
    state = official(name, model.state_dict())
    state |= {key: torch.ones(3) for key in HEADS.get(name, ())}
    if sum(tensor.numel() for tensor in state.values()) > LARGE:
        wanted = model.state_dict()
        found = located(wanted, state).state
        return other_names(wanted, found) or " ".join(resized(wanted, found))
    save_file({key: tensor.clone() for key, tensor in state.items()}, folder / "w.safetensors")
    del model
    loaded = load_model(f"torchvision:{name}", "mine.npz", folder / "w.safetensors", size=224)
    found = official(name, loaded.state_dict())
    other = [key for key in found if not torch.equal(found[key], state[key])]
    return f"other numbers in {other[0]}" if other else ""


def taken(folder: Path):
    """(what, whether it was taken): every container, every prefix, and each in one."""
    weights = random_like(load_model("resnet20", "digits", "none").state_dict())
    forms = {name: {name: weights, "epoch": 3} for name in NAMES} | {
        prefix: under(prefix, weights) for prefix in PREFIXES
    }
    forms |= {f"state_dict: {prefix}": {"state_dict": under(prefix, weights)} for prefix in PREFIXES}
    for what, form in forms.items():
        torch.save(form, folder / "w.pth")
        model = load_model("resnet20", "digits", folder / "w.pth")
        yield what, torch.equal(model.conv1.weight, weights["conv1.weight"]) and model.origin.messages


def main():
    failed, count = [], 0
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        for name, built in layouts():
            try:
                problem = loads(name, built, Path(scratch))
            except ValueError as error:
                problem = str(error)
            count += 1
            failed += [built] if problem else []
            print(f"{built:40s} {problem or 'loads'}", flush=True)
            gc.collect()
        for what, told in taken(Path(scratch)):
            count += 1
            failed += [] if told else [what]
            print(f"{what:40s} {told[0] if told else 'not taken'}", flush=True)
    print(f"{count - len(failed)} of {count} load")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
