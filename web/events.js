/** Reads the text of Server-Sent Events, in pieces as they come. Pure. */
export class EventParser {
  #rest = '';
  #event = 'message';
  /** @type {string[]} */
  #data = [];

  /** @param {(event: string, data: string) => void} tell */
  constructor(tell) {
    this.tell = tell;
  }

  /** @param {string} text */
  push(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  /** @param {string} line */
  #line(line) {
    if (line === '') return this.#end();
    const [field, value] = /^([^:]*):? ?(.*)$/s.exec(line)?.slice(1) ?? ['', ''];
    if (field === 'event') this.#event = value;
    if (field === 'data') this.#data.push(value);
  }

  #end() {
    if (this.#data.length) this.tell(this.#event, this.#data.join('\n'));
    this.#event = 'message';
    this.#data = [];
  }
}

/**
 * @param {unknown} data  JSON, as text
 * @param {string} [type]  where the message itself names none
 * @returns {import('./wire.js').Message|null}
 */
export function parse(data, type) {
  try {
    const message = { ...(type && { type }), ...JSON.parse(String(data)) };
    return typeof message.type === 'string' ? message : null;
  } catch {
    return null;
  }
}
