// DI: what each of four channels tells about the class, alone and in order. C is a twin of A, D is mostly noise.
const CLASSES = ['one', 'two', 'three'], MARKS = ['circle', 'square', 'triangle'];
const FAINT = [0.5, -0.5, 0.2]; // what D tells of each class, beside noise of size 1

export default function ({ data, parentElement }) {
  build(parentElement, data, (toy) => {
    const state = { centres: [[-1.4, -0.3], [0.1, 0.8], [1.4, -0.4]], spread: 0.5, twin: 0.1, rho: 1e-4 };
    slider(toy, { label: 'Difference of the twin C from A', from: 0, to: 1, step: 0.02, value: state.twin, change: (v) => { state.twin = v; } });
    slider(toy, { label: 'Ridge rho', from: -4, to: 0, step: 0.25, value: -4, show: (v) => short(10 ** v, 2), change: (v) => { state.rho = 10 ** v; } });
    slider(toy, { label: 'Spread of every class', from: 0.1, to: 1.2, step: 0.05, value: state.spread, change: (v) => { state.spread = v; } });
    toy.hint.textContent = `Drag a class, each channel between -${REACH} and ${REACH}, or focus it and use the arrow keys. Channel C is a copy of A plus some noise; D is mostly noise.`;
    const span = { from: -3, to: 3 };
    const plots = [
      new Plot(toy, { title: 'Three classes in channels A and B', x: { ...span, title: 'channel A' }, y: { ...span, title: 'channel B' }, height: 320 }),
      new Plot(toy, { title: 'Information lost without one channel alone', x: { from: 0, to: 2, title: 'DI lost' }, y: { from: 0, to: 1 }, left: 40, height: 200, bottom: 26 }),
      new Plot(toy, { title: 'Lost at its turn, the least removed first', x: { from: 0, to: 2, title: 'DI lost' }, y: { from: 0, to: 1 }, left: 40, height: 200, bottom: 26 }),
      new Plot(toy, { title: 'Information still there', x: { from: 0, to: 4, title: 'channels removed', ticks: [0, 1, 2, 3, 4] }, y: { from: 0, to: 2.1, title: 'DI kept', ticks: [0, 0.5, 1, 1.5, 2] }, height: 300 }),
    ];
    return () => draw(toy, state, plots);
  });
}

// Features of four channels [N][4], and what DI makes of them.
export function measured({ centres, spread, twin, rho }) {
  const { features: two, labels } = clouds(centres, spread), apart = normals(two.length, 77), noise = normals(two.length, 99);
  const features = two.map(([a, b], i) => [a, b, a + twin * apart[i], noise[i] + FAINT[labels[i]]]);
  const alone = losses(features, labels, rho), turn = backwardElimination(features, labels, rho);
  const naive = alone.map((_, c) => c).sort((i, j) => alone[i] - alone[j]);
  return {
    features, labels, alone, order: turn.order, lost: turn.lost, naive,
    inOrder: cumulative(features, labels, turn.order, rho), oneByOne: cumulative(features, labels, naive, rho),
  };
}

function mark(kind, [x, y], size, attributes) {
  if (kind === 'circle') return shape('circle', { cx: x, cy: y, r: size, ...attributes });
  if (kind === 'square') return shape('rect', { x: x - size, y: y - size, width: 2 * size, height: 2 * size, ...attributes });
  return shape('path', { d: `M${x} ${y - 1.2 * size}l${1.2 * size} ${2.2 * size}h${-2.4 * size}z`, ...attributes });
}

function draw(toy, state, [plane, one, turn, curve]) {
  const found = measured(state), { features, labels, alone, order, lost, naive, inOrder, oneByOne } = found;
  const far = extent(state.spread), axis = { from: -far, to: far, ticks: far > 4 ? [-4, -2, 0, 2, 4] : [-2, 0, 2] };
  plane.span(axis, axis);
  plane.draw(features.map((at, i) => mark(MARKS[labels[i]], plane.point(at[0], at[1]), 4, { fill: COLOURS[labels[i]], 'fill-opacity': 0.65 })));
  plane.handles(state.centres.map(([x, y], k) => ({
    key: k, name: `class ${CLASSES[k]}`, x, y, colour: COLOURS[k], letter: k + 1, steps: [2, 2], reach: REACH,
    told: `centre at ${short(x)} in channel A, ${short(y)} in channel B`, move: (a, b) => { state.centres[k] = [a, b]; },
  })));
  const most = Math.max(...alone, ...lost, 1e-9), colour = (place) => (place < 2 ? GONE : STAYS);
  one.draw(bars(one, naive.map((c, place) => ({ name: NAMES[c], value: alone[c], colour: colour(place), dashed: place < 2, note: place < 2 ? 'goes' : '' })), most));
  turn.draw(bars(turn, order.map((c, place) => ({ name: NAMES[c], value: lost[place], colour: colour(place), dashed: place < 2, note: place < 2 ? 'goes' : '' })), most));
  const points = (values) => values.map((value, gone) => [gone, value]);
  curve.draw(
    curve.line(points(inOrder), { stroke: STAYS, 'stroke-width': 3 }),
    curve.line(points(oneByOne), { stroke: GONE, 'stroke-width': 3, 'stroke-dasharray': '6 4' }),
    inOrder.map((value, gone) => shape('circle', { cx: curve.px(gone), cy: curve.py(value), r: 4.5, fill: STAYS })),
    oneByOne.map((value, gone) => mark('square', curve.point(gone, value), 4, { fill: GONE })),
    words('circles: in order; squares, dashed: by loss alone', curve.left + 8, 22),
  );
  say(toy, sentence(found));
  tabulate(toy, 'Discriminant information (DI), of at most 2 with three classes', ['channel', 'lost without it alone', 'turn', 'lost at its turn'],
    alone.map((value, c) => [NAMES[c], value, order.indexOf(c) + 1, lost[order.indexOf(c)]]));
  toy.root.dataset.state = JSON.stringify({ features, labels, rho: state.rho, alone, order, lost });
}

function sentence({ alone, order, naive, inOrder, oneByOne }) {
  const two = (list) => listed(list.slice(0, 2).map((c) => NAMES[c]).sort()), whole = inOrder[0];
  let told = `All four channels together have a DI of ${short(whole)}, of at most 2. Without A alone ${short(alone[0])} is lost, without its twin C alone ${short(alone[2])}.`;
  told += ` Removing two by these losses takes ${two(naive)} and leaves ${short(oneByOne[2])}; in order, ${two(order)} go and ${short(inOrder[2])} is left.`;
  if (inOrder[2] - oneByOne[2] > 0.05) told += ' Each twin looks free while the other is there: ranking by single losses drops both.';
  return told;
}
