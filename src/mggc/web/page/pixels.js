// Between a canvas, which holds red, green, blue and alpha, and a network's bytes: [height, width, channels].

// Grey as Pillow computes it, so that a network sees what it saw in training.
const grey = (r, g, b) => (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;

export function fromCanvas({ data }, channels) {
  const count = data.length / 4;
  const bytes = new Uint8Array(count * channels);
  for (let i = 0, from = 0, to = 0; i < count; i += 1, from += 4) {
    if (channels === 1) {
      bytes[to++] = grey(data[from], data[from + 1], data[from + 2]);
    } else {
      bytes[to++] = data[from];
      bytes[to++] = data[from + 1];
      bytes[to++] = data[from + 2];
    }
  }
  return bytes;
}

export function toCanvas(bytes, channels, width, height) {
  const image = new ImageData(width, height);
  for (let i = 0, from = 0, to = 0; i < width * height; i += 1, from += channels) {
    image.data[to++] = bytes[from];
    image.data[to++] = bytes[from + (channels === 1 ? 0 : 1)];
    image.data[to++] = bytes[from + (channels === 1 ? 0 : 2)];
    image.data[to++] = 255;
  }
  return image;
}
