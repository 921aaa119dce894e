"""Heads that run only in training: auxiliary classifiers, projections, decoders for a loss.

An answer in evaluation mode leaves their parameters aside. Where there are such, a copy runs once more under
the same tracer with everything in training mode but norms and dropout: so no statistics are needed, and one
image is enough. What the heads read is then cut along with them; what they write stays whole.
"""

from torch import nn

from pruning.channels.ids import Untraceable
from pruning.channels.slices import copy_with
from pruning.channels.tracer import Tracer, hidden, traced

ONLY_TRAINING = "it runs only in training"
CALM = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)


def trace_heads(tracer: Tracer, model: nn.Module, example: tuple | dict):
    """Adds to the tracer's trace what ties the heads to the network; what cannot be found out is a note."""
    aside = _left_aside(tracer, model)
    if not aside:
        return
    trace, before = tracer.trace, len(tracer.trace.calls)
    known = {call.weight for call in trace.calls}
    twin = copy_with(model, {})
    tracer.adopt(twin)
    tracer.training = True
    with_heads(twin)
    runs = True
    try:
        traced(tracer, twin, example)
    except (ValueError, Untraceable) as error:
        runs = False
        names = ", ".join(_topmost(aside, model))
        why = f"in training mode {error}"  # the network does not run on an example of shape ...
        trace.notes.append(
            f"evaluation leaves {names} aside, and {why}: where it reads channels, a cut does not follow"
        )
    calls, trace.calls[before:] = trace.calls[before:], []
    own = [call for call in calls if call.weight and call.weight not in known]
    trace.training = own if runs else []
    for call in own:
        written = trace.slots.get(call.weight, {}).get(call.output)
        if written is not None:
            trace.fixed.append((written, ONLY_TRAINING))
    if runs and (unused := _topmost(aside - tracer.reached, model)):
        trace.notes.append(
            f"{', '.join(unused)} did not run on this example: where it reads channels, a cut does not follow"
        )
    heads = _topmost(aside & tracer.reached, model)
    if heads:
        names = f"{', '.join(heads)} {'runs' if len(heads) == 1 else 'run'}"
        trace.notes.append(f"{names} only in training: cut along with what is read; own channels stay")


def with_heads(model: nn.Module):
    """Training mode for all that a user may ask it of; norms keep their statistics, dropout drops nothing."""
    for module in model.modules():
        calm = isinstance(module, CALM) or type(module).__module__.startswith("torch.nn.modules")
        module.training = not calm


def _left_aside(tracer: Tracer, model: nn.Module) -> set[str]:
    """Parameters that no operation was given, where all operations could be seen."""
    blind = tuple(f"{name}." if name else "" for name, module in model.named_modules() if hidden(module))
    return {
        name
        for name, _ in model.named_parameters()
        if name not in tracer.reached and not (blind and name.startswith(blind))
    }


def _topmost(names: set[str], model: nn.Module) -> list[str]:
    """The largest modules of which all parameters are among the names, in the network's order."""
    others = [name for name, _ in model.named_parameters() if name not in names]
    found: dict[str, None] = {}
    for name, _ in model.named_parameters():
        if name in names:
            parts = name.split(".")
            tops = (".".join(parts[:n]) for n in range(1, len(parts) + 1))
            found[next(top for top in tops if not any(o.startswith(f"{top}.") for o in others))] = None
    return list(found)
