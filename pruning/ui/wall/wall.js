// The wall of test images, drawn anew within a frame while the slider is dragged; Python hears of it on release.
//
// data: sprite (an image: the pictures as they are, and, without masks, below them the same as red duotones), side
// (pixels of a picture in it), columns, many (N), truth [N], classes, cuts [K] (shares), calibration, cut, repair,
// metric (its name), framed (when a picture is right), walls: a method each: {name, title, predictions [raw,
// repaired][K][N], right [raw, repaired][K][N], values [raw, repaired][K] of `asked` test images: how many are right};
// null where a cut is still being computed. With masks, legend: [name, colour] a class, truth and predictions[][] are
// addresses of sheets of masks, and values are words. With pictures (what networks make of pictures), truth is [domain,
// domain asked for] each, and predictions[][] are addresses of sheets of pictures.
const TILE = 96, GAP = 6, FRAME = 5, INSET = 30, RED = '#e11d2e', RAW = 0, REPAIRED = 1;
const MASK = 0.62; // of a mask that lies over a picture
const UNCOUNTED = '224,224,224,255'; // of a true mask's pixels that do not count
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
  if (data.legend || data.pictures) fetchSheets(wall, redraw);
  $('#mark').onchange = redraw;
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

// Every sheet of masks or pictures as an image, so that a dragged slider waits for none.
function fetchSheets(wall, redraw) {
  const { data } = wall, before = wall.sheets ?? new Map();
  const wanted = [data.legend && data.truth, ...data.walls.flatMap((one) => one.predictions.flat())].filter(Boolean);
  wall.sheets = new Map(wanted.map((address) => {
    let sheet = before.get(address);
    if (!sheet) {
      sheet = new Image();
      sheet.onload = redraw;
      sheet.src = address;
    }
    return [address, sheet];
  }));
}

function layOut(wall, $) {
  const { data } = wall, slider = $('#cut'), walls = $('.walls');
  $('.legend').hidden = !data.legend;
  if (data.legend) {
    $('.classes').replaceChildren(...data.legend.map(([name, colour]) => {
      const entry = document.createElement('span'), swatch = document.createElement('i');
      swatch.style.background = colour || 'none';
      entry.append(swatch, colour ? name : `${name} (no colour)`);
      return entry;
    }));
  }
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
  const ready = data.cuts.map((_, k) => data.walls.every((one) => one.right[RAW][k] && one.right[REPAIRED][k]));
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
  wall.marked = $('#mark').checked;
  [...$('.walls').children].forEach((figure, n) => drawOne(wall, figure, data.walls[n], k, state, percent));
  $('.walls').dataset.drawMs = (performance.now() - start).toFixed(2);
}

function drawOne(wall, figure, one, k, state, percent) {
  const { data } = wall, canvas = figure.querySelector('canvas');
  const known = one.right[state][k] ? k : closest(one.right[state], k);
  canvas.classList.toggle('waiting', known !== k);
  canvas.classList.toggle('pending', known < 0);
  paint(wall, canvas, known < 0 ? null : one.predictions[state][known], one.right[state][known]);
  const wrong = (s, at) => one.right[s][at]?.filter((right) => !right).length ?? '…';
  const value = (s, at) => one.values[s][at] ?? '…';
  const many = data.many, strong = (shown, text) => (shown ? `<b>${text}</b>` : text);
  const of = data.legend ? value : wrong;
  const first = data.legend ? `${data.metric} ${value(RAW, k)}` : `${wrong(RAW, k)} of ${many} wrong`;
  const say = [strong(state === RAW, `${percent} of the work cut: ${first}`)];
  if (data.cuts[k] > 0) say.push(strong(state === REPAIRED, `repaired: ${of(REPAIRED, k)}`));
  say.push(`full network: ${of(RAW, 0)}`);
  const line = known < 0 ? 'Being computed…' : say.join('; ') + '.', count = figure.querySelector('.count');
  if (count.innerHTML !== line) count.innerHTML = line;
  figure.querySelector('.method').textContent = data.walls.length > 1 ? one.title : '';
  figure.querySelector('.all').textContent = (data.legend ? framed : overAll)(data, one, k, wrong);
  const seen = state === REPAIRED ? 'repaired, ' : '';
  const told = data.legend ? `${data.metric} ${value(state, k)}, ` : '';
  canvas.setAttribute('aria-label', `${many} test images, ${one.title}, ` + (known < 0 ? 'being computed' :
    `${percent} of the work cut, ${seen}${told}${wrong(state, k)} of ${many} ${data.legend ? 'framed' : 'wrong'}`));
  Object.assign(canvas.dataset, { method: one.name, cut: data.cuts[k], state: state === REPAIRED ? 'repaired' : 'raw' });
}

function overAll(data, one, k) {
  if (one.asked <= data.many) return '';
  const right = (s, at) => (one.values[s][at] ?? '…').toLocaleString('en');
  const repaired = data.cuts[k] > 0 ? `, repaired: ${right(REPAIRED, k)}` : '';
  return `Of ${one.asked.toLocaleString('en')} test images ${right(RAW, k)} right${repaired}, ` +
    `full network: ${right(RAW, 0)}.`;
}

// Of which images the metric is, and how many pictures have a frame.
function framed(data, one, k, wrong) {
  if (!one.asked) return '';
  const of = one.asked > data.many ? `On ${one.asked.toLocaleString('en')} test images` : 'On these images';
  const repaired = data.cuts[k] > 0 ? `, repaired: ${wrong(REPAIRED, k)}` : '';
  return `${of}. Framed, unless ${data.framed}: ${wrong(RAW, k)} of ${data.many}${repaired}, ` +
    `full network: ${wrong(RAW, 0)}.`;
}

function closest(known, k) {
  let best = -1;
  known.forEach((there, n) => { if (there && (best < 0 || Math.abs(n - k) < Math.abs(best - k))) best = n; });
  return best;
}

// One picture a tile. A wrong one is the duotone with a frame and a badge, so that nobody has to see red; with masks
// the picture under what is said of its pixels, in a frame.
function paint(wall, canvas, predictions, right) {
  const { data, picture } = wall, columns = data.walls.length > 1 ? 10 : 12, { many, side } = data;
  if (!picture) return; // on its way; drawn as soon as it is there
  const rows = Math.ceil(many / columns), width = columns * (TILE + GAP) - GAP, height = rows * (TILE + GAP) - GAP;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext('2d'), sheet = Math.ceil(many / data.columns);
  const masks = data.legend && masksOf(wall, predictions);
  const made = data.pictures && wall.sheets.get(predictions);
  pen.clearRect(0, 0, width, height);
  for (let n = 0; n < many; n++) {
    const x = (n % columns) * (TILE + GAP), y = Math.floor(n / columns) * (TILE + GAP);
    const wrong = predictions !== null && !right[n], red = wrong && !data.legend && !data.pictures;
    const column = n % data.columns, row = Math.floor(n / data.columns);
    pen.imageSmoothingEnabled = side > TILE;
    pen.drawImage(picture, column * side, (row + (red ? sheet : 0)) * side, side, side, x, y, TILE, TILE);
    if (masks) layOver(pen, masks, column, row, data.columns, x, y);
    if (data.pictures) become(pen, picture, made, column, row, data, x, y);
    if (wrong) frame(pen, x, y);
    if (data.pictures) ask(pen, x, y, data.classes[data.truth[n][1]], wrong);
    if (red) badge(pen, x, y, `${data.classes[data.truth[n]]} → ${data.classes[predictions[n]]}`);
  }
}

// What a picture became, and in the corner what it was.
function become(pen, picture, made, column, row, { side, columns }, x, y) {
  if (!made?.complete || !made.naturalWidth) return; // on its way
  const own = made.naturalWidth / columns;
  pen.drawImage(made, column * own, row * own, own, own, x, y, TILE, TILE);
  pen.fillStyle = '#fff';
  pen.fillRect(x, y, INSET + 2, INSET + 2);
  pen.drawImage(picture, column * side, row * side, side, side, x, y, INSET, INSET);
}

// The domain asked for.
function ask(pen, x, y, domain, wrong) {
  pen.font = '600 13px system-ui, sans-serif';
  const width = pen.measureText(domain).width + 8;
  pen.fillStyle = wrong ? RED : 'rgba(0, 0, 0, 0.62)';
  pen.fillRect(x + TILE - width, y + TILE - 18, width, 18);
  pen.fillStyle = '#fff';
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(domain, x + TILE - width / 2, y + TILE - 8.5);
}

// What lies over the pictures: the sheet that is said, and where it is marked, its wrong pixels; null while it is on
// its way.
function masksOf(wall, address) {
  const said = wall.sheets.get(address), truth = wall.sheets.get(wall.data.truth);
  if (!said?.complete || !truth?.complete || !said.naturalWidth) return null;
  return { said, wrong: wall.marked ? wrongPixels(said, truth) : null };
}

function layOver(pen, { said, wrong }, column, row, columns, x, y) {
  const side = said.naturalWidth / columns;
  pen.imageSmoothingEnabled = false;
  pen.globalAlpha = MASK;
  pen.drawImage(said, column * side, row * side, side, side, x, y, TILE, TILE);
  pen.globalAlpha = 1;
  if (wrong) pen.drawImage(wrong, column * 2 * side, row * 2 * side, 2 * side, 2 * side, x, y, TILE, TILE);
}

// Every pixel whose class is not the true one, hatched in black and white, at twice the masks' size.
function wrongPixels(said, truth) {
  if (said.wrong) return said.wrong;
  const [own, right] = [said, truth].map((sheet) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: sheet.naturalWidth, height: sheet.naturalHeight });
    const pen = canvas.getContext('2d', { willReadFrequently: true });
    pen.drawImage(sheet, 0, 0);
    return pen.getImageData(0, 0, canvas.width, canvas.height);
  });
  const { width, height } = own, hatched = new ImageData(2 * width, 2 * height);
  for (let at = 0; at < width * height; at++) {
    const colour = (pixels) => pixels.data.slice(4 * at, 4 * at + 4).join();
    if (colour(own) === colour(right) || colour(right) === UNCOUNTED) continue;
    const x = 2 * (at % width), y = 2 * Math.floor(at / width);
    for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      const place = 4 * ((y + dy) * 2 * width + x + dx), light = dx === dy ? 255 : 0;
      hatched.data.set([light, light, light, 255], place);
    }
  }
  said.wrong = Object.assign(document.createElement('canvas'), { width: 2 * width, height: 2 * height });
  said.wrong.getContext('2d').putImageData(hatched, 0, 0);
  return said.wrong;
}

function frame(pen, x, y) {
  pen.strokeStyle = RED;
  pen.lineWidth = FRAME;
  pen.strokeRect(x + FRAME / 2, y + FRAME / 2, TILE - FRAME, TILE - FRAME);
}

function badge(pen, x, y, text) {
  pen.fillStyle = RED;
  pen.font = `700 ${text.length > 8 ? 13 : 22}px system-ui, sans-serif`;
  const width = Math.min(TILE, pen.measureText(text).width + 14);
  pen.fillRect(x + TILE - width, y + TILE - 30, width, 30);
  pen.fillStyle = '#fff';
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, x + TILE - width / 2, y + TILE - 14, width - 6);
}
