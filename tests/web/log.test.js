import assert from 'node:assert/strict';
import test from 'node:test';
import { addEntries, addNote, emptyStory, lines, mayHaveEarlier, outputOf, withoutOutput } from '../../web/log.js';

const entries = (...numbers) =>
  numbers.map((n) => ({ n, at: n, attempt: 1, level: 'info', event: 'entry', text: '', data: null }));
const told = (story) => lines(story).map((line) => ('entry' in line ? line.entry.n : line.note.kind));

test('a gap stands before the first entry that is kept', () => {
  const story = addNote(addEntries(emptyStory(), entries(7, 8)), {
    kind: 'gap',
    from: 4,
    to: 6,
    from_at: null,
    to_at: null,
  });
  assert.deepEqual(told(addEntries(story, entries(1, 2, 3))), [1, 2, 3, 'gap', 7, 8]);
});

test('an absence stands between what was seen before it and after', () => {
  const story = addNote(addEntries(emptyStory(), entries(1, 2)), { kind: 'away', from_at: 1, to_at: 2 });
  assert.deepEqual(told(addEntries(story, entries(3))), [1, 2, 'away', 3]);
});

test('the same absence is told once', () => {
  const away = { kind: 'away', from_at: 1, to_at: 2 };
  assert.deepEqual(told(addNote(addNote(emptyStory(), away), away)), ['away']);
});

test('known entries change nothing', () => {
  const story = addEntries(emptyStory(), entries(1));
  assert.equal(addEntries(story, entries(1)), story);
});

test('a long log keeps its newest entries', () => {
  const story = addEntries(emptyStory(), entries(...Array.from({ length: 2_100 }, (_, index) => index + 1)));
  assert.equal(story.entries.length, 2_000);
  assert.equal(story.last, 2_100);
  assert.equal(mayHaveEarlier(story), true);
});

test('a log that begins with its first entry has nothing earlier', () => {
  assert.equal(mayHaveEarlier(addEntries(emptyStory(), entries(1, 2))), false);
  assert.equal(mayHaveEarlier(emptyStory()), false);
});

test('what was printed or logged is told apart from what the work says', () => {
  const of = (data) => outputOf({ ...entries(1)[0], data });
  assert.equal(of({ from: 'output' }), '');
  assert.equal(of({ logger: 'urllib3' }), 'urllib3');
  for (const data of [null, undefined, 7, 'output', [], {}, { from: 'worker' }, { logger: { name: 'x' } }])
    assert.equal(of(data), null);
});

test('without what was printed the rest stays, notes too', () => {
  const [first, second, third] = entries(1, 2, 3);
  const story = addNote(addEntries(emptyStory(), [first, { ...second, data: { from: 'output' } }, third]), {
    kind: 'away',
    from_at: 1,
    to_at: 2,
  });
  assert.deepEqual(told(withoutOutput(story)), [1, 3, 'away']);
  assert.equal(story.entries.length, 3);
});
