import assert from 'node:assert/strict';
import test from 'node:test';
import { Painter } from '../../web/painter.js';
import { FakeClock } from './fakes.js';

/** A painter whose frames the test gives. */
function setUp({ calm = false } = {}) {
  const clock = new FakeClock();
  const given = { frames: [], painted: 0 };
  const painter = new Painter(() => (given.painted += 1), {
    requestAnimationFrame: (call) => given.frames.push(call),
    setInterval: () => {},
    now: clock.now,
    calm: () => calm,
  });
  const frame = () => given.frames.splice(0).forEach((call) => call());
  return { clock, given, painter, frame };
}

test('many changes are painted once', () => {
  const { given, painter, frame } = setUp();
  painter.start();
  painter.ask();
  painter.ask();
  assert.equal(given.frames.length, 1);
  frame();
  assert.equal(given.painted, 1);
  painter.ask();
  frame();
  assert.equal(given.painted, 2);
});

test('who wants no motion is shown news once a second, and answers at once', () => {
  const { clock, given, painter, frame } = setUp({ calm: true });
  painter.ask();
  frame();
  clock.advance(999);
  painter.ask();
  frame();
  assert.equal(given.painted, 1);
  painter.ask({ atOnce: true });
  frame();
  assert.equal(given.painted, 2);
  clock.advance(1_000);
  painter.ask();
  frame();
  assert.equal(given.painted, 3);
});
