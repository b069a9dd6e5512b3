import assert from 'node:assert/strict';
import test from 'node:test';
import { rememberedOf } from '../../web/memory.js';
import { job, NOW } from './fakes.js';

/** What is remembered after all of these. */
const after = (...changes) =>
  changes.reduce((known, change) => {
    const next = { ...(known ?? job()), ...change };
    return { ...next, ...rememberedOf(known, next) };
  }, undefined);

test('what was told of a phase is counted anew in the next one', () => {
  const { frames, phase_frames } = after(
    { phase: 0, attempt: 1 },
    { attempt: 2, done: 0 },
    { done: 1 },
    { phase: 1 },
    { done: 2 },
  );
  assert.deepEqual([frames, phase_frames], [3, 1]);
});

test('what does not move is not counted', () =>
  assert.equal(after({ attempt: 1 }, { attempt: 2, done: 0 }, { rate: 4 }, { viewers: 2 }).frames, 0));

test('a page that came later has heard enough', () => assert.equal(after({}).phase_frames > 5, true));

test('how long a lost worker is silent is known in the next attempt, and not after that', () => {
  const lost = { status: 'lost', heard_at: NOW - 38_000 };
  const next = { status: 'queued', attempt: 2, heard_at: null };
  assert.equal(after({}, lost, next).silent_at, NOW - 38_000);
  assert.equal(after({}, lost, next, { status: 'running' }).silent_at, NOW - 38_000);
  assert.equal(after({}, lost, next, { attempt: 3 }).silent_at, null);
});
