/** The jobs that were started or opened in this browser: only their ends are worth a toast. */
const KEY = 'barcast.own';
const KEPT = 50;

/** Remembers ids across reloads, as far as the browser lets it. */
export class OwnJobs {
  /** @param {Pick<Storage, 'getItem'|'setItem'>} storage */
  constructor(storage) {
    this.storage = storage;
    this.ids = this.#load();
  }

  /** @returns {string[]} */
  #load() {
    try {
      const ids = JSON.parse(this.storage.getItem(KEY) ?? '[]');
      return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
    } catch {
      return [];
    }
  }

  /** @param {string} id */
  has(id) {
    return this.ids.includes(id);
  }

  /** @param {string} id */
  add(id) {
    if (this.has(id)) return;
    this.ids = [...new Set([...this.#load(), ...this.ids, id])].slice(-KEPT); // other tabs add theirs
    try {
      this.storage.setItem(KEY, JSON.stringify(this.ids));
    } catch {
      // private windows may refuse to store: then it holds until the page is left
    }
  }
}
