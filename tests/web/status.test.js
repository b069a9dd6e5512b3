import assert from 'node:assert/strict';
import test from 'node:test';
import { access, isOffline, pill } from '../../web/status.js';
import { NOW, plain } from './fakes.js';

const link = (change = {}) => ({
  name: 'live',
  transport: 'socket',
  lost_ms: null,
  live_ms: NOW,
  retry_ms: null,
  reason: null,
  ...change,
});
const lost = (ms, change = {}) =>
  link({ name: 'waiting', lost_ms: NOW - ms, live_ms: null, retry_ms: NOW + 2_400, ...change });
const said = (given, online = true) => {
  const { look, text, act } = pill(given, NOW, online);
  return [look, plain([text, act].filter(Boolean).join(' '))];
};

const PILLS = [
  ['before anything was heard', link({ name: 'connecting' }), ['wait', 'Connecting']],
  ['live', link(), ['live', 'Live']],
  ['live over events', link({ transport: 'stream' }), ['live', 'Live']],
  ['polling', link({ transport: 'polling' }), ['poll', 'Polling every 5 s']],
  ['lost for less than 2 s', lost(1_999), ['live', 'Live']],
  ['lost for 2 s', lost(2_000), ['wait', 'Reconnecting in 3 s']],
  ['lost, trying', lost(5_000, { name: 'connecting', retry_ms: null }), ['wait', 'Reconnecting']],
  ['lost for 10 s', lost(10_000), ['off', 'Offline Retry now']],
  ['catching up after a short drop', lost(1_000, { name: 'catching' }), ['live', 'Live']],
  ['catching up after a long one', lost(30_000, { name: 'catching' }), ['wait', 'Catching up']],
  ['stopped', link({ name: 'stopped', lost_ms: NOW }), ['off', 'Offline']],
];
for (const [name, given, expected] of PILLS)
  test(`the pill when ${name}`, () => assert.deepEqual(said(given), expected));

test('a browser that is offline says so at once, if the hub is lost too', () => {
  assert.deepEqual(said(lost(100), false), ['off', 'Offline Retry now']);
  assert.deepEqual(said(link(), false), ['live', 'Live']);
});

test('what is shown is old from ten seconds on', () => {
  assert.equal(isOffline(lost(9_999), NOW, true), false);
  assert.equal(isOffline(lost(10_000), NOW, true), true);
  assert.equal(isOffline(link(), NOW, true), false);
});

test('a session that ended says when', () => {
  assert.equal(access('unauthenticated', NOW).text, 'Your session ended at 14:31. Jobs keep running without you.');
  assert.equal(access('unauthenticated', null).text, 'Jobs keep running without you.');
  assert.equal(access('forbidden', null).title, 'You may not see these jobs');
  assert.equal(access('malformed', null).title, 'This page does not fit the hub');
});
