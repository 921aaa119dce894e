// CATRO: class clouds in two channels, and the plane of within- and between-class scatter with its line.
const MARKS = ['circle', 'square', 'triangle'], CLASSES = ['one', 'two', 'three'];
const OTHERS = [[0.45, 0.6], [1.1, 1.35], [1.5, 0.45]], SILENT = [0.006, 0.09], MENDED = 3;

export default function ({ data, parentElement }) {
  build(parentElement, data, (toy) => {
    const state = {
      centres: [[-1.3, -0.6], [0.2, 0.9], [1.4, -0.5]], spread: 0.55, kept: 2, gamma: MENDED, silent: true,
      others: OTHERS.map((at) => [...at]), faint: [...SILENT],
    };
    const kept = slider(toy, { label: 'Channels kept', from: 1, to: 5, step: 1, value: state.kept, change: (v) => { state.kept = v; } });
    slider(toy, { label: 'Spread of every class', from: 0.1, to: 1.2, step: 0.05, value: state.spread, change: (v) => { state.spread = v; } });
    choice(toy, { label: 'Ratio', options: [[MENDED, `regularised (gamma ${MENDED})`], [0, 'plain (gamma 0)']], value: MENDED, change: (v) => { state.gamma = +v; } });
    check(toy, { label: 'Nearly silent channel F', value: true, change: (v) => { state.silent = v; kept.input.max = v ? 5 : 4; kept.set(Math.min(state.kept, v ? 5 : 4)); state.kept = +kept.input.value; } });
    toy.hint.textContent = `Drag a class in the first plot, each channel between -${REACH} and ${REACH}, or a channel C to F in the second. With the keyboard: focus one and use the arrow keys.`;
    const span = { from: -3, to: 3 }, amount = { from: 0, to: 2 };
    const plane = new Plot(toy, { title: 'Three classes in channels A and B', x: { ...span, title: 'channel A' }, y: { ...span, title: 'channel B' }, height: 340 });
    const scatter = new Plot(toy, {
      title: 'Every channel by its scatter', x: { ...amount, title: 'within-class scatter w, per image' },
      y: { ...amount, title: 'between-class scatter b, per image' }, height: 340,
    });
    return () => draw(toy, state, plane, scatter);
  });
}

// All that the state means; b and w are of an image, which no ratio hears of.
export function measured(state) {
  const { features, labels } = clouds(state.centres, state.spread);
  const own = classScatter(features, labels).map((pair) => pair.map((value) => value / labels.length));
  const rest = [...state.others, ...(state.silent ? [state.faint] : [])].map(([w, b]) => [b, w]);
  const b = [...own, ...rest].map((pair) => pair[0]), w = [...own, ...rest].map((pair) => pair[1]);
  const chosen = (gamma) => keptAt(b, w, state.kept, gamma);
  const scores = orderAtWidth(b, w, state.kept, state.gamma);
  return { features, labels, b, w, scores, ratio: traceRatio(b, w, state.kept, state.gamma), chosen: chosen(state.gamma), plain: chosen(0), mended: chosen(MENDED) };
}

// An axis from 0 that holds the values, its end on one of its numbers so that it stays where it is while one is dragged.
function amounts(values) {
  const to = Math.max(2, Math.ceil(2 * Math.max(...values)) / 2), step = to > 3 ? 1 : 0.5;
  return { from: 0, to, ticks: Array.from({ length: Math.floor(to / step) + 1 }, (_, i) => i * step) };
}

function mark(kind, [x, y], size, attributes) {
  if (kind === 'circle') return shape('circle', { cx: x, cy: y, r: size, ...attributes });
  if (kind === 'square') return shape('rect', { x: x - size, y: y - size, width: 2 * size, height: 2 * size, ...attributes });
  return shape('path', { d: `M${x} ${y - 1.2 * size}l${1.2 * size} ${2.2 * size}h${-2.4 * size}z`, ...attributes });
}

function drawClouds(plot, state, { features, labels }) {
  const far = extent(state.spread), axis = { from: -far, to: far, ticks: far > 4 ? [-4, -2, 0, 2, 4] : [-2, 0, 2] };
  plot.span(axis, axis);
  plot.draw(features.map((at, i) => mark(MARKS[labels[i]], plot.point(...at), 4, { fill: COLOURS[labels[i]], 'fill-opacity': 0.65 })));
  plot.handles(state.centres.map(([x, y], k) => ({
    key: k, name: `class ${CLASSES[k]}`, x, y, colour: COLOURS[k], letter: k + 1, steps: [2, 2], reach: REACH,
    told: `centre at ${short(x)} in channel A, ${short(y)} in channel B`, move: (a, b) => { state.centres[k] = [a, b]; },
  })));
}

function draw(toy, state, plane, plot) {
  const found = measured(state), { b, w, ratio, chosen, scores } = found, size = b.length;
  drawClouds(plane, state, found);
  plot.span(amounts(w), amounts(b));
  const stays = (c) => chosen.includes(c), ordered = [...scores].sort((p, q) => q - p), threshold = (ordered[state.kept - 1] + ordered[state.kept]) / 2;
  const clipped = (above) => {
    const points = [];
    for (let i = 0; i <= 90; i++) {
      const at = (i / 90) * plot.x.to, high = ratio * at + above;
      if (high >= plot.y.from && high <= plot.y.to) points.push([at, high]);
    }
    return points.length > 1 ? points : [[0, 0], [0, 0]];
  };
  plot.draw(
    plot.line(clipped(0), { stroke: 'var(--st-text-color)', 'stroke-width': 2 }),
    plot.line(clipped(threshold), { stroke: 'var(--st-text-color)', 'stroke-dasharray': '6 4' }),
    words(`solid: b = λ w, λ = ${short(ratio)}; dashed: threshold`, plot.left + 8, plot.top + 16),
    b.map((high, c) => (stays(c) ? null : shape('circle', { cx: plot.px(w[c]), cy: plot.py(high), r: 15, fill: 'none', stroke: GONE, 'stroke-width': 2.5, 'stroke-dasharray': '4 3' }))),
    [0, 1].map((c) => [
      mark('square', plot.point(w[c], b[c]), 9, { fill: stays(c) ? STAYS : GONE }),
      words(NAMES[c], plot.px(w[c]), plot.py(b[c]) + 4.5, { 'text-anchor': 'middle', style: 'fill: var(--st-background-color); font-weight: 700' }),
    ]),
  );
  const points = [...state.others, ...(state.silent ? [state.faint] : [])];
  plot.handles(points.map(([x, y], i) => ({
    key: i, name: `channel ${NAMES[i + 2]}`, x, y, letter: NAMES[i + 2], colour: stays(i + 2) ? STAYS : GONE, steps: [2, 2],
    told: `within ${short(x)}, between ${short(y)}, ${stays(i + 2) ? 'kept' : 'cut'}`, move: (across, up) => { points[i][0] = across; points[i][1] = up; },
  })));
  say(toy, sentence(state, found));
  tabulate(toy, `${state.kept} of ${size} channels kept, lambda ${short(ratio, 4)}`, ['channel', 'between b', 'within w', 'b / w', 'score b - λ w', 'fate'],
    b.map((value, c) => [NAMES[c], value, w[c], value / w[c], scores[c], stays(c) ? 'kept' : 'cut']));
  toy.root.dataset.state = JSON.stringify({ b, w, kept: state.kept, gamma: state.gamma, chosen, ratio });
}

function sentence(state, { b, w, ratio, chosen, plain, mended }) {
  const names = (set) => listed([...set].sort().map((c) => NAMES[c]));
  let told = `Kept: ${names(chosen)}. λ = ${short(ratio)} is the ratio of their scatter, and a channel’s score is how far above the line it lies.`;
  told += names(plain) === names(mended) ? ' Here the plain and the regularised ratio keep the same channels.' : ` The plain ratio keeps ${names(plain)}, the regularised one ${names(mended)}.`;
  const faint = b.length - 1;
  if (state.silent && plain.includes(faint) && !mended.includes(faint)) told += ` F hardly varies at all (w = ${short(w[faint])}), so its ratio b / w = ${short(b[faint] / w[faint])} is large and worth little: the regularised ratio also divides by the scatter of all channels.`;
  return told;
}
