/** What the other tabs want of a connection that this one keeps. Pure, but for what it remembers. */

/**
 * @typedef {import('./wire.js').Since} Since
 * @typedef {{topics: Map<string, Since|null>, visible: boolean}} Tab
 */

export class Others {
  /** @type {Map<string, Tab>} */
  #tabs = new Map();

  /** @returns {boolean} there are some */
  get any() {
    return this.#tabs.size > 0;
  }

  /** @returns {boolean} somebody looks at one */
  get visible() {
    return [...this.#tabs.values()].some((tab) => tab.visible);
  }

  /** @param {string} id @returns {Tab|undefined} */
  get(id) {
    return this.#tabs.get(id);
  }

  /** @param {string} id @param {Tab} tab @returns {boolean} it was not known */
  add(id, tab) {
    const isNew = !this.#tabs.has(id);
    this.#tabs.set(id, tab);
    return isNew;
  }

  /** @param {string} id @returns {string[]} the topics that it followed */
  delete(id) {
    const topics = [...(this.get(id)?.topics.keys() ?? [])];
    this.#tabs.delete(id);
    return topics;
  }

  clear() {
    this.#tabs.clear();
  }

  /** @param {string} topic @returns {(Since|null)[]} where those who follow it are */
  sinces(topic) {
    return [...this.#tabs.values()].flatMap(({ topics }) => (topics.has(topic) ? [topics.get(topic) ?? null] : []));
  }
}

/** @param {any[]} sinces  of one topic @returns {Since|null} a place before which nobody misses anything */
export function earliest(sinces) {
  if (sinces.some((since) => !since)) return null;
  if (sinces.length === 1) return sinces[0];
  return { epoch: null, seq: 0, log: Math.min(...sinces.map(({ log }) => log)) };
}
