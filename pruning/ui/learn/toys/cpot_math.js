// Optimal transport between distributions, as pruning/criteria/transport.py has it. A row a channel.
const ascending = (a, b) => a - b;
const total = (values) => values.reduce((all, value) => all + value, 0);

// The centre of distributions where any move of mass costs 1. mass: [P][places], rows sum to 1.
export function center(mass, kind = 'exact') {
  const places = mass[0].map((_, j) => mass.map((row) => row[j]).sort(ascending)), count = mass.length;
  let found;
  if (kind === 'mean') found = places.map((values) => total(values) / count);
  else if (kind === 'median') found = places.map((v) => (v[(count - 1) >> 1] + v[count >> 1]) / 2);
  else {
    const sums = Array.from({ length: count }, (_, i) => total(places.map((values) => values[i])));
    const first = sums.findIndex((value) => value >= 1);
    const above = first < 0 ? count - 1 : first, below = Math.max(above - 1, 0);
    const gap = sums[above] - sums[below], share = gap > 0 ? (1 - sums[below]) / gap : 0;
    found = places.map((values) => values[below] + share * (values[above] - values[below]));
  }
  const all = total(found);
  return found.map((value) => value / all);
}

// What the medians of all places sum to, before they are blown up to a distribution.
export const medianMass = (mass) => total(mass[0].map((_, j) => {
  const values = mass.map((row) => row[j]).sort(ascending), count = values.length;
  return (values[(count - 1) >> 1] + values[count >> 1]) / 2;
}));

// The share of mass that has to move: [P], 0 to 1.
export const tapDistances = (mass, target) =>
  mass.map((row) => total(row.map((value, j) => Math.abs(value - target[j]))) / 2);

// Where a move costs the square of its way: a row's values sorted are its quantiles, their mean the barycenter.
export const quantiles = (values) => values.map((row) => [...row].sort(ascending));
export function lineCenter(values) {
  const ordered = quantiles(values);
  return ordered[0].map((_, j) => total(ordered.map((row) => row[j])) / ordered.length);
}
export function lineDistances(values) {
  const ordered = quantiles(values), middle = lineCenter(values);
  return ordered.map((row) => Math.sqrt(total(row.map((value, j) => (value - middle[j]) ** 2)) / row.length));
}

// A bell on a row of places, in 0 .. 1 each, that sums to 1.
export function bell(position, width, places) {
  const heights = Array.from({ length: places }, (_, j) => Math.exp(-((j - position) ** 2) / (2 * width * width)));
  const all = total(heights);
  return heights.map((height) => height / all);
}

// The same mass as so many equal parts on the line, by where it is: place j reaches from j - 1/2 to j + 1/2.
export function parts(mass, count) {
  const found = [];
  let below = 0, place = 0;
  for (let i = 0; i < count; i++) {
    const level = (i + 0.5) / count;
    while (place < mass.length - 1 && below + mass[place] < level) below += mass[place++];
    found.push(place - 0.5 + Math.min(1, (level - below) / mass[place]));
  }
  return found;
}
