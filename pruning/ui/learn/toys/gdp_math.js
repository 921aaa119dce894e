// Gates that polarize, as pruning/gates has it (gate_optimizer.py, loss_pull.py, decision.py, resource_price.py), for one
// group of channels that cost the same. All in s = t / sqrt(eps).
const SHUT = 1e-3, LARGEST = 12, RAMP = 0.45, LISTENS = 0.1, DECIDED = 0.3, SOON = 0.2, RATE = 2;
const LOW = Math.sqrt(SHUT / (1 - SHUT)); // s of a gate that is as good as shut
export const EPS = [0.1, 1e-4];

export const opened = (s) => (s * s) / (s * s + 1);
export const slope = (s) => (2 * s) / (s * s + 1) ** 2; // dg / ds
export const epsAt = (step, steps) => EPS[0] * (EPS[1] / EPS[0]) ** Math.min(1, step / Math.max(1, steps));

// The least price that is enough, to one in a thousand.
export function least(enough) {
  if (enough(0)) return 0;
  let high = 1e-4;
  while (!enough(high) && high < 1e6) high *= 4;
  let low = high > 1e-4 ? high / 4 : 0;
  for (let round = 0; round < 12; round++) {
    const middle = (low + high) / 2;
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

const factors = (s, unmoved) => s.map((value, i) => opened(value) / opened(unmoved[i])); // what weights are multiplied by
const left = (s, unmoved) => factors(s, unmoved).reduce((all, value) => all + Math.min(1, value), 0) / s.length;
const hard = (s) => s.filter((value) => value > 0).length / s.length;

// A training of gates. start: [N] t at the first step.   gradients: [N] of the loss by each gate, the same at every
// step.   cut: share of the channels to close.   freeze: step from which t stays where it is, or none.
// Returns a row a step, 0 .. steps: {eps, s, price}.
export function course({ start, gradients, cut, steps, freeze = Infinity }) {
  const floor = start.length - Math.floor(0.9 * start.length + 1e-9);
  const begun = start.map((t) => t / Math.sqrt(EPS[0])), unmoved = (at) => begun.map((s) => s * Math.sqrt(EPS[0] / at));
  let s = begun, eps = EPS[0], squares = start.map(() => 0), price = 0, told = null;
  const rows = [{ eps, s, price }];
  for (let step = 1; step <= steps; step++) {
    const multiplied = factors(s, unmoved(eps));
    squares = squares.map((value, i) => value + ((gradients[i] * multiplied[i]) ** 2 - value) / step);
    const before = s, now = epsAt(step, steps), drifted = s.map((value) => value * Math.sqrt(eps / now));
    eps = now;
    if (step >= freeze) s = drifted;
    else {
      if (!told && step >= DECIDED * steps) told = decided(drifted, cut, floor);
      if (step <= LISTENS * steps) s = drifted; // the loss is heard, and no gate moves yet
      else if (told) s = follow(told, drifted, before, steps);
      else ({ s, price } = pulled(drifted, worth(squares), unmoved(eps), step, steps, cut));
      s = shut(s, cut, told, floor);
    }
    rows.push({ eps, s, price });
  }
  return rows;
}

// What each gate is worth to the loss, in units of the mean of all.
export function worth(squares) {
  const mean = squares.reduce((all, value) => all + value, 0) / squares.length;
  return squares.map((value) => (mean > 0 ? value / mean : 1));
}

// The loss pulls gates open by their worth, and the price pushes all of them, as hard as the target of this step needs.
function pulled(s, worths, unmoved, step, steps, cut) {
  const most = LARGEST / steps, steep = s.map(slope), alive = s.map((value) => value > 0);
  const pull = steep.map((value, i) => (RATE / steps) * worths[i] * value);
  const listening = LISTENS * steps, ramp = Math.max(1, RAMP * steps - listening);
  const passed = Math.min(1, Math.max(0, step - listening) / ramp), target = 1 - cut * (1 - (1 - passed) ** 2);
  const moved = (price) => s.map((value, i) => {
    const by = Math.min(most * Math.max(value, 1), Math.max(-most * value, pull[i] - price * steep[i]));
    return alive[i] ? Math.max(value + by, 0.5 * LOW) : 0;
  });
  const price = least((price) => left(moved(price), unmoved) <= target);
  return { s: moved(price), price };
}

// Which gates are to shut: the narrowest, one by one, until what is left is nearest to the target.
function decided(s, cut, floor) {
  const trial = [...s], goal = 1 - cut, order = s.map((_, i) => i).filter((i) => s[i] > 0).sort((i, j) => s[i] - s[j]);
  const shutting = s.map((value) => value === 0);
  let best = [...shutting], miss = Math.abs(hard(trial) - goal);
  for (const gate of order.slice(0, Math.max(0, order.length - floor))) {
    trial[gate] = 0;
    shutting[gate] = true;
    const now = hard(trial) - goal;
    if (Math.abs(now) < miss) [best, miss] = [[...shutting], Math.abs(now)];
    if (now <= 0) break;
  }
  return best;
}

// Once decided, gates that shut fall by the same factor every step, the others rise by it.
function follow(told, drifted, before, steps) {
  const fall = LOW ** (1 / Math.max(1, SOON * steps));
  return drifted.map((value, i) =>
    (told[i] ? Math.min(before[i], 1) * fall : Math.max(value, Math.min(before[i] / fall, 3))));
}

// Sets gates below the threshold to exact zero, where enough stay.
function shut(s, cut, told, floor) {
  const found = [...s], low = s.map((value) => value < LOW && value > 0);
  const staying = s.filter((value, i) => value > 0 && !low[i]).length;
  if (staying < floor) return staying || !low.some(Boolean) ? found : held(found, floor);
  const going = s.map((_, i) => i).filter((i) => low[i]).sort((i, j) => s[i] - s[j]);
  for (const gate of going) {
    const kept = found[gate];
    found[gate] = 0;
    if (!told && hard(found) < 1 - cut - 0.002) {
      found[gate] = kept;
      break;
    }
  }
  return found;
}

// As many gates as must stay are opened again, the widest first.
function held(s, floor) {
  const alive = s.map((_, i) => i).filter((i) => s[i] > 0).sort((i, j) => s[j] - s[i]).slice(0, floor);
  return s.map((value, i) => (alive.includes(i) ? Math.max(value, 1) : value));
}
