/** Makes and changes elements. Text goes in as text, and only what changed is written. */
import { address } from '../address.js';

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @typedef {Node|string|null|false} Child
 * @typedef {Record<string, string|number|boolean|null|undefined|EventListener>} Attributes
 */

/** @param {Element} element @param {string} name @param {unknown} value  `null` and `false` remove it */
export function set(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** @param {Element} element @param {Attributes} attributes  functions are listeners */
function dress(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else set(element, name, value);
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  dress(element, attributes);
  element.append(.../** @type {(Node|string)[]} */ (children.filter((child) => child !== null && child !== false)));
  return element;
}

/** @param {string} tag @param {Attributes} [attributes] @param {...Node} children */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  dress(element, attributes);
  element.append(...children);
  return element;
}

/** @param {Node} node @param {string} text */
export function write(node, text) {
  const only = node.firstChild;
  if (only instanceof Text && only === node.lastChild) {
    if (only.data !== text) only.data = text; // in place: a new node would be laid out anew
  } else if (node.textContent !== text) node.textContent = text;
}

/** @param {HTMLElement} element @param {boolean} shown */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/** A custom property of the style. @param {HTMLElement} element @param {string} name @param {number} value */
export function measure(element, name, value) {
  const text = String(Math.round(value * 100) / 100);
  if (element.style.getPropertyValue(name) !== text) element.style.setProperty(name, text);
}

/**
 * Makes a parent's children as many as the values, and writes each.
 * @template V
 * @param {Element} parent
 * @param {V[]} values
 * @param {() => Element} make
 * @param {(child: any, value: V, index: number) => void} fill
 */
export function each(parent, values, make, fill) {
  while (parent.children.length > values.length) parent.lastElementChild?.remove();
  values.forEach((value, index) => {
    const child = parent.children[index] ?? parent.appendChild(make());
    fill(child, value, index);
  });
}

/** Texts with a tone each, none of which turns its neighbour. @param {Element} parent @param {import('../story.js').Bit[]} bits */
export function spans(parent, bits) {
  each(
    parent,
    bits,
    () => h('bdi'),
    (span, bit) => {
      write(span, bit.text);
      set(span, 'class', bit.tone ?? null);
    },
  );
}

/** @param {Element} parent @param {Element[]} wanted  in their order; moves as few as possible */
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
}

/**
 * Lets a link lead to an address, if it is one that may be followed.
 * @param {HTMLAnchorElement} link
 * @param {string} url
 * @param {string|null} [file]  the name under which it is saved, where it is a file of the hub's
 * @returns {boolean} whether it leads there
 */
export function point(link, url, file = null) {
  const href = address(url, location.href);
  set(link, 'href', href);
  set(link, 'download', href && file && new URL(href).origin === location.origin ? file : null);
  set(link, 'rel', file ? 'noopener noreferrer' : null);
  return href !== null;
}
