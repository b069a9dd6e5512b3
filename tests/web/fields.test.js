import assert from 'node:assert/strict';
import test from 'node:test';
import { fieldsOf, initialText, read } from '../../web/fields.js';

const one = (schema, required = []) => fieldsOf({ type: 'object', properties: { it: schema }, required })[0];

const CONTROLS = [
  [{ type: 'string' }, 'text'],
  [{ type: 'string', format: 'path' }, 'text'],
  [{ type: 'string', format: 'date-time' }, 'time'],
  [{ type: 'string', format: 'date' }, 'date'],
  [{ type: 'string', format: 'uri' }, 'address'],
  [{ type: 'integer' }, 'number'],
  [{ type: 'number' }, 'number'],
  [{ type: 'boolean' }, 'yesno'],
  [{ enum: ['a', 'b'] }, 'radios'],
  [{ enum: [1, 2, 3, 4, 5] }, 'select'],
  [{ type: 'array', items: { type: 'string' } }, 'list'],
  [{ type: 'array', items: { type: 'object' } }, 'json'],
  [{ type: 'object' }, 'json'],
  [{}, 'json'],
  [{ anyOf: [{ type: 'integer' }, { type: 'null' }] }, 'number'],
  [{ type: ['string', 'null'] }, 'text'],
  [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, 'json'],
];
for (const [schema, control] of CONTROLS)
  test(`${JSON.stringify(schema)} is entered as ${control}`, () => assert.equal(one(schema).control, control));

test('references are followed', () => {
  const root = {
    $ref: '#/$defs/P',
    $defs: {
      P: { type: 'object', properties: { mode: { $ref: '#/$defs/M', default: 'b' } } },
      M: { enum: ['a', 'b'] },
    },
  };
  const [field] = fieldsOf(root);
  assert.deepEqual([field.control, field.initial, field.choices], ['radios', 'b', ['a', 'b']]);
});

test('fields keep their order, names become labels', () => {
  const fields = fieldsOf({
    properties: { batch_size: { type: 'integer' }, path: { type: 'string', title: 'Source' } },
  });
  assert.deepEqual(
    fields.map((field) => field.label),
    ['Batch size', 'Source'],
  );
});

test('a kind without parameters has no fields', () => assert.deepEqual(fieldsOf({}), []));

test('defaults stand in the field as a person would write them', () => {
  assert.equal(initialText(one({ type: 'integer', default: 500 })), '500');
  assert.equal(initialText(one({ type: 'array', items: { type: 'string' }, default: ['a', 'b'] })), 'a, b');
  assert.equal(initialText(one({ type: 'object', default: { a: 1 } })), '{"a":1}');
  assert.equal(initialText(one({ type: 'string', default: null })), '');
  assert.equal(initialText(one({ type: 'string', format: 'date', default: '2026-11-22' })), '2026-11-22');
});

test('a time stands in the field as clocks here say it, and is sent unchanged', () => {
  const there = one({ type: 'string', format: 'date-time', default: '2026-11-22T14:31:00+05:30' });
  assert.equal(read(there, initialText(there)), '2026-11-22T09:01:00.000Z');
  assert.equal(initialText(one({ type: 'string', format: 'date-time', default: 'soon' })), '');
});

const READ = [
  [{ type: 'integer' }, ' 42 ', 42],
  [{ type: 'number' }, '2.5', 2.5],
  [{ type: 'boolean' }, 'false', false],
  [{ type: 'boolean' }, 'true', true],
  [{ enum: [1, 2] }, '2', 2],
  [{ type: 'string' }, ' as it is ', ' as it is '],
  [{ type: 'array', items: { type: 'string' } }, 'a, b,,c ', ['a', 'b', 'c']],
  [{ type: 'array', items: { type: 'integer' } }, '1, 2', [1, 2]],
  [{ type: 'object' }, '{"a": [1]}', { a: [1] }],
  [{ type: 'string', format: 'date' }, '2026-11-22', '2026-11-22'],
  [{ type: 'string', format: 'uri' }, ' s3://imports/a.xlsx ', 's3://imports/a.xlsx'],
  [{ type: 'number', multipleOf: 0.1 }, '0.3', 0.3],
];
for (const [schema, text, value] of READ)
  test(`${JSON.stringify(text)} is read as ${JSON.stringify(value)}`, () =>
    assert.deepEqual(read(one(schema), text), value));

test('what is empty and optional is left out', () => assert.equal(read(one({ type: 'integer' }), ' '), undefined));

test('a local time is sent as UTC', () => {
  const sent = read(one({ type: 'string', format: 'date-time' }), '2026-11-22T14:31');
  assert.equal(sent, new Date(2026, 10, 22, 14, 31).toISOString());
});

const REFUSED = [
  [{ type: 'integer', minimum: 100, maximum: 5_000 }, '50000', 'Must be 100 to 5,000.'],
  [{ type: 'integer', minimum: 1 }, '0', 'Must be 1 or more.'],
  [{ type: 'integer', maximum: 9 }, '10', 'Must be 9 or less.'],
  [{ type: 'number', exclusiveMinimum: 0 }, '0', 'Must be more than 0.'],
  [{ type: 'number' }, 'many', 'Must be a number.'],
  [{ type: 'integer' }, '1.5', 'Must be a whole number.'],
  [{ type: 'integer', multipleOf: 100 }, '150', 'Must be a multiple of 100.'],
  [{ type: 'string', format: 'uri' }, 'catalogue.xlsx', 'Enter a web address or s3:// path.'],
  [{ type: 'string', format: 'date-time' }, 'soon', 'Must be a date and a time.'],
  [{ type: 'string', pattern: '^a' }, 'b', 'It must match ^a.'],
  [{ type: 'object' }, '{', 'Must be JSON.'],
  [{ type: 'array', items: { type: 'number' } }, '1, x', 'Must be numbers, separated with commas.'],
  [{ type: 'string', maxLength: 2 }, 'abc', 'Must be 2 characters or fewer.'],
  [{ type: 'string', minLength: 2 }, 'a', 'Must be 2 characters or more.'],
];
for (const [schema, text, message] of REFUSED)
  test(`${JSON.stringify(text)} is refused: ${message}`, () =>
    assert.throws(() => read(one(schema), text), { message }));

test('what is required must be filled in', () => {
  assert.throws(() => read(one({ type: 'string' }, ['it']), ''), { message: 'Must be filled in.' });
  assert.throws(() => read(one({ enum: ['a'] }, ['it']), ''), { message: 'Choose one.' });
});
