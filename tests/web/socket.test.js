import assert from 'node:assert/strict';
import test from 'node:test';
import { jitter_ms } from '../../web/jitter.js';
import { Connection } from '../../web/socket.js';
import { FakeClock, FakeRung, settled } from './fakes.js';

/** A connection on rungs that the test plays. */
function setUp({ probe = 'unreachable', random = 0.5 } = {}) {
  const clock = new FakeClock();
  const rungs = ['socket', 'stream', 'polling'].map((name) => new FakeRung(name));
  const given = { probes: 0, answer: probe, random };
  const connection = new Connection({
    ladder: rungs,
    probe: async () => ((given.probes += 1), given.answer),
    clock,
    random: () => given.random,
  });
  const heard = [];
  connection.addEventListener('message', (event) => heard.push(event.detail));
  return { clock, connection, heard, given, rungs, socket: rungs[0], stream: rungs[1], polling: rungs[2] };
}

/** The same, let in and caught up. */
function setUpLive(wish) {
  const all = setUp(wish);
  all.connection.follow('jobs');
  all.connection.start();
  all.socket.last.welcome();
  all.socket.last.answer('jobs');
  return all;
}

/** Fails an attempt and lets the probe answer. */
async function fail(rung) {
  rung.last.sink.closed({ code: 1006 });
  await settled();
}

test('full jitter lies between nothing and a bound that doubles up to 20 s', () => {
  const bounds = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000];
  bounds.forEach((bound, attempt) => {
    assert.equal(
      jitter_ms(attempt, () => 0),
      0,
    );
    assert.equal(
      jitter_ms(attempt, () => 1),
      bound,
    );
  });
  assert.equal(
    jitter_ms(60, () => 1),
    20_000,
  );
});

test('it is live once everything that it follows was answered', () => {
  const { connection, socket } = setUp();
  connection.follow('jobs');
  connection.follow('job:j1');
  connection.start();
  assert.equal(connection.state.name, 'connecting');
  socket.last.welcome();
  assert.equal(connection.state.name, 'catching');
  socket.last.answer('jobs');
  assert.equal(connection.state.name, 'catching');
  socket.last.answer('job:j1');
  assert.equal(connection.state.name, 'live');
});

test('an error answers a subscription, too', () => {
  const { connection, socket } = setUp();
  connection.follow('job:j1');
  connection.start();
  socket.last.welcome();
  socket.last.sink.message({ type: 'error', code: 'not_found', topic: 'job:j1' });
  assert.equal(connection.state.name, 'live');
});

test('every attempt asks anew what to resume from', () => {
  const { clock, connection, socket } = setUpLive({ random: 0 });
  let log = 3;
  connection.follow('job:j1', () => ({ epoch: 'e1', seq: 1, log }));
  assert.equal(socket.last.asked.at(-1).since.log, 3);
  log = 8;
  socket.last.sink.closed({});
  clock.advance(0);
  socket.last.welcome();
  assert.deepEqual(
    socket.last.asked.map(({ topic, since }) => [topic, since?.log]),
    [
      ['jobs', undefined],
      ['job:j1', 8],
    ],
  );
});

test('a lost connection comes back after a random while', () => {
  const { clock, connection, socket } = setUpLive({ random: 0.5 });
  socket.last.sink.closed({ code: 1006 });
  assert.equal(connection.state.name, 'waiting');
  assert.equal(connection.state.retry_ms, clock.now() + 125);
  clock.advance(124);
  assert.equal(socket.opened.length, 1);
  clock.advance(1);
  assert.equal(socket.opened.length, 2);
});

test('the wait grows with every failure and begins anew after a steady connection', async () => {
  const { clock, connection, socket } = setUpLive({ random: 1 });
  const waits = [];
  for (let times = 0; times < 4; times += 1) {
    await fail(socket);
    waits.push(connection.state.retry_ms - clock.now());
    clock.advance(waits.at(-1));
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000]);
  socket.last.welcome();
  socket.last.answer('jobs');
  clock.advance(10_000);
  await fail(socket);
  assert.equal(connection.state.retry_ms - clock.now(), 250);
});

test('a hub that lets us in and drops us at once is not hammered', () => {
  const { clock, connection, socket } = setUpLive({ random: 1 });
  for (const expected of [250, 500, 1_000]) {
    socket.last.sink.closed({ code: 1012 });
    assert.equal(connection.state.retry_ms - clock.now(), expected);
    clock.advance(expected);
    socket.last.welcome();
    socket.last.answer('jobs');
  }
});

test('it does not come back before the time that the hub named, nor all at once then', () => {
  const { clock, connection, socket } = setUpLive({ random: 1 });
  socket.last.sink.message({ type: 'closing', code: 1012, reason: 'restart', retry_after_s: 2 });
  socket.last.sink.closed({ code: 1012 });
  assert.equal(connection.state.retry_ms - clock.now(), 2_250);
  connection.retryNow();
  assert.equal(connection.state.retry_ms - clock.now(), 2_000);
  clock.advance(1_999);
  assert.equal(socket.opened.length, 1);
  clock.advance(1);
  assert.equal(socket.opened.length, 2);
});

test('retry now tries at once', async () => {
  const { clock, connection, socket } = setUpLive({ random: 1 });
  await fail(socket);
  connection.retryNow();
  clock.advance(0);
  assert.equal(socket.opened.length, 2);
});

test('it gives up after 25 s of silence', () => {
  const { clock, connection, socket } = setUpLive();
  clock.advance(20_000);
  socket.last.sink.message({ type: 'beat', at: 1 });
  clock.advance(24_999);
  assert.equal(connection.state.name, 'live');
  clock.advance(1);
  assert.equal(connection.state.name, 'waiting');
  assert.equal(socket.opened[0].closed, true);
});

test('signs of life that are no messages count, too', () => {
  const { clock, connection, socket } = setUpLive();
  clock.advance(20_000);
  socket.last.sink.alive();
  clock.advance(20_000);
  assert.equal(connection.state.name, 'live');
});

test('an attempt that nobody answers ends after 10 s', () => {
  const { clock, connection } = setUp();
  connection.start();
  clock.advance(10_000);
  assert.equal(connection.state.name, 'waiting');
});

test('time without the hub counts from the first loss, over all attempts', async () => {
  const { clock, connection, socket } = setUpLive({ random: 1 });
  const lost_ms = clock.now();
  await fail(socket);
  clock.advance(250);
  await fail(socket);
  clock.advance(500);
  assert.equal(connection.state.lost_ms, lost_ms);
  socket.last.welcome();
  assert.equal(connection.state.lost_ms, lost_ms);
  socket.last.answer('jobs');
  assert.equal(connection.state.lost_ms, null);
});

for (const [code, reason] of [
  [4400, 'malformed'],
  [4401, 'unauthenticated'],
  [4403, 'forbidden'],
]) {
  test(`after close code ${code} it does not come back by itself`, () => {
    const { clock, connection, socket } = setUpLive();
    socket.last.sink.closed({ code });
    assert.deepEqual([connection.state.name, connection.state.reason], ['stopped', reason]);
    clock.advance(3_600_000);
    assert.equal(socket.opened.length, 1);
  });
}

for (const code of [1000, 1001, 1008, 1009, 1012, 1013, 4408, 4429]) {
  test(`after close code ${code} it comes back`, () => {
    const { clock, socket } = setUpLive();
    socket.last.sink.closed({ code });
    clock.advance(250);
    assert.equal(socket.opened.length, 2);
  });
}

test('a refusal before the upgrade is found out by a request', async () => {
  const { connection, socket } = setUp({ probe: 'unauthenticated' });
  connection.start();
  await fail(socket);
  assert.deepEqual([connection.state.name, connection.state.reason], ['stopped', 'unauthenticated']);
});

test('a hub that cannot be reached is no reason for another transport', async () => {
  const { clock, connection, socket, stream } = setUp();
  connection.start();
  for (let times = 0; times < 8; times += 1) {
    await fail(socket);
    clock.advance(20_000);
  }
  assert.equal(stream.opened.length, 0);
  assert.equal(connection.state.transport, 'socket');
});

test('a loss after it was open is no refusal: nothing is asked', async () => {
  const { given, socket } = setUpLive();
  await fail(socket);
  assert.equal(given.probes, 0);
});

/** Blocks a rung three times while requests work. */
async function block(rung, clock) {
  for (let times = 0; times < 3; times += 1) {
    await fail(rung);
    clock.advance(4_000);
  }
}

test('three times blocked while requests work leads to the next transport', async () => {
  const { clock, connection, socket, stream, polling } = setUp({ probe: 'ok' });
  connection.follow('jobs');
  connection.start();
  await block(socket, clock);
  assert.equal(stream.opened.length, 1);
  await block(stream, clock);
  assert.equal(polling.opened.length, 1);
  polling.last.welcome();
  polling.last.answer('jobs');
  assert.deepEqual([connection.state.name, connection.state.transport], ['live', 'polling']);
});

test('there is nothing below polling', async () => {
  const { clock, connection, socket, stream, polling } = setUp({ probe: 'ok' });
  connection.start();
  for (const rung of [socket, stream, polling, polling]) await block(rung, clock);
  assert.equal(connection.state.transport, 'polling');
});

/** A connection that polls because nothing else got through. */
async function setUpPolling() {
  const all = setUp({ probe: 'ok' });
  all.connection.follow('jobs');
  all.connection.start();
  await block(all.socket, all.clock);
  await block(all.stream, all.clock);
  all.polling.last.welcome();
  all.polling.last.answer('jobs');
  return all;
}

/** Time goes on and the transport lives. */
function live(rung, clock, ms) {
  for (let passed = 0; passed < ms; passed += 5_000) {
    clock.advance(5_000);
    rung.last.sink.alive();
  }
}

test('a better transport is tried beside every 60 s and takes over when it works', async () => {
  const { clock, connection, heard, socket, polling } = await setUpPolling();
  const before = socket.opened.length;
  live(polling, clock, 60_000);
  assert.equal(socket.opened.length, before + 1);
  assert.equal(connection.state.transport, 'polling');
  assert.equal(polling.last.closed, false);
  socket.last.welcome('e7');
  assert.equal(polling.last.closed, true);
  assert.deepEqual(
    socket.last.asked.map(({ topic }) => topic),
    ['jobs'],
  );
  socket.last.answer('jobs');
  assert.deepEqual([connection.state.name, connection.state.transport], ['live', 'socket']);
  assert.equal(heard.at(-2).epoch, 'e7');
});

test('a better transport that does not work disturbs nothing', async () => {
  const { clock, connection, socket, polling } = await setUpPolling();
  live(polling, clock, 60_000);
  const tried = socket.opened.length;
  socket.last.sink.closed({ code: 1006 });
  assert.deepEqual([connection.state.name, connection.state.transport], ['live', 'polling']);
  live(polling, clock, 60_000);
  assert.equal(socket.opened.length, tried + 1);
});

test('where the best transport does not get through the next best one is tried', async () => {
  const { clock, connection, socket, stream, polling } = await setUpPolling();
  live(polling, clock, 60_000);
  const before = stream.opened.length;
  socket.last.sink.closed({ code: 1006 });
  assert.equal(stream.opened.length, before + 1);
  stream.last.welcome('e8');
  stream.last.answer('jobs');
  assert.deepEqual([connection.state.name, connection.state.transport], ['live', 'stream']);
});

test('a better transport that nobody answers is given up for the next best one', async () => {
  const { clock, socket, stream, polling } = await setUpPolling();
  live(polling, clock, 60_000);
  const before = [socket.opened.length, stream.opened.length];
  live(polling, clock, 60_000);
  assert.equal(socket.last.closed, true);
  assert.deepEqual([socket.opened.length, stream.opened.length], [before[0], before[1] + 1]);
  live(polling, clock, 60_000);
  assert.equal(socket.opened.length, before[0] + 1);
});

test('a better transport that answers in the same breath is heard', async () => {
  const { clock, connection, socket, polling } = await setUpPolling();
  live(polling, clock, 60_000);
  socket.last.follow = (topic) => socket.last.answer(topic);
  socket.last.welcome('e7');
  assert.deepEqual([connection.state.name, connection.state.transport], ['live', 'socket']);
});

/** A rung whose transports cannot even be made. */
const refuse = (rung) => {
  rung.open = () => {
    throw new DOMException('insecure', 'SecurityError');
  };
};

test('a transport that the browser refuses to make is a failure like others', async () => {
  const { clock, connection, socket, stream } = setUp({ probe: 'ok' });
  connection.follow('jobs');
  refuse(socket);
  connection.start();
  assert.equal(connection.state.name, 'waiting');
  for (let times = 0; times < 3; times += 1) {
    await settled();
    clock.advance(4_000);
  }
  assert.equal(stream.opened.length, 1);
});

test('a better transport that the browser refuses to make disturbs nothing', async () => {
  const { clock, connection, socket, stream, polling } = await setUpPolling();
  const before = stream.opened.length;
  refuse(socket);
  live(polling, clock, 60_000);
  assert.deepEqual([connection.state.name, connection.state.transport], ['live', 'polling']);
  assert.equal(stream.opened.length, before + 1);
});

test('a look at the page and a nudge try at once, and the wait goes on growing', async () => {
  const { clock, connection, socket } = setUpLive({ random: 1 });
  await fail(socket);
  connection.check();
  clock.advance(0);
  await fail(socket);
  assert.equal(connection.state.retry_ms - clock.now(), 500);
  connection.nudge();
  clock.advance(499);
  assert.equal(socket.opened.length, 2);
});

test('an attempt that is overdue is made at a nudge', async () => {
  const { clock, connection, socket } = setUpLive({ random: 1 });
  const { setTimeout } = clock;
  clock.setTimeout = (call, ms) => setTimeout(call, ms && ms + 60_000); // as in a hidden tab
  await fail(socket);
  clock.advance(250);
  assert.equal(socket.opened.length, 1);
  connection.nudge();
  clock.advance(0);
  assert.equal(socket.opened.length, 2);
  await fail(socket);
  assert.equal(connection.state.retry_ms - clock.now(), 500);
});

test('an earlier transport’s late news is nobody’s', () => {
  const { clock, connection, heard, socket } = setUpLive({ random: 0 });
  const [old] = socket.opened;
  old.sink.closed({});
  clock.advance(0);
  const before = heard.length;
  old.sink.message({ type: 'beat', at: 1 });
  old.sink.closed({ code: 4401 });
  assert.equal(heard.length, before);
  assert.equal(connection.state.name, 'connecting');
});

test('a check that nobody answers within 3 s is a loss', () => {
  const { clock, connection, socket } = setUpLive();
  connection.check();
  assert.deepEqual(socket.last.sent, [{ type: 'ping', id: 'check' }]);
  clock.advance(3_000);
  assert.equal(connection.state.name, 'waiting');
});

test('a check that is answered tells the delay, and changes nothing else', () => {
  const { clock, connection, socket } = setUpLive();
  connection.check();
  clock.advance(12);
  socket.last.sink.message({ type: 'pong', id: 'check', at: 1 });
  assert.equal(connection.state.delay_ms, 12);
  clock.advance(20_000);
  assert.equal(connection.state.name, 'live');
});

test('a check while it waits is an attempt at once', async () => {
  const { clock, connection, socket } = setUpLive({ random: 1 });
  await fail(socket);
  connection.check();
  clock.advance(0);
  assert.equal(socket.opened.length, 2);
});

test('a hidden tab says so', () => {
  const { connection, socket } = setUpLive();
  connection.show(false);
  assert.deepEqual(socket.last.sent, [{ type: 'visible', value: false }]);
  connection.refresh('jobs');
  assert.deepEqual(socket.last.asked.at(-1), { topic: 'jobs', since: null });
});

test('a topic is not asked for again while its answer is due', () => {
  const { connection, socket } = setUpLive();
  connection.refresh('jobs');
  connection.refresh('jobs');
  connection.refresh('job:unknown');
  assert.equal(socket.last.asked.length, 2);
});

test('what is no longer followed is left and not asked for again', () => {
  const { clock, connection, socket } = setUpLive({ random: 0 });
  connection.follow('job:j1');
  connection.unfollow('job:j1');
  connection.unfollow('job:j1');
  assert.deepEqual(socket.last.left, ['job:j1']);
  socket.last.sink.closed({});
  clock.advance(0);
  socket.last.welcome();
  assert.deepEqual(
    socket.last.asked.map(({ topic }) => topic),
    ['jobs'],
  );
});

test('an answer to why comes too late for a page that was put aside', async () => {
  const { clock, connection, socket } = setUp({ probe: 'ok' });
  connection.start();
  for (let times = 0; times < 2; times += 1) {
    await fail(socket);
    clock.advance(4_000);
  }
  socket.last.sink.closed({ code: 1006 });
  connection.suspend();
  await settled();
  clock.advance(60_000);
  assert.equal(connection.state.name, 'idle');
});

test('a page that is kept aside holds no transport, and comes back as lost since then', () => {
  const { clock, connection, socket } = setUpLive();
  const left_ms = clock.now();
  connection.suspend();
  assert.deepEqual([connection.state.name, socket.last.closed], ['idle', true]);
  clock.advance(60_000);
  assert.equal(socket.opened.length, 1);
  connection.start();
  assert.deepEqual([connection.state.name, connection.state.lost_ms], ['connecting', left_ms]);
  socket.last.welcome();
  socket.last.answer('jobs');
  assert.equal(connection.state.name, 'live');
});
