// Both networks beside each other: drawn, searched, scrolled and read without the server; Python hears of a click.
//
// data: nodes: {name, kind, group, row, lane, state, after, again, shape: [whole, cut], channels, reads, macs,
// parameters: [whole, cut] each}, edges: [source, target, way, track], tracks, totals {macs, parameters: [whole, cut]},
// group (the one that is opened, or ''), cut (what the right side is called).
const SVG = 'http://www.w3.org/2000/svg', WHOLE = 0, CUT = 1;
const ROW = 58, HEIGHT = 36, GAP = 26, TRACK = 9, EDGE = 14, LETTER = 6.4;
const SIGNS = { sum: '+', product: '×', concatenation: '⊕', 'matrix product': '·' };
const held = new WeakMap(); // by parent element: this function runs again whenever `data` changes

export default function ({ data, parentElement, setTriggerValue }) {
  let graph = held.get(parentElement);
  if (!graph) held.set(parentElement, (graph = { zoom: 1, current: 0, side: CUT, asked: '', measure: 'channels' }));
  const same = graph.nodes && graph.nodes === JSON.stringify(data.nodes);
  Object.assign(graph, { data, $: (selector) => parentElement.querySelector(selector), send: setTriggerValue });
  if (graph.chosen === undefined || data.group !== graph.before) graph.chosen = data.group;
  graph.before = data.group;
  graph.current = Math.min(graph.current, data.nodes.length - 1);
  if (!same) build(graph);
  graph.nodes = JSON.stringify(data.nodes);
  listen(graph, parentElement);
  paint(graph);
  find(graph, false);
  mark(graph);
}

function listen(graph, parent) {
  const { $ } = graph, search = $('#search'), measure = $('#measure');
  search.value = graph.asked;
  search.oninput = () => { graph.asked = search.value; find(graph, true); };
  search.onkeydown = (event) => {
    if (event.key === 'Enter') next(graph, event.shiftKey ? -1 : 1);
    if (event.key === 'ArrowDown' && graph.matches.length) focus(graph);
    if (event.key === 'Escape') { search.value = graph.asked = ''; find(graph, true); }
    if (['Enter', 'ArrowDown', 'Escape'].includes(event.key)) event.preventDefault();
  };
  measure.value = graph.measure;
  measure.onchange = () => { graph.measure = measure.value; paint(graph); };
  $('#smaller').onclick = () => zoom(graph, graph.zoom / 1.25);
  $('#larger').onclick = () => zoom(graph, graph.zoom * 1.25);
  $('.sides').onkeydown = (event) => {
    if (event.key === '/') { search.focus(); search.select(); } else if (!move(graph, event.key)) return;
    event.preventDefault();
  };
}

function build(graph) {
  const { data, $ } = graph, lanes = 1 + Math.max(...data.nodes.map((node) => node.lane));
  graph.width = lanes > 2 ? 134 : 186;
  graph.left = EDGE + TRACK * (data.tracks + 1);
  graph.size = [graph.left + lanes * (graph.width + GAP), ROW * (1 + Math.max(...data.nodes.map((node) => node.row))) + 10];
  graph.groups = data.nodes.map((node) => node.group.split('; ').filter(Boolean));
  const before = [...parents($)].map((one) => [one.scrollTop, one.scrollLeft])[0];
  $('.sides').replaceChildren(...[WHOLE, CUT].map((side) => panel(graph, side)));
  const scrolls = parents($);
  graph.boxes = [...scrolls].map((one) => [...one.querySelectorAll('.node')]);
  graph.lines = [...scrolls].map((one) => [...one.querySelectorAll('.edge')]);
  scrolls.forEach((one, side) => {
    one.onscroll = () => follow(one, scrolls[1 - side]);
    one.onwheel = (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(graph, graph.zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
    };
    if (before) [one.scrollTop, one.scrollLeft] = before;
  });
  zoom(graph, graph.zoom);
}

const parents = ($) => $('.sides').querySelectorAll('.scroll');

function follow(one, other) {
  if (other.scrollTop !== one.scrollTop) other.scrollTop = one.scrollTop;
  if (other.scrollLeft !== one.scrollLeft) other.scrollLeft = one.scrollLeft;
}

function panel(graph, side) {
  const { data } = graph, section = document.createElement('section'), title = document.createElement('h4');
  const scroll = Object.assign(document.createElement('div'), { className: 'scroll' });
  const name = side === WHOLE ? 'Whole network' : data.cut;
  title.textContent = `${name}: ${short(data.totals.macs[side])} MACs, ${short(data.totals.parameters[side])} parameters`;
  const svg = make('svg', { role: 'group', 'aria-label': `${name}, ${data.nodes.length} layers and sums from top to bottom` });
  svg.dataset.side = side === WHOLE ? 'whole' : 'cut';
  const defs = make('defs'), pattern = make('pattern', { id: 'gone', width: 6, height: 6, patternUnits: 'userSpaceOnUse',
    patternTransform: 'rotate(45)' });
  pattern.append(make('rect', { width: 2, height: 6, fill: '#e11d2e', 'fill-opacity': 0.6 }));
  defs.append(pattern);
  svg.append(defs, ...data.edges.map((edge) => line(graph, edge, side)),
    ...data.nodes.map((node, number) => box(graph, node, number, side)));
  scroll.append(svg);
  section.append(title, scroll);
  return section;
}

const x = (graph, node) => graph.left + node.lane * (graph.width + GAP);
const y = (node) => 6 + node.row * ROW;

function line(graph, [source, target, way, track], side) {
  const from = graph.data.nodes[source], to = graph.data.nodes[target], middle = graph.width / 2;
  const [x0, x1] = [x(graph, from) + middle, x(graph, to) + middle], [y0, y1] = [y(from) + HEIGHT, y(to)];
  const under = y0 + (ROW - HEIGHT) / 2, above = y1 - (ROW - HEIGHT) / 2, beside = graph.left - EDGE / 2 - track * TRACK;
  const ways = {
    straight: `M${x0} ${y0}V${y1}`,
    across: `M${x0} ${y0}V${under}H${x1}V${y1}`,
    down: `M${x0} ${y0}V${above}H${x1}V${y1}`,
    track: `M${x0} ${y0}V${under}H${beside}V${above}H${x1}V${y1}`,
  };
  const edge = make('path', { d: ways[way], class: 'edge' });
  edge.classList.toggle('closed', side === CUT && [from, to].some((node) => node.state === 'closed'));
  return edge;
}

function box(graph, node, number, side) {
  const group = make('g', { class: 'node', role: 'button', tabindex: -1, transform: `translate(${x(graph, node)} ${y(node)})` });
  const round = SIGNS[node.kind] || ['input', 'output'].includes(node.kind) ? HEIGHT / 2 : 5;
  const frame = { width: graph.width, height: HEIGHT, rx: round };
  const clip = make('clipPath', { id: `clip-${side}-${number}` });
  clip.append(make('rect', frame));
  const inner = make('g', { 'clip-path': `url(#clip-${side}-${number})` });
  inner.append(make('rect', { class: 'bar', height: HEIGHT }), make('rect', { class: 'gone', height: HEIGHT }));
  const name = make('text', { x: 10, y: 15 }), count = make('text', { class: 'count', x: 10, y: 30 });
  name.textContent = trimmed(`${SIGNS[node.kind] ? SIGNS[node.kind] + ' ' : ''}${node.name || node.kind}`, graph.width - 16);
  const match = make('rect', { class: 'match', x: -4, y: -4, width: graph.width + 8, height: HEIGHT + 8, rx: round + 3 });
  group.append(clip, make('rect', { ...frame, class: 'box' }), inner, name, count, match);
  group.onclick = () => {
    const start = performance.now();
    stand(graph, number, side);
    choose(graph);
    graph.$('.sides').dataset.clickMs = (performance.now() - start).toFixed(1);
  };
  group.onfocus = () => { if (graph.current !== number || graph.side !== side) stand(graph, number, side); };
  Object.assign(group.dataset, { number, layer: node.name });
  return group;
}

// Bars, counts and names by the chosen measure.
function paint(graph) {
  const { data } = graph;
  graph.boxes.forEach((boxes, side) => boxes.forEach((group, number) => {
    const node = data.nodes[number], [whole, cut] = node[graph.measure];
    const closed = side === CUT && node.state === 'closed', share = closed ? 0 : side === WHOLE || !whole ? 1 : cut / whole;
    group.querySelector('.bar').setAttribute('width', graph.width * share);
    group.querySelector('.gone').setAttribute('x', graph.width * share);
    group.querySelector('.gone').setAttribute('width', graph.width * (1 - share));
    group.querySelector('.count').textContent = counted(graph, node, side);
    group.classList.toggle('differs', whole !== cut);
    group.classList.toggle('closed', closed);
    group.setAttribute('aria-label', `${side === WHOLE ? 'Whole' : 'Cut'}: ${title(node)}, ${said(graph, node, side)}`);
  }));
}

// What is stood on, found and chosen: the same in both networks.
function mark(graph) {
  const { data, $ } = graph, found = new Set(graph.asked.trim() ? graph.matches : []);
  graph.boxes.forEach((boxes, side) => boxes.forEach((group, number) => {
    const chosen = Boolean(graph.chosen) && graph.groups[number].includes(graph.chosen), here = number === graph.current;
    group.classList.toggle('chosen', chosen);
    group.classList.toggle('current', here);
    group.classList.toggle('matches', found.has(number));
    put(group, 'tabindex', here && side === graph.side ? '0' : '-1');
    put(group, 'aria-pressed', String(chosen));
  }));
  for (const lines of graph.lines) {
    lines.forEach((edge, number) => edge.classList.toggle('near', data.edges[number].slice(0, 2).includes(graph.current)));
  }
  const line = told(data.nodes[graph.current]);
  if ($('.told').textContent !== line) $('.told').textContent = line;
}
function put(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function counted(graph, node, side) {
  const [whole, cut] = node[graph.measure];
  if (side === CUT && node.state === 'closed') return 'closed';
  if (!whole) return '–';
  return side === WHOLE || whole === cut ? short(whole) : `${short(cut)} of ${short(whole)}, ${percent(cut / whole)}`;
}

function said(graph, node, side) {
  const count = counted(graph, node, side);
  return count === 'closed' || count === '–' ? count.replace('–', `no ${name(graph.measure)}`) : `${count} ${name(graph.measure)}`;
}

const name = (measure) => (measure === 'macs' ? 'MACs' : measure);
const title = (node) => (node.name === node.kind ? node.kind : `${node.name || 'network'}, ${node.kind}`);

function told(node) {
  const of = ([whole, cut]) => (whole === cut ? whole.toLocaleString('en') :
    `${cut.toLocaleString('en')} of ${whole.toLocaleString('en')} (${percent(cut / whole)})`);
  const then = node.after.length ? `, followed by ${node.after.join(', ')}` : '';
  const parts = [`${title(node)}${then}${node.again ? ', run again' : ''}: ${of(node.channels)} channels`];
  if (node.reads[0]) parts.push(`reads ${of(node.reads)}`);
  parts.push(node.shape[0] === node.shape[1] ? `answer ${node.shape[0]}` : `answer ${node.shape[0]}, cut ${node.shape[1]}`);
  if (node.macs[0]) parts.push(`${of(node.macs)} MACs`);
  if (node.parameters[0]) parts.push(`${of(node.parameters)} parameters`);
  const closed = node.state === 'closed' ? ' Closed: nothing of the image passes here.' : '';
  return `${parts.join('; ')}. ${node.group ? `Group: ${node.group}.` : 'Its channels cannot be cut.'}${closed}`;
}

function short(count) {
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e4]]) {
    if (count >= size) return `${Number((count / (unit === 'k' ? 1e3 : size)).toPrecision(3))} ${unit}`;
  }
  return count.toLocaleString('en');
}
const percent = (share) => `${share > 0 && share < 0.01 ? '<1' : Math.round(100 * share)} %`;

function trimmed(text, width) {
  const most = Math.floor(width / LETTER);
  return text.length <= most ? text : `…${text.slice(text.length - most + 1)}`;
}

function find(graph, go) {
  const asked = graph.asked.trim().toLowerCase();
  graph.matches = !asked ? [] : graph.data.nodes.flatMap((node, number) =>
    (`${node.name} ${node.kind} ${node.after.join(' ')}`.toLowerCase().includes(asked) ? [number] : []));
  const here = graph.matches.includes(graph.current) || !graph.matches.length;
  if (go) stand(graph, here ? graph.current : graph.matches[0], graph.side);
  count(graph);
}

function count(graph) {
  const at = graph.matches.indexOf(graph.current);
  const text = !graph.asked.trim() ? '' : !graph.matches.length ? 'no such layer' : `${at < 0 ? '' : `${at + 1} of `}${graph.matches.length}`;
  if (graph.$('.found').textContent !== text) graph.$('.found').textContent = text;
}

function next(graph, step) {
  const { matches } = graph, at = matches.indexOf(graph.current);
  if (matches.length) stand(graph, matches[(at + step + matches.length) % matches.length], graph.side);
}

// Goes to a node: it is marked in both networks, told below, and scrolled to.
function stand(graph, number, side) {
  Object.assign(graph, { current: number, side });
  mark(graph);
  count(graph);
  const one = parents(graph.$)[side], node = graph.data.nodes[number], { zoom } = graph;
  const [top, left] = [y(node) * zoom, x(graph, node) * zoom];
  if (top < one.scrollTop + 8 || top + HEIGHT * zoom > one.scrollTop + one.clientHeight - 8) {
    one.scrollTop = top - one.clientHeight / 2;
  }
  if (left < one.scrollLeft || left + graph.width * zoom > one.scrollLeft + one.clientWidth) {
    one.scrollLeft = left - (one.clientWidth - graph.width * zoom) / 2;
  }
  follow(one, parents(graph.$)[1 - side]);
}

function focus(graph) {
  graph.boxes[graph.side][graph.current].focus({ preventScroll: true });
}

function choose(graph) {
  const groups = graph.groups[graph.current];
  if (!groups.length) return;
  graph.chosen = groups[(groups.indexOf(graph.chosen) + 1) % groups.length]; // of several one after the other
  mark(graph);
  graph.send('group', graph.chosen);
}

function move(graph, key) {
  const { nodes } = graph.data, here = nodes[graph.current];
  if (key === 'Enter' || key === ' ') { choose(graph); return true; }
  let target = graph.current, { side } = graph;
  if (key === 'Home' || key === 'End') target = key === 'Home' ? 0 : nodes.length - 1;
  else if (key === 'ArrowDown' || key === 'ArrowUp') {
    const row = here.row + (key === 'ArrowDown' ? 1 : -1);
    const found = nodes.flatMap((node, number) => (node.row === row ? [number] : []));
    if (found.length) target = found.reduce((a, b) => (Math.abs(nodes[b].lane - here.lane) < Math.abs(nodes[a].lane - here.lane) ? b : a));
  } else if (key === 'ArrowRight' || key === 'ArrowLeft') {
    const step = key === 'ArrowRight' ? 1 : -1;
    const row = nodes.flatMap((node, number) => (node.row === here.row ? [number] : [])).sort((a, b) => nodes[a].lane - nodes[b].lane);
    const beside = row[row.indexOf(graph.current) + step];
    if (beside !== undefined) target = beside;
    else if ((side === WHOLE) === (step > 0)) { side = 1 - side; target = row[step > 0 ? 0 : row.length - 1]; }
  } else return false;
  stand(graph, target, side);
  focus(graph);
  return true;
}

function zoom(graph, wanted) {
  const before = graph.zoom;
  graph.zoom = Math.min(2.5, Math.max(0.3, wanted));
  for (const one of parents(graph.$)) {
    const svg = one.querySelector('svg'), [width, height] = graph.size;
    const middle = (one.scrollTop + one.clientHeight / 2) / before;
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('width', width * graph.zoom);
    svg.setAttribute('height', height * graph.zoom);
    if (graph.zoom !== before) one.scrollTop = middle * graph.zoom - one.clientHeight / 2;
  }
}

function make(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
