/** `<job-bar>`: how far a job is. A progressbar without text inside, named by its job's title. */
import { bar } from '../bar.js';
import { each, h, measure, set } from './dom.js';

const SPEAK_MS = 5_000;

/** @typedef {import('../bar.js').Bar} Bar */

/** @param {Element} parent @param {string} tag @param {import('../bar.js').Span|null} span */
function stretch(parent, tag, span) {
  const present = parent.querySelector(tag);
  if (!span) return present?.remove();
  const piece = /** @type {HTMLElement} */ (present ?? parent.appendChild(document.createElement(tag)));
  measure(piece, '--from', span.from);
  measure(piece, '--to', span.to);
}

export class JobBar extends HTMLElement {
  #spoken_ms = -Infinity;
  #parts = h('span', { class: 'parts' });
  #tick = h('b', { hidden: true });

  connectedCallback() {
    if (this.firstChild) return;
    this.classList.add('bar');
    set(this, 'role', 'progressbar');
    this.append(this.#parts, this.#tick);
  }

  /**
   * @param {import('../state.js').SeenJob} job
   * @param {() => string} spoken  the value in words, asked for only when it is due
   * @param {number} now  milliseconds
   */
  paint(job, spoken, now) {
    const shape = bar(job);
    set(this, 'data-b', shape.look || null);
    set(this, 'data-lost', shape.lostWork);
    this.#paintParts(shape);
    this.#tick.hidden = shape.tick === null;
    measure(this.#tick, '--at', shape.tick ?? 0);
    set(this, 'aria-valuenow', shape.percent);
    this.#speak(shape, spoken, now);
  }

  /** @param {Bar} shape */
  #paintParts(shape) {
    each(
      this.#parts,
      shape.segments,
      () => h('i'),
      (part, segment) => {
        measure(part, '--w', segment.weight * 100);
        measure(part, '--p', segment.filled);
        set(part, 'data-moving', segment.moving && shape.look === 'any');
        stretch(part, 's', segment.again);
        stretch(part, 'u', segment.errors);
      },
    );
  }

  /** @param {Bar} shape @param {() => string} spoken @param {number} now */
  #speak(shape, spoken, now) {
    if (shape.percent === null) return set(this, 'aria-valuetext', null);
    if (now - this.#spoken_ms < SPEAK_MS && this.hasAttribute('aria-valuetext')) return;
    this.#spoken_ms = now;
    set(this, 'aria-valuetext', spoken());
  }
}

customElements.define('job-bar', JobBar);
