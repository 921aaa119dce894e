// Small dense matrices, rows of numbers, in double precision.
export const sum = (values) => values.reduce((total, value) => total + value, 0);
export const mean = (values) => sum(values) / values.length;
export const columns = (rows) => rows[0].map((_, j) => rows.map((row) => row[j]));
export const times = (a, b) => a.map((row) => b[0].map((_, j) => sum(row.map((value, k) => value * b[k][j]))));

// x with a x = b, by elimination with pivots.   a: [n][n].   b: [n][m].
export function solve(a, b) {
  const n = a.length, rows = a.map((row, i) => [...row, ...b[i]]);
  for (let i = 0; i < n; i++) {
    let best = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r][i]) > Math.abs(rows[best][i])) best = r;
    [rows[i], rows[best]] = [rows[best], rows[i]];
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const share = rows[r][i] / rows[i][i];
      for (let j = i; j < rows[r].length; j++) rows[r][j] -= share * rows[i][j];
    }
  }
  return rows.map((row, i) => row.slice(n).map((value) => value / row[i]));
}

export const inverse = (a) => solve(a, a.map((_, i) => a.map((_, j) => +(i === j))));

// Draws from the normal distribution, always the same for a seed.
export function normals(count, seed) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 4294967296;
  };
  return Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  });
}

// Feature rows of clouds, a class each, and their class numbers.   centres: [K][2].   spread: of every cloud.
export function clouds(centres, spread, each = 14) {
  const features = [], labels = [];
  centres.forEach((centre, k) => {
    const [across, up] = [normals(each, 2 * k + 1), normals(each, 2 * k + 2)];
    for (let i = 0; i < each; i++) {
      features.push([centre[0] + spread * across[i], centre[1] + spread * up[i]]);
      labels.push(k);
    }
  });
  return { features, labels };
}

// Classes stay within REACH of the middle. How far from it their clouds come then, so that an axis holds all of them.
export const REACH = 2;
export function extent(spread) {
  const far = Math.max(...clouds([[0, 0], [0, 0], [0, 0]], 1).features.flat().map(Math.abs));
  return Math.ceil(2 * (REACH + spread * far)) / 2;
}
