// The loudness outline of a track, with bass, middle and treble on top of each other; it is also the position slider.
const COLUMN = 3;

export class Wave {
  constructor(box, onSeek, label = null) {
    this.box = box;
    this.label = label;
    this.share = 0;
    this.bands = new Uint8Array();
    this.canvas = document.createElement("canvas");
    box.append(this.canvas);
    box.tabIndex = 0;
    box.setAttribute("role", "slider");
    box.setAttribute("aria-label", "Position in the track");
    box.setAttribute("aria-valuemin", "0");
    box.setAttribute("aria-valuemax", "100");
    box.setAttribute("aria-valuenow", "0");
    const at = (event) => {
      const edge = box.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - edge.left) / edge.width));
    };
    box.addEventListener("pointerdown", (event) => { box.setPointerCapture(event.pointerId); onSeek(at(event)); });
    box.addEventListener("pointermove", (event) => { if (event.buttons) onSeek(at(event)); });
    box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 0.02, ArrowLeft: -0.02, ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
      if (step) { event.preventDefault(); onSeek(Math.min(1, Math.max(0, this.share + step))); }
    });
    new ResizeObserver(() => this.draw()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  async show(address) {
    this.bands = new Uint8Array();
    this.share = 0;
    this.draw();
    if (!address) return;
    const answer = await fetch(address);
    if (answer.ok) this.bands = new Uint8Array(await answer.arrayBuffer());
    this.draw();
  }

  progress(share, text) {
    this.share = share;
    this.box.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    this.box.setAttribute("aria-valuetext", text);
    if (this.label) this.label.textContent = text;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale)) this.canvas.width = Math.round(width * scale);
    if (this.canvas.height !== Math.round(height * scale)) this.canvas.height = Math.round(height * scale);
    const pen = this.canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(document.documentElement);
    const played = style.getPropertyValue("--cold"), rest = style.getPropertyValue("--soft");
    const n = Math.floor(width / COLUMN), columns = this.bands.length / 3, middle = height / 2;
    for (let i = 0; i < n; i++) {
      const from = Math.floor((i * columns) / n), to = Math.max(from + 1, Math.floor(((i + 1) * columns) / n));
      pen.fillStyle = i / n < this.share ? played : rest;
      for (let band = 0; band < 3; band++) {
        let loud = 0;
        for (let c = from; c < Math.min(to, columns); c++) loud = Math.max(loud, this.bands[3 * c + band]);
        const tall = Math.max(columns ? 0 : 1, (loud / 255) * (middle - 3) * [1, 0.8, 0.6][band]);
        pen.globalAlpha = [0.35, 0.55, 1][band];
        pen.fillRect(i * COLUMN, middle - tall, COLUMN - 1, 2 * tall);
      }
    }
    pen.globalAlpha = 1;
    if (this.share > 0) {
      pen.fillStyle = played;
      pen.fillRect(Math.round(this.share * width), 0, 2, height);
    }
  }
}
