"""A network as one Python file that names its layers and their widths, and its weights in safetensors:
whoever has both needs torch and safetensors, and none of our code."""

import importlib.util
import json
import math
import operator
import pprint
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from pruning.error_messages import first_line
from pruning.export.layer_constructors import parts
from pruning.export.subject import Run, Subject, leaves

WEIGHTS = ".safetensors"
SEVERAL = 5  # images that it is tried with in a process of its own
ALLOWED = (torch, math)  # what the written code may call by a dotted name
HEAD = '''"""{title}.

{about}
    from {module} import load
    network = load()

Needs torch and safetensors. The weights are in {weights}, beside this file.
"""

import operator
from math import inf, nan
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import device, nn

ABOUT = {told}


def put(network: nn.Module, name: str, part: nn.Module | nn.Parameter | torch.Tensor):
    """Puts a part where its dotted name says, on plain modules."""
    *places, last = name.split(".")
    for place in places:
        if not hasattr(network, place):
            network.add_module(place, nn.Module())
        network = getattr(network, place)
    if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
        network.register_buffer(last, part)
    else:
        setattr(network, last, part)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
{layers}

{forward}

def load(file: str | Path = Path(__file__).with_name("{weights}")) -> Network:
    """The network with its weights, in evaluation mode."""
    network = Network()
    network.load_state_dict(load_file(file))
    return network.eval()
'''
CHILD = """
import importlib.util, sys
from pathlib import Path
import torch
from safetensors.torch import load_file, save_file
torch.set_num_threads(int(sys.argv[4]))
spec = importlib.util.spec_from_file_location("network", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert "pruning" not in sys.modules
given = load_file(sys.argv[2])
with torch.no_grad():
    answer = module.load()(*(given[str(k)] for k in range(len(given))))
tensors = torch.utils._pytree.tree_leaves(answer)
save_file({str(k): tensor.contiguous() for k, tensor in enumerate(tensors)}, sys.argv[3])
"""


def runtime() -> str:
    return f"torch {torch.__version__.partition('+')[0]}"


def write(subject: Subject, path: Path) -> list[Path]:
    """path: the .py file. Raises ValueError in one sentence where the network can't be written down."""
    from safetensors.torch import save_file

    graph = traced(subject)
    weights = path.with_suffix(WEIGHTS)
    layers, tensors = parts(subject.network, graph)
    texts = {"title": subject.told.get("title", "A network"), "about": subject.told.get("input", "")}
    source = HEAD.format(
        **texts,
        module=path.stem,
        weights=weights.name,
        told=pprint.pformat(_read(subject.told), width=100, sort_dicts=False),
        layers="\n".join(f"        {line}" for line in layers) or "        pass",
        forward="\n".join(f"    {line}".rstrip() for line in forward(graph).splitlines()),
    )
    path.write_text(source, encoding="utf-8")
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, weights)
    must_run_alone(path, subject)
    return [path, weights]


def opened(path: Path) -> Run:
    """In this process."""
    spec = importlib.util.spec_from_file_location(f"plain_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # it is a .py file
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load()

    @torch.no_grad()
    def run(*given: Tensor) -> list[Tensor]:
        return leaves(network(*given))

    return run


def must_run_alone(path: Path, subject: Subject):
    """Runs it in a fresh process that sees no file of this project. Raises ValueError where it does not run
    there, or answers something else than here."""
    from safetensors.torch import load_file, save_file

    with tempfile.TemporaryDirectory(prefix="pruning-plain-") as scratch:
        files = [Path(scratch, name) for name in ("inputs", "outputs")]
        given = [each[:SEVERAL] for each in subject.inputs.values()]
        save_file({str(k): each.contiguous() for k, each in enumerate(given)}, files[0])
        words = ["-I", "-c", CHILD, str(path), *map(str, files), str(torch.get_num_threads())]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=scratch)
        if done.returncode:
            reason = "".join(done.stderr.strip().splitlines()[-1:])[:200]
            raise ValueError(f"the network does not run as plain PyTorch ({reason}); give another format")
        answers = load_file(files[1])
    here = opened(path)(*given)
    if not all(
        torch.allclose(answers[str(k)], each, atol=1e-5, equal_nan=True) for k, each in enumerate(here)
    ):
        raise ValueError("the network answers something else in a process of its own; give another format")


def _read(told) -> dict[str, Any]:
    """The texts as a reader wants them: JSON as what it says."""
    found = {}
    for name in [name for name in told if name != "recipe"]:  # that has a file of its own
        text = told[name]
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


# ----------------------------------------------------------------------------------------- what it computes


class _Tracer(fx.Tracer):
    """Layers of torch.nn stay layers; one without channels is what it computes."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return super().is_leaf_module(m, module_qualified_name) and "forward" not in vars(m)


def traced(subject: Subject) -> fx.Graph:
    """The network's operations, as torch.fx sees them."""
    hooked = [name or "it" for name, part in subject.network.named_modules() if _hooks(part)]
    if hooked:
        raise ValueError(
            f"{hooked[0]} has forward hooks, which are not part of a network's code; give another format, or "
            "take them off"
        )
    try:
        graph = _Tracer().trace(subject.network)
        _without_what_is_not_given(graph, list(subject.inputs))
        graph = fx.GraphModule(subject.network, graph).graph
        graph.eliminate_dead_code(_has_effects)
    except Exception as error:
        reason = first_line(error).partition(". ")[0].rstrip(".")
        raise ValueError(
            f"torch.fx can't write this network's forward down ({reason}); give another format"
        ) from error
    return graph


def _hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _has_effects(node: fx.Node) -> bool:
    """Whether an operation matters although nobody uses what it returns: it changes what it is given."""
    if node.is_impure() or node.kwargs.get("inplace") or node.target is operator.setitem:
        return True
    if node.op == "call_module":
        return bool(getattr(node.graph.owning_module.get_submodule(node.target), "inplace", False))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return node.op in ("call_method", "call_function") and name.endswith("_") and not name.endswith("__")


def _without_what_is_not_given(graph: fx.Graph, names: list[str]):
    """Arguments that have a default, which nobody gives."""
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    for node in placeholders[len(names) :]:
        if node.users:
            raise ValueError(f"its argument {node.target} is not given")
        graph.erase_node(node)


def forward(graph: fx.Graph) -> str:
    """The source of `forward`. Raises ValueError where it calls what torch does not have."""
    for node in graph.nodes:
        node.type = None  # as its author has annotated it, by names that the file does not import
    code = graph.python_code("self")
    for name, value in code.globals.items():
        module = getattr(value, "__module__", None) or getattr(value, "__name__", "")
        known = value in ALLOWED or str(module).split(".")[0] in (
            "torch",
            "operator",
            "_operator",
            "builtins",
            "math",
        )
        if not known and not isinstance(value, float):
            raise ValueError(f"the network calls {name}, which torch does not have; give another format")
    return code.src.strip()
