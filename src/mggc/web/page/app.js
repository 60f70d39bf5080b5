// The page's wiring: which run is shown, where its networks compute, and what the person at the pen does.

import { Drawing } from './drawing.js';
import { Camera, acceptFiles } from './pictures.js';
import { fromCanvas } from './pixels.js';
import { Results, megabytes } from './results.js';

const byId = (id) => document.getElementById(id);
const LARGEST = navigator.deviceMemory && navigator.deviceMemory < 4 ? 150e6 : 500e6;
const HINTS = {
  lines: 'Draw here. Pictures and the camera work too.',
  labels: 'Choose a class and paint it. Boxes make windows and doors.',
  photo: 'Drop a picture here, paste one, or use the camera; the pen paints over it.',
};

let site, task, worker, drawing, results, camera;
let count = 0, scheduled = false;

function notice(text, { lasting = false } = {}) {
  const line = document.createElement('p');
  line.className = 'notice';
  line.textContent = text;
  byId('notices').append(line);
  if (!lasting) setTimeout(() => line.remove(), 12000);
}

function changed() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    count += 1;
    drawing.canvas.dataset.id = count;
    worker?.postMessage({ type: 'run', id: count, pixels: fromCanvas(drawing.read(), task.channels[0]) });
  });
}

async function backends() {
  const select = byId('backend');
  let adapter = null;
  try {
    adapter = await navigator.gpu?.requestAdapter();
  } catch {
    adapter = null;
  }
  if (adapter) select.prepend(new Option('WebGPU', 'webgpu', true, true));
  else select.title = 'This browser offers no WebGPU to this page: the networks compute with WASM on the processor.';
  select.disabled = !adapter;
  select.addEventListener('change', () => launch());
}

function launch() {
  worker?.terminate();
  byId('notices').replaceChildren();
  results.configure(task);
  worker = new Worker('worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => receive(data);
  worker.onerror = (event) => notice(`The networks stopped: ${event.message || 'the worker did not load'}. Reload the page.`, { lasting: true });
  const held = task.models.flatMap(({ bytes }, index) => (bytes > LARGEST ? [index] : []));
  for (const index of held) {
    results.hold(index, `${megabytes(task.models[index].bytes)} may be too large for this device. The others run without it.`);
  }
  worker.postMessage({ type: 'start', task, runtime: site.runtime, backend: byId('backend').value, held });
  changed();
}

function receive(data) {
  if (data.type === 'progress') results.progress(data);
  else if (data.type === 'ready') results.ready(data);
  else if (data.type === 'result') results.show(data);
  else if (data.type === 'backend') describe(data);
  else if (data.type === 'broken') notice(`ONNX Runtime did not start: ${data.reason}. Reload, or try another browser.`, { lasting: true });
  else if (data.type === 'notice') {
    if (data.wasm) byId('backend').value = 'wasm';
    notice(data.text, { lasting: true });
  } else if (data.type === 'failed') failed(data);
}

function failed(data) {
  if (data.provider === 'webgpu') {
    byId('backend').value = 'wasm';
    launch();
    notice(`WebGPU did not compute ${task.models[data.model].label} (${data.reason}): computing with WASM instead.`, { lasting: true });
    return;
  }
  results.failed(data, `Not shown: ${data.reason}. The others run without it.`);
}

function describe({ backend, threads }) {
  const where = backend === 'webgpu' ? 'WebGPU' : `WASM with SIMD, ${threads === 1 ? 'one thread' : `${threads} threads`}`;
  byId('runtime').textContent = `ONNX Runtime Web ${site.runtime.version}, ${where}`;
  byId('backend').querySelector('[value=wasm]').textContent = backend === 'wasm' ? `WASM · ${threads} thread${threads === 1 ? '' : 's'}` : 'WASM';
  byId('protocol').textContent = `Milliseconds: median of the last 15 images of ${task.size} × ${task.size} pixels in this browser, one network at a time; `
    + 'networks slower than 100 ms wait until the pen rests. MACs: exact multiply-adds of one such image.';
  if (backend === 'wasm' && threads === 1 && (navigator.hardwareConcurrency || 1) > 2) {
    notice('One thread only: this page was sent without the headers that threads need (COOP and COEP). It is slower, and otherwise the same.');
  }
}

function choose(index) {
  task = site.tasks[index];
  const { source } = task;
  byId('title').textContent = titleOf(task);
  document.title = `Try it: ${task.name}`;
  byId('hint').textContent = HINTS[source.kind];
  byId('rectangle-tool').hidden = source.kind !== 'labels';
  document.querySelector(`[name=tool][value=${source.kind === 'labels' ? 'rectangle' : 'pen'}]`).click();
  byId('brush').max = Math.max(8, Math.round(task.size / 6));
  byId('brush').value = source.brush;
  palette(source);
  examples(task.examples);
  camera.stop();
  drawing.configure(source, task.size);
  launch();
  if (task.examples.length) byId('examples').querySelector('button').click();
}

function titleOf({ models }) {
  const share = models.length > 1 && models[0].role === 'original' ? models.at(-1).macs / models[0].macs : null;
  return share ? `The same pictures with ${Math.round(100 * share)}\u00a0% of the multiply-adds?` : 'Try this generator';
}

function palette({ palette: classes, pen }) {
  byId('palette').hidden = classes.length === 0;
  byId('palette').replaceChildren(...classes.map(({ name, color }) => {
    const input = Object.assign(document.createElement('input'), { type: 'radio', name: 'class', checked: String(color) === String(pen) });
    input.addEventListener('change', () => {
      drawing.color = color;
      if (drawing.tool === 'eraser') document.querySelector('[name=tool][value=rectangle]').click();
    });
    const swatch = Object.assign(document.createElement('i'), { className: 'swatch' });
    swatch.style.background = `rgb(${color})`;
    const label = document.createElement('label');
    label.append(input, swatch, Object.assign(document.createElement('span'), { textContent: name }));
    return label;
  }));
}

function examples(urls) {
  byId('examples').replaceChildren(...urls.map((url, index) => {
    const image = Object.assign(new Image(), { src: url, alt: `Test image ${index + 1}` });
    const button = Object.assign(document.createElement('button'), { type: 'button' });
    button.append(image);
    button.addEventListener('click', async () => {
      await image.decode();
      camera.stop();
      drawing.show(image, image.naturalWidth, image.naturalHeight);
    });
    return button;
  }));
}

function controls() {
  for (const input of document.querySelectorAll('[name=tool]')) {
    input.addEventListener('click', () => { drawing.tool = input.value; });
  }
  byId('undo').addEventListener('click', () => drawing.undo());
  byId('clear').addEventListener('click', () => { camera.stop(); drawing.clear(); });
  byId('brush').addEventListener('input', (event) => { drawing.brush = Number(event.target.value); });
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === 'z') { event.preventDefault(); drawing.undo(); }
  });
  const picture = (image, width, height) => { camera.stop(); drawing.show(image, width, height); };
  acceptFiles({ input: byId('file'), zone: byId('dropzone'), onPicture: picture, onTrouble: notice });
  camera = new Camera({
    video: byId('video'),
    button: byId('camera'),
    onFrame: (video, width, height) => drawing.show(video, width, height, { mirror: true, keep: false }),
    onState: (on) => { drawing.enabled = !on; },
    onTrouble: notice,
  });
}

// A static host may send no headers for threads; a service worker can add them, and takes effect after one reload.
async function isolate() {
  if (!site.static || self.crossOriginIsolated || !('serviceWorker' in navigator)) return false;
  try {
    await navigator.serviceWorker.register('isolate.js');
    await navigator.serviceWorker.ready;
    if (sessionStorage.getItem('isolated')) return false;
    sessionStorage.setItem('isolated', 'tried');
    location.reload();
    return true;
  } catch {
    return false;
  }
}

async function main() {
  const response = await fetch('models.json');
  if (!response.ok) throw new Error(`models.json: ${response.status}`);
  site = await response.json();
  if (await isolate()) return;
  drawing = new Drawing(byId('drawing'), byId('cursor'), changed);
  results = new Results({ onLoadAnyway: (model) => worker.postMessage({ type: 'load', model }) });
  controls();
  const select = byId('task');
  select.replaceChildren(...site.tasks.map(({ name }, index) => new Option(name, index)));
  byId('task-field').hidden = site.tasks.length < 2;
  select.addEventListener('change', () => choose(Number(select.value)));
  await backends();
  choose(0);
}

main().catch((error) => notice(`The page did not start: ${error.message}. Is mggc web still running? Reload then.`, { lasting: true }));
