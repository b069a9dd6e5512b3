import assert from 'node:assert/strict';
import test from 'node:test';
import { Branches } from '../../web/branches.js';
import { settled } from './fakes.js';

/** A hub with pages of jobs, each answered when the test says so. */
function played() {
  const hub = { asked: [], taken: [], answers: [] };
  const wait = (what) => {
    hub.asked.push(what);
    return new Promise((resolve, reject) => hub.answers.push({ resolve, reject }));
  };
  const source = { jobs: ({ parent, after }) => wait(`${parent} ${after}`), job: (id) => wait(id) };
  hub.branches = new Branches(source, (jobs) => hub.taken.push(...jobs));
  hub.answer = async (value) => {
    hub.answers.shift().resolve(value);
    await settled();
  };
  hub.fail = async () => {
    hub.answers.shift().reject(new Error('no'));
    await settled();
  };
  return hub;
}

test('nobody has opened anything at first', () => {
  const { branches } = played();
  assert.equal(branches.isOpen('p'), undefined);
  branches.turn('p', true);
  assert.equal(branches.isOpen('p'), true);
});

test('what the feed holds is not asked for', () => {
  const hub = played();
  hub.branches.fill('p', 5, 5);
  hub.branches.fill('q', 900, 20);
  assert.deepEqual(hub.asked, []);
});

test('more is asked for page after page, one at a time, until there is enough', async () => {
  const hub = played();
  hub.branches.fill('p', 30, 0);
  hub.branches.fill('p', 30, 0);
  await hub.answer({ jobs: ['a'], next: 'cursor' });
  hub.branches.fill('p', 30, 15);
  await hub.answer({ jobs: ['b'], next: null });
  hub.branches.fill('p', 30, 19);
  assert.deepEqual(hub.asked, ['p null', 'p cursor']);
  assert.deepEqual(hub.taken, ['a', 'b']);
});

test('showing more begins anew what had come to its end', async () => {
  const hub = played();
  hub.branches.fill('p', 200, 3);
  await hub.answer({ jobs: [], next: null });
  hub.branches.more('p');
  assert.equal(hub.branches.most('p'), 120);
  hub.branches.fill('p', 200, 3);
  assert.deepEqual(hub.asked, ['p null', 'p null']);
});

test('a hub that does not answer is not asked at every frame, but again when the feed dropped something', async () => {
  const hub = played();
  hub.branches.fill('p', 30, 8);
  await hub.fail();
  hub.branches.fill('p', 30, 8);
  assert.equal(hub.asked.length, 1);
  hub.branches.fill('p', 30, 2);
  assert.equal(hub.asked.length, 2);
});

test('a new filter opens what was closed and leaves open what was opened', () => {
  const { branches } = played();
  branches.turn('a', false);
  branches.turn('b', true);
  branches.forgetClosed();
  assert.deepEqual([branches.isOpen('a'), branches.isOpen('b')], [undefined, true]);
});

test('who started a job is asked for once, and few at a time', async () => {
  const hub = played();
  for (const id of ['a', 'a', 'b', 'c', 'd', 'e', 'f']) hub.branches.meet(id);
  assert.deepEqual(hub.asked, ['a', 'b', 'c', 'd', 'e']);
  await hub.fail();
  await hub.answer('job b');
  for (const id of ['a', 'f']) hub.branches.meet(id);
  assert.deepEqual(hub.asked.slice(5), ['f']);
  assert.deepEqual(hub.taken, ['job b']);
});
