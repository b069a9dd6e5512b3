/** The first way to hear the hub: a WebSocket. The others have the same face, so that nobody above can tell them apart. */
import { parse } from './events.js';

const SUBPROTOCOL = 'barcast.v1.json';

/**
 * @typedef {import('./socket.js').Rung} Rung
 * @typedef {import('./socket.js').Sink} Sink
 * @typedef {import('./socket.js').Transport} Transport
 */

/** The WebSocket of `protocol` version 1, in JSON. @implements {Transport} */
class SocketTransport {
  #requests = 0;
  /** @type {Map<number, string>} */
  #asked = new Map();

  /** @param {WebSocket} socket @param {Sink} sink @param {{visible: boolean, token: string|null}} hello */
  constructor(socket, sink, { visible, token }) {
    this.socket = socket;
    this.sink = sink;
    socket.onopen = () => this.send({ type: 'hello', client: 'page', visible, ...(token && { token }) });
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => sink.closed({ code: event.code });
  }

  /** @param {string} topic @param {object|null} since */
  follow(topic, since) {
    this.#requests += 1;
    this.#asked.set(this.#requests, topic);
    this.send({ type: 'subscribe', id: this.#requests, topic, ...(since && { since }) });
  }

  /** @param {string} topic */
  unfollow(topic) {
    this.#requests += 1;
    this.send({ type: 'unsubscribe', id: this.#requests, topic });
  }

  /** @param {object} message */
  send(message) {
    if (this.socket.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  close() {
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  /** @param {unknown} data */
  #hear(data) {
    const message = parse(data);
    if (!message) return this.sink.alive();
    const topic = message.topic ?? this.#asked.get(message.id);
    if (message.type === 'subscribed' || message.type === 'error') this.#asked.delete(message.id);
    this.sink.message(topic ? { ...message, topic } : message);
  }
}

/**
 * @param {{url: string, WebSocket: typeof globalThis.WebSocket, token?: string|null}} given
 * @returns {Rung}
 */
export const socketRung = ({ url, WebSocket, token = null }) => ({
  name: 'socket',
  open: (sink, { visible }) => new SocketTransport(new WebSocket(url, SUBPROTOCOL), sink, { visible, token }),
});
