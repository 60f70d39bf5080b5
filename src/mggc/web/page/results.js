// What comes out: a card for each network, the slider, and what the compression saves.

import { toCanvas } from './pixels.js';

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const byId = (id) => document.getElementById(id);
const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
export const megabytes = (bytes) => `${digits(bytes / 1e6)} MB`;
const operations = (macs) => (macs >= 1e9 ? [digits(macs / 1e9), 'G'] : [digits(macs / 1e6), 'M']);
const capital = (text) => text[0].toUpperCase() + text.slice(1);

export class Results {
  constructor({ onLoadAnyway }) {
    this.onLoadAnyway = onLoadAnyway;
    byId('slider').addEventListener('input', () => this.#slide());
    byId('right-choice').addEventListener('change', () => this.#draw());
  }

  configure(task) {
    this.task = task;
    this.images = [];
    this.times = [];
    this.cards = task.models.map((model, index) => this.#card(model, index));
    byId('results').replaceChildren(...this.cards.map((card) => card.root));
    byId('results').style.setProperty('--count', this.cards.length);
    const others = task.models.map((model, index) => ({ model, index })).slice(1);
    byId('lower').hidden = others.length === 0;
    byId('left-name').textContent = `← ${task.models[0].label}`;
    byId('right-choice').replaceChildren(...others.map(({ model, index }) => element('option', { value: index, textContent: `${model.label} →` })));
    for (const id of ['left', 'right']) byId(id).width = byId(id).height = task.size;
    this.#slide();
    this.#tiles();
  }

  #card(model, index) {
    const canvas = element('canvas', { width: this.task.size, height: this.task.size });
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `Result of ${model.label}`);
    const bar = element('progress', { max: 1, value: 0 });
    bar.setAttribute('aria-label', `Loading ${model.label}`);
    const veil = element('div', { className: 'veil' }, element('p', { textContent: `Loading ${megabytes(model.bytes)}` }), bar);
    const time = element('dd', {}, element('strong', { textContent: '–' }), ' ms');
    const [count, unit] = operations(model.macs);
    const figures = element('dl', { className: 'figures' },
      element('div', { className: 'time' }, element('dt', { textContent: 'per image, here' }), time),
      element('div', {}, element('dt', { textContent: 'size' }), element('dd', { textContent: megabytes(model.bytes) })),
      element('div', {}, element('dt', { textContent: 'MACs' }), element('dd', { textContent: `${count} ${unit}` })));
    const root = element('article', { className: `card result ${model.role}` },
      element('h2', { textContent: capital(model.label) }),
      element('div', { className: 'stage' }, canvas, veil), figures,
      element('p', { className: 'hint', textContent: model.architecture }));
    root.dataset.model = index;
    return { root, canvas, veil, bar, time };
  }

  progress({ model, share, preparing }) {
    const shown = model === undefined ? this.cards.filter((card) => !card.waits) : [this.cards[model]];
    for (const card of shown) {
      card.bar.value = share;
      const text = model === undefined ? 'Loading the runtime' : preparing ? 'Preparing' : `Loading ${megabytes(this.task.models[model].bytes)}`;
      card.veil.querySelector('p').textContent = text;
    }
  }

  hold(index, text) {
    this.cards[index].waits = true;
    const button = element('button', { type: 'button', textContent: 'Load it anyway' });
    button.addEventListener('click', () => {
      this.cards[index].waits = false;
      this.cards[index].veil.replaceChildren(element('p', { textContent: 'Loading' }), this.cards[index].bar);
      this.onLoadAnyway(index);
    });
    this.cards[index].veil.replaceChildren(element('p', { textContent: text }), button);
  }

  ready({ model }) {
    this.cards[model].veil.hidden = true;
  }

  failed({ model }, text) {
    this.cards[model].veil.hidden = false;
    this.cards[model].veil.replaceChildren(element('p', { textContent: text }));
  }

  show({ model, pixels, ms, id }) {
    const { size, channels: [, channels] } = this.task;
    const image = toCanvas(pixels, channels, size, size);
    this.images[model] = image;
    this.times[model] = ms;
    const card = this.cards[model];
    card.canvas.getContext('2d').putImageData(image, 0, 0);
    card.root.dataset.shown = id;
    card.time.querySelector('strong').textContent = digits(ms);
    this.#draw();
    this.#tiles();
  }

  #right() {
    return Number(byId('right-choice').value || 1);
  }

  #draw() {
    for (const [id, index] of [['left', 0], ['right', this.#right()]]) {
      if (this.images[index]) byId(id).getContext('2d').putImageData(this.images[index], 0, 0);
    }
    this.#tiles();
  }

  #slide() {
    const cut = byId('slider').value;
    byId('right').style.clipPath = `inset(0 0 0 ${cut}%)`;
    byId('divider').style.left = `${cut}%`;
  }

  #tiles() {
    const [one, other] = [this.task.models[0], this.task.models[this.#right()]];
    if (!other) return;
    const tile = (ratio, text, detail) => element('div', { className: 'tile' },
      element('dt', { textContent: text }), element('dd', { className: 'value', textContent: ratio ? `${digits(ratio)}×` : '–' }),
      element('dd', { className: 'detail', textContent: detail }));
    const [before, after] = [this.times[0], this.times[this.#right()]];
    byId('tiles').replaceChildren(
      tile(one.macs / other.macs, 'fewer multiply-adds', `${operations(one.macs).join(' ')} → ${operations(other.macs).join(' ')} MACs`),
      tile(one.bytes / other.bytes, 'smaller', `${megabytes(one.bytes)} → ${megabytes(other.bytes)}`),
      tile(before && after && Math.max(before / after, after / before), after > before ? 'slower on this machine' : 'faster on this machine', before && after ? `${digits(before)} → ${digits(after)} ms` : 'as soon as both have run'));
  }
}
