import assert from 'node:assert/strict';
import test from 'node:test';
import { favicon } from '../../web/favicon.js';
import { Notices } from '../../web/notices.js';
import { Tab } from '../../web/tab.js';
import { Tidings } from '../../web/tidings.js';
import { title } from '../../web/title.js';
import { FakeClock, job, NOW } from './fakes.js';

/** Somebody with three jobs of their own. */
function reading() {
  const heard = { said: [], toasts: [], notices: [] };
  const reader = { open: '', hidden: false, live: true };
  const tidings = new Tidings({
    own: { ids: ['j1', 'j2', 'j3'] },
    announcer: { say: (news) => news && heard.said.push(news.text) },
    toasts: { add: (toast) => heard.toasts.push(`${toast.name ?? ''}${toast.title}`) },
    notices: { tell: (notice) => heard.notices.push(notice.job) },
    retry: () => null,
    reader: { isOpen: (id) => reader.open === id, isHidden: () => reader.hidden, isLive: () => reader.live },
  });
  const end = (id, status = 'succeeded', late = false) => {
    const known = job({ id, title: id });
    tidings.hear(new Map([[id, known]]), new Map([[id, { ...known, status, finished_at: NOW }]]), late);
  };
  return { heard, reader, tidings, end };
}

test('the end of an own job is said and shown as a toast, not on its own page and not of others’', () => {
  const { heard, reader, end } = reading();
  end('j1');
  end('other');
  reader.open = 'j2';
  end('j2');
  assert.deepEqual(heard.toasts, ['j1 is done']);
  assert.deepEqual(heard.said, ['j1: done', 'j2: done']);
  assert.deepEqual(heard.notices, []);
});

test('what ends while the tab is hidden is told by the system, and by one toast for all when somebody looks', () => {
  const { heard, reader, tidings, end } = reading();
  reader.hidden = true;
  for (const id of ['j1', 'j2', 'j3']) end(id);
  tidings.look();
  assert.deepEqual([heard.notices, heard.toasts], [['j1', 'j2', 'j3'], []]);
  reader.hidden = false;
  tidings.look();
  tidings.look();
  assert.deepEqual(heard.toasts, ['Welcome back']);
});

test('one end that nobody saw is a toast of its own', () => {
  const { heard, reader, tidings, end } = reading();
  reader.hidden = true;
  end('j1', 'failed');
  reader.hidden = false;
  tidings.look();
  assert.equal(heard.toasts.length, 1);
  assert.match(heard.toasts[0], /^j1 failed/);
});

test('what ended while the hub could not be heard is told once it is heard again', () => {
  const { heard, reader, tidings, end } = reading();
  reader.live = false;
  end('j1');
  end('j2');
  tidings.look();
  assert.deepEqual(heard.toasts, []);
  reader.live = true;
  tidings.look();
  assert.deepEqual(heard.toasts, ['Back online']);
});

test('what a snapshot tells after an absence is not what happens now', () => {
  const { heard, tidings, end } = reading();
  for (const id of ['j1', 'j2']) end(id, 'succeeded', true);
  assert.deepEqual(heard.toasts, []);
  tidings.look();
  assert.deepEqual(heard.toasts, ['Back online']);
});

test('the system is told once of many ends that were missed, and of each that happens', () => {
  const { heard, reader, tidings } = reading();
  reader.hidden = true;
  const ids = ['j1', 'j2', 'j3'];
  const known = new Map(ids.map((id) => [id, job({ id })]));
  const done = new Map(ids.map((id) => [id, job({ id, status: 'succeeded', finished_at: NOW })]));
  tidings.hear(known, done, true);
  assert.deepEqual(heard.notices, ['']);
  tidings.hear(known, done);
  assert.deepEqual(heard.notices.slice(1), ids);
});

test('a job whose page is opened meanwhile is told there', () => {
  const { heard, reader, tidings, end } = reading();
  reader.hidden = true;
  end('j1');
  Object.assign(reader, { hidden: false, open: 'j1' });
  tidings.look();
  assert.deepEqual(heard.toasts, []);
});

class System {
  static permission = 'default';
  static answer = 'granted';
  static shown = [];
  static async requestPermission() {
    System.permission = System.answer;
    return System.answer;
  }
  constructor(title, options) {
    System.shown.push({ title, ...options, notice: this });
  }
  close() {
    this.closed = true;
  }
}

test('the browser is asked only when notices are wanted, and a click on one opens its job', async () => {
  const opened = [];
  const notices = new Notices({ choices: { notices: false }, system: System, open: (id) => opened.push(id) });
  const notice = { job: 'j1', title: 'Import is done', text: 'Took 4 s.' };
  notices.tell(notice);
  assert.deepEqual([notices.standing, System.permission, System.shown.length], ['off', 'default', 0]);
  await notices.turn(true);
  notices.tell(notice);
  const [{ title, body, tag, notice: shown }] = System.shown;
  assert.deepEqual([notices.standing, title, body, tag], ['on', 'Import is done', 'Took 4 s.', 'barcast j1']);
  shown.onclick();
  assert.deepEqual([opened, shown.closed], [['j1'], true]);
  await notices.turn(false);
  assert.equal(notices.standing, 'off');
});

test('a browser that refuses, or knows no notices, says so', async () => {
  const choices = { notices: false };
  const refusing = class extends System {};
  refusing.permission = 'denied';
  refusing.requestPermission = async () => 'denied';
  const notices = new Notices({ choices, system: refusing, open: () => {} });
  await notices.turn(true);
  assert.deepEqual([notices.standing, choices.notices], ['refused', false]);
  assert.equal(new Notices({ choices, system: undefined, open: () => {} }).standing, 'missing');
});

const state = (...jobs) => ({
  jobs: new Map(jobs.map((one) => [one.id, one])),
  feed: new Set(jobs.map(({ id }) => id)),
  summary: null,
});
const drawn = (icon) => icon && decodeURIComponent(icon);

test('the icon shows how far the open job is, in the colour of its state', () => {
  assert.match(drawn(favicon(state(job()), 'j1')), /stroke="#4a7cf0" pathLength="100" stroke-dasharray="59 100"/);
  assert.match(drawn(favicon(state(job({ stalled: true })), 'j1')), /stroke="#c07f10"/);
  assert.match(drawn(favicon(state(job({ status: 'paused' })), 'j1')), /stroke="#858d94" pathLength/);
});

test('ends have a shape and a colour of their own', () => {
  assert.match(drawn(favicon(state(job({ status: 'succeeded' })), 'j1')), /fill="#2a9d60".*<path/);
  assert.match(drawn(favicon(state(job({ status: 'failed' })), 'j1')), /fill="#dc4a40".*<path/);
});

test('the list’s icon is the mean of what runs, and the plain one when nothing does', () => {
  const two = state(job({ fraction: 0.2 }), job({ id: 'j2', fraction: 0.6 }), job({ id: 'j3', fraction: null }));
  assert.match(drawn(favicon(two, null)), /stroke-dasharray="40 100"/);
  assert.equal(favicon(state(job({ status: 'succeeded' }), job({ id: 'j2', status: 'queued' })), null), null);
  assert.equal(favicon(state(), 'unknown'), null);
  assert.equal(favicon(state(job({ fraction: null })), 'j1'), null);
});

test('while the hub is gone nothing is shown as running', () => {
  assert.match(drawn(favicon(state(job()), 'j1', true)), /stroke="#858d94" pathLength/);
  assert.match(drawn(favicon(state(job()), null, true)), /stroke="#858d94" pathLength/);
  assert.match(drawn(favicon(state(job({ status: 'succeeded' })), 'j1', true)), /fill="#2a9d60"/);
  const running = { ...state(job()), summary: { running: 4 } };
  assert.deepEqual(
    [null, 'j1'].map((id) => title(running, id, true)),
    ['Offline · Barcast', 'Offline · Import · Barcast'],
  );
  assert.equal(title(state(job({ status: 'failed' })), 'j1', true), 'Failed · Import · Barcast');
});

/** A tab, and what is written to it. */
function tab() {
  const clock = new FakeClock();
  const host = { hidden: false, written: [] };
  const shown = new Tab({ clock, isHidden: () => host.hidden, write: ({ title }) => host.written.push(title) });
  const at = (fraction, id = 'j1') => shown.paint(state(job({ fraction })), id);
  return { clock, host, at };
}

test('the tab is written when it changed, a hidden one every five seconds at most', () => {
  const { clock, host, at } = tab();
  host.hidden = true;
  at(0.5);
  at(0.6);
  clock.advance(4_999);
  at(0.7);
  assert.deepEqual(host.written, ['50% · Import · Barcast']);
  clock.advance(1);
  assert.deepEqual(host.written.slice(1), ['70% · Import · Barcast']);
  clock.advance(10_000);
  at(0.7);
  assert.equal(host.written.length, 2);
});

test('another page is named at once', () => {
  const { host, at } = tab();
  at(0.5);
  at(0.5, null);
  assert.deepEqual(host.written, ['50% · Import · Barcast', 'Barcast']);
});

test('a browser that throws at a notice does no harm', () => {
  const throwing = class {
    static permission = 'granted';
    constructor() {
      throw new TypeError('Illegal constructor');
    }
  };
  const notices = new Notices({ choices: { notices: true }, system: throwing, open: () => {} });
  assert.doesNotThrow(() => notices.tell({ job: 'j1', title: 'Import is done', text: '' }));
});
