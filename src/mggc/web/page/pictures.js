// Pictures from elsewhere: a file that is chosen, dropped or pasted, a test image, the camera.

const MOST_BYTES = 50e6;

export function acceptFiles({ input, zone, onPicture, onTrouble }) {
  const take = async (file) => {
    if (!file) return;
    if (!file.type.startsWith('image/')) {
      onTrouble(`A picture was wanted; ${file.name || 'this'} is ${file.type || 'something else'}.`);
    } else if (file.size > MOST_BYTES) {
      onTrouble(`Pictures of up to ${MOST_BYTES / 1e6} MB are opened here; ${file.name} has ${Math.round(file.size / 1e6)} MB.`);
    } else {
      try {
        const image = await createImageBitmap(file);
        onPicture(image, image.width, image.height);
        image.close();
      } catch {
        onTrouble(`${file.name || 'The picture'} cannot be read: damaged, or a format that this browser does not know.`);
      }
    }
  };
  input.addEventListener('change', () => { take(input.files[0]); input.value = ''; });
  document.addEventListener('paste', (event) => take(event.clipboardData.files[0]));
  document.addEventListener('dragover', (event) => { event.preventDefault(); zone.classList.add('over'); });
  for (const name of ['dragleave', 'drop']) document.addEventListener(name, () => zone.classList.remove('over'));
  document.addEventListener('drop', (event) => { event.preventDefault(); take(event.dataTransfer.files[0]); });
}

export class Camera {
  constructor({ video, button, onFrame, onState, onTrouble }) {
    Object.assign(this, { video, button, onFrame, onState, onTrouble });
    button.addEventListener('click', () => (this.stream ? this.stop() : this.start()));
  }

  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      this.onTrouble('Browsers open the camera for localhost and https pages only. Open a picture instead.');
      return;
    }
    this.button.disabled = true;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user' }, audio: false });
      this.video.srcObject = this.stream;
      await this.video.play();
    } catch (error) {
      this.stop();
      const denied = error.name === 'NotAllowedError';
      this.onTrouble(denied ? 'The camera was not allowed. Open a picture instead.' : 'No camera was found. Open a picture instead.');
      return;
    } finally {
      this.button.disabled = false;
    }
    this.#state(true);
    this.#frame();
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
    this.#state(false);
  }

  #state(on) {
    this.button.setAttribute('aria-pressed', String(on));
    this.button.textContent = on ? 'Stop camera' : 'Camera';
    this.onState(on);
  }

  #frame() {
    if (!this.stream) return;
    this.onFrame(this.video, this.video.videoWidth, this.video.videoHeight);
    requestAnimationFrame(() => this.#frame());
  }
}
