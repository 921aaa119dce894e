// What a cut of channels saves: every layer's work follows from the channels that it reads and those that it writes.
export default function ({ data, parentElement }) {
  build(parentElement, data, (toy) => {
    const state = { widths: [...FULL] };
    const all = slider(toy, { label: 'Channels cut everywhere', from: 0, to: 0.9, step: 0.05, value: 0, show: percent, change: (cut) => { state.widths = FULL.map((full) => Math.max(1, Math.round(full * (1 - cut)))); } });
    press(toy, { label: 'All channels back', click: () => { state.widths = [...FULL]; all.set(0); } });
    toy.hint.textContent = 'Drag a layer down to cut its channels, or focus it and use the arrow keys.';
    const plots = [
      new Plot(toy, { title: 'Channels kept of each convolution', x: { from: 0.5, to: 3.5, title: 'convolution', ticks: [1, 2, 3] }, y: { from: 0, to: 70, title: 'channels', ticks: [0, 16, 32, 48, 64] } }),
      new Plot(toy, { title: 'Work of every layer', x: { from: 0, to: 1, title: 'MACs, thousands' }, y: { from: 0, to: 1 }, left: 112, height: 230, bottom: 26 }),
      new Plot(toy, { title: 'Weights of every layer', x: { from: 0, to: 1, title: 'weights, thousands' }, y: { from: 0, to: 1 }, left: 112, height: 230, bottom: 26 }),
    ];
    return () => draw(toy, state, plots);
  });
}

const totals = (rows, what) => rows.reduce((all, row) => all + row[what], 0);

function draw(toy, state, [widths, macs, weights]) {
  const now = layers(state.widths), whole = layers(FULL);
  const box = (k, from, to, attributes) => shape('rect', { x: widths.px(k + 0.75), width: widths.px(k + 1.25) - widths.px(k + 0.75), y: widths.py(to), height: widths.py(from) - widths.py(to), ...attributes });
  widths.draw(FULL.map((full, k) => [
    box(k, 0, full, { fill: 'none', stroke: GONE, 'stroke-dasharray': '4 3' }), box(k, 0, state.widths[k], { fill: STAYS, 'fill-opacity': 0.5, stroke: STAYS }),
  ]));
  widths.handles(FULL.map((full, k) => ({
    key: k, name: `convolution ${k + 1}`, x: k + 1, y: state.widths[k], colour: STAYS, letter: k + 1, steps: [0, 100 / 70],
    told: `${state.widths[k]} of ${full} channels kept`, move: (_, y) => { state.widths[k] = clamp(Math.round(y), 1, full); },
  })));
  for (const [plot, what] of [[macs, 'macs'], [weights, 'weights']]) {
    const most = Math.max(...whole.map((row) => row[what])) / 1e3;
    plot.draw(bars(plot, now.map((row) => ({ name: row.name, value: row[what] / 1e3, colour: STAYS })), most));
  }
  const share = (what) => totals(now, what) / totals(whole, what), kept = state.widths.reduce((s, v) => s + v, 0) / FULL.reduce((s, v) => s + v, 0);
  say(toy, `${percent(kept)} of the channels are kept; they need ${percent(share('macs'))} of the multiply-accumulates (MACs) and ${percent(share('weights'))} of the weights. A cut channel saves twice: in the layer that writes it, and in the layer that reads it.`);
  tabulate(toy, 'Every layer', ['layer', 'channels read', 'channels written', 'MACs', 'of the full'],
    now.map((row, k) => [row.name, row.inputs, row.outputs, row.macs.toLocaleString('en'), percent(row.macs / whole[k].macs)]));
  toy.root.dataset.state = JSON.stringify({ widths: state.widths, macs: now.map((row) => row.macs), weights: now.map((row) => row.weights) });
}
