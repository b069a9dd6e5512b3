import assert from 'node:assert/strict';
import test from 'node:test';
import { frameOf, hear, restless, shownAt } from '../../web/glide.js';
import { Motion } from '../../web/motion.js';
import { cancel, job } from './fakes.js';

const frame = (value, change = {}) => ({ value, run: 'j1 1', moves: true, end: 1, ...change });

/** A bar that heard these values, a second apart; the last one just now, at `now`. */
function heard(...values) {
  let glide = null;
  values.forEach((value, index) => {
    glide = hear(glide, frame(value), index * 1_000);
  });
  return { glide, now: (values.length - 1) * 1_000 };
}

const near = (value, expected) => assert.ok(Math.abs(value - expected) < 1e-9, `${value} is not ${expected}`);

test('the first frame is shown as it is', () => {
  const { glide, now } = heard(0.3);
  assert.equal(shownAt(glide, now), 0.3);
  assert.equal(shownAt(glide, now + 60_000), 0.3);
  assert.equal(restless(glide, now), Infinity);
});

test('a step takes 400 ms, at an even pace', () => {
  const { glide } = heard(0.3, 0.4);
  const still = { ...glide, speed: 0, limit: 0.4 };
  assert.deepEqual(
    [0, 100, 200, 400].map((ms) => Math.round(shownAt(still, 1_000 + ms) * 1_000)),
    [300, 325, 350, 400],
  );
});

test('between frames it goes on at its pace, and waits one and a half gaps on', () => {
  const { glide, now } = heard(0.1, 0.11, 0.12);
  near(shownAt(glide, now + 1_000), 0.13);
  near(shownAt(glide, now + 1_500), 0.135);
  near(shownAt(glide, now + 60_000), 0.135);
  assert.deepEqual([restless(glide, now + 1_400), restless(glide, now + 1_600)], [100, Infinity]);
});

test('it does not enter the next phase, nor reach the end, by itself', () => {
  const fast = { ...frame(0.49), end: 0.5 };
  const before = hear(null, { ...frame(0.47), end: 0.5 }, 0);
  near(shownAt(hear(before, fast, 100), 60_000), 0.495);
  near(shownAt(hear(hear(null, frame(0.97), 0), frame(0.99), 100), 60_000), 0.995);
  near(shownAt(hear(hear(null, frame(0.9), 0), frame(0.998), 100), 60_000), 0.998);
});

test('a frame that says less than what is shown is waited for', () => {
  const { glide, now } = heard(0.1, 0.12, 0.14);
  const ahead = shownAt(glide, now + 1_400);
  const after = hear(glide, frame(0.141), now + 1_400);
  for (const ms of [0, 100, 400, 1_000]) assert.ok(shownAt(after, now + 1_400 + ms) >= ahead);
});

test('a fall of less than ten points is held', () => {
  const { glide, now } = heard(0.5);
  const after = hear(glide, frame(0.41), now + 1_000);
  assert.equal(shownAt(after, now + 5_000), 0.5);
});

test('a fall of ten points is shown, in 400 ms', () => {
  const { glide, now } = heard(0.5);
  const after = hear(glide, frame(0.4), now + 1_000);
  near(shownAt(after, now + 1_200), 0.45);
  near(shownAt(after, now + 1_400), 0.4);
});

test('a new attempt goes back to its checkpoint, however near', () => {
  const { glide, now } = heard(0.5, 0.52);
  const from = shownAt(glide, now + 1_000);
  const after = hear(glide, frame(0.5, { run: 'j1 2' }), now + 1_000);
  near(shownAt(after, now + 1_200), (from + 0.5) / 2);
  near(shownAt(after, now + 60_000), 0.5);
});

test('a leap is eased, takes 600 ms, and goes no further', () => {
  const after = hear(heard(0.1).glide, frame(0.9), 1_000);
  assert.ok(shownAt(after, 1_300) > 0.7);
  near(shownAt(after, 1_600), 0.9);
  near(shownAt(after, 60_000), 0.9);
});

test('it is never ahead by more than two points', () => {
  const { glide } = heard(0.1, 0.2, 0.3);
  near(shownAt(glide, 60_000), 0.32);
});

test('the end is reached in 300 ms', () => {
  const after = hear(heard(0.8, 0.9).glide, frame(1, { moves: false }), 2_000);
  assert.ok(shownAt(after, 2_200) < 1);
  assert.equal(shownAt(after, 2_300), 1);
  assert.deepEqual([restless(after, 2_100), restless(after, 2_300)], [16, Infinity]);
});

test('what stands still stays where it is shown', () => {
  const { glide, now } = heard(0.1, 0.12, 0.14);
  const ahead = shownAt(glide, now + 1_000);
  const paused = hear(glide, frame(0.141, { moves: false }), now + 1_000);
  assert.equal(shownAt(paused, now + 60_000), ahead);
});

test('what stops needs no further picture, also where the clock stands still', () => {
  const { glide, now } = heard(0.1, 0.11, 0.12);
  const stopped = hear(glide, frame(0.12, { moves: false }), now + 2_000);
  assert.equal(restless(stopped, now + 2_000), Infinity);
  near(shownAt(stopped, now + 2_000), shownAt(glide, now + 2_000));
});

test('the same frame again changes nothing', () => {
  const { glide } = heard(0.1, 0.2);
  assert.equal(hear(glide, frame(0.2), 9_000), glide);
});

test('a duplicate or an older frame never moves it back', () => {
  let glide = null;
  let shown = 0;
  [0.1, 0.14, 0.14, 0.12, 0.2, 0.17, 0.17, 0.24].forEach((value, index) => {
    glide = hear(glide, frame(value), index * 300);
    for (let ms = 0; ms < 300; ms += 50) {
      const next = shownAt(glide, index * 300 + ms);
      assert.ok(next >= shown, `${next} after ${shown}`);
      shown = next;
    }
  });
});

test('what is shown follows the work, however unevenly it is told', () => {
  let glide = null;
  for (let ms = 0; ms <= 60_000; ms += 137 + ((ms * 7) % 900)) glide = hear(glide, frame(ms / 100_000), ms);
  const error = Math.abs(shownAt(glide, glide.at) - glide.frame.value);
  assert.ok(error < 0.02, `off by ${error}`);
});

test('a frame tells what moves, and where its phase ends', () => {
  const phases = [0.2, 0.8].map((weight) => ({ name: 'x', done: 0, total: 1, unit: null, weight }));
  assert.deepEqual(frameOf(job({ fraction: 0.1, phase: 0, phases }), true), {
    value: 0.1,
    run: 'j1 1',
    moves: true,
    end: 0.2,
  });
  assert.equal(frameOf(job({ fraction: null }), true), null);
  assert.equal(frameOf(job(), false)?.moves, false);
  assert.equal(frameOf(job({ stalled: true }), true)?.moves, false);
  assert.equal(frameOf(job({ status: 'cancelling', cancel: cancel() }), true)?.moves, true);
  assert.equal(frameOf(job({ status: 'cancelling', cancel: cancel({ acknowledged_at: 1 }) }), true)?.moves, false);
  assert.equal(frameOf(job({ status: 'succeeded', fraction: null }), true)?.value, 1);
  const waits = frameOf(job({ status: 'queued', retry_at: 1, fraction: 0.4, reached: 0.46, attempt: 2 }), true);
  assert.deepEqual([waits?.value, waits?.run === frameOf(job({ attempt: 2 }), true)?.run], [0.46, false]);
});

test('frames are asked for only while something moves, and as often as the fastest needs them', () => {
  const told = [];
  const motion = new Motion({
    nextFrame: (call) => told.push(['frame', call]),
    wait: (call, ms) => told.push([ms, call]),
  });
  const mover = (...waits) => ({ step: () => waits.shift() ?? Infinity });
  motion.add(mover(100, 100));
  motion.add(mover(16));
  const seen = [];
  while (told.length) {
    const [what, call] = told.shift();
    seen.push(what);
    call();
  }
  assert.deepEqual(seen, ['frame', 16, 'frame', 100, 'frame']);
});

test('a bar that fails stands still, and no other does', () => {
  const told = [];
  const failed = [];
  const motion = new Motion({
    nextFrame: (call) => told.push(call),
    wait: (call) => told.push(call),
    report: (error) => failed.push(error.message),
  });
  let steps = 0;
  motion.add({
    step: () => {
      throw new Error('broken');
    },
  });
  motion.add({ step: () => ((steps += 1), steps < 2 ? 16 : Infinity) });
  while (told.length) told.shift()();
  assert.deepEqual([steps, failed], [2, ['broken']]);
});
