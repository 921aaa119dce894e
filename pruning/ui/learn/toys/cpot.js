// CPOT: channels as distributions, their centre, and who is closest to it.
const PLACES = 24, PARTS = 96, TALL = 0.45, BELL = 0.3989; // height of a bell of width 1
const CENTRES = { exact: 'Barycenter', median: 'Median', mean: 'Mean' };
const GROUNDS = { taps: 'every move costs 1', line: 'a move costs its distance, squared' };
const START = [[5, 0.62], [10, 0.5], [12, 0.72], [19, 0.55], [8, 0.4], [16, 0.6]];

export default function ({ data, parentElement }) {
  build(parentElement, data, (toy) => {
    const state = { channels: START.slice(0, 4).map((at) => [...at]), ground: 'taps', kind: 'exact', seen: 0 };
    choice(toy, { label: 'Cost of moving mass', options: Object.entries(GROUNDS), value: state.ground, change: (v) => { state.ground = v; } });
    const kind = choice(toy, { label: 'Centre', options: Object.entries(CENTRES), value: state.kind, change: (v) => { state.kind = v; } });
    const seen = choice(toy, { label: 'Transport of', options: [], value: 0, change: (v) => { state.seen = +v; } });
    slider(toy, {
      label: 'Channels', from: 2, to: 6, step: 1, value: 4,
      change: (n) => { state.channels = START.slice(0, n).map((at, c) => state.channels[c] ?? [...at]); },
    });
    toy.hint.textContent = 'Drag a letter: sideways moves the channel’s mass, up makes it narrow. Or focus it and use the arrow keys, with Shift for larger steps.';
    const axis = { from: 0, to: PLACES - 1, title: 'place (tap of a filter, or value)', ticks: [0, 5, 10, 15, 20] };
    const rows = new Plot(toy, { title: 'A row for each channel', x: axis, y: { from: 0, to: 4 }, height: 360, left: 14 });
    const centre = new Plot(toy, { title: 'One channel moved to the centre', x: axis, y: { from: 0, to: 1 }, left: 14, height: 300 });
    const ranking = new Plot(toy, { title: 'Distance to the centre', x: { from: 0, to: 1, title: 'shortest goes first' }, y: { from: 0, to: 1 }, left: 40, height: 230, bottom: 26 });
    return () => draw(toy, state, { kind, seen, rows, centre, ranking });
  });
}

// All that the state means.
export function measured({ channels, ground, kind }) {
  const mass = channels.map(([at, height]) => bell(at, BELL / (TALL * height), PLACES));
  if (ground === 'taps') {
    const middle = center(mass, kind);
    return { mass, middle, distances: tapDistances(mass, middle), medians: medianMass(mass) };
  }
  const values = mass.map((row) => parts(row, PARTS));
  return { mass, values, middle: spread(lineCenter(values)), line: lineCenter(values), distances: lineDistances(values) };
}

// Equal parts on the line as heights a place, each part shared by the two places beside it.
function spread(values) {
  const heights = Array(PLACES).fill(0);
  for (const value of values) {
    const at = clamp(value, 0, PLACES - 1), low = Math.min(Math.floor(at), PLACES - 2), share = at - low;
    heights[low] += (1 - share) / values.length;
    heights[low + 1] += share / values.length;
  }
  return heights;
}

function draw(toy, state, { kind, seen, rows, centre, ranking }) {
  const { channels, ground } = state, count = channels.length, found = measured(state);
  state.seen = Math.min(state.seen, count - 1);
  kind.disabled = ground === 'line';
  if (seen.children.length !== count) seen.replaceChildren(...channels.map((_, c) => part('option', { value: c, text: `channel ${NAMES[c]}` })));
  seen.value = state.seen;
  const order = found.distances.map((_, c) => c).sort((a, b) => found.distances[a] - found.distances[b]);
  drawRows(rows, state, found);
  drawCentre(centre, state, found);
  const most = Math.max(...found.distances, 1e-9);
  ranking.draw(bars(ranking, order.map((c, place) => ({ name: NAMES[c], value: found.distances[c], colour: COLOURS[c], dashed: !place, note: place ? '' : 'goes first' })), most));
  say(toy, sentence(state, found, order));
  tabulate(toy, `Distance to the ${ground === 'taps' ? CENTRES[state.kind].toLowerCase() : 'barycenter'}, where ${GROUNDS[ground]}`,
    ['channel', 'place of its mass', 'largest height', 'distance'],
    channels.map(([at], c) => [NAMES[c], at, Math.max(...found.mass[c]), found.distances[c]]));
  toy.root.dataset.state = JSON.stringify({ mass: found.mass, values: found.values, kind: state.kind, ground, distances: found.distances, first: NAMES[order[0]] });
}

function area(plot, heights, base, scale, attributes) {
  const points = heights.map((height, j) => [j, base + scale * height]);
  return plot.line([[0, base], ...points, [PLACES - 1, base]], attributes);
}

function drawRows(plot, state, { mass }) {
  const count = state.channels.length;
  plot.y = { from: 0, to: count };
  const scale = 1 / TALL;
  plot.draw(mass.map((row, c) => area(plot, row, count - 1 - c, scale, { fill: COLOURS[c], 'fill-opacity': 0.3, stroke: COLOURS[c], 'stroke-width': 2 })));
  plot.handles(state.channels.map(([at, height], c) => ({
    key: c, name: `channel ${NAMES[c]}`, x: at, y: count - 1 - c + height, colour: COLOURS[c], letter: NAMES[c],
    told: `mass at ${short(at)}, width ${short(BELL / (TALL * height))}`, steps: [2, 2.5 / count * 2],
    move: (x, y) => { state.channels[c] = [x, clamp(y - (count - 1 - c), 0.12, 0.92)]; state.seen = c; },
  })));
}

function drawCentre(plot, state, { mass, middle, values, line }) {
  const own = mass[state.seen], scale = 0.92 / Math.max(0.2, ...own, ...middle), colour = COLOURS[state.seen], nodes = [];
  nodes.push(area(plot, middle, 0, scale, { stroke: QUIET, 'stroke-width': 3, fill: QUIET, 'fill-opacity': 0.25 }));
  nodes.push(area(plot, own, 0, scale, { stroke: colour, 'stroke-width': 2 }));
  if (state.ground === 'taps') {
    own.forEach((value, j) => {
      const more = value > middle[j];
      if (Math.abs(value - middle[j]) > 2e-3) nodes.push(plot.line([[j, scale * value], [j, scale * middle[j]]], { stroke: more ? GONE : STAYS, 'stroke-width': 3, 'stroke-dasharray': more ? '3 2' : undefined }));
    });
    nodes.push(words('red, dashed: leaves; blue: arrives', plot.left + 8, 22));
  } else {
    const mixture = center(mass, 'mean');
    nodes.push(area(plot, mixture, 0, scale, { stroke: 'var(--st-text-color)', 'stroke-dasharray': '2 4' }));
    for (let i = 4; i < PARTS; i += 8) nodes.push(plot.line([[values[state.seen][i], 0.02], [line[i], 0.16]], { stroke: colour, 'stroke-width': 1.5 }));
    nodes.push(words('dotted: the mean of the curves', plot.left + 8, 22));
  }
  plot.draw(nodes);
}

function sentence({ channels, ground, kind }, { distances, medians, mass, values }, order) {
  const total = (all) => all.reduce((s, v) => s + v, 0), name = (c) => NAMES[c];
  let told = `${name(order[0])} is closest to the centre (${short(distances[order[0]])}): it counts as the most redundant and goes first. ${name(order[channels.length - 1])} is farthest (${short(distances[order[channels.length - 1]])}) and stays longest.`;
  if (ground === 'taps' && kind !== 'exact') {
    const best = total(tapDistances(mass, center(mass, 'exact')));
    told += ` Summed over all channels the distance to the ${kind} is ${short(total(distances))}; to the barycenter it is ${short(best)}, the least possible.`;
  }
  if (ground === 'taps' && kind === 'median') told += ` The medians of all places sum to only ${short(medians)} and are scaled up to 1.`;
  const others = ground === 'taps' ? lineDistances(mass.map((row) => parts(row, PARTS))) : tapDistances(mass, center(mass));
  const first = others.indexOf(Math.min(...others));
  if (first !== order[0]) told += ` With the other cost ${name(first)} would go first.`;
  return told;
}
