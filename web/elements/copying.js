/** Copies a text, and lets the button that did it say so for a while. */
import { write } from './dom.js';

const COPIED_MS = 2_000;

/**
 * @param {HTMLElement} place  of the button's words
 * @param {string} text
 */
export async function copyBy(place, text) {
  const words = place.dataset.words ?? place.textContent ?? '';
  place.dataset.words = words; // pressed twice, it still goes back to them
  await navigator.clipboard.writeText(text);
  write(place, 'Copied');
  setTimeout(() => write(place, words), COPIED_MS);
}
