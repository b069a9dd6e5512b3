import assert from 'node:assert/strict';
import test from 'node:test';
import { embedCode, SIZES } from '../../web/embed.js';

test('the code for a page names the hub, the job and the size', () =>
  assert.equal(
    embedCode('https://hub.example.com', '01JD9V7M3KX2T8', 'compact'),
    '<script type="module" src="https://hub.example.com/job-progress.js"></script>\n' +
      '<job-progress job="01JD9V7M3KX2T8" size="compact"></job-progress>',
  ));

test('there are three sizes', () => assert.deepEqual(SIZES, ['inline', 'compact', 'full']));

test('an id ends no attribute', () =>
  assert.match(embedCode('http://h', '"><script>&', 'full'), /job="&quot;>&lt;script>&amp;" size/));
