/** The bar of `<job-progress>`: like the page's own, but without a script that moves it between two frames. */
import { each, h, measure, set } from './dom.js';

const SPEAK_MS = 5_000;

/** @typedef {import('../bar.js').Bar} Bar @typedef {import('../bar.js').Span} Span */

/** @type {Bar} */
const EMPTY = {
  look: '',
  segments: [{ weight: 1, filled: 0, moving: false, again: null, errors: null }],
  lostWork: false,
  tick: null,
  percent: null,
};

/** @param {HTMLElement} piece @param {Span|null} span */
function stretch(piece, span) {
  piece.hidden = !span;
  measure(piece, '--from', span?.from ?? 0);
  measure(piece, '--to', span?.to ?? 0);
}

const makeSegment = () => h('i', {}, h('span', { part: 'fill' }), h('s'), h('u'));

export class CardBar {
  #spoken_ms = -Infinity;
  #parts = h('span', { class: 'parts' });
  #tick = h('b', { hidden: true });
  element = h('div', { class: 'bar', part: 'bar' }, this.#parts, this.#tick);

  /** @param {string} title  of the job @param {Bar} shape @param {string} describedBy  the id of what tells the rest */
  name(title, shape, describedBy) {
    set(this.element, 'role', 'progressbar');
    set(this.element, 'aria-hidden', null);
    set(this.element, 'aria-label', title);
    set(this.element, 'aria-valuenow', shape.percent);
    set(this.element, 'aria-describedby', shape.percent === null ? describedBy : null);
  }

  /** @param {Bar} shape @param {() => string} spoken  asked for only when it is due @param {number} now */
  speak(shape, spoken, now) {
    if (shape.percent === null) return set(this.element, 'aria-valuetext', null);
    if (now - this.#spoken_ms < SPEAK_MS && this.element.hasAttribute('aria-valuetext')) return;
    this.#spoken_ms = now;
    set(this.element, 'aria-valuetext', spoken());
  }

  /** Nothing is known: a place for what comes. */
  clear() {
    this.element.removeAttribute('role');
    set(this.element, 'aria-hidden', 'true');
    this.paint(EMPTY);
  }

  /** @param {Bar} shape */
  paint(shape) {
    set(this.element, 'data-b', shape.look || null);
    set(this.element, 'data-lost', shape.lostWork);
    this.#tick.hidden = shape.tick === null;
    measure(this.#tick, '--at', shape.tick ?? 0);
    each(this.#parts, shape.segments, makeSegment, (part, segment) => {
      measure(part, '--w', segment.weight * 100);
      measure(part, '--p', segment.filled);
      set(part, 'data-moving', segment.moving && shape.look === 'any');
      stretch(part.children[1], segment.again);
      stretch(part.children[2], segment.errors);
    });
  }
}
