"""A child process: unpickles one file under a memory limit; its tensors go to standard output as safetensors.

Run as `python -P read_state_dict.py FILE`, never imported. Exit code 2 and a sentence on standard error (what
is wrong, without the file's name) for what is refused; any other failure is the memory limit's.
`weights_only` stops code, not memory bombs (0.26 MB inflated to 268 MB; 1.6 kB declared 10^9 elements with
stride 0), so sizes are checked as well.
"""

import resource
import sys
import warnings
import zipfile
from pathlib import Path

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")  # where training scripts put it
PICKLE = b"\x80"  # the first byte of every pickle of protocol 2 and up
SPARE = 384 * 2**20  # bytes; measured: 140 MB for a file of 1 MB, 390 MB for one of 100 MB (limit: 800 MB)


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
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        refuse("is a compressed archive; give it as torch.save writes it, uncompressed")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        refuse("declares entries larger than the file; give it as torch.save writes it")
    if "constants.pkl" in names:
        refuse("is a TorchScript program; give its state dict, torch.save(model.state_dict(), file)")
    if "data.pkl" not in names:
        refuse("is a zip archive without a state dict; give a file that torch.save wrote")


def limit_memory(path: Path):
    """Four times the file (it, its tensors, both again as safetensors) on top of what is mapped already."""
    if not Path("/proc/self/statm").exists():
        return  # only Linux enforces such a limit; elsewhere the checks of sizes stand alone
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = mapped + SPARE + 4 * path.stat().st_size
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def unpickle(path: Path):
    import pickle

    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        refuse("needs more memory than its size allows; give a state dict of dense tensors")
    except pickle.UnpicklingError as error:
        if "nsupported" in str(error) or "llowed" in str(error):
            refuse("holds more than tensors, so it could run code; give torch.save(model.state_dict(), file)")
        refuse("is no PyTorch file; give a safetensors file or a PyTorch state dict")
    except RuntimeError as error:
        if "memory" in str(error) or "alloc" in str(error):
            refuse("needs more memory than its size allows; give a state dict of dense tensors")
        refuse("is damaged or no PyTorch file; give a safetensors file or a PyTorch state dict")
    except Exception:  # random bytes fail in any way there is, and nothing has been kept
        refuse("is no PyTorch file; give a safetensors file or a PyTorch state dict")


def tensors_of(loaded) -> dict:
    """The state dict inside what was loaded, itself or under the name a training script gave it."""
    import torch

    if isinstance(loaded, dict):
        loaded = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), dict)), loaded)
    if not isinstance(loaded, dict):
        refuse(f"holds a {type(loaded).__name__}, no state dict; give torch.save(model.state_dict(), file)")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            refuse(f"holds {str(name)[:80]!r}, which is no tensor; give torch.save(model.state_dict(), file)")
    return loaded


def check_tensors(state: dict, allowed: int):
    """Dense tensors on the CPU, none larger than the memory that backs it, together no more than allowed."""
    import torch

    total = 0
    for name, tensor in state.items():
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            refuse(f"holds {name!r}, which is no dense tensor; give a state dict of dense tensors")
        size = tensor.numel() * tensor.element_size()
        if size > tensor.untyped_storage().nbytes():
            refuse(f"holds {name!r}, which declares more elements than it stores; give dense tensors")
        total += size
    if total > allowed:
        refuse("holds tensors that together are larger than the file; give each tensor its own memory")


def main(path: Path):
    check_archive(path)
    import safetensors.torch
    import torch

    torch.set_num_threads(1)  # each further one would reserve memory of its own
    limit_memory(path)  # on top of what the libraries have mapped by now
    state = tensors_of(unpickle(path))
    check_tensors(state, 2 * path.stat().st_size)  # tied weights are stored once and named twice
    state = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in state.items()
    }
    sys.stdout.buffer.write(safetensors.torch.save(state))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]))
