/** Notices of the system: an own job ended, and nobody was looking. */

/**
 * @typedef {{job: string, title: string, text: string}} Notice  `job`: its id, '' for several
 * @typedef {{new (title: string, options: NotificationOptions): Pick<Notification, 'onclick'|'close'>,
 *   permission: NotificationPermission, requestPermission: () => Promise<NotificationPermission>}} System  the browser's
 *   `Notification`
 * @typedef {'on'|'off'|'refused'|'missing'} Standing
 */

export class Notices {
  /**
   * @param {object} given
   * @param {import('./choices.js').Choices} given.choices
   * @param {System|undefined} given.system  not on every browser, and on safe addresses only
   * @param {(job: string) => void} given.open  shows a job's page, or what ended
   */
  constructor({ choices, system, open }) {
    this.choices = choices;
    this.system = system;
    this.open = open;
  }

  /** @returns {Standing} */
  get standing() {
    if (!this.system) return 'missing';
    if (this.system.permission === 'denied') return 'refused';
    return this.choices.notices && this.system.permission === 'granted' ? 'on' : 'off';
  }

  /** The browser is asked for its leave only when notices are wanted. @param {boolean} on */
  async turn(on) {
    const granted = on && (await this.system?.requestPermission()) === 'granted';
    this.choices.notices = granted;
  }

  /** Browsers of phones have the name, and throw. @param {string} title @param {NotificationOptions} options */
  #show(title, options) {
    try {
      return this.system && new this.system(title, options);
    } catch {
      return null;
    }
  }

  /** One for each job, however many tabs tell it. @param {Notice} notice */
  tell({ job, title, text }) {
    if (!this.system || this.standing !== 'on') return;
    const shown = this.#show(title, { body: text, tag: `barcast ${job}`, icon: '/web/icon.svg' });
    if (!shown) return;
    shown.onclick = () => {
      shown.close();
      this.open(job);
    };
  }
}
