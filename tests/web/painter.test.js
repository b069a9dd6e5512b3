import assert from 'node:assert/strict';
import test from 'node:test';
import { Painter } from '../../web/painter.js';
import { FakeClock } from './fakes.js';

/** A painter whose frames come at once. */
function setUp({ calm = false } = {}) {
  const clock = new FakeClock();
  const given = { frames: [], painted: 0 };
  const painter = new Painter(() => (given.painted += 1), {
    requestAnimationFrame: (call) => given.frames.push(call),
    clock,
    calm: () => calm,
  });
  const frame = () => given.frames.splice(0).forEach((call) => call());
  return { clock, given, painter, frame };
}

test('many changes are painted once', () => {
  const { given, painter, frame } = setUp();
  painter.start();
  painter.news();
  painter.now();
  assert.equal(given.frames.length, 1);
  frame();
  assert.equal(given.painted, 1);
});

test('news is painted at once, further news a fifth of a second later', () => {
  const { clock, given, painter, frame } = setUp();
  painter.news();
  frame();
  assert.equal(given.painted, 1);
  clock.advance(50);
  painter.news();
  painter.news();
  clock.advance(149);
  frame();
  assert.equal(given.painted, 1);
  clock.advance(1);
  frame();
  assert.equal(given.painted, 2);
  clock.advance(10_000);
  frame();
  assert.equal(given.painted, 2);
});

test('what somebody did is painted at once, and the news with it', () => {
  const { clock, given, painter, frame } = setUp();
  painter.news();
  frame();
  painter.news();
  painter.now();
  frame();
  assert.equal(given.painted, 2);
  clock.advance(10_000);
  frame();
  assert.equal(given.painted, 2);
});

test('who wants no motion is shown news once a second', () => {
  const { clock, given, painter, frame } = setUp({ calm: true });
  painter.news();
  frame();
  painter.news();
  clock.advance(999);
  frame();
  assert.equal(given.painted, 1);
  clock.advance(1);
  frame();
  assert.equal(given.painted, 2);
});

test('time goes on, every second', () => {
  const { clock, given, painter, frame } = setUp();
  painter.start();
  frame();
  for (let times = 0; times < 3; times += 1) {
    clock.advance(1_000);
    frame();
  }
  assert.equal(given.painted, 4);
});

test('where nothing is left to be painted time is not counted', () => {
  const { clock, given, painter, frame } = setUp();
  painter.start();
  frame();
  painter.stop();
  clock.advance(10_000);
  assert.equal(given.frames.length, 0);
  painter.start();
  clock.advance(1_000);
  frame();
  assert.equal(given.painted, 2);
});
