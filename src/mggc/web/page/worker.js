// The networks, away from the page's own thread. One of them computes at a time, or they would slow each other down and
// the milliseconds would say nothing.

const SLOW_MS = 100; // slower networks wait until the pen rests
const REST_MS = 150;
const LONGEST_WAIT_MS = 1500; // but not longer than this
const KEPT_TIMES = 15;
const LEAST_TIMES = 5; // runs that a median is made of, or else the same image is computed again
const LONGEST_REPEATED_MS = 1000;
const LEVELS_APART = 2;

let ort;
let models = [];
let latest = null;
let busy = false;
let timer = 0;

const post = (message, transfer = []) => self.postMessage(message, transfer);
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const breathe = () => new Promise((resolve) => { setTimeout(resolve); });

self.onmessage = ({ data }) => {
  if (data.type === 'start') start(data);
  else if (data.type === 'load') load(models[data.model]).then(pump);
  else if (data.type === 'run') {
    latest = { ...data, at: performance.now() };
    pump();
  }
};

async function start({ task, runtime, backend, held }) {
  models = task.models.map((model, index) => ({ ...model, index, served: -1, times: [], lastRun: 0, held: held.includes(index) }));
  self.task = task;
  try {
    backend = await choose(backend, runtime);
  } catch (error) {
    post({ type: 'broken', reason: reason(error) });
    return;
  }
  post({ type: 'backend', backend, threads: backend === 'wasm' ? ort.env.wasm.numThreads : 0 });
  // The compressed one first: it is there soonest.
  for (const model of [...models].sort((a, b) => a.bytes - b.bytes)) {
    if (!model.held) await load(model);
    await pump();
  }
}

async function choose(wanted, runtime) {
  if (wanted === 'webgpu') {
    try {
      await open(runtime, 'ort.webgpu.min.mjs', 'ort-wasm-simd-threaded.asyncify');
      self.provider = 'webgpu';
      return 'webgpu';
    } catch (error) {
      post({ type: 'notice', text: `WebGPU did not start (${reason(error)}): computing with WASM instead.`, wasm: true });
    }
  }
  await open(runtime, 'ort.wasm.min.mjs', 'ort-wasm-simd-threaded');
  self.provider = 'wasm';
  return 'wasm';
}

async function open(runtime, module, files) {
  ort = await import(`./runtime/${module}`);
  const cores = navigator.hardwareConcurrency || 2;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(8, Math.max(Math.min(2, cores), cores >> 1)) : 1;
  ort.env.wasm.wasmPaths = { mjs: new URL(`./runtime/${files}.mjs`, import.meta.url).href };
  ort.env.wasm.wasmBinary = await download(`runtime/${files}.wasm`, runtime.bytes[`${files}.wasm`], { what: 'runtime' });
}

async function load(model) {
  model.held = false;
  try {
    const bytes = await download(model.url, model.bytes, { model: model.index });
    post({ type: 'progress', model: model.index, share: 1, preparing: true });
    model.session = await session(bytes, self.provider);
    await execute(model.session, blank()); // the first run also prepares memory and shaders
    if (self.provider === 'webgpu' && model.role !== 'original') await verify(model, bytes);
    post({ type: 'ready', model: model.index });
  } catch (error) {
    model.session = null;
    post({ type: 'failed', model: model.index, reason: reason(error), provider: self.provider });
  }
}

const session = (bytes, provider) => ort.InferenceSession.create(bytes, {
  executionProviders: [provider], graphOptimizationLevel: 'all', logSeverityLevel: 3,
});

function blank() {
  const { size, channels: [channels] } = self.task;
  return Uint8Array.from({ length: size * size * channels }, (_, i) => (i * 37 + (i >> 6) * 11) % 256);
}

// Drivers differ; a network that computes something else there is not shown.
async function verify(model, bytes) {
  const reference = await session(bytes, 'wasm');
  const [one, other] = [await execute(model.session, blank()), await execute(reference, blank())];
  await reference.release();
  const total = one.reduce((sum, value, i) => sum + Math.abs(value - other[i]), 0);
  if (total / one.length > LEVELS_APART) throw new Error('WebGPU computes other images than WASM on this machine');
}

async function execute(network, pixels) {
  const { size, channels: [channels] } = self.task;
  const { translated } = await network.run({ images: new ort.Tensor('uint8', pixels, [1, size, size, channels]) });
  return translated.data;
}

async function pump() {
  if (busy) return;
  busy = true;
  clearTimeout(timer);
  for (let model = next(); model; model = next()) {
    await serve(model);
    await breathe(); // newer pixels may have come
  }
  busy = false;
}

function next() {
  if (!latest) return null;
  const now = performance.now();
  const waiting = models.filter((model) => model.session && model.served !== latest.id).sort((a, b) => a.macs - b.macs);
  const free = waiting.find((model) => model.times.length === 0 || median(model.times) < SLOW_MS
    || now - latest.at > REST_MS || now - model.lastRun > LONGEST_WAIT_MS);
  if (!free && waiting.length) timer = setTimeout(pump, REST_MS);
  return free ?? (waiting.length ? null : unsure());
}

// Where the pen rests, networks take turns until their medians mean something.
function unsure() {
  const few = models.filter((model) => model.session && model.times.length < LEAST_TIMES && median(model.times) < LONGEST_REPEATED_MS);
  return few.sort((a, b) => a.times.length - b.times.length)[0];
}

async function serve(model) {
  const { id, pixels } = latest;
  try {
    const began = performance.now();
    const output = await execute(model.session, pixels);
    model.lastRun = performance.now();
    model.times = [...model.times, model.lastRun - began].slice(-KEPT_TIMES);
    model.served = id;
    const copy = output.slice();
    post({ type: 'result', model: model.index, id, ms: median(model.times), runs: model.times.length, pixels: copy }, [copy.buffer]);
  } catch (error) {
    model.session = null;
    post({ type: 'failed', model: model.index, reason: reason(error), provider: self.provider });
  }
}

async function download(url, bytes, who) {
  const response = await fetch(new URL(url, import.meta.url));
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  const whole = new Uint8Array(bytes);
  let loaded = 0, told = 0;
  for (let reader = response.body.getReader(), part = await reader.read(); !part.done; part = await reader.read()) {
    if (loaded + part.value.length > bytes) throw new Error(`${url} is longer than it was when the page was made`);
    whole.set(part.value, loaded);
    loaded += part.value.length;
    if (performance.now() - told > 50) {
      told = performance.now();
      post({ type: 'progress', ...who, share: loaded / bytes });
    }
  }
  if (loaded !== bytes) throw new Error(`${url} ended after ${loaded} of ${bytes} bytes`);
  return whole;
}

function reason(error) {
  const text = error instanceof Error ? error.message : typeof error === 'number' ? 'out of memory' : String(error);
  return /alloc|memory|RangeError/i.test(text) ? 'it does not fit into the memory that the browser gives' : text.split('\n')[0].slice(0, 160);
}
