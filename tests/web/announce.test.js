import assert from 'node:assert/strict';
import test from 'node:test';
import { Announcer, backToast, endNotice, endToast, justEnded, news, undoToast } from '../../web/announce.js';
import { OwnJobs } from '../../web/own.js';
import { title } from '../../web/title.js';
import { cancel, FakeClock, job, NOW, plain } from './fakes.js';

const ended = (status) => job({ status, finished_at: NOW });

test('ends and confirmations are told at once, everywhere', () => {
  assert.deepEqual(news(job(), ended('failed'), false), { text: 'Import: failed', urgent: true });
  const stopping = job({ status: 'cancelling', cancel: cancel({ acknowledged_at: NOW }) });
  assert.deepEqual(news(job(), stopping, false), { text: 'Import: stopping, confirmed', urgent: true });
});

test('quarters, phases, stalls, lost workers and pauses are told on the job’s own page', () => {
  const phases = [{ name: 'Load' }, { name: 'Check' }];
  assert.equal(news(job({ fraction: 0.24 }), job({ fraction: 0.26 }), true).text, '25 percent');
  assert.equal(news(job({ fraction: 0.1 }), job({ fraction: 0.8 }), true).text, '75 percent');
  assert.equal(news(job({ phases, phase: 0 }), job({ phases, phase: 1 }), true).text, 'Phase Check');
  assert.equal(news(job(), job({ stalled: true }), true).text, 'Import: stalled');
  assert.equal(news(job(), job({ status: 'lost' }), true).text, 'Import: worker lost');
  for (const change of [{ fraction: 0.76 }, { stalled: true }, { status: 'lost' }, { status: 'paused' }])
    assert.equal(news(job({ fraction: 0.24 }), job({ fraction: 0.24, ...change }), false), null);
});

test('one whole run is told in about eight announcements, none of them a tick', () => {
  const clock = new FakeClock();
  const said = [];
  const place = {
    set textContent(text) {
      said.push(text);
    },
  };
  const announcer = new Announcer(place, clock);
  const phases = ['Download', 'Parse', 'Validate', 'Write'].map((name) => ({ name }));
  let seen = job({ phases, phase: 0, fraction: 0 });
  for (let tick = 1; tick <= 600; tick += 1) {
    const next = job({
      phases,
      phase: Math.floor(tick / 151),
      fraction: tick / 600,
      eta_s: 300 - tick / 2,
      rate: tick,
    });
    announcer.say(news(seen, next, true));
    clock.advance(500);
    seen = next;
  }
  announcer.say(news(seen, job({ phases, phase: 3, status: 'succeeded' }), true));
  assert.deepEqual(said, [
    '25 percent',
    'Phase Parse',
    '50 percent',
    'Phase Validate',
    '75 percent',
    'Phase Write',
    'Import: done',
  ]);
});

test('ticks and jobs that are new are not told', () => {
  assert.equal(news(job({ fraction: 0.3 }), job({ fraction: 0.31, rate: 5 }), true), null);
  assert.equal(news(undefined, ended('failed'), true), null);
});

const announcing = () => {
  const clock = new FakeClock();
  const place = { textContent: '' };
  const announcer = new Announcer(place, clock);
  const say = (text, urgent = false) => announcer.say({ text, urgent });
  return { clock, place, announcer, say };
};

test('news come at least 15 s apart, and the newest of those that wait is told when its time comes', () => {
  const { clock, place, say } = announcing();
  say('25 percent');
  say('50 percent');
  say('Phase Check');
  clock.advance(14_999);
  assert.equal(place.textContent, '25 percent');
  clock.advance(1);
  assert.equal(place.textContent, 'Phase Check');
});

test('what is urgent does not wait, and what waited before it is no news any more', () => {
  const { clock, place, announcer, say } = announcing();
  say('25 percent');
  say('50 percent');
  say('done', true);
  assert.equal(place.textContent, 'done');
  clock.advance(60_000);
  announcer.say(null);
  assert.equal(place.textContent, 'done');
});

test('two ends at once are both heard', () => {
  const { clock, place, say } = announcing();
  say('A: done', true);
  say('B: failed', true);
  assert.equal(place.textContent, 'A: done. B: failed');
  clock.advance(5_000);
  say('C: done', true);
  assert.equal(place.textContent, 'C: done');
});

test('failures stay, what went well does not, a cancel is no toast', () => {
  assert.equal(endToast(ended('succeeded'), null).stays, undefined);
  assert.equal(endToast(ended('failed'), null).stays, true);
  assert.equal(endToast(ended('cancelled'), null), null);
  assert.equal(plain(endToast(ended('failed'), null).title), ' failed at 59%');
  assert.equal(backToast(3, true).text, '3 jobs finished meanwhile.');
  assert.equal(backToast(1, false).text, '1 job finished meanwhile.');
});

test('what went well leads to its result, or to its page', () => {
  const file = { name: 'a b.zip', url: '/api/jobs/j1/artifacts/a%20b.zip', bytes: 1, media_type: null };
  const done = job({ status: 'succeeded', message: '1,204 invoices', elapsed_s: 138, artifacts: [file] });
  assert.equal(plain(endToast(done, null).text), '1,204 invoices in 2 min 18 s.');
  assert.deepEqual(endToast(done, null).link, { text: 'Open result', href: file.url, file: file.name });
  assert.deepEqual(endToast(job({ status: 'succeeded' }), null).link, { text: 'Open job', href: '/jobs/j1' });
  assert.equal(plain(endToast(job({ status: 'succeeded' }), null).text), 'Took 4 min 12 s.');
});

test('what failed can be tried again from its checkpoint, where it can be at all', () => {
  const failed = { status: 'failed', error: { type: 'OSError', message: 'peer closed the stream\nand more' } };
  const retry = () => {};
  const { text, act } = endToast(job({ ...failed, checkpoint: { at: 1, done: 9, fraction: 0.61 } }), retry);
  assert.deepEqual([text, plain(act.text), act.run], ['Peer closed the stream.', 'Retry from 61%', retry]);
  assert.equal(endToast(job(failed), retry).act.text, 'Retry');
  assert.equal(endToast(job(failed), null).link.text, 'Open job');
});

test('a cancel before the start can be undone', () => {
  const undo = () => {};
  assert.deepEqual(undoToast(job(), undo).act, { text: 'Undo', run: undo });
  assert.equal(undoToast(job(), undo).text, 'It had not started.');
  assert.equal(undoToast(job({ attempt: 2 }), undo).text, 'Its next attempt had not started.');
});

test('the system is told who ended how', () => {
  const told = (change) => {
    const { title, text } = endNotice(job(change));
    return plain(`${title} | ${text}`);
  };
  assert.equal(told({ status: 'succeeded', message: '9 rows.' }), 'Import is done | 9 rows in 4 min 12 s.');
  assert.equal(told({ status: 'failed', error: { type: 'E', message: 'no' } }), 'Import failed at 59% | No.');
  assert.equal(told({ status: 'cancelled', message: 'rolled back' }), 'Import was cancelled at 59% | rolled back.');
});

test('a job just ended when it was seen alive before', () => {
  assert.equal(justEnded(job(), ended('failed')), true);
  assert.equal(justEnded(undefined, ended('failed')), false);
  assert.equal(justEnded(ended('failed'), ended('failed')), false);
});

test('the tab says what is open', () => {
  const state = { jobs: new Map([['j1', job()]]), summary: { running: 4 } };
  assert.equal(title(state, null), '4 running · Barcast');
  assert.equal(title(state, 'j1'), '59% · Import · Barcast');
  assert.equal(title({ ...state, jobs: new Map([['j1', ended('failed')]]) }, 'j1'), 'Failed · Import · Barcast');
  assert.equal(title({ ...state, summary: null }, null), 'Barcast');
  assert.equal(title(state, 'other'), 'Barcast');
});

test('one’s own jobs are remembered, the newest fifty', () => {
  const items = new Map();
  const storage = { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) };
  const own = new OwnJobs(storage);
  for (let n = 0; n < 60; n += 1) own.add(`j${n}`);
  assert.deepEqual([new OwnJobs(storage).has('j59'), new OwnJobs(storage).has('j9')], [true, false]);
});

test('two tabs remember each other’s jobs', () => {
  const items = new Map();
  const storage = { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) };
  const [first, second] = [new OwnJobs(storage), new OwnJobs(storage)];
  first.add('a');
  second.add('b');
  assert.deepEqual(new OwnJobs(storage).ids, ['a', 'b']);
});

test('a browser that stores nothing, or something else, does no harm', () => {
  const broken = {
    getItem: () => '{"a":',
    setItem: () => {
      throw new Error('full');
    },
  };
  const own = new OwnJobs(broken);
  own.add('j1');
  assert.equal(own.has('j1'), true);
});
