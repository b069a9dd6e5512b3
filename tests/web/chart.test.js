import assert from 'node:assert/strict';
import test from 'node:test';
import { area, path, place, thin, ticks } from '../../web/chart.js';
import { at } from './fakes.js';

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;
const START = at(14, 26, 55);
const shown = (length_ms, now = null, width_px = 460) =>
  ticks({ from: START, to: START + length_ms }, now, width_px)
    .filter((tick) => !tick.hidden)
    .map((tick) => tick.text);

test('a time has a place between both ends, and none outside', () => {
  const axis = { from: 0, to: 200 };
  assert.deepEqual(
    [-50, 0, 50, 200, 900].map((time) => place(axis, time)),
    [0, 0, 25, 100, 100],
  );
});

test('ticks are whole minutes', () =>
  assert.deepEqual(shown(9.5 * MIN), ['14:28', '14:30', '14:32', '14:34', '14:36']));

test('short jobs have whole seconds, long ones whole hours and days', () => {
  assert.deepEqual(shown(50 * S), ['14:27:00', '14:27:10', '14:27:20', '14:27:30', '14:27:40']);
  assert.deepEqual(shown(5 * H), ['15:00', '16:00', '17:00', '18:00', '19:00']);
  assert.deepEqual(shown(10 * D), ['24 Nov', '26 Nov', '28 Nov', '30 Nov', '2 Dec']);
});

test('an hour at midnight is told as the day', () =>
  assert.deepEqual(shown(30 * H), ['18:00', '23 Nov', '06:00', '12:00', '18:00']));

test('there are four to six, save where no whole step gives so many', () => {
  for (let length_ms = 20 * S; length_ms < 60 * D; length_ms *= 1.07) {
    const count = ticks({ from: START, to: START + length_ms }, null, 1000).length;
    assert.ok(count >= 3 && count <= 6, `${count} in ${length_ms / MIN} min`);
  }
});

test('the texts of a narrow drawing do not meet', () => {
  for (const width_px of [220, 256, 326, 460])
    for (let length_ms = 5 * S; length_ms < 60 * D; length_ms *= 1.3) {
      const axis = { from: START, to: START + length_ms };
      const told = ticks(axis, START + length_ms * 0.9, width_px).filter((tick) => !tick.hidden);
      const lefts = told.map((tick) => [(tick.x / 100) * width_px, tick.text.length * 6.5]);
      for (const [index, [x, long]] of lefts.entries())
        if (index) assert.ok(x - lefts[index - 1][0] >= long, `${told[index].text} at ${width_px} px`);
    }
});

test('a tick near now has no text, its line stays', () => {
  const now = at(14, 31, 50);
  const all = ticks({ from: START, to: START + 9.5 * MIN }, now, 460);
  assert.deepEqual(
    all.filter((tick) => tick.hidden).map((tick) => tick.text),
    ['14:32'],
  );
});

test('points are thinned evenly by time, whatever their number in a stretch', () => {
  const dense = Array.from({ length: 900 }, (_, index) => ({ at: index, hole: false }));
  const sparse = Array.from({ length: 100 }, (_, index) => ({ at: 900 + index * 90, hole: false }));
  const thinned = thin([...dense, ...sparse], 300);
  assert.ok(thinned.length <= 300, String(thinned.length));
  assert.equal(thinned[0].at, 0);
  assert.equal(thinned.at(-1).at, 9810);
  assert.ok(thinned.filter((point) => point.at >= 900).length === 100, 'none of the rare ones is lost');
});

test('thinning keeps what it is told to and no more for any number', () => {
  for (const many of [301, 302, 500, 777, 5000]) {
    const points = Array.from({ length: many }, (_, index) => ({ at: index * index, hole: false }));
    assert.ok(thin(points, 300).length <= 300);
  }
  const few = [{ at: 1, hole: false }];
  assert.equal(thin(few, 300), few);
});

test('a hole is not thinned away', () => {
  const points = Array.from({ length: 1000 }, (_, index) => ({ at: index, hole: index === 500 }));
  assert.equal(thin(points, 300).filter((point) => point.hole).length, 1);
});

test('paths are short', () => {
  const spots = [
    [0, 100],
    [33.3333, 50.005],
    [100, 0],
  ];
  assert.equal(path(spots), 'M0 100L33.33 50.01L100 0');
  assert.equal(area(spots), 'M0 100L0 100L33.33 50.01L100 0L100 100Z');
  assert.equal(path([]), '');
});
