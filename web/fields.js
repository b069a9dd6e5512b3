/** A kind's parameters, from JSON Schema to form fields and back. Pure. */
import { label, number } from './words.js';

const RADIOS_UP_TO = 4;
/** Texts that have a control, or a check, of their own. @type {Record<string, Control>} */
const FORMATS = { 'date-time': 'time', date: 'date', uri: 'address', url: 'address' };

/**
 * @typedef {import('./wire.js').Schema} Schema
 * @typedef {'text'|'number'|'yesno'|'radios'|'select'|'list'|'time'|'date'|'address'|'json'} Control
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} hint
 * @property {Control} control
 * @property {boolean} required
 * @property {boolean} whole  integers only
 * @property {Schema} schema  without the null branch
 * @property {unknown} initial
 * @property {unknown[]} choices
 */

/** @param {Schema} schema @param {Schema} root @returns {Schema} with references followed and "or null" taken off */
function plain(schema, root) {
  if (schema.$ref) return { ...plain(follow(schema.$ref, root), root), ...pick(schema) };
  const branches = schema.anyOf ?? schema.oneOf;
  const branch = branches?.filter((/** @type {Schema} */ one) => one.type !== 'null');
  return branch?.length === 1 ? { ...plain(branch[0], root), ...pick(schema) } : schema;
}

/** @param {Schema} schema @returns {Schema} what may stand beside a reference */
const pick = ({ default: initial, description, title }) => ({
  ...(initial !== undefined && { default: initial }),
  ...(description && { description }),
  ...(title && { title }),
});

/** @param {string} ref `#/$defs/Mode` @param {Schema} root @returns {Schema} */
const follow = (ref, root) =>
  ref
    .replace(/^#\//, '')
    .split('/')
    .reduce((at, key) => at?.[key], root) ?? {};

/** @param {Schema} schema @returns {string} */
function typeOf(schema) {
  if (Array.isArray(schema.type)) return schema.type.find((type) => type !== 'null') ?? 'any';
  return schema.type ?? 'any';
}

/** @param {Schema} schema @returns {Control} */
function controlOf(schema) {
  const choices = schema.enum?.length ?? 0;
  if (choices) return choices <= RADIOS_UP_TO ? 'radios' : 'select';
  const type = typeOf(schema);
  if (type === 'boolean') return 'yesno';
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'string') return FORMATS[schema.format] ?? 'text';
  const simple = type === 'array' && ['string', 'integer', 'number'].includes(typeOf(schema.items ?? {}));
  return simple ? 'list' : 'json';
}

/** @param {Schema} root  of the kind's parameters @returns {Field[]} in their order */
export function fieldsOf(root) {
  const whole = plain(root, root);
  return Object.entries(whole.properties ?? {}).map(([name, given]) =>
    fieldOf(name, plain(given, root), whole.required ?? []),
  );
}

/** @param {string} name @param {Schema} schema @param {string[]} required @returns {Field} */
const fieldOf = (name, schema, required) => ({
  name,
  label: schema.title ?? label(name),
  hint: schema.description ?? '',
  control: controlOf(schema),
  required: required.includes(name),
  whole: typeOf(schema) === 'integer',
  schema,
  initial: schema.default ?? null,
  choices: schema.enum ?? [],
});

/** @param {Field} field @returns {string} what stands in the field at first */
export function initialText({ control, initial }) {
  if (initial === null || initial === undefined) return '';
  if (control === 'list' && Array.isArray(initial)) return initial.join(', ');
  if (control === 'json') return JSON.stringify(initial);
  return control === 'time' ? localTime(String(initial)) : String(initial);
}

/** `2026-11-22T14:31`, as clocks here say it. @param {string} text  ISO 8601 @returns {string} */
function localTime(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return '';
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** A field's text that is not acceptable; the message says what is. */
export class Unacceptable extends Error {}

/** @param {Field} field @returns {string} `Must be 100 to 5,000.` */
function bounds({ schema }) {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  if (low !== undefined && high !== undefined) return `Must be ${number(low)} to ${number(high)}.`;
  if (low !== undefined)
    return `Must be ${schema.minimum === undefined ? 'more than ' : ''}${number(low)}${schema.minimum === undefined ? '' : ' or more'}.`;
  return high === undefined ? 'Must be a number.' : `Must be ${number(high)} or less.`;
}

/** @param {Schema} schema @param {number} value */
const inBounds = (schema, value) =>
  value >= (schema.minimum ?? -Infinity) &&
  value <= (schema.maximum ?? Infinity) &&
  value > (schema.exclusiveMinimum ?? -Infinity) &&
  value < (schema.exclusiveMaximum ?? Infinity);

/** @param {Field} field @param {string} text @returns {number} */
function toNumber(field, text) {
  const value = Number(text.trim());
  if (!Number.isFinite(value) || !inBounds(field.schema, value)) throw new Unacceptable(bounds(field));
  if (field.whole && !Number.isInteger(value)) throw new Unacceptable('Must be a whole number.');
  const step = field.schema.multipleOf;
  if (step && !isMultiple(value, step)) throw new Unacceptable(`Must be a multiple of ${number(step)}.`);
  return value;
}

/** @param {number} value @param {number} step @returns {boolean} as far as numbers with a point can tell */
const isMultiple = (value, step) => Math.abs(value / step - Math.round(value / step)) < 1e-9;

/** @param {Field} field @param {string} text @returns {string} */
function toAddress(field, text) {
  const address = toText(field, text.trim());
  if (!/^[a-z][a-z\d+.-]*:\/\/[^\s/]+/i.test(address)) throw new Unacceptable('Enter a web address or s3:// path.');
  return address;
}

/** @param {Field} _ @param {string} text @returns {string} in UTC */
function toTime(_, text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw new Unacceptable('Must be a date and a time.');
  return at.toISOString();
}

/** @param {Field} field @param {string} text @returns {unknown[]} */
function toList({ schema }, text) {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  if (typeOf(schema.items ?? {}) === 'string') return parts;
  const values = parts.map(Number);
  if (values.some((value) => !Number.isFinite(value)))
    throw new Unacceptable('Must be numbers, separated with commas.');
  return values;
}

/** @param {Field} field @param {string} text @returns {string} */
function toText({ schema, label: name }, text) {
  if (schema.maxLength !== undefined && text.length > schema.maxLength)
    throw new Unacceptable(`Must be ${number(schema.maxLength)} characters or fewer.`);
  if (schema.minLength && text.length < schema.minLength)
    throw new Unacceptable(`Must be ${number(schema.minLength)} characters or more.`);
  if (schema.pattern && !new RegExp(schema.pattern, 'u').test(text))
    throw new Unacceptable(`${name} must match ${schema.pattern}.`);
  return text;
}

/** @param {string} text @returns {unknown} */
function toJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unacceptable('Must be JSON.');
  }
}

/** @type {Record<Control, (field: Field, text: string) => unknown>} */
const READERS = {
  text: toText,
  number: toNumber,
  yesno: (_, text) => text === 'true',
  radios: (field, text) => field.choices.find((choice) => String(choice) === text),
  select: (field, text) => field.choices.find((choice) => String(choice) === text),
  list: toList,
  time: toTime,
  date: (_, text) => text.trim(),
  address: toAddress,
  json: (_, text) => toJson(text),
};

/**
 * @param {Field} field
 * @param {string} text  what a person entered
 * @returns {unknown} the parameter, or `undefined` to leave it out
 * @throws {Unacceptable}
 */
export function read(field, text) {
  if (text.trim() === '' && field.control !== 'yesno') {
    if (field.required) throw new Unacceptable(field.choices.length ? 'Choose one.' : 'Must be filled in.');
    return undefined;
  }
  return READERS[field.control](field, text);
}
