/** Paints at most once a frame, when something changed, and once a second, because time goes on. */
const TICK_MS = 1_000;

export class Painter {
  #due = false;

  /**
   * @param {() => void} paint
   * @param {{requestAnimationFrame: (call: () => void) => any, setInterval: (call: () => void, ms: number) => any}} host
   */
  constructor(paint, host) {
    this.paint = paint;
    this.host = host;
  }

  start() {
    this.host.setInterval(() => this.ask(), TICK_MS);
    this.ask();
  }

  /** A hidden tab gets no frames: what is due is painted once, when it is seen again. */
  ask() {
    if (this.#due) return;
    this.#due = true;
    this.host.requestAnimationFrame(() => {
      this.#due = false;
      this.paint();
    });
  }
}
