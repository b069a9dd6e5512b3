import assert from 'node:assert/strict';
import test from 'node:test';
import { EventParser } from '../../web/events.js';

/** What a parser tells of pieces of text. */
function told(...pieces) {
  const events = [];
  const parser = new EventParser((event, data) => events.push([event, data]));
  for (const piece of pieces) parser.push(piece);
  return events;
}

const TEXT = 'event: update\nid: e1:4:2\ndata: {"a":1}\n\n: beat\n\ndata: one\ndata: two\n\n';
const EXPECTED = [
  ['update', '{"a":1}'],
  ['message', 'one\ntwo'],
];

test('events are told by name and data', () => assert.deepEqual(told(TEXT), EXPECTED));
test('it does not matter where the pieces end', () => assert.deepEqual(told(...TEXT), EXPECTED));
test('lines may end in carriage returns', () => assert.deepEqual(told(...TEXT.replaceAll('\n', '\r\n')), EXPECTED));
test('an event without data is none', () => assert.deepEqual(told('event: x\n\n'), []));
test('an event that is not yet over is not told', () => assert.deepEqual(told('data: x\n'), []));
