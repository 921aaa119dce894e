"""How gates move: the falling eps opens them, the loss holds those that it needs, and a price on the resource
shuts the others just fast enough.

All in s = t / sqrt(eps), the only size in which a gate's place on its curve does not change while eps falls:
a t that stays where it is drifts upwards, and a step of t has to shrink as sqrt(eps) does. [Our reading.]
"""

from dataclasses import dataclass, field

import numpy as np

from pruning.error_messages import choose
from pruning.gates.decision import decided
from pruning.gates.gate_trace import DECIDED, between, margin, opened, slope
from pruning.gates.gates import SHUT, Gates
from pruning.gates.loss_pull import PULLS, finite_parts
from pruning.gates.placement import Placement
from pruning.gates.resource_price import least
from pruning.number_checks import of_python, positive, share, whole

LARGEST = 12.0  # times the share of all steps that one step is: how far, of itself, a gate goes at most
RAMP = 0.45  # share of the steps in which the target falls to what is asked for
SOON = 0.2  # share of the steps that shutting then takes


@dataclass(eq=False)
class GateOptimizer:
    """Moves the gates once a step. steps: of all the training with gates.   rate: of the loss's pull.
    cut: share of the measure that goes.   pull: how the loss pulls, by `worth` or `signed` gradient; by
    worth, norms are held at their statistics until every gate is decided.   frozen: they never move (a
    control).   doomed: [N], gates that are to shut, chosen beforehand (a control).
    """

    gates: Gates
    cut: float
    steps: int
    eps_end: float = 1e-4
    rate: float = 2.0
    pull: str = "worth"
    frozen: bool = False
    doomed: np.ndarray | None = None
    step: int = 0
    price: float = 0.0
    closed: frozenset[int] = frozenset()
    held: set[int] = field(default_factory=set)  # groups that were kept from closing
    spared: set[int] = field(default_factory=set)  # gates that were kept from shutting, for too much had gone
    overpulled: bool = False  # whether the loss alone would have shut more than was asked for

    def __post_init__(self):
        share(of_python(self.cut), "cut")
        whole(of_python(self.steps), "steps", 1)
        positive(of_python(self.eps_end), "eps_end", "a number", 1e-4)
        positive(of_python(self.rate), "rate", "a rate", 2.0, most=1e6)
        choose(self.pull, PULLS, "pull")
        if not isinstance(self.gates, Gates):
            raise ValueError(f"gates is a {type(self.gates).__name__}; give pruning.gates.Gates(graph)")
        self.placement: Placement = self.gates.placement
        self.placement.must_reach(self.cut)
        self.shutting: np.ndarray | None = None  # [N] once decided
        self.shut_at = np.full(len(self.gates), -1)  # step at which each gate was shut for good
        n = len(self.placement.owner)
        self.channels = slice(0, n)
        groups = list(self.placement.starts.values())
        self.loss_pull = PULLS[self.pull](groups, self.gates.stands_for)
        self._hold_norms()
        self._firsts = np.array([own.start for own in self.placement.starts.values()])
        self.low = np.sqrt(SHUT / (1 - SHUT))  # s of a gate that is as good as shut

    def move(self, gradient: np.ndarray | None = None) -> bool:
        """One step of every gate. gradient: [N] of the loss, by what each gate multiplies, or [parts, N] of
        parts of a batch; what a backward pass left in the gates where none is given. Returns whether a block
        has closed."""
        gradient = np.atleast_2d(self.gates.gradient if gradient is None else gradient)
        self.step += 1
        self.gates.unheard += not len(finite_parts(gradient))
        self.loss_pull.hear(gradient, self.gates.factors)
        self._hold_norms()
        eps = self.eps_at(self.step)
        drifted = self.gates.scaled * np.sqrt(self.gates.eps / eps)
        if self.frozen:
            self.gates.set(drifted, eps)
            return False
        if self.shutting is None and not self.loss_is_heard:
            self.shutting = self._decided(drifted) if self.doomed is None else self.doomed
        if self.step <= self._listening:
            scaled = drifted
        elif self.shutting is None:
            scaled = self._pulled(drifted, eps)
        else:
            scaled = self._told(drifted)
        scaled, closed = self._shut(scaled)
        self.gates.set(scaled, eps)
        return closed

    @property
    def _listening(self) -> float:
        """The step until which the loss is heard and no gate moves."""
        return self.loss_pull.listens * self.steps

    @property
    def loss_is_heard(self) -> bool:
        """Whether the loss still has a say in which gates shut: until every gate has been told."""
        return self.step < DECIDED * self.steps

    def _hold_norms(self):
        self.gates.norms_held = self.loss_pull.holds_norms and self.loss_is_heard

    def _decided(self, scaled: np.ndarray) -> np.ndarray:
        """[N]: which gates are to shut."""
        if self.gates.unheard == self.step:
            raise ValueError(
                f"the loss has had no finite gradient in {self.step} steps, so nothing says which gates "
                "should shut; lower the learning rate, or the scale of the loss"
            )
        goal = 1 - self.cut
        self.overpulled = self.placement.left(self.widths(scaled)) < goal - 0.02
        return decided(
            self.gates, scaled, self.closed, goal, lambda trial: self.placement.left(self.hard(trial))
        )

    def _told(self, drifted: np.ndarray) -> np.ndarray:
        """Once decided: gates that shut fall by the same factor every step, the others rise by it."""
        fall = self.low ** (1 / max(1.0, SOON * self.steps))
        rising = np.maximum(drifted, np.minimum(self.gates.scaled / fall, 3.0))
        return np.where(self.shutting, np.minimum(self.gates.scaled, 1.0) * fall, rising)

    def eps_at(self, step: int) -> float:
        passed = min(1.0, step / max(1, self.steps))
        return self.gates.eps_start * (self.eps_end / self.gates.eps_start) ** passed

    @property
    def target(self) -> float:
        """Share of the measure that may be left now: it falls smoothly to 1 - cut."""
        ramp = max(1.0, RAMP * self.steps - self._listening)
        passed = min(1.0, max(0.0, self.step - self._listening) / ramp)
        return 1 - self.cut * (1 - (1 - passed) ** 2)

    # ------------------------------------------------------------------------- the resource and its price

    def widths(self, scaled: np.ndarray, eps: float | None = None) -> np.ndarray:
        """[G]: channels of each group, a gate that is partly open counted in part."""
        counted = np.minimum(1.0, opened(scaled) / opened(self.gates.unmoved(eps or self.gates.eps)))
        return self._summed(counted)

    def hard(self, scaled: np.ndarray) -> np.ndarray:
        """[G]: channels whose gate is not exactly zero."""
        return self._summed((scaled > 0).astype(float))

    def _summed(self, counted: np.ndarray) -> np.ndarray:
        found = self.placement.limits.sizes.astype(float)
        own = counted[self.channels]
        found[list(self.placement.groups)] = np.add.reduceat(own, self._firsts)
        for number, branch in enumerate(self.gates.blocks):
            found[list(branch)] *= counted[len(own) + number]
        return found

    @property
    def left(self) -> float:
        """Share of the measure that is left, gates that are partly open counted in part."""
        return self.placement.left(self.widths(self.gates.scaled))

    def _pulled(self, scaled: np.ndarray, eps: float) -> np.ndarray:
        """Where the loss pulls the gates, and the price pushes them: as hard as the target of now needs.

        The price is the same for every gate. In proportion to the MACs of its channel it closed the early
        layers whole, and with them a tenth of the accuracy.
        """
        steep, alive = slope(scaled), scaled > 0
        pull = self.rate / self.steps * self.loss_pull.pull(steep, alive)
        push = steep * self.loss_pull.price
        if self.doomed is not None:
            pull, push = 0 * pull, steep * self.doomed
        most = LARGEST / self.steps

        def moved(price: float) -> np.ndarray:
            bounded = np.clip(pull - price * push, -most * scaled, most * np.maximum(scaled, 1))
            return np.where(alive, np.maximum(scaled + bounded, 0.5 * self.low), 0.0)

        def enough(price: float) -> bool:
            return self.placement.left(self.widths(moved(price), eps)) <= self.target

        self.price = least(enough)
        return moved(self.price)

    def _shut(self, scaled: np.ndarray) -> tuple[np.ndarray, bool]:
        """Sets gates below the threshold to exact zero, but for those that must stay: too few would be left
        of a group that no path goes around, or more of the measure would go than was asked for."""
        before = self.closed
        low = (scaled < self.low) & (scaled > 0)
        for number in np.flatnonzero(low[len(self.placement.owner) :]):
            self._shut_block(scaled, self.gates.blocks[number])
        for g in np.unique(self.placement.owner[low[self.channels]]):
            own = self.placement.starts[int(g)]
            going, alive = low[own], scaled[own] > 0
            if (alive & ~going).sum() >= self.placement.floors[g]:
                self._zero(scaled, own.start + np.flatnonzero(going))
            elif g in self.gates.fading:
                self._wait(scaled, int(g))
            elif not (alive & ~going).any():
                self._shut_block(scaled, frozenset([int(g)]))
        return scaled, self.closed != before

    def _wait(self, scaled: np.ndarray, g: int):
        """A block that fades by the gate on its last norm closes with that gate, not with its channels':
        where it is to close they wait for it, else as many as must stay are held."""
        told = self.shutting is not None and self.shutting[self.placement.starts[g]].all()
        if not told:
            self._hold(scaled, frozenset([g]), blocks=False)

    def _zero(self, scaled: np.ndarray, chosen: np.ndarray):
        """Shuts these gates, the lowest first, while not too much goes."""
        for gate in sorted(chosen, key=lambda gate: scaled[gate]):
            value, scaled[gate] = scaled[gate], 0.0
            if self._too_much(scaled, 0.002):
                scaled[gate] = value
                self.spared.add(int(gate))
                return
            self.shut_at[gate] = self.step

    def _shut_block(self, scaled: np.ndarray, groups: frozenset[int]):
        """Closes a block whole, where the answer does not need it, and not too much goes with it."""
        closing = self.placement.closing(self.closed | groups)
        trial = scaled.copy()
        for g in closing or ():
            trial[self.placement.starts[g]] = 0
        for number, branch in enumerate(self.gates.blocks):
            if closing and branch <= closing:
                trial[len(self.placement.owner) + number] = 0
        if closing is None or self._too_much(trial, 0.005):
            self._hold(scaled, groups)
            return
        self.shut_at[(trial == 0) & (scaled > 0)] = self.step
        scaled[:] = trial
        self.closed = closing

    def _too_much(self, scaled: np.ndarray, tolerance: float) -> bool:
        """Whether more of the measure would go than was asked for; once decided, that was seen to."""
        return self.shutting is None and self.placement.left(self.hard(scaled)) < 1 - self.cut - tolerance

    def _hold(self, scaled: np.ndarray, groups: frozenset[int], blocks: bool = True):
        """Opens as many gates of these groups again as must stay, the widest first."""
        for g in groups:
            own = self.placement.starts[g]
            alive = own.start + np.flatnonzero(scaled[own] > 0)
            stay = alive[np.argsort(-scaled[alive], kind="stable")[: int(self.placement.floors[g])]]
            scaled[stay] = np.maximum(scaled[stay], 1.0)
            self.held.add(g)
        for number, branch in enumerate(self.gates.blocks if blocks else ()):
            if branch & groups:
                place = len(self.placement.owner) + number
                scaled[place] = max(scaled[place], 1.0)

    def finish(self):
        """Shuts what was told to and is not quite there."""
        if self.shutting is not None:
            scaled = np.where(self.shutting, np.minimum(self.gates.scaled, 0.5 * self.low), self.gates.scaled)
            self.gates.set(self._shut(scaled)[0], self.gates.eps)

    # ------------------------------------------------------------------------------------------ its state

    def arrays(self) -> dict[str, np.ndarray]:
        """What `go_on` needs, beside `numbers`."""
        told = {} if self.shutting is None else {"shutting": self.shutting}
        told |= {"scaled": self.gates.scaled, "shut_at": self.shut_at}
        return told | self.loss_pull.arrays()

    def numbers(self) -> dict:
        told = {"step": self.step, "price": self.price, "eps": self.gates.eps, "overpulled": self.overpulled}
        return told | {name: sorted(getattr(self, name)) for name in ("closed", "held", "spared")}

    def go_on(self, arrays: dict[str, np.ndarray], numbers: dict):
        self.step, self.price = numbers["step"], numbers["price"]
        self.overpulled = numbers["overpulled"]
        self.closed = frozenset(numbers["closed"])
        self.held, self.spared = set(numbers["held"]), set(numbers["spared"])
        self.shut_at = arrays["shut_at"].copy()
        self.loss_pull.go_on(arrays)
        self.shutting = arrays["shutting"].copy() if "shutting" in arrays else None
        self.gates.set(arrays["scaled"].copy(), numbers["eps"])
        self._hold_norms()

    # ---------------------------------------------------------------------------------------- what is told

    @property
    def between(self) -> float:
        """Share of all gates with 0.05 < g / g_max < 0.5 of their group."""
        return between(self.values, list(self.placement.starts.values()))

    @property
    def margin(self) -> float:
        """The narrowest open gate over the widest that is still shutting; infinite where none is."""
        return margin(self.values)

    @property
    def values(self) -> np.ndarray:
        """[channels]: g."""
        return opened(self.gates.scaled[self.channels])
