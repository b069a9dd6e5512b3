/** What a person chose on this page, kept in the browser as far as it lets it. */
const PREFIX = 'barcast.';

export class Choices {
  /** @type {Map<string, boolean>} */
  #made = new Map();

  /** @param {Pick<Storage, 'getItem'|'setItem'>} storage */
  constructor(storage) {
    this.storage = storage;
  }

  /** Single keys do something. */
  get keys() {
    return this.#get('keys', true);
  }

  set keys(on) {
    this.#set('keys', on);
  }

  /** The system is told of ends that nobody sees. */
  get notices() {
    return this.#get('notices', false);
  }

  set notices(on) {
    this.#set('notices', on);
  }

  /** Another tab may have chosen since. @param {string} name @param {boolean} usual @returns {boolean} */
  #get(name, usual) {
    try {
      const kept = this.storage.getItem(PREFIX + name);
      if (kept !== null) return kept === 'on';
    } catch {
      // then it holds until the page is left
    }
    return this.#made.get(name) ?? usual;
  }

  /** @param {string} name @param {boolean} on */
  #set(name, on) {
    this.#made.set(name, on);
    try {
      this.storage.setItem(PREFIX + name, on ? 'on' : 'off');
    } catch {
      // the same
    }
  }
}
