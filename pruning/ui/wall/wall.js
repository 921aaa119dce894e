// The wall of test images, drawn anew within a frame while the slider is dragged; Python hears of it on release.
//
// data: sprite (an image: the pictures as they are, and below them the same as red duotones), side (pixels of a picture in
// it), columns, truth [N], classes, cuts [K] (shares), calibration, cut, repair, walls: a method each: {name, title,
// predictions [raw, repaired][K][N], correct [raw, repaired][K] of `asked` test images}; null where a cut is still
// being computed.
const TILE = 96, GAP = 6, FRAME = 5, RED = '#e11d2e', RAW = 0, REPAIRED = 1;
const PATIENCE = 3000; // ms after which a value that Python never sent back no longer stands in the way of others
const held = new WeakMap(); // by parent element: this function runs again whenever `data` changes

export default function ({ data, parentElement, setStateValue }) {
  const $ = (selector) => parentElement.querySelector(selector);
  const slider = $('#cut'), toggle = $('#repair');
  let wall = held.get(parentElement);
  if (!wall) held.set(parentElement, (wall = { sent: [] }));
  wall.data = data;
  layOut(wall, $);
  take(wall, slider, toggle);

  const redraw = () => draw(wall, $);
  const send = (name, value) => {
    wall.sent.push({ name, value, at: performance.now() });
    setStateValue(name, value);
  };
  slider.oninput = () => { wall.dragging = true; redraw(); };
  slider.onchange = () => { wall.dragging = false; send('cut', wall.data.cuts[+slider.value]); };
  toggle.onchange = () => { redraw(); send('repair', toggle.checked); };

  if (wall.picture?.source === data.sprite) redraw();
  else {
    const picture = new Image();
    picture.onload = () => { wall.picture = picture; redraw(); };
    picture.source = picture.src = data.sprite;
  }
}

// Slider and toggle follow Python, but for what was sent and has not come back yet: the hand on the slider is ahead.
function take(wall, slider, toggle) {
  const { data } = wall, now = performance.now();
  for (const name of ['cut', 'repair']) {
    const echo = wall.sent.findIndex((sent) => sent.name === name && sent.value === data[name]);
    if (echo >= 0) wall.sent = wall.sent.filter((sent, n) => sent.name !== name || n > echo);
  }
  wall.sent = wall.sent.filter((sent) => now - sent.at < PATIENCE);
  const open = (name) => !wall.sent.some((sent) => sent.name === name);
  if (open('cut') && !wall.dragging) slider.value = nearest(data.cuts, data.cut);
  if (open('repair')) toggle.checked = data.repair;
}

function nearest(cuts, cut) {
  return cuts.reduce((best, value, n) => (Math.abs(value - cut) < Math.abs(cuts[best] - cut) ? n : best), 0);
}

function layOut(wall, $) {
  const { data } = wall, slider = $('#cut'), walls = $('.walls');
  slider.max = data.cuts.length - 1;
  $('.repair small').textContent = `least squares, ${data.calibration.toLocaleString('en')} unlabelled images`;
  const names = data.walls.map((one) => one.name).join();
  if (wall.names !== names) {
    wall.names = names;
    walls.style.setProperty('--walls', data.walls.length);
    walls.className = data.walls.length > 1 ? 'walls two' : 'walls';
    walls.innerHTML = '<figure><figcaption><span class="method"></span><span class="count" role="status"></span>' +
      '<span class="all"></span></figcaption><canvas role="img"></canvas></figure>';
    while (walls.children.length < data.walls.length) walls.append(walls.firstElementChild.cloneNode(true));
  }
  const ready = data.cuts.map((_, k) => data.walls.every((one) => one.predictions[RAW][k] && one.predictions[REPAIRED][k]));
  const marks = $('.marks');
  marks.replaceChildren(...(ready.every(Boolean) ? [] : ready.map((done, k) => {
    const mark = document.createElement('i');
    mark.style.left = `${(100 * k) / (data.cuts.length - 1)}%`;
    mark.className = done ? 'ready' : '';
    return mark;
  })));
}

function draw(wall, $) {
  const start = performance.now(), { data } = wall, slider = $('#cut'), toggle = $('#repair');
  const k = +slider.value, percent = `${Math.round(100 * data.cuts[k])} %`;
  toggle.disabled = data.cuts[k] === 0; // there is nothing to repair
  $('output').textContent = percent;
  slider.setAttribute('aria-valuetext', `${percent} of the work cut`);
  const state = toggle.checked && !toggle.disabled ? REPAIRED : RAW;
  [...$('.walls').children].forEach((figure, n) => drawOne(wall, figure, data.walls[n], k, state, percent));
  $('.walls').dataset.drawMs = (performance.now() - start).toFixed(2);
}

function drawOne(wall, figure, one, k, state, percent) {
  const { data } = wall, canvas = figure.querySelector('canvas');
  const known = one.predictions[state][k] ? k : closest(one.predictions[state], k);
  canvas.classList.toggle('waiting', known !== k);
  canvas.classList.toggle('pending', known < 0);
  paint(wall, canvas, known < 0 ? null : one.predictions[state][known]);
  const wrong = (s, at) => one.predictions[s][at]?.filter((guess, n) => guess !== data.truth[n]).length ?? '…';
  const many = data.truth.length, strong = (shown, text) => (shown ? `<b>${text}</b>` : text);
  const say = [strong(state === RAW, `${percent} of the work cut: ${wrong(RAW, k)} of ${many} wrong`)];
  if (data.cuts[k] > 0) say.push(strong(state === REPAIRED, `repaired: ${wrong(REPAIRED, k)}`));
  say.push(`full network: ${wrong(RAW, 0)}`);
  const line = known < 0 ? 'Being computed…' : say.join('; ') + '.', count = figure.querySelector('.count');
  if (count.innerHTML !== line) count.innerHTML = line;
  figure.querySelector('.method').textContent = data.walls.length > 1 ? one.title : '';
  figure.querySelector('.all').textContent = overAll(data, one, k);
  const seen = state === REPAIRED ? 'repaired, ' : '';
  canvas.setAttribute('aria-label', `${many} test images, ${one.title}, ` + (known < 0 ? 'being computed' :
    `${percent} of the work cut, ${seen}${wrong(state, k)} of ${many} wrong`));
  Object.assign(canvas.dataset, { method: one.name, cut: data.cuts[k], state: state === REPAIRED ? 'repaired' : 'raw' });
}

function overAll(data, one, k) {
  if (one.asked <= data.truth.length) return '';
  const right = (s, at) => (one.correct[s][at] ?? '…').toLocaleString('en');
  const repaired = data.cuts[k] > 0 ? `, repaired: ${right(REPAIRED, k)}` : '';
  return `Of ${one.asked.toLocaleString('en')} test images ${right(RAW, k)} right${repaired}, ` +
    `full network: ${right(RAW, 0)}.`;
}

function closest(predictions, k) {
  let best = -1;
  predictions.forEach((there, n) => { if (there && (best < 0 || Math.abs(n - k) < Math.abs(best - k))) best = n; });
  return best;
}

// One picture a tile; a wrong one is the duotone with a frame and a badge, so that nobody has to see red.
function paint(wall, canvas, predictions) {
  const { data, picture } = wall, columns = data.walls.length > 1 ? 10 : 12, many = data.truth.length;
  if (!picture) return; // on its way; drawn as soon as it is there
  const rows = Math.ceil(many / columns), width = columns * (TILE + GAP) - GAP, height = rows * (TILE + GAP) - GAP;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext('2d'), sheet = Math.ceil(many / data.columns), side = data.side;
  pen.clearRect(0, 0, width, height);
  pen.imageSmoothingEnabled = side > TILE;
  for (let n = 0; n < many; n++) {
    const x = (n % columns) * (TILE + GAP), y = Math.floor(n / columns) * (TILE + GAP);
    const wrong = predictions !== null && predictions[n] !== data.truth[n];
    const row = Math.floor(n / data.columns) + (wrong ? sheet : 0);
    pen.drawImage(picture, (n % data.columns) * side, row * side, side, side, x, y, TILE, TILE);
    if (wrong) badge(pen, x, y, `${data.classes[data.truth[n]]} → ${data.classes[predictions[n]]}`);
  }
}

function badge(pen, x, y, text) {
  pen.strokeStyle = pen.fillStyle = RED;
  pen.lineWidth = FRAME;
  pen.strokeRect(x + FRAME / 2, y + FRAME / 2, TILE - FRAME, TILE - FRAME);
  pen.font = `700 ${text.length > 8 ? 13 : 22}px system-ui, sans-serif`;
  const width = Math.min(TILE, pen.measureText(text).width + 14);
  pen.fillRect(x + TILE - width, y + TILE - 30, width, 30);
  pen.fillStyle = '#fff';
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, x + TILE - width / 2, y + TILE - 14, width - 6);
}
