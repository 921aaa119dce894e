// Least squares with a ridge, as pruning/reconstruction/least_squares.py has it, and matching of a block by Adam, as
// matching.py and adam.py have it. Stands behind matrices.js.

// dv and db with the least sum of (rows dv + db - lacks)^2 + ridge mean-diagonal dv^2.   rows: [R][C].   lacks: [R].
export function solved(rows, lacks, ridge) {
  const means = columns(rows).map(mean), lack = mean(lacks);
  const centred = rows.map((row) => row.map((value, j) => value - means[j]));
  const gram = times(columns(centred), centred), trace = sum(gram.map((row, i) => row[i]));
  const weight = (ridge * trace) / gram.length || 1;
  const cross = times(columns(centred), lacks.map((value) => [value - lack]));
  const dv = solve(gram.map((row, i) => row.map((v, j) => v + (i === j ? weight : 0))), cross).map((row) => row[0]);
  return { dv, db: lack - sum(dv.map((value, j) => value * means[j])) };
}

// A block of two layers: h_j = max(0, u_j x + a_j), y = sum of v_j h_j + c.   block: {u, a, v, c}.
export const hidden = ({ u, a }, x) => u.map((value, j) => Math.max(0, value * x + a[j]));
export const output = (block, x) => sum(hidden(block, x).map((h, j) => block.v[j] * h)) + block.c;

// Mean squared difference over the variance of what is wanted.
export function blockLoss(block, xs, wanted) {
  return mean(xs.map((x, i) => (output(block, x) - wanted[i]) ** 2)) / variance(wanted);
}
const variance = (values) => {
  const middle = mean(values);
  return sum(values.map((value) => (value - middle) ** 2)) / (values.length - 1);
};

// The block with one unit cut, and its reader refitted.
export function without(block, unit) {
  const rest = (values) => values.filter((_, j) => j !== unit);
  return { u: rest(block.u), a: rest(block.a), v: rest(block.v), c: block.c };
}
export function refitted(cut, xs, wanted, ridge = 1e-2) {
  const { dv, db } = solved(xs.map((x) => hidden(cut, x)), xs.map((x, i) => wanted[i] - output(cut, x)), ridge);
  return { ...cut, v: cut.v.map((value, j) => value + dv[j]), c: cut.c + db };
}

function gradient(block, xs, wanted) {
  const { u, v } = block, zero = () => u.map(() => 0), found = { u: zero(), a: zero(), v: zero(), c: 0 };
  const scale = 2 / xs.length / variance(wanted);
  xs.forEach((x, i) => {
    const h = hidden(block, x), off = scale * (output(block, x) - wanted[i]);
    found.c += off;
    h.forEach((value, j) => {
      found.v[j] += off * value;
      if (value > 0) { found.u[j] += off * v[j] * x; found.a[j] += off * v[j]; }
    });
  });
  return [...found.u, ...found.a, ...found.v, found.c];
}

// All weights moved by Adam so that the block gives what is wanted. The rate stays, then falls along a cosine.
export function matched(block, xs, wanted, steps, highest = 0.03) {
  const many = block.u.length;
  const read = (w) => ({
    u: w.slice(0, many), a: w.slice(many, 2 * many), v: w.slice(2 * many, 3 * many), c: w[3 * many],
  });
  let weights = [...block.u, ...block.a, ...block.v, block.c];
  const first = weights.map(() => 0), second = weights.map(() => 0);
  for (let step = 1; step <= steps; step++) {
    const slopes = gradient(read(weights), xs, wanted), rate = highest * rateAt(step - 1, steps);
    weights = weights.map((weight, k) => {
      first[k] += 0.1 * (slopes[k] - first[k]);
      second[k] = 0.999 * second[k] + 0.001 * slopes[k] ** 2;
      const root = Math.sqrt(second[k]) / Math.sqrt(1 - 0.999 ** step) + 1e-8;
      return weight - ((rate / (1 - 0.9 ** step)) * first[k]) / root;
    });
  }
  return read(weights);
}

// Share of the highest rate, as matching.py has it.
export function rateAt(step, steps) {
  const rising = Math.min(1, (step + 1) / Math.max(1, 0.1 * steps)) * Math.min(1, Math.sqrt(steps / 100));
  const falling = Math.max(0, (step / steps - 0.4) / 0.6);
  return (rising * (1 + Math.cos(Math.PI * falling))) / 2;
}
