import assert from 'node:assert/strict';
import test from 'node:test';
import { told } from '../../web/telling.js';
import { at, plain } from './fakes.js';

const entry = (event, text, change = {}) => ({
  n: 1,
  at: at(14, 27),
  attempt: 1,
  level: 'info',
  event,
  text,
  data: null,
  ...change,
});
const STORY = [
  entry('started', 'Started on worker-03'),
  entry('phase', 'Phase Download', { data: { phase: 0, name: 'Download' } }),
  entry('cancel_requested', 'Cancel requested by Ada', { at: at(14, 31, 4) }),
];
const say = (one, before = STORY, most = 3) => {
  const { text, note } = told(one, { before, most });
  return plain(note ? `${text} | ${note}` : text);
};

const LINES = [
  [entry('created', 'Queued by Ada'), 'Queued by Ada'],
  [entry('started', 'Started on worker-03'), 'Started on worker-03 | attempt 1 of 3'],
  [entry('started', 'Started', { attempt: 4 }), 'Started | attempt 4'],
  [entry('phase', 'Phase Parse', { at: at(14, 27, 38) }), 'Phase Parse | Download took 38 s'],
  [
    entry('checkpoint', 'Checkpoint at 10,000 rows', { data: { done: 10_000, fraction: 0.34 } }),
    'Checkpoint | 10,000 rows, 34%',
  ],
  [entry('checkpoint', 'Checkpoint at 7', { data: { done: 7, fraction: null } }), 'Checkpoint | 7'],
  [entry('checkpoint', 'Checkpoint', { data: { done: null, fraction: null } }), 'Checkpoint'],
  [entry('cancel_requested', 'Cancel requested by Ada'), 'Cancel requested by Ada'],
  [
    entry('cancel_delivered', 'The worker has the cancel request', { at: at(14, 31, 4) + 100 }),
    'worker-03 has the request | after 0.1 s',
  ],
  [
    entry('cancel_acknowledged', 'The work is stopping: Rolling back', { at: at(14, 31, 4) + 300 }),
    'worker-03 confirmed: Rolling back | after 0.3 s',
  ],
  [entry('lost', 'The worker has not been heard for 60 s'), 'Worker lost | not heard for 60 s'],
  [entry('entry', '114 rows have no price', { level: 'warning' }), 'Warning: 114 rows have no price'],
  [entry('entry', 'disk full', { level: 'error' }), 'Error: disk full'],
  [entry('entry', 'WARNING: low', { level: 'warning' }), 'WARNING: low'],
  [entry('entry', 'low', { level: 'warning', data: { from: 'output' } }), 'low'],
  [entry('attempt_failed', 'Failed: no price', { level: 'error' }), 'Failed: no price'],
];
for (const [one, expected] of LINES) test(`${one.event} reads ${expected}`, () => assert.equal(say(one), expected));

test('without what stood before, nothing is made up', () => {
  assert.equal(say(entry('phase', 'Phase Parse'), []), 'Phase Parse');
  assert.equal(say(entry('cancel_acknowledged', 'The work is stopping'), []), 'The worker confirmed');
});

test('a text that is not the hub’s usual one is told as it is', () => {
  assert.equal(say(entry('checkpoint', 'Checkpoint at 10,000 rows')), 'Checkpoint at 10,000 rows');
  assert.equal(say(entry('cancel_acknowledged', 'Stopping now'), []), 'Stopping now');
  assert.equal(say(entry('lost', 'Silent')), 'Silent');
});

test('another attempt’s lines are not its own', () =>
  assert.equal(say(entry('phase', 'Phase Parse', { attempt: 2 })), 'Phase Parse'));

test('one attempt at most is not counted', () => assert.equal(say(entry('started', 'Started'), [], 1), 'Started'));
