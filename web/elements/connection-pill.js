/** `<connection-pill>`: whether what the page shows is live, and since when. */
import { pill } from '../status.js';
import { clockSeconds, duration, number } from '../words.js';
import { h, set, show, write } from './dom.js';

const TRANSPORTS = { socket: 'WebSocket', stream: 'Server-Sent Events', polling: 'Requests every 5 s' };

export class ConnectionPill extends HTMLElement {
  /** @type {import('../app.js').App} */
  app = /** @type {any} */ (null);
  #text = h('span');
  #act = h('u', { hidden: true });
  #button = h(
    'button',
    { type: 'button', class: 'pill', 'aria-live': 'off', 'aria-haspopup': 'dialog', click: () => this.#click() },
    this.#text,
    this.#act,
  );
  #facts = h('dl', { class: 'facts' });
  #details = h(
    'div',
    { class: 'pop pill-pop', popover: 'auto', role: 'dialog', 'aria-label': 'Connection' },
    this.#facts,
  );

  connectedCallback() {
    if (!this.firstChild) this.append(this.#button, this.#details);
  }

  /** @param {number} now_ms  this machine's clock */
  paint(now_ms) {
    const { look, text, act } = pill(this.app.connection.state, now_ms, navigator.onLine);
    set(this.#button, 'data-c', look === 'live' ? null : look);
    set(this.#button, 'data-act', act !== '');
    write(this.#text, text);
    write(this.#act, act);
    show(this.#act, act !== '');
    if (this.#details.matches(':popover-open')) this.#paintFacts(now_ms);
  }

  #click() {
    const { connection, store } = this.app;
    if (this.#button.hasAttribute('data-act')) return connection.retryNow();
    connection.check();
    this.#paintFacts(store.machineNow());
    const { right, bottom } = this.#button.getBoundingClientRect();
    this.#details.style.setProperty('--y', `${bottom + 6}px`);
    this.#details.style.setProperty('--right', `${document.documentElement.clientWidth - right}px`);
    this.#details.togglePopover();
  }

  /** @param {number} now_ms */
  #paintFacts(now_ms) {
    const { transport, live_ms, delay_ms } = this.app.connection.state;
    const { state } = this.app.store;
    const last = Math.max(0, ...[...state.stories.values()].map((story) => story.last));
    const facts = [
      ['Transport', TRANSPORTS[transport]],
      ['Connected', live_ms === null ? 'no' : `for ${duration((now_ms - live_ms) / 1000)}`],
      ['Delay', delay_ms === null ? 'unknown' : `${number(Math.round(delay_ms))}\u00a0ms`],
      ['Last event', last ? number(last) : 'none followed here'],
      ['Hub’s clock', clockSeconds(now_ms + state.ahead_ms)],
      ['Run of the hub', state.epoch ?? 'unknown'],
    ];
    this.#facts.replaceChildren(...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
  }
}

customElements.define('connection-pill', ConnectionPill);
