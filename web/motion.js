/** One animation loop for the page, which runs only while something that is seen moves. */

/** @typedef {{step: () => boolean}} Mover  `step` moves it, and says whether it goes on */

export class Motion {
  /** @type {Set<Mover>} */
  #movers = new Set();

  /** @param {(call: () => void) => void} nextFrame  never called while nothing is seen */
  constructor(nextFrame) {
    this.nextFrame = nextFrame;
  }

  /** @param {Mover} mover */
  add(mover) {
    const rests = this.#movers.size === 0;
    this.#movers.add(mover);
    if (rests) this.nextFrame(this.#frame);
  }

  #frame = () => {
    for (const mover of this.#movers) if (!mover.step()) this.#movers.delete(mover);
    if (this.#movers.size) this.nextFrame(this.#frame);
  };
}

export const motion = new Motion((call) => requestAnimationFrame(call));
