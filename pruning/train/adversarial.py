"""Adversarial training of a network that translates pictures, as StarGAN's paper has it: a Wasserstein loss
with gradient penalty, the domain's cross-entropy, and the cycle's reconstruction; and, which the paper lacks,
an identity term: what a picture loses that is asked for as it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pruning.models.stargan import Discriminator, discriminator_for
from pruning.train.optimizer import adam

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

PREFIX = "discriminator "
LONGEST = 50.0  # of the generator's gradient: none was half as long after the first steps


@dataclass(eq=False)
class Adversary:
    """A discriminator under training, and how much each term weighs.

    domains: as many as the data has.   every: steps of the discriminator for one of the generator (5 in the
    paper).   domain, cycle, identity, penalty: weights of the terms (1,
    10, 0 and 10 in the paper)."""

    discriminator: Discriminator
    domains: int
    every: int = 2
    domain: float = 1.0
    cycle: float = 20.0
    identity: float = 20.0
    penalty: float = 10.0
    steps: int = field(default=0, init=False)

    def begin(self, lr: float, device: str) -> None:
        """Before the first step."""
        self.discriminator.to(device).train()
        self.optimizer = adam(self.discriminator, lr)

    def step(
        self, generator: "nn.Module", optimizer: "torch.optim.Optimizer", inputs: "Tensor", targets: "Tensor"
    ) -> dict[str, float]:
        """One step of the discriminator and, every so often, one of the generator; returns the terms of the
        losses, those of the generator only where it took one.

        inputs: pictures and maps of domains, [N, 3 + domains, H, W].   targets: [N, 2], domains of the
        pictures and those asked for."""
        from torch.nn.utils import clip_grad_norm_

        for group, own in zip(optimizer.param_groups, self.optimizer.param_groups, strict=True):
            own["lr"] = group["lr"]
        self.optimizer.zero_grad()
        loss, told = self.discriminator_loss(generator, inputs, targets)
        loss.backward()
        self.optimizer.step()
        self.steps += 1
        if self.steps % self.every:
            return told
        optimizer.zero_grad()
        loss, more = self.generator_loss(generator, inputs, targets)
        loss.backward()
        clip_grad_norm_(generator.parameters(), LONGEST)
        optimizer.step()
        return told | more

    def discriminator_loss(
        self, generator: "nn.Module", inputs: "Tensor", targets: "Tensor"
    ) -> "tuple[Tensor, dict[str, float]]":
        """How badly it tells real pictures from translated ones and one domain from another, and how far the
        length of its gradient is from 1 between the two."""
        import torch
        from torch.nn.functional import cross_entropy

        real = inputs[:, : -self.domains]
        with torch.no_grad():
            translated = generator(inputs)
        looks_real, domains = self.discriminator(real)
        looks_translated, _ = self.discriminator(translated)
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = (share * real + (1 - share) * translated).requires_grad_()
        slopes = torch.autograd.grad(self.discriminator(between)[0].sum(), between, create_graph=True)[0]
        penalty = (slopes.flatten(1).norm(dim=1) - 1).square().mean()
        distance, domain = looks_real.mean() - looks_translated.mean(), cross_entropy(domains, targets[:, 0])
        loss = self.domain * domain + self.penalty * penalty - distance
        return loss, {"distance": distance.item(), "domain": domain.item(), "penalty": penalty.item()}

    def generator_loss(
        self, generator: "nn.Module", inputs: "Tensor", targets: "Tensor"
    ) -> "tuple[Tensor, dict[str, float]]":
        """What the discriminator thinks of translations, and how much of a picture is lost on the way there
        and back, or where it is asked for as it is."""
        from torch.nn.functional import cross_entropy

        from pruning.tasks import with_domains

        real = inputs[:, : -self.domains]
        translated = generator(inputs)
        looks_real, domains = self.discriminator(translated)
        domain = cross_entropy(domains, targets[:, 1])
        back = generator(with_domains(translated, targets[:, 0], self.domains))
        cycle, loss = (back - real).abs().mean(), self.domain * domain - looks_real.mean()
        loss, told = loss + self.cycle * cycle, {"asked_domain": domain.item(), "cycle": cycle.item()}
        if self.identity:
            same = generator(with_domains(real, targets[:, 0], self.domains))
            identity = (same - real).abs().mean()
            loss, told = loss + self.identity * identity, told | {"identity": identity.item()}
        return loss, told

    # ------------------------------------------------------------------------------------------- its state

    def state(self) -> "dict[str, Tensor]":
        """What the next steps depend on, beside the generator's."""
        from pruning.train.training_state import moments

        own = {f"{PREFIX}{name}": tensor for name, tensor in self.discriminator.state_dict().items()}
        return own | {f"{PREFIX}{name}": t for name, t in moments(self.optimizer).items()}

    def put_back(self, tensors: "Mapping[str, Tensor]", steps: int) -> None:
        from pruning.train.training_state import set_moments

        own = {name.removeprefix(PREFIX): t for name, t in tensors.items() if name.startswith(PREFIX)}
        names = self.discriminator.state_dict()
        self.discriminator.load_state_dict({name: own[name] for name in names})
        set_moments(self.optimizer, own)
        self.steps = steps


def new_adversary(domains: int, size: int) -> Adversary:
    """With a discriminator as it is initialised, always the same."""
    return Adversary(discriminator_for(size, domains), domains)


def kept_adversary(file: Path, domains: int, size: int) -> Adversary:
    """With the discriminator of a file that `train` wrote. Raises ValueError in one sentence where it is not
    there, and where it is for other domains or pictures of another size."""
    from pruning.models import read_checkpoint

    if not file.is_file():
        raise ValueError(
            f"adversarial fine-tuning needs the discriminator, and there is no {file.name}; give one beside "
            "the weights, or distill: then the full network teaches"
        )
    found, state = discriminator_for(size, domains), read_checkpoint(file).state
    own = found.state_dict()
    if {name: t.shape for name, t in own.items()} != {name: t.shape for name, t in state.items()}:
        raise ValueError(f"{file.name} is no discriminator of {domains} domains at {size} pixels")
    found.load_state_dict(dict(state))
    return Adversary(found, domains)
