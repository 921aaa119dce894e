// Repair: a layer that lost an input is refitted; a block that lost a unit is refitted, then matched.
const WEIGHT = 0.8, POINTS = [[0.4, 1.1], [1.1, 0.6], [2, 2.6], [2.9, 2.2], [3.6, 3.9]];
const XS = Array.from({ length: 9 }, (_, i) => i / 2), UNITS = [[0.4, 1.2], [1.6, -1.9], [2.6, -0.3]];

export default function ({ data, parentElement }) {
  build(parentElement, data, (toy) => {
    const state = { points: POINTS.map((at) => [...at]), ridge: 1e-2, units: UNITS.map((at) => [...at]), unit: 1, steps: 100 };
    slider(toy, { label: 'Ridge', from: -3, to: 0, step: 0.25, value: -2, show: (v) => short(10 ** v, 2), change: (v) => { state.ridge = 10 ** v; } });
    choice(toy, { label: 'Unit to cut', options: UNITS.map((_, j) => [j, NAMES[j]]), value: 1, change: (v) => { state.unit = +v; } });
    slider(toy, { label: 'Steps of matching', from: 0, to: 200, step: 10, value: state.steps, change: (v) => { state.steps = v; } });
    toy.hint.textContent = 'First plot: drag a point, one of five images. Second: drag a unit, sideways where it starts, upwards how steep. Or focus one and use the arrow keys.';
    const plots = [
      new Plot(toy, { title: 'A layer that has lost one of its two inputs', x: { from: 0, to: 4, title: 'the input that is left', ticks: [0, 1, 2, 3, 4] }, y: { from: -1, to: 5, title: 'output', ticks: [0, 2, 4] }, height: 330 }),
      new Plot(toy, { title: 'A block that has lost one of its three units', x: { from: 0, to: 4, title: 'input of the block', ticks: [0, 1, 2, 3, 4] }, y: { from: -3, to: 3, title: 'output; steepness of a unit', ticks: [-2, 0, 2] }, height: 330 }),
    ];
    return () => draw(toy, state, plots);
  });
}

export const blockOf = (units) => ({ u: units.map(() => 1), a: units.map(([start]) => -start), v: units.map(([, steep]) => steep), c: 0 });

// The layer said WEIGHT times one input plus the other, which is cut: what is left says WEIGHT times the first.
export function measured({ points, ridge, units, unit, steps }) {
  const lacks = points.map(([x, y]) => y - WEIGHT * x), rows = points.map(([x]) => [x]);
  const { dv, db } = solved(rows, lacks, ridge), error = (off) => sum(off.map((value) => value * value));
  const after = points.map(([x], i) => lacks[i] - dv[0] * x - db);
  const block = blockOf(units), wanted = XS.map((x) => output(block, x)), cut = without(block, unit);
  const refit = refitted(cut, XS, wanted), match = matched(refit, XS, wanted, steps), flat = Math.max(...wanted) - Math.min(...wanted) < 1e-9;
  const loss = (one) => (flat ? NaN : blockLoss(one, XS, wanted));
  return { rows, lacks, dv, db, before: error(lacks), after: error(after), block, cut, refit, match: flat ? refit : match, losses: [cut, refit, flat ? refit : match].map(loss) };
}

function draw(toy, state, [layer, block]) {
  const found = measured(state), { dv, db } = found, slope = WEIGHT + dv[0];
  const gap = (x, from, to, attributes) => layer.line([[x, from], [x, to]], attributes);
  layer.draw(
    state.points.map(([x, y]) => [
      gap(x, y, WEIGHT * x, { stroke: GONE, 'stroke-dasharray': '4 3', 'stroke-width': 1.5, transform: 'translate(-2 0)' }),
      layer.framed(gap(x, y, slope * x + db, { stroke: STAYS, 'stroke-width': 2.5, transform: 'translate(2 0)' })),
    ]),
    layer.line([[0, 0], [4, WEIGHT * 4]], { stroke: GONE, 'stroke-width': 2.5, 'stroke-dasharray': '7 4' }),
    layer.framed(layer.line([[0, db], [4, 4 * slope + db]], { stroke: STAYS, 'stroke-width': 3 })),
    words('red, dashed: as cut; blue: refitted', layer.left + 8, 22),
  );
  layer.handles(state.points.map(([x, y], i) => ({
    key: i, name: `image ${NAMES[i]}`, x, y, colour: QUIET, letter: NAMES[i], steps: [2, 2], told: `input ${short(x)}, wanted output ${short(y)}`, move: (a, b) => { state.points[i] = [a, b]; },
  })));
  drawBlock(block, state, found);
  say(toy, sentence(state, found));
  tabulate(toy, 'Squared error of the layer on the five images; of the block, mean squared error over the variance', ['', 'as cut', 'refitted', 'matched'],
    [['layer', found.before, found.after, '–'], ['block', ...found.losses]]);
  toy.root.dataset.state = JSON.stringify({ ...state, rows: found.rows, lacks: found.lacks, dv: found.dv, db: found.db, losses: found.losses });
}

function drawBlock(plot, state, { block, cut, refit, match }) {
  const along = Array.from({ length: 81 }, (_, i) => i / 20);
  const curve = (one, attributes) => plot.framed(plot.line(along.map((x) => [x, output(one, x)]), attributes));
  plot.draw(
    curve(block, { stroke: QUIET, 'stroke-width': 7, 'stroke-opacity': 0.55 }), curve(cut, { stroke: GONE, 'stroke-width': 2.5, 'stroke-dasharray': '7 4' }),
    curve(refit, { stroke: STAYS, 'stroke-width': 2.5 }), curve(match, { stroke: COLOURS[3], 'stroke-width': 2.5, 'stroke-dasharray': '2 3' }),
    words('wide grey: wanted; red, dashed: as cut;', plot.left + 8, 22), words('blue: refitted; green, dotted: matched', plot.left + 8, 38),
  );
  plot.handles(state.units.map(([start, steep], j) => ({
    key: j, name: `unit ${NAMES[j]}`, x: start, y: steep, letter: NAMES[j], colour: j === state.unit ? GONE : COLOURS[4], steps: [2, 2],
    told: `starts at ${short(start)}, steepness ${short(steep)}${j === state.unit ? ', cut' : ''}`, move: (x, y) => { state.units[j] = [x, y]; },
  })));
}

function sentence(state, { before, after, losses: [cut, refit, match] }) {
  const back = before > 0 ? 1 - after / before : 0;
  let told = `Layer: the squared error falls from ${short(before)} to ${short(after)}, by ${percent(back)}. The more the input that is left tells about the one that is cut, the more can be restored.`;
  if (Number.isFinite(cut)) told += ` Block: ${short(cut)} as cut, ${short(refit)} refitted, ${short(match)} after ${state.steps} steps of matching, which changes the first layer’s weights as well.`;
  return told;
}
