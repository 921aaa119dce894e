// GDP: gates on their curve while eps falls.
const STEPS = 60, SHOWN = 28; // ms a step while it plays
const START = [[0.32, 1.6], [0.32, 1.3], [0.32, 1], [0.32, 0.7], [0.32, 0.4], [0.012, 1.2]]; // t, and what the loss loses

export default function ({ data, parentElement }) {
  build(parentElement, data, (toy) => {
    const state = { gates: START.map((at) => [...at]), cut: 0.5, frozen: false, step: 0, timer: 0 };
    const time = slider(toy, { label: 'Step', from: 0, to: STEPS, step: 1, value: 0, show: (v) => `${v} of ${STEPS}`, change: (v) => { state.step = v; stop(); } });
    const stop = () => { clearInterval(state.timer); state.timer = 0; button.textContent = 'Play'; };
    const button = press(toy, {
      label: 'Play', click: () => {
        if (state.timer) return stop();
        if (state.step >= STEPS) state.step = 0;
        button.textContent = 'Pause';
        state.timer = setInterval(() => {
          if (!toy.root.isConnected || state.step >= STEPS) return stop();
          time.set(++state.step);
          toy.draw();
        }, SHOWN);
      },
    });
    slider(toy, { label: 'Channels to close', from: 0, to: 0.8, step: 0.05, value: state.cut, show: percent, change: (v) => { state.cut = v; } });
    check(toy, { label: 'Freeze t', value: false, change: (v) => { state.frozen = v; } });
    toy.hint.textContent = 'Drag a gate on the first plot: sideways its t at the start, upwards how much the loss needs it. Then press Play, or move the step.';
    const t = { from: 0.001, to: 1, log: true, ticks: [0.001, 0.01, 0.1, 1], title: 't (logarithmic)' };
    const plots = [
      new Plot(toy, { title: 'Six gates before training', x: { ...t, title: 't at the start (logarithmic)' }, y: { from: 0, to: 2, title: 'how much the loss needs it', ticks: [0, 1, 2] } }),
      new Plot(toy, { title: 'The gates on their curve at this step', x: { ...t, from: 1e-4, to: 10, ticks: [1e-4, 1e-3, 0.01, 0.1, 1, 10] }, y: { from: 0, to: 1.05, title: 'gate g', ticks: [0, 0.5, 1] } }),
      new Plot(toy, { title: 'Every gate over the steps', x: { from: 0, to: STEPS, title: 'step', ticks: [0, 20, 40, 60] }, y: { from: 0, to: 1.05, title: 'gate g', ticks: [0, 0.5, 1] } }),
    ];
    return () => draw(toy, state, plots);
  });
}

export const measured = ({ gates, cut, frozen }) => course({
  start: gates.map(([t]) => t), gradients: gates.map(([, need]) => need), cut, steps: STEPS, freeze: frozen ? 1 : undefined,
});

function draw(toy, state, [setup, curve, paths]) {
  const rows = measured(state), now = rows[state.step], { eps } = now, g = now.s.map(opened);
  setup.handles(state.gates.map(([t, need], i) => ({
    key: i, name: `gate ${NAMES[i]}`, x: t, y: need, colour: COLOURS[i], letter: NAMES[i], steps: [3, 5],
    told: `t ${short(t)} at the start, the loss needs it by ${short(need)}`, move: (x, y) => { state.gates[i] = [x, y]; },
  })));
  const line = Array.from({ length: 121 }, (_, i) => 1e-4 * 1e5 ** (i / 120)).map((t) => [t, opened(t / Math.sqrt(eps))]);
  const at = now.s.map((s) => clamp(s * Math.sqrt(eps), 1e-4, 10));
  curve.draw(curve.line(line, { stroke: 'var(--st-text-color)', 'stroke-width': 2 }), g.map((value, i) => badge(curve, at[i], value, i)),
    words(`eps = ${short(eps, 2)}`, curve.left + 8, 22));
  paths.draw(
    state.gates.map((_, i) => paths.line(rows.map((row, step) => [step, opened(row.s[i])]), { stroke: COLOURS[i], 'stroke-width': 2.5, 'stroke-dasharray': i % 2 ? '7 3' : undefined })),
    paths.line([[state.step, 0], [state.step, 1.05]], { stroke: QUIET, 'stroke-width': 2 }), g.map((value, i) => badge(paths, state.step, value, i)));
  say(toy, sentence(state, now, g));
  tabulate(toy, `Step ${state.step}: eps ${short(eps)}, price ${short(now.price)}`, ['gate', 't at the start', 'need of the loss', 't now', 'g now', 'g at the end'],
    state.gates.map(([t, need], i) => [NAMES[i], t, need, now.s[i] * Math.sqrt(eps), g[i], opened(rows[STEPS].s[i])]));
  toy.root.dataset.state = JSON.stringify({ gates: state.gates, cut: state.cut, frozen: state.frozen, steps: STEPS, s: rows.map((row) => row.s) });
}

const badge = (plot, x, y, i) => [
  shape('circle', { cx: plot.px(x), cy: plot.py(y), r: 8.5, fill: COLOURS[i], stroke: 'var(--st-background-color)' }),
  words(NAMES[i], plot.px(x), plot.py(y) + 4, { 'text-anchor': 'middle', style: 'fill: var(--st-background-color); font-weight: 700; font-size: 11px' }),
];

function sentence(state, { s, eps, price }, g) {
  const names = (wanted) => listed(g.map((_, i) => i).filter(wanted).map((i) => NAMES[i])), shut = names((i) => s[i] === 0), wide = names((i) => g[i] > 0.9);
  let told = `Step ${state.step}, eps = ${short(eps, 2)}: ${wide ? `${wide} more than 0.9 open` : 'no gate is more than 0.9 open'}, ${shut ? `${shut} closed for good` : 'none closed'}.`;
  if (state.frozen) return `${told} No t is trained: the gates move by the falling eps alone, which says nothing about the network.`;
  if (state.step <= 0.1 * STEPS) return `${told} So far the worth of each channel is only averaged: no gate is trained before step ${0.1 * STEPS + 1}.`;
  return `${told} The price on an open channel is ${short(price)} ${state.step > 0.3 * STEPS ? `(since step ${0.3 * STEPS} every gate is decided)` : 'in units of the gates’ own pull, just enough for the target of this step'}.`;
}
