// The trace ratio, as pruning/criteria/catro.py has it, and the scatter that it is made of.
const CONSTANT = 1e-6; // of a sum of squares: below it a channel says nothing

// Of every channel [between, within]: squared distances of the class means from the mean, times the images of the
// class, and of the images from their class mean, both summed.   features: [N][C].   labels: [N].
export function classScatter(features, labels) {
  const classes = [...new Set(labels)];
  return features[0].map((_, c) => {
    const values = features.map((row) => row[c]), all = values.reduce((s, v) => s + v, 0);
    let perClass = 0;
    for (const k of classes) {
      const own = values.filter((_, i) => labels[i] === k), s = own.reduce((t, v) => t + v, 0);
      perClass += (s * s) / own.length;
    }
    const squares = values.reduce((s, v) => s + v * v, 0);
    const between = Math.max(0, perClass - (all * all) / values.length), within = Math.max(0, squares - perClass);
    return between + within <= CONSTANT * squares ? [0, 0] : [between, within];
  });
}

const largest = (scores) => scores.map((_, i) => i).sort((i, j) => scores[j] - scores[i]);

// The largest sum of b over (sum of w of the chosen + gamma sum of all w) over sets of `width` channels.
export function traceRatio(b, w, width, gamma = 0) {
  const whole = w.reduce((s, v) => s + v, 0);
  let ratio = 0;
  for (let round = 0; round < 100; round++) {
    const chosen = largest(b.map((value, i) => value - ratio * w[i])).slice(0, width);
    const below = chosen.reduce((s, i) => s + w[i], 0) + gamma * whole;
    const now = below > 0 ? chosen.reduce((s, i) => s + b[i], 0) / below : 0;
    if (Math.abs(now - ratio) <= 1e-9 * Math.max(Math.abs(now), 1e-300)) return now;
    ratio = now;
  }
  return ratio;
}

// b - lambda w of every channel, lambda solved for `width` kept ones; -Infinity for dead ones.
export function orderAtWidth(b, w, width, gamma = 3) {
  const ratio = traceRatio(b, w, Math.max(1, width), gamma);
  return b.map((value, i) => (value === 0 && w[i] === 0 ? -Infinity : value - ratio * w[i]));
}

// The channels that stay, the best first.
export const keptAt = (b, w, width, gamma) => largest(orderAtWidth(b, w, width, gamma)).slice(0, width);
