import assert from 'node:assert/strict';
import test from 'node:test';
import { Announcer, backToast, endToast, justEnded, news } from '../../web/announce.js';
import { OwnJobs } from '../../web/own.js';
import { Painter } from '../../web/painter.js';
import { title } from '../../web/title.js';
import { cancel, job, NOW, plain } from './fakes.js';

const ended = (status) => job({ status, finished_at: NOW });

test('ends and confirmations are told at once, everywhere', () => {
  assert.deepEqual(news(job(), ended('failed'), false), { text: 'Import: failed', urgent: true });
  const stopping = job({ status: 'cancelling', cancel: cancel({ acknowledged_at: NOW }) });
  assert.deepEqual(news(job(), stopping, false), { text: 'Import: stopping, confirmed', urgent: true });
});

test('quarters, phases and stalls are told on the job’s own page', () => {
  const phases = [{ name: 'Load' }, { name: 'Check' }];
  assert.equal(news(job({ fraction: 0.24 }), job({ fraction: 0.26 }), true).text, '25 percent');
  assert.equal(news(job({ fraction: 0.1 }), job({ fraction: 0.8 }), true).text, '75 percent');
  assert.equal(news(job({ phases, phase: 0 }), job({ phases, phase: 1 }), true).text, 'Phase Check');
  assert.equal(news(job(), job({ stalled: true }), true).text, 'Import: stalled');
  assert.equal(news(job({ fraction: 0.24 }), job({ fraction: 0.26 }), false), null);
});

test('ticks and jobs that are new are not told', () => {
  assert.equal(news(job({ fraction: 0.3 }), job({ fraction: 0.31, rate: 5 }), true), null);
  assert.equal(news(undefined, ended('failed'), true), null);
});

test('news come at least 15 s apart, what is urgent does not wait', () => {
  const place = { textContent: '' };
  const announcer = new Announcer(place);
  announcer.say({ text: '25 percent', urgent: false }, 0);
  announcer.say({ text: '50 percent', urgent: false }, 14_999);
  assert.equal(place.textContent, '25 percent');
  announcer.say({ text: 'done', urgent: true }, 15_000);
  assert.equal(place.textContent, 'done');
  announcer.say(null, 60_000);
  assert.equal(place.textContent, 'done');
});

test('failures stay, what went well does not, a cancel is no toast', () => {
  assert.equal(endToast(ended('succeeded')).stays, undefined);
  assert.equal(endToast(ended('failed')).stays, true);
  assert.equal(endToast(ended('cancelled')), null);
  assert.equal(plain(endToast(ended('failed')).title), 'Import failed at 59%');
  assert.equal(backToast(3).text, '3 jobs finished meanwhile.');
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

test('many changes are painted once', () => {
  const frames = [];
  let painted = 0;
  const painter = new Painter(
    () => {
      painted += 1;
    },
    { requestAnimationFrame: (call) => frames.push(call), setInterval: () => {} },
  );
  painter.start();
  painter.ask();
  painter.ask();
  assert.equal(frames.length, 1);
  frames[0]();
  assert.equal(painted, 1);
  painter.ask();
  assert.equal(frames.length, 2);
});
