// The source canvas: it has exactly the network's pixels, so that what is seen is what the network gets.

const KEPT_STEPS = 30;
const KEY_STEP = 1 / 48;
const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

export class Drawing {
  constructor(canvas, cursor, onChange) {
    this.canvas = canvas;
    this.cursor = cursor;
    this.onChange = onChange;
    this.context = canvas.getContext('2d', { willReadFrequently: true });
    this.tool = 'pen';
    this.enabled = true;
    this.steps = [];
    this.place = { x: 0.5, y: 0.5, down: false };
    canvas.addEventListener('pointerdown', (event) => this.#begin(event));
    canvas.addEventListener('pointermove', (event) => this.#extend(event));
    for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, () => this.#end());
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('blur', () => this.#lift());
  }

  configure(source, size) {
    this.source = source;
    this.color = source.pen;
    this.brush = source.brush;
    this.canvas.width = this.canvas.height = size;
    this.steps = [];
    this.#fill();
  }

  read() {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  // A picture covers the square: its middle is taken, as much as fits.
  show(image, width, height, { mirror = false, keep = true } = {}) {
    if (keep) this.#remember();
    const size = this.canvas.width, side = Math.min(width, height);
    this.context.save();
    this.context.imageSmoothingEnabled = true;
    this.context.imageSmoothingQuality = 'high';
    if (mirror) this.context.setTransform(-1, 0, 0, 1, size, 0);
    this.context.fillStyle = '#fff'; // behind what is transparent
    this.context.fillRect(0, 0, size, size);
    this.context.drawImage(image, (width - side) / 2, (height - side) / 2, side, side, 0, 0, size, size);
    this.context.restore();
    this.onChange();
  }

  clear() {
    this.#remember();
    this.#fill();
  }

  undo() {
    const image = this.steps.pop();
    if (!image) return;
    this.context.putImageData(image, 0, 0);
    this.onChange();
  }

  #fill() {
    this.context.fillStyle = css(this.source.paper);
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.onChange();
  }

  #remember() {
    this.steps.push(this.read());
    if (this.steps.length > KEPT_STEPS) this.steps.shift();
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  #begin(event) {
    if (!this.enabled || event.button > 0 || this.last) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.#lift();
    this.canvas.setPointerCapture(event.pointerId);
    this.#remember();
    this.pointer = event.pointerId;
    this.first = this.last = this.#point(event);
    this.#stroke(this.last);
  }

  #extend(event) {
    if (!this.last || event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.#stroke(this.#point(each));
  }

  #end() {
    this.last = this.first = null;
  }

  #stroke(point) {
    const color = this.tool === 'eraser' ? this.source.paper : this.color;
    this.context.fillStyle = this.context.strokeStyle = css(color);
    const width = this.tool === 'eraser' ? 2 * this.brush : this.brush;
    if (this.tool === 'rectangle') this.#rectangle(point);
    else if (this.source.kind === 'labels') this.#hardLine(this.last, point, width);
    else this.#softLine(this.last, point, width);
    this.last = point;
    this.onChange();
  }

  #rectangle([x, y]) {
    this.context.putImageData(this.steps.at(-1), 0, 0);
    const [left, top] = [Math.min(x, this.first[0]), Math.min(y, this.first[1])].map(Math.floor);
    const [right, bottom] = [Math.max(x, this.first[0]), Math.max(y, this.first[1])].map(Math.ceil);
    this.context.fillRect(left, top, right - left, bottom - top);
  }

  #softLine(from, to, width) {
    this.context.lineWidth = width;
    this.context.lineCap = this.context.lineJoin = 'round';
    this.context.beginPath();
    this.context.moveTo(...from);
    this.context.lineTo(to[0] + 1e-3, to[1]);
    this.context.stroke();
  }

  // Labels know no colour between two classes: whole pixels, no blending at edges.
  #hardLine(from, to, width) {
    const count = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])));
    for (let step = 0; step <= count; step += 1) {
      const x = from[0] + ((to[0] - from[0]) * step) / count, y = from[1] + ((to[1] - from[1]) * step) / count;
      const radius = Math.max(0.5, width / 2);
      for (let row = Math.ceil(y - radius - 0.5); row <= y + radius - 0.5; row += 1) {
        const half = Math.sqrt(Math.max(0, radius ** 2 - (row + 0.5 - y) ** 2));
        const left = Math.round(x - half);
        this.context.fillRect(left, row, Math.max(1, Math.round(x + half) - left), 1);
      }
    }
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!this.enabled || (!move && event.key !== ' ')) return;
    event.preventDefault();
    const size = this.canvas.width;
    const at = () => [this.place.x * size, this.place.y * size];
    if (move) {
      this.place.x = Math.min(1, Math.max(0, this.place.x + move[0] * KEY_STEP));
      this.place.y = Math.min(1, Math.max(0, this.place.y + move[1] * KEY_STEP));
      if (this.place.down) this.#stroke(at());
    } else if (this.place.down) {
      this.#lift();
    } else {
      this.#remember();
      this.place.down = true;
      this.first = this.last = at();
      this.#stroke(this.last);
    }
    this.#showCursor(true);
  }

  #lift() {
    if (this.place.down) this.#end();
    this.place.down = false;
    this.#showCursor(false);
  }

  #showCursor(visible) {
    this.cursor.hidden = !visible;
    this.cursor.classList.toggle('down', this.place.down);
    this.cursor.style.left = `${100 * this.place.x}%`;
    this.cursor.style.top = `${100 * this.place.y}%`;
  }
}
