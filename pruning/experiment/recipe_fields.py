"""The fields of a Recipe: what each is, its default, and its help text, for pages and for flags."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pruning.criteria import CRITERIA
from pruning.devices import AUTO
from pruning.experiment.defaults import BEST, MATCH_STEPS, default_threads
from pruning.models.own_code import is_own
from pruning.tasks import TASKS
from pruning.terms import ALLOCATIONS, REPAIRS, listed

Measure = Literal["macs", "params", "channels", "latency"]
Runtime = Literal["torch", "compile", "onnxruntime", "openvino"]
Allocation = Literal["uniform", "global", "greedy", "trace-ratio", "error", "gates"]
SearchBy = Literal["cross-entropy", "kl", "kl-moved", "di"]
Groups = Literal["inner", "all"]
Repair = Literal["none", "recalibrate", "transport", "merge", "reconstruct", "match"]
BitsBy = Literal["di", "error", "uniform"]
Normalize = Literal["auto", "cifar10", "imagenet", "half", "none"]
# Fields that earlier versions did not have: left out of a digest while they have their default, so that a
# recipe which does not use them keeps the digest that it had.
ADDED_LATER: tuple[str, ...] = ("blocks", "runtime")
CHOICES = ("normalize", "measure", "runtime", "allocation", "search_by", "groups", "repair", "bits_by")


def setting(default: Any, help_text: str, typed: str = "") -> Any:
    """A field. help_text: what it is, on pages and on the command line.   typed: what the command line adds:
    the values as they are typed, and what is taken where none is given."""
    return field(default=default, metadata={"help": help_text, "typed": typed})


@dataclass(frozen=True, kw_only=True)
class RecipeFields:
    """The fields of a Recipe as given: checks and defaults read them, `Recipe` fills them in."""

    model: str = setting(
        "resnet20",
        "The network.",
        "A listed one ('list models'), torchvision:NAME, or code of your own that makes one, which is run: "
        "PACKAGE.MODULE:FACTORY or path/to/FILE.py:FACTORY.",
    )
    code: str | None = setting(
        None,
        "The file that makes a network of your own, as it was when the recipe was run.",
        "sha256:DIGEST#NAME, as recipe.json has it; a message says if it has changed. Default: as it is now.",
    )
    task: str | None = setting(
        None, "What the network is for.", f"{', '.join(TASKS)}. Default: what the data ask for."
    )
    data: str = setting(
        "scenes",
        "The data set.",
        "A listed one ('list data'), or a path: class folders, images/ and masks/, a .zip of them, an .npz.",
    )
    checkpoint: str | None = setting(
        None,
        "Weights: a safetensors file or a PyTorch state dict.",
        "'none': random ones. Default: the bundled ones; of a network of your own those it is made with.",
    )
    normalize: Normalize = setting("auto", "How pixels are normalised before the network sees them.")
    size: int | None = setting(None, "Side of the images in pixels.", "Default: the network's own.")
    subtask: tuple[int, ...] = setting(
        (),
        "The classes to tell apart: data, network and all figures are narrowed to them.",
        "Class numbers, such as 3 5 8. Default: all.",
    )
    criterion: str = setting(
        None,
        "How channels are ranked.",
        "'list criteria' names them. Default: l1; where allocation and repair are not given either, the "
        "combination of reconstruction, error and match.",
    )
    options: tuple[tuple[str, Any], ...] = setting((), "The criterion's own options.")
    cut: float = setting(
        0.5,
        "Pruning ratio: the share of the MACs, parameters, channels or latency to remove.",
        "From 0 to below 1.",
    )
    measure: Measure = setting(
        "macs",
        "What the pruning ratio counts: MACs (multiply-accumulates), parameters, channels, or the "
        "latency of a batch, estimated from measured times of the layers.",
    )
    latency: str | None = setting(
        None,
        "The measured times behind a pruning ratio of latency.",
        "A latency.json. Default: measured now.",
    )
    runtime: Runtime = setting(
        "torch",
        "Where the layers' times behind a pruning ratio of latency are measured.",
        "torch: PyTorch as it computes by itself. compile: torch.compile, which has no times of layers.",
    )
    allocation: Allocation = setting(
        None,
        "How the cut is distributed over the channel groups.",
        f"{listed(ALLOCATIONS)} Default: gates with gdp, else uniform; see criterion.",
    )
    search_by: SearchBy = setting(
        "kl",
        "Cost of a step of the greedy search: the rise in cross-entropy or in KL divergence from the "
        "full network's predictions on hold-out images (kl-moved: each moved, half of them mixed with "
        "another, for a network that was trained on them), or the discriminant information (DI) lost, "
        "without running the network.",
    )
    search_temperature: float = setting(
        1.0, "Temperature that softens the predictions before their KL divergence; 1 leaves them as they are."
    )
    search_images: int = setting(256, "Hold-out images on which every step of the greedy search is measured.")
    search_every: int = setting(
        0, "Steps of the greedy search after which channels are scored again; 0: never."
    )
    groups: Groups = setting(
        "inner", "Which channel groups may be cut: those inside blocks, or the residual streams as well."
    )
    blocks: bool = setting(
        False,
        "Whole blocks may go: each residual branch is one more candidate beside channels, judged by the "
        "error that closing it leaves and by what that saves. For the allocations error, global and greedy.",
        "With gdp it is the option of that name: a gate on every residual branch.",
    )
    protect: tuple[str, ...] = setting((), "Channel groups that are not cut.")
    cut_group: tuple[tuple[str, float], ...] = setting(
        (), "Channel groups with a pruning ratio of their own.", "NAME=SHARE."
    )
    max_cut_per_group: float = setting(0.9, "The highest pruning ratio of any one group.")
    min_channels: int = setting(1, "The smallest number of channels that a group keeps.")
    round_to: int = setting(1, "Every group that is cut keeps a multiple of this many channels.")
    repair: Repair = setting(
        None,
        "How the cut network is repaired before any training, without labels.",
        f"{listed(REPAIRS)} Default: none; see criterion.",
    )
    match_steps: int = setting(
        None, "Gradient steps of block-wise feature matching.", f"Default: {MATCH_STEPS}."
    )
    epochs: int = setting(0, "Epochs of fine-tuning after the cut; where gates are trained, of all training.")
    gate_epochs: int | None = setting(None, "Epochs that train the gates.", "Default: 60 %, rounded up.")
    lr: float = setting(
        None,
        "Initial learning rate; it falls to 0 along a cosine.",
        "Default: 0.05; 0.003 after a refit; 0.0004 for translation (Adam).",
    )
    batch_size: int = setting(64, "Images per step of fine-tuning.")
    distill: bool = setting(False, "Fine-tune with the full network as teacher (knowledge distillation).")
    distill_temperature: float = setting(
        4.0, "Temperature that softens the predictions of teacher and student."
    )
    distill_logits: float = setting(1.0, "Weight of the distillation loss on predictions.")
    distill_features: float = setting(
        0.3, "Weight of the distillation loss on discriminant features at the end of each stage."
    )
    bits: float | None = setting(None, "Mean bits per weight after quantization.", "Default: not quantized.")
    bit_choices: tuple[int, ...] = setting((2, 4, 8), "Bit-widths that a channel may get.")
    bits_by: BitsBy = setting(
        "di",
        "What gives a channel more bits: discriminant information (DI) and rounding error, rounding "
        "error alone, or nothing (all alike).",
    )
    bits_epochs: int = setting(0, "Epochs of quantization-aware training, with rounded weights.")
    calibration: int = setting(1000, "Training images that data-driven criteria and the repair look at.")
    seed: int = setting(0, "Seed of calibration images, shuffling and augmentation.")
    device: str = setting(AUTO, "Device that PyTorch computes on.", "auto: cuda, else mps, else cpu.")
    threads: int = setting(
        default_threads(), "Threads that PyTorch uses; another number changes the last digits."
    )

    @property
    def trained(self) -> bool:
        """Whether the criterion's scores come from training gates with the network."""
        return CRITERIA[self.criterion].trained

    @property
    def trained_elsewhere(self) -> bool:
        """Whether the weights may have seen any image: a file's, and those that one's own code makes."""
        return self.checkpoint not in (None, "none") or is_own(self.model)

    @property
    def best(self) -> bool:
        """Whether criterion, allocation and repair are the best combination, as where all are unsaid."""
        return all(getattr(self, name) == value for name, value in BEST.items())

    @property
    def tune_epochs(self) -> int:
        """Epochs of plain fine-tuning: what training gates leaves of them."""
        return self.epochs - (self.gate_epochs or 0)
