// Discriminant information, as pruning/criteria/di.py has it. Stands behind matrices.js.
// features: [N][C].   labels: [N].   rho: ridge, relative to the mean diagonal of the total scatter.

// One-hot labels, a column over the root of its class's images, then centred.
export function scaledLabels(labels) {
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  const sizes = classes.map((k) => labels.filter((label) => label === k).length);
  const hot = labels.map((label) => classes.map((k, j) => (label === k ? 1 / Math.sqrt(sizes[j]) : 0)));
  const means = columns(hot).map(mean);
  return hot.map((row) => row.map((value, j) => value - means[j]));
}

function ridged(features, rho) {
  const means = columns(features).map(mean);
  const centred = features.map((row) => row.map((value, j) => value - means[j]));
  const total = times(columns(centred), centred), channels = total.length;
  const weight = rho * (sum(total.map((row, i) => row[i])) / channels || 1);
  return { centred, ridge: total.map((row, i) => row.map((value, j) => value + (i === j ? weight : 0))) };
}

// What is lost without each channel alone: [C].
export function losses(features, labels, rho) {
  const { centred, ridge } = ridged(features, rho), m = inverse(ridge);
  const dual = times(m, times(columns(centred), scaledLabels(labels)));
  return dual.map((row, c) => sum(row.map((value) => value * value)) / m[c][c]);
}

// Channels in the order in which they go, the least first and again and again, and what each costs at its turn.
export function backwardElimination(features, labels, rho) {
  const { centred, ridge } = ridged(features, rho);
  let m = inverse(ridge), dual = times(m, times(columns(centred), scaledLabels(labels)));
  const alive = m.map((_, c) => c), order = [], lost = [];
  while (alive.length) {
    const each = dual.map((row, c) => sum(row.map((value) => value * value)) / m[c][c]);
    const worst = each.indexOf(Math.min(...each)), column = m.map((row) => row[worst]), pivot = m[worst][worst];
    const gone = dual[worst], without = (rows) => rows.filter((_, i) => i !== worst);
    order.push(...alive.splice(worst, 1));
    lost.push(each[worst]);
    dual = without(dual.map((row, i) => row.map((value, j) => value - (column[i] / pivot) * gone[j])));
    m = without(m.map((row, i) => row.map((value, j) => value - (column[i] * column[j]) / pivot))).map(without);
  }
  return { order, lost };
}

// What is still told when channels go in an order: [C + 1], from all of them to none. The ridge stays that of all.
export function cumulative(features, labels, order, rho) {
  const { centred, ridge } = ridged(features, rho), cross = times(columns(centred), scaledLabels(labels));
  return Array.from({ length: order.length + 1 }, (_, gone) => {
    const kept = order.slice(gone);
    if (!kept.length) return 0;
    const own = kept.map((c) => cross[c]), solved = solve(kept.map((i) => kept.map((j) => ridge[i][j])), own);
    return sum(own.map((row, i) => sum(row.map((value, j) => value * solved[i][j]))));
  });
}
