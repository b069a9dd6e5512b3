import assert from 'node:assert/strict';
import test from 'node:test';
import { answering, KEYS, meaning, neighbour } from '../../web/keys.js';
import { Choices } from '../../web/choices.js';

const press = (key, change = {}) => ({ key, ctrlKey: false, altKey: false, metaKey: false, ...change });
const page = (change = {}) => ({ on: true, typing: false, covered: false, ...change });

test('every key has one meaning', () => {
  const meanings = ['/', 'n', 'j', 'k', 'x', 'r', '1', '2', '3', '?'].map((key) => meaning(press(key), page()));
  assert.equal(new Set(meanings).size, 10);
  assert.equal(meaning(press('q'), page()), null);
});

test('every key that has a meaning is in the list', () => {
  const listed = KEYS.flatMap(([keys]) => keys);
  const unlisted = [...'/njkxr123?'].filter((key) => !listed.includes(key));
  assert.deepEqual(unlisted, []);
});

test('keys mean nothing while someone types, under a dialog, with a modifier, or switched off', () => {
  for (const where of [{ typing: true }, { covered: true }, { on: false }])
    assert.equal(meaning(press('x'), page(where)), null);
  for (const modifier of ['ctrlKey', 'altKey', 'metaKey'])
    assert.equal(meaning(press('x', { [modifier]: true }), page()), null);
});

test('a key that is held down goes on through the rows, and does nothing else twice', () => {
  assert.equal(meaning(press('j', { repeat: true }), page()), 'next');
  assert.equal(meaning(press('r', { repeat: true }), page()), null);
});

test('rows are gone through from the first to the last', () => {
  assert.equal(neighbour(-1, 3, 'next'), 0);
  assert.equal(neighbour(-1, 3, 'previous'), 0);
  assert.equal(neighbour(1, 3, 'next'), 2);
  assert.equal(neighbour(2, 3, 'next'), 2);
  assert.equal(neighbour(0, 3, 'previous'), 0);
});

test('what a person chose is kept, also where the browser keeps nothing', () => {
  const items = new Map();
  const storage = { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) };
  const choices = new Choices(storage);
  assert.deepEqual([choices.keys, choices.notices], [true, false]);
  choices.keys = false;
  choices.notices = true;
  const again = new Choices(storage);
  assert.deepEqual([again.keys, again.notices], [false, true]);
  const shut = new Choices({
    getItem: () => {
      throw new Error('denied');
    },
    setItem: () => {
      throw new Error('denied');
    },
  });
  shut.keys = false;
  assert.equal(shut.keys, false);
});

test('a key presses the button that does it, if it can be pressed', () => {
  const button = (verb, change = {}) => ({ dataset: { verb }, hidden: false, disabled: false, ...change });
  const [resume, cancel] = [button('resume'), button('cancel')];
  assert.equal(answering('again', [resume, cancel]), resume);
  assert.equal(answering('cancel', [resume, cancel]), cancel);
  assert.equal(answering('cancel', [button('force', { disabled: true })]), undefined);
  assert.equal(answering('again', [button('retry', { hidden: true }), button('pause')]), undefined);
});
