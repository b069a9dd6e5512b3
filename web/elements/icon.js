/** The page's icons, drawn in the page itself so that they are there when the hub is not. */
import { set, svg } from './dom.js';

const SOLID = { fill: 'currentColor', stroke: 'none' };
const ON_SOLID = 'var(--surface)';

/** @typedef {[string, Record<string, string|number>]} Shape */

/** @type {Record<string, Shape[]>} */
const SHAPES = {
  queued: [['circle', { cx: 8, cy: 8, r: 6, 'stroke-dasharray': '1.6 2.17' }]],
  running: [
    ['circle', { cx: 8, cy: 8, r: 6, opacity: 0.28 }],
    ['path', { d: 'M8 2a6 6 0 0 1 4.9 9.5', 'stroke-width': 2 }],
  ],
  stalled: [
    ['path', { d: 'M8 2.2 14.3 13.3H1.7Z' }],
    ['path', { d: 'M8 6.4v3.1M8 11.4v.1' }],
  ],
  stopping: [
    ['circle', { cx: 8, cy: 8, r: 6 }],
    ['rect', { x: 6, y: 6, width: 4, height: 4, ...SOLID }],
  ],
  cancelled: [
    ['circle', { cx: 8, cy: 8, r: 6 }],
    ['path', { d: 'm3.8 12.2 8.4-8.4' }],
  ],
  paused: [
    ['circle', { cx: 8, cy: 8, r: 6 }],
    ['path', { d: 'M6.5 6v4M9.5 6v4' }],
  ],
  failed: [
    ['circle', { cx: 8, cy: 8, r: 6.7, ...SOLID }],
    ['path', { d: 'm5.8 5.8 4.4 4.4m0-4.4-4.4 4.4', stroke: ON_SOLID }],
  ],
  done: [
    ['circle', { cx: 8, cy: 8, r: 6.7, ...SOLID }],
    ['path', { d: 'm5.2 8.3 1.9 1.9 3.8-4.2', stroke: ON_SOLID }],
  ],
  lost: [
    ['path', { d: 'M13.6 6.6A6 6 0 1 0 14 8' }],
    ['path', { d: 'M14 3v3.8h-3.8' }],
  ],
  frames: [['path', { d: 'M2.5 4h11M2.5 8h8M2.5 12h5' }]],
  pause: [['path', { d: 'M5.5 4v8M10.5 4v8' }]],
  open: [['path', { d: 'm6 4 4 4-4 4' }]],
  flag: [['path', { d: 'M4 14V2.8h8L10 6l2 3.2H4' }]],
  dot: [['circle', { cx: 8, cy: 8, r: 2.2, ...SOLID }]],
  eye: [
    ['path', { d: 'M1.5 8S4 3.6 8 3.6 14.5 8 14.5 8 12 12.4 8 12.4 1.5 8 1.5 8Z' }],
    ['circle', { cx: 8, cy: 8, r: 1.9 }],
  ],
  search: [
    ['circle', { cx: 7, cy: 7, r: 4.5 }],
    ['path', { d: 'm10.5 10.5 3.5 3.5' }],
  ],
  x: [['path', { d: 'm4 4 8 8m0-8-8 8' }]],
  link: [
    ['path', { d: 'M6.8 9.2a2.8 2.8 0 0 0 4 0l2-2a2.8 2.8 0 0 0-4-4l-.8.8' }],
    ['path', { d: 'M9.2 6.8a2.8 2.8 0 0 0-4 0l-2 2a2.8 2.8 0 0 0 4 4l.8-.8' }],
  ],
  code: [['path', { d: 'm5.5 4.5-3.5 3.5 3.5 3.5m5-7 3.5 3.5-3.5 3.5' }]],
  file: [
    ['path', { d: 'M9 1.8H4v12.4h8V4.800Z' }],
    ['path', { d: 'M9 1.8v3h3' }],
  ],
  key: [
    ['circle', { cx: 5.5, cy: 10.5, r: 3 }],
    ['path', { d: 'm7.6 8.4 5.4-5.4m-2.2 2.2 2 2' }],
  ],
  plug: [
    ['path', { d: 'M2 5.500a9 9 0 0 1 12 0M4.3 8.300a5.5 5.5 0 0 1 7.4 0M8 11.800v.1' }],
    ['path', { d: 'm2.5 13.5 11-11' }],
  ],
};
SHAPES.requested = SHAPES.stopping;
SHAPES.waiting = SHAPES.lost;

/** @param {Element} icon @param {string} name @param {string|null} label  `null`: decoration */
export function redraw(icon, name, label) {
  set(icon, 'role', label === null ? null : 'img');
  set(icon, 'aria-label', label);
  set(icon, 'aria-hidden', label === null ? 'true' : null);
  if (icon.getAttribute('data-icon') === name) return;
  icon.setAttribute('data-icon', name);
  icon.replaceChildren(...(SHAPES[name] ?? SHAPES.dot).map(([tag, attributes]) => svg(tag, attributes)));
}

/** @param {string} name @param {string|null} [label] @param {string} [tone]  a class */
export function icon(name, label = null, tone = '') {
  const element = svg('svg', { class: tone ? `i ${tone}` : 'i', viewBox: '0 0 16 16' });
  redraw(element, name, label);
  return element;
}
