/** One animation loop for the page, which runs only while something that is seen moves. */

const STEP_MS = 30; // a bar moves a pixel at a time: more pictures show no more

/** @typedef {{step: () => boolean}} Mover  `step` moves it, and says whether it goes on */

export class Motion {
  /** @type {Set<Mover>} */
  #movers = new Set();
  #stepped_ms = -Infinity;

  /** @param {(call: (now_ms: number) => void) => void} nextFrame  never called while nothing is seen */
  constructor(nextFrame) {
    this.nextFrame = nextFrame;
  }

  /** @param {Mover} mover */
  add(mover) {
    const rests = this.#movers.size === 0;
    this.#movers.add(mover);
    if (rests) this.nextFrame(this.#frame);
  }

  /** @param {number} now_ms  of the frame */
  #frame = (now_ms) => {
    if (now_ms - this.#stepped_ms >= STEP_MS) this.#step(now_ms);
    if (this.#movers.size) this.nextFrame(this.#frame);
  };

  /** @param {number} now_ms */
  #step(now_ms) {
    this.#stepped_ms = now_ms;
    for (const mover of this.#movers) if (!mover.step()) this.#movers.delete(mover);
  }
}

export const motion = new Motion((call) => requestAnimationFrame(call));
