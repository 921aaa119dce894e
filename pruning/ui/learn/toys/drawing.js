// What every toy is drawn with: plots with handles that are dragged or moved by the arrow keys, controls with names, a
// sentence, and a table of the numbers. A toy is drawn anew within a frame while it is dragged; Python hears nothing.
const SVG = 'http://www.w3.org/2000/svg', FINE = 5; // arrow steps with Shift
const NAMES = 'ABCDEF';
// Towards the text's colour: darker on a light page and lighter on a dark one.
const shade = (colour) => `color-mix(in srgb, ${colour} 72%, var(--st-text-color))`;
const COLOURS = ['#3f90da', '#e76300', '#832db6', '#2a8f45', '#a96b59', '#717581'].map(shade);
const GONE = shade('#e11d2e'), STAYS = shade('#3f90da'), QUIET = shade('#94a4a2');

function make(space, name, attributes, children) {
  const node = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key === 'text') node.textContent = value;
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
const shape = (name, attributes, ...children) => make(SVG, name, attributes, children);
const part = (name, attributes, ...children) => make(null, name, attributes, children);
const path = (points, attributes) =>
  shape('path', { d: points.map(([x, y], i) => `${i ? 'L' : 'M'}${x.toFixed(2)} ${y.toFixed(2)}`).join(''), fill: 'none', ...attributes });
const words = (text, x, y, attributes) => shape('text', { text, x, y, ...attributes });
const short = (value, digits = 3) => (Number.isFinite(value) ? String(+value.toPrecision(digits)) : '–');
const percent = (value) => `${Math.round(100 * value)} %`;
const listed = (names) => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`);
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

// Builds a toy once: the page calls this again whenever it runs. build(toy) returns what draws it.
function build(parentElement, data, make) {
  const root = parentElement.querySelector('.toy');
  if (root.dataset.built) return;
  root.dataset.built = data.name;
  const toy = {
    root, controls: part('div', { class: 'controls' }), plots: part('div', { class: 'plots' }),
    said: part('p', { class: 'said', role: 'status' }), hint: part('p', { class: 'hint' }),
    body: part('tbody'), head: part('thead'), caption: part('caption', { class: 'hint' }),
  };
  const table = part('table', {}, toy.caption, toy.head, toy.body);
  root.append(toy.controls, toy.plots, toy.said, toy.hint,
    part('details', {}, part('summary', { text: 'Table of the numbers' }), part('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Table of the numbers' }, table)));
  const redraw = make(toy);
  toy.draw = () => {
    const begun = performance.now();
    redraw();
    root.dataset.drawMs = (performance.now() - begun).toFixed(2);
    root.dataset.draws = +(root.dataset.draws ?? 0) + 1;
  };
  toy.draw();
}

function say(toy, sentence) {
  if (toy.said.textContent !== sentence) toy.said.textContent = sentence;
}

// head: names of the columns.   rows: of texts and numbers.
function tabulate(toy, caption, head, rows) {
  toy.caption.textContent = caption;
  toy.head.replaceChildren(part('tr', {}, ...head.map((text) => part('th', { text, scope: 'col' }))));
  toy.body.replaceChildren(...rows.map((row) => part('tr', {}, ...row.map((value, i) =>
    part(i ? 'td' : 'th', { text: typeof value === 'number' ? short(value, 4) : value, scope: i ? undefined : 'row' })))));
}

// ------------------------------------------------------------------------------------------------ controls

function slider(toy, { label, from, to, step, value, show = short, change }) {
  const input = part('input', { type: 'range', min: from, max: to, step, value });
  const out = part('output'), tell = () => {
    out.textContent = show(+input.value);
    input.setAttribute('aria-valuetext', show(+input.value));
  };
  input.oninput = () => { tell(); change(+input.value); toy.draw(); };
  tell();
  toy.controls.append(part('label', {}, part('span', {}, `${label}: `, out), input));
  return { input, set(next) { input.value = next; tell(); } };
}

function choice(toy, { label, options, value, change }) {
  const select = part('select', { 'aria-label': label }, ...options.map(([name, text]) => part('option', { value: name, text, selected: name === value })));
  select.onchange = () => { change(select.value); toy.draw(); };
  toy.controls.append(part('label', {}, part('span', { text: label }), select));
  return select;
}

function check(toy, { label, value, change }) {
  const input = part('input', { type: 'checkbox' });
  input.checked = value;
  input.onchange = () => { change(input.checked); toy.draw(); };
  toy.controls.append(part('label', { class: 'check' }, input, part('span', { text: label })));
  return input;
}

function press(toy, { label, click }) {
  const button = part('button', { type: 'button', text: label });
  button.onclick = () => { click(button); toy.draw(); };
  toy.controls.append(button);
  return button;
}

// --------------------------------------------------------------------------------------------------- plots

// A plot with its axes. x, y: {from, to, title, ticks: [values], log, show}; without ticks an axis has no numbers.
class Plot {
  constructor(toy, { title, x, y, width = 440, height = 300, left = 46, bottom = 40 }) {
    Object.assign(this, { toy, x, y, width, height, left, bottom, top: 10, right: 12 });
    this.back = shape('g', { 'aria-hidden': true });
    this.layer = shape('g', { 'aria-hidden': true });
    this.hands = shape('g');
    this.frame = `frame-${Math.random().toString(36).slice(2)}`;
    const inside = shape('rect', { x: left, y: this.top, width: width - left - this.right, height: height - bottom - this.top });
    const frame = shape('clipPath', { id: this.frame }, inside);
    this.svg = shape('svg', { viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': title }, frame, this.back, this.layer, this.hands);
    this.known = new Map();
    toy.plots.append(part('figure', { class: 'plot' }, part('figcaption', { text: title }), this.svg));
    this.axes();
  }

  along(axis, value) {
    const { from, to, log } = axis;
    return log ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  }
  back_from(axis, share) {
    const { from, to, log } = axis;
    return log ? from * (to / from) ** share : from + share * (to - from);
  }
  px(value) { return this.left + this.along(this.x, value) * (this.width - this.left - this.right); }
  py(value) { return this.height - this.bottom - this.along(this.y, value) * (this.height - this.bottom - this.top); }
  point(x, y) { return [this.px(x), this.py(y)]; }
  line(points, attributes) { return path(points.map(([x, y]) => this.point(x, y)), attributes); }

  axes() {
    const { left, width, right, height, bottom, top, x, y } = this, floor = height - bottom, nodes = [];
    for (const value of x.ticks ?? []) {
      nodes.push(path([[this.px(value), top], [this.px(value), floor]], { class: 'grid' }),
        words((x.show ?? short)(value), this.px(value), floor + 16, { 'text-anchor': 'middle' }));
    }
    for (const value of y.ticks ?? []) {
      nodes.push(path([[left, this.py(value)], [width - right, this.py(value)]], { class: 'grid' }),
        words((y.show ?? short)(value), left - 6, this.py(value) + 4, { 'text-anchor': 'end' }));
    }
    nodes.push(path([[left, top], [left, floor], [width - right, floor]], { class: 'axis' }));
    nodes.push(words(x.title, (left + width - right) / 2, height - 5, { 'text-anchor': 'middle', class: 'title' }));
    if (y.title) nodes.push(words(y.title, 0, 0, { 'text-anchor': 'middle', class: 'title', transform: `translate(11 ${(top + floor) / 2}) rotate(-90)` }));
    this.back.replaceChildren(...nodes);
  }

  // Other ends and numbers of the axes: what is drawn has to lie between them.
  span(x, y) {
    Object.assign(this.x, x);
    Object.assign(this.y, y);
    this.axes();
  }

  // Lines that may leave the plot: they end at its frame and are not bent.
  framed(...nodes) { return shape('g', { 'clip-path': `url(#${this.frame})` }, ...nodes.flat()); }

  draw(...nodes) { this.layer.replaceChildren(...nodes.flat(3).filter(Boolean)); }

  // What can be moved: [{key, name, x, y, told, colour, letter, steps: [dx, dy], reach, move(x, y)}]; a step of 0: not
  // that way; reach: how far from 0 it may be, where that is not to the ends of the axes.
  handles(list) {
    const seen = new Set(list.map((one) => one.key));
    for (const [key, hand] of this.known) if (!seen.has(key)) { hand.node.remove(); this.known.delete(key); }
    for (const one of list) {
      const hand = this.known.get(one.key) ?? this.hand(one.key);
      hand.one = one;
      const { node } = hand, across = one.steps[0] !== 0;
      node.setAttribute('transform', `translate(${this.px(one.x).toFixed(2)} ${this.py(one.y).toFixed(2)})`);
      const at = across ? [one.x, this.x] : [one.y, this.y];
      const [least, most] = within(one, at[1]);
      for (const [name, value] of Object.entries({
        label: one.name, valuenow: short(at[0]), valuemin: least, valuemax: most, valuetext: one.told,
      })) node.setAttribute(`aria-${name}`, value);
      node.style.setProperty('fill', one.colour);
      hand.letter.textContent = one.letter;
    }
  }

  hand(key) {
    const letter = words('', 0, 4.5), node = shape('g', { class: 'hand', tabindex: 0, role: 'slider' },
      shape('circle', { r: 17, class: 'reach' }), shape('circle', { r: 10, class: 'mark' }), letter);
    const hand = { node, letter };
    this.known.set(key, hand);
    this.hands.append(node);
    const move = (x, y) => {
      const { one } = hand, [dx, dy] = one.steps;
      one.move(dx ? clamp(x, ...within(one, this.x)) : one.x, dy ? clamp(y, ...within(one, this.y)) : one.y);
      this.toy.draw();
    };
    node.onpointerdown = (event) => {
      node.setPointerCapture(event.pointerId);
      node.focus({ preventScroll: true });
      event.preventDefault();
    };
    node.onpointermove = (event) => {
      if (!node.hasPointerCapture(event.pointerId)) return;
      const box = this.svg.getBoundingClientRect(), scale = this.width / box.width;
      const across = ((event.clientX - box.left) * scale - this.left) / (this.width - this.left - this.right);
      const up = (this.height - this.bottom - (event.clientY - box.top) * scale) / (this.height - this.bottom - this.top);
      move(this.back_from(this.x, clamp(across, 0, 1)), this.back_from(this.y, clamp(up, 0, 1)));
    };
    node.onkeydown = (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const { one } = hand, times = event.shiftKey ? FINE : 1;
      const step = (axis, value, by) => this.back_from(axis, clamp(this.along(axis, value) + by, 0, 1));
      move(step(this.x, one.x, (way[0] * times * one.steps[0]) / 100), step(this.y, one.y, (way[1] * times * one.steps[1]) / 100));
    };
    return hand;
  }
}

const within = ({ reach }, { from, to }) => (reach === undefined ? [from, to] : [-reach, reach]);

// Bars, a name each.   rows: [{name, value, colour, note}].
function bars(plot, rows, most) {
  const { left, width, right, height, bottom, top } = plot, each = (height - bottom - top) / rows.length;
  return rows.map(({ name, value, colour, note, dashed }, i) => {
    const y = top + i * each, long = (clamp(value / (most || 1), 0, 1)) * (width - left - right - 84);
    return [
      words(name, left - 8, y + each / 2 + 4, { 'text-anchor': 'end', class: 'strong' }),
      shape('rect', { x: left, y: y + each * 0.16, width: Math.max(1, long), height: each * 0.68, fill: dashed ? 'none' : colour, stroke: colour, 'stroke-width': 2, 'stroke-dasharray': dashed ? '4 3' : undefined }),
      words(`${short(value)}${note ? ` ${note}` : ''}`, left + long + 8, y + each / 2 + 4),
    ];
  });
}
