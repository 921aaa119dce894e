"""A child process: unpickles one file under a memory limit, and hands its tensors over on standard output.

Run as `python -P read_state_dict.py FILE`, never imported. First comes a line of JSON: `taken`, the name
under which the file holds them; `others`, what else it holds; `tensors`, a name, a type of torch's and a
shape for each. Then the bytes of one after another. Exit code 2 and a sentence on standard error (what is
wrong, without the file's name) for what is refused; any other failure is the memory limit's.
`weights_only` stops code, not memory bombs (0.26 MB inflated to 268 MB; 1.6 kB declared 10^9 elements with
stride 0), so sizes are checked as well.
"""

import json
import re
import resource
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

# where training scripts put the weights, and where a moving average of them; the first found is taken
PLAIN: tuple[str, ...] = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "params",
)
PLAIN += ("weights", "model_weights")
AVERAGED = ("params_ema", "ema", "state_dict_ema", "model_ema", "ema_state_dict", "ema_model")
KNOWN = PLAIN + AVERAGED
DEPTH = 4  # of mappings in mappings: {"ema": {"state_dict": ...}}
FOREIGN = 100  # kinds of objects beside the weights that are passed over
PICKLE = b"\x80"  # the first byte of every pickle of protocol 2 and up
LISTING = (
    256 * 2**20
)  # bytes that the list of a zip's entries may take, which is made before it can be counted
SPARE = (
    160 * 2**20
)  # bytes beside the file's one and a half; measured: 32 MiB are enough for files of 1 to 200 MB


def refuse(sentence: str):
    print(sentence, file=sys.stderr)
    sys.exit(2)


def check_archive(path: Path):
    """The zip format: entries must be stored as they are and not overlap, so none is larger than the file."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            if file.read(1) != PICKLE:
                refuse("is no PyTorch file; give a safetensors file or a PyTorch state dict")
        return  # the older format has no entries; what it declares is checked after reading, within the limit
    entries = zipfile.ZipFile(path).infolist()
    names = [entry.filename.rpartition("/")[2] for entry in entries]
    if "constants.pkl" in names:  # first: the code in it is compressed
        refuse("is a TorchScript program; give its state dict, torch.save(model.state_dict(), file)")
    if "archive_format" in names or "archive_version" in names:
        refuse("is an exported program; give its state dict, torch.save(model.state_dict(), file)")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        refuse("is a compressed archive; give it as torch.save writes it, uncompressed")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        refuse("declares entries larger than the file; give it as torch.save writes it")
    if "data.pkl" not in names:
        refuse("is a zip archive without a state dict; give a file that torch.save wrote")


def limit_memory(most: int):
    """most: bytes on top of what is mapped already."""
    if not Path("/proc/self/statm").exists():
        return  # only Linux enforces such a limit; elsewhere the checks of sizes stand alone
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + most, resource.getrlimit(resource.RLIMIT_AS)[1]))


class Foreign:
    """Stands in the place of an object that a training script saved beside the weights (its settings, say).
    Nothing is known of it, and none of its code is found or run."""

    def __init__(self, *given, **named):
        pass

    def __new__(cls, *given, **named):
        return object.__new__(cls)

    def __setstate__(self, state):
        pass


def unpickle(path: Path):
    import pickle

    import torch

    for _ in range(FOREIGN):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except MemoryError:
            refuse("needs more memory than its size allows; give a state dict of dense tensors")
        except pickle.UnpicklingError as error:
            foreign = re.search(r"GLOBAL (\S+) was not an allowed global", str(error))
            if foreign:
                torch.serialization.add_safe_globals([(Foreign, foreign.group(1))])
                continue
            if "nsupported" in str(error) or "llowed" in str(error):
                break
            refuse("is no PyTorch file; give a safetensors file or a PyTorch state dict")
        except RuntimeError as error:
            if "memory" in str(error) or "alloc" in str(error):
                refuse("needs more memory than its size allows; give a state dict of dense tensors")
            refuse("is damaged or no PyTorch file; give a safetensors file or a PyTorch state dict")
        except Exception:  # random bytes fail in any way there is, and nothing has been kept
            refuse("is no PyTorch file; give a safetensors file or a PyTorch state dict")
    refuse("holds more than tensors, so it could run code; give torch.save(model.state_dict(), file)")


def taken_from(loaded) -> tuple[dict, str, list[str]]:
    """The state dict inside what was loaded, the name it has there (empty where it is all that there is), and
    the names of others beside it."""
    if loaded == {}:
        return {}, "", []
    found = dict(state_dicts(loaded, ()))
    if not found:
        refuse(f"holds {nothing_in(loaded)}; give torch.save(model.state_dict(), file)")
    most = max(map(len, found.values()))
    names = [name for name in found if rank(name) <= len(KNOWN) or 4 * len(found[name]) >= most]
    first, *others = sorted(names, key=rank)
    if rank(first) > len(KNOWN) and others:
        listed = " and ".join(repr(".".join(name)[:80]) for name in (first, *others[:4]))
        refuse(f"holds more than one state dict, {listed}; give one of them in a file of its own")
    return found[first], ".".join(first), [".".join(name) for name in others]


def state_dicts(loaded, place: tuple[str, ...]) -> "Iterator[tuple[tuple[str, ...], dict]]":
    """Every mapping from names to tensors in what was loaded, with the names that lead to it."""
    import torch

    if not isinstance(loaded, dict) or len(place) > DEPTH:
        return
    named = {name: value for name, value in loaded.items() if isinstance(name, str)}
    weights = {name: value for name, value in named.items() if isinstance(value, torch.Tensor)}
    beside = [v for n, v in named.items() if n not in weights and not n.endswith("_extra_state")]
    counted = all(isinstance(value, (int, float)) for value in beside)  # steps, as numbers of Python's
    several = not beside or any(tensor.dim() > 1 for tensor in weights.values())
    if weights and len(named) == len(loaded) and counted and several:
        yield place, {name: tensor for name, tensor in weights.items() if not name.endswith("_extra_state")}
        return
    for name, value in named.items():
        yield from state_dicts(value, (*place, name))


def rank(place: tuple[str, ...]) -> int:
    """The lower, the rather a state dict of that name is meant; those of unknown names come last."""
    return max((KNOWN.index(name) if name in KNOWN else len(KNOWN) + 1 for name in place), default=0)


def nothing_in(loaded) -> str:
    """What a file without any state dict holds, in words."""
    import torch

    if isinstance(loaded, Foreign):
        return "a whole pickled network, whose code is not run"
    if not isinstance(loaded, dict):
        return f"a {type(loaded).__name__}, no state dict"
    name = next(n for n, v in loaded.items() if not isinstance(n, str) or not isinstance(v, torch.Tensor))
    kind = "a pickled object" if isinstance(loaded[name], Foreign) else "no tensor"
    return f"{str(name)[:80]!r}, which is {kind}"


def check_tensors(state: dict, allowed: int):
    """Dense tensors on the CPU, none larger than the memory that backs it, together no more than allowed."""
    import torch

    total = 0
    for name, tensor in state.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            refuse(f"holds {name[:80]!r}, which is no dense tensor; give a state dict of dense tensors")
        size = tensor.numel() * tensor.element_size()
        if size > tensor.untyped_storage().nbytes():
            refuse(f"holds {name[:80]!r}, which declares more elements than it stores; give dense tensors")
        total += size
    if total > allowed:
        refuse("holds tensors that together are larger than the file; give each tensor its own memory")


def hand_over(state: dict, taken: str, others: list[str]):
    """One tensor after another, so that no second copy of them all is ever there."""
    import torch

    tensors = [(name, str(t.dtype).removeprefix("torch."), list(t.shape)) for name, t in state.items()]
    line = json.dumps({"taken": taken, "others": others, "tensors": tensors})
    sys.stdout.buffer.write(line.encode() + b"\n")
    for tensor in state.values():
        flat = tensor.detach().contiguous().reshape(-1)
        start, size = flat.storage_offset() * flat.element_size(), flat.numel() * flat.element_size()
        stored = torch.empty(0, dtype=torch.uint8).set_(flat.untyped_storage(), start, (size,), (1,))
        sys.stdout.buffer.write(memoryview(stored.numpy()))
    sys.stdout.buffer.flush()


def main(path: Path):
    size = path.stat().st_size
    try:
        limit_memory(LISTING)
        check_archive(path)
    except MemoryError:
        refuse("lists far too many entries; give it as torch.save writes it")
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (most, most))  # torch maps gigabytes of libraries
    import torch

    torch.set_num_threads(1)  # each further one would reserve memory of its own
    limit_memory(SPARE + size + size // 2)  # on top of what torch has mapped by now
    state, name, others = taken_from(unpickle(path))
    check_tensors(state, 2 * size)  # tied weights are stored once and named twice
    hand_over(state, name, others)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
