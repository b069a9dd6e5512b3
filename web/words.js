/**
 * Numbers, durations and clocks as people read them. Pure: every function's answer follows from its
 * arguments and the page's language. A no-break space stands between a number and its unit.
 */

const NBSP = '\u00a0';
const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
const FULL_DIGITS_BELOW = 10_000_000;
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

const locale = globalThis.document?.documentElement.lang || 'en';
/** An English page writes days before months. */
const calendar = locale === 'en' ? 'en-GB' : locale;

const formats = {
  integer: new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }),
  compact: new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 }),
  three: new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }),
  tenths: new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  loose: new Intl.NumberFormat(locale, { maximumFractionDigits: 4 }),
  percent: new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 }),
  twoDigits: new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 }),
  list: new Intl.ListFormat(locale, { type: 'unit' }),
  plurals: new Intl.PluralRules(locale),
  permille: new Intl.NumberFormat(locale, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  minutes: new Intl.DateTimeFormat(calendar, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  seconds: new Intl.DateTimeFormat(calendar, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }),
  weekday: new Intl.DateTimeFormat(calendar, { weekday: 'short' }),
  date: new Intl.DateTimeFormat(calendar, { day: 'numeric', month: 'short' }),
  day: new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }),
};

/** @param {number} value  any number; @returns {string} with the language's digits, at most four decimals */
export const number = (value) => formats.loose.format(value);

/** `1 job`, `3 jobs`. @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) =>
  `${number(count)} ${formats.plurals.select(count) === 'one' ? one : many}`;

/** `ok, done, checked`. @param {string[]} parts */
export const list = (parts) => formats.list.format(parts);

/** Letters that are read from right to left, and marks that turn what follows. */
const TURNING = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A name inside a sentence: one that turns its direction turns nothing beside it. @param {string} name */
export const isolated = (name) => (TURNING.test(name) ? `\u2068${name}\u2069` : name);

/**
 * Percent, rounded down: 100 is kept for what is done.
 * @param {number} fraction  0 to 1
 * @param {boolean} [done]
 * @param {number} [digits]  after the point
 */
export function percentOf(fraction, done = false, digits = 0) {
  const parts = 10 ** digits;
  return done ? 100 : Math.min(100 - 1 / parts, Math.max(0, Math.floor(fraction * 100 * parts + 1e-9) / parts));
}

/**
 * @param {number} fraction  0 to 1
 * @param {boolean} [done]  only then `100%`
 * @param {0|1} [digits]  after the point, for what takes hours
 */
export function percent(fraction, done = false, digits = 0) {
  const value = percentOf(fraction, done, digits);
  if (value === 0) return `<${formats.percent.format(0.01)}`;
  return (digits && !done ? formats.permille : formats.percent).format(value / 100);
}

/** @param {string|null|undefined} unit @returns {boolean} */
export const isBytes = (unit) => unit === 'bytes' || unit === 'byte' || unit === 'B';

/** @param {number} bytes */
const byteStep = (bytes) => {
  const step = BYTE_UNITS.findIndex((_, power) => bytes < 1000 ** (power + 1));
  return step === -1 ? BYTE_UNITS.length - 1 : step;
};

/** @param {number} bytes @param {number} step */
function byteFigure(bytes, step) {
  const value = bytes / 1000 ** step;
  return step > 0 && value < 99.95 ? formats.tenths.format(value) : formats.integer.format(value);
}

/** @param {number} bytes  @returns {string} `48.2 MB`, decimal units */
export function size(bytes) {
  const step = byteStep(bytes);
  return `${byteFigure(bytes, step)}${NBSP}${BYTE_UNITS[step]}`;
}

/** @param {number} done @param {number} total  bytes, both in the unit of the total */
function byteCounts(done, total) {
  const step = byteStep(total);
  const invisible = step > 0 && done / 1000 ** step < 0.05;
  return `${invisible ? size(done) : byteFigure(done, step)} / ${size(total)}`;
}

/** @param {number} value @param {number} largest  which decides whether all digits are shown */
const figure = (value, largest) => (largest < FULL_DIGITS_BELOW ? formats.integer : formats.compact).format(value);

/** @param {string|null|undefined} unit */
const suffix = (unit) => (unit ? `${NBSP}${unit}` : '');

/**
 * `31,240 / 50,000 rows`, `8,214 pages`, `1.2 / 3.4 GB`.
 * @param {number} done
 * @param {number|null} total
 * @param {string|null} [unit]
 */
export function counts(done, total, unit = null) {
  if (isBytes(unit)) return total === null ? size(done) : byteCounts(done, total);
  if (total === null) return `${figure(done, done)}${suffix(unit)}`;
  const largest = Math.max(done, total);
  return `${figure(done, largest)} / ${figure(total, largest)}${suffix(unit)}`;
}

/**
 * `186 rows/s`; below one a second by the minute, below one a minute by the hour.
 * @param {number} perSecond
 * @param {string|null} [unit]
 */
export function rate(perSecond, unit = null) {
  if (isBytes(unit)) return `${byteRate(perSecond)}/s`;
  const [times, per] = perSecond >= 1 ? [1, 's'] : perSecond * 60 >= 1 ? [60, 'min'] : [3600, 'h'];
  return `${formats.three.format(perSecond * times)}${suffix(unit)}/${per}`;
}

/** @param {number} perSecond */
function byteRate(perSecond) {
  const step = byteStep(perSecond);
  return `${formats.three.format(perSecond / 1000 ** step)}${NBSP}${BYTE_UNITS[step]}`;
}

/** @param {number} value @param {string} unit */
const part = (value, unit) => `${formats.integer.format(value)}${NBSP}${unit}`;
/** @param {number} value @param {string} unit */
const twoDigits = (value, unit) => `${formats.twoDigits.format(value)}${NBSP}${unit}`;

/**
 * How long something took: `34 s`, `4 min 12 s`, `3 h 05 min`, `2 d 4 h`.
 * @param {number} seconds
 */
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return part(s, 's');
  if (s < 3600) return `${part(Math.floor(s / 60), 'min')} ${twoDigits(s % 60, 's')}`;
  if (s < 86_400) return `${part(Math.floor(s / 3600), 'h')} ${twoDigits(Math.floor((s % 3600) / 60), 'min')}`;
  return `${part(Math.floor(s / 86_400), 'd')} ${part(Math.floor((s % 86_400) / 3600), 'h')}`;
}

/** The same without seconds that tick: `45 s`, `19 min`, `3 h 05 min`. @param {number} seconds */
export const roughly = (seconds) =>
  seconds >= 60 && seconds < 3600 ? part(Math.floor(seconds / 60), 'min') : duration(seconds);

/** A short wait with tenths below ten seconds: `0.4 s`. @param {number} seconds */
export const brief = (seconds) =>
  seconds < 9.95 ? `${formats.tenths.format(Math.max(0, seconds))}${NBSP}s` : duration(seconds);

/** @param {number} at @returns {number} local midnight before it */
const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);

/** Days between two moments by the calendar. @param {number} at @param {number} now */
const daysApart = (at, now) => Math.round((midnight(at) - midnight(now)) / DAY_MS);

/**
 * `14:34` today, `tomorrow 02:10`, `Tue 09:00` within six days, else `24 Nov 09:00`.
 * @param {number} at  milliseconds
 * @param {number} now  milliseconds, the hub's clock
 */
export function clock(at, now) {
  const days = daysApart(at, now);
  const time = formats.minutes.format(at);
  if (days === 0) return time;
  if (Math.abs(days) === 1) return `${formats.day.format(days, 'day')} ${time}`;
  const day = Math.abs(days) <= 6 ? formats.weekday.format(at) : formats.date.format(at);
  return `${day} ${time}`;
}

/** `14:31:07`. @param {number} at  milliseconds */
export const clockSeconds = (at) => formats.seconds.format(at);

/** `24 Nov`. @param {number} at  milliseconds */
export const dayOf = (at) => formats.date.format(at);

/** `24 Nov 14:31:07`, or the time alone today. @param {number} at @param {number} now */
export const moment = (at, now) =>
  daysApart(at, now) === 0 ? clockSeconds(at) : `${formats.date.format(at)} ${clockSeconds(at)}`;

/**
 * What is left, in steps: nobody is shown raw seconds.
 * @param {number} seconds
 * @returns {number} seconds, rounded; 0 stands for "a few seconds"
 */
export function step(seconds) {
  if (seconds < 10) return 0;
  if (seconds <= 50) return Math.round(seconds / 10) * 10;
  if (seconds <= 90) return 60;
  if (seconds <= 600) return Math.round(seconds / 60) * 60;
  if (seconds <= 3600) return Math.round(seconds / 300) * 300;
  if (seconds <= 21_600) return Math.round(seconds / 600) * 600;
  return Math.round(seconds / 3600) * 3600;
}

/** @param {number} stepped  seconds from `step` @returns {['s'|'min'|'h', string]} its unit and figure */
function stepParts(stepped) {
  const figures = formats.integer;
  if (stepped < 60) return ['s', figures.format(stepped)];
  if (stepped < 3600) return ['min', figures.format(stepped / 60)];
  const minutes = Math.round((stepped % 3600) / 60);
  const hours = Math.floor(stepped / 3600);
  return minutes
    ? ['min', `${figures.format(hours)}${NBSP}h ${formats.twoDigits.format(minutes)}`]
    : ['h', figures.format(hours)];
}

/** `3 min`, `1 h 20 min`. @param {number} stepped  seconds from `step` */
export function about(stepped) {
  const [unit, value] = stepParts(stepped);
  return `${value}${NBSP}${unit}`;
}

/**
 * How long something usually takes, finer than what is left: that does not tick.
 * @param {number} seconds
 * @returns {number} seconds, rounded, never 0
 */
export function usualStep(seconds) {
  if (seconds < 10) return Math.max(1, Math.round(seconds));
  if (seconds < 57.5) return Math.round(seconds / 5) * 5;
  if (seconds < 3600) return Math.max(1, Math.round(seconds / 60)) * 60;
  return step(seconds);
}

/**
 * `6–8 min`, or one figure where both ends round to the same step.
 * @param {number} low_s
 * @param {number} high_s
 * @param {(seconds: number) => number} [round]
 */
export function range(low_s, high_s, round = step) {
  const [low, high] = [round(low_s), round(high_s)];
  if (low >= high) return about(high);
  const [lowUnit, lowFigure] = stepParts(low);
  const [highUnit, highFigure] = stepParts(high);
  const compound = low >= 3600 || high >= 3600;
  if (lowUnit === highUnit && !compound) return `${lowFigure}–${highFigure}${NBSP}${highUnit}`;
  return `${about(low)} – ${about(high)}`;
}

/** @param {number} at_ms @param {number} since_ms @returns {number} seconds between, never negative */
export const secondsBetween = (since_ms, at_ms) => Math.max(0, (at_ms - since_ms) / SECOND_MS);

/** @param {string} unit */
const speller = (unit) =>
  new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 1 });
const spokenPercents = speller('percent');

/** Spelled out for a screen reader: `59 percent`. @param {number} fraction  0 to 1 @param {boolean} [done] */
export function percentSpoken(fraction, done = false) {
  const whole = percentOf(fraction, done);
  return whole === 0 ? `less than ${spokenPercents.format(1)}` : spokenPercents.format(whole);
}

const SPOKEN = { second: 1, minute: 60, hour: 3600 };
const spokenTimes = new Map(Object.keys(SPOKEN).map((unit) => [unit, speller(unit)]));
const spokenBytes = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'].map(speller);

/** Spelled out for a screen reader: `3 minutes`. @param {number} stepped  seconds from `step` */
export function spoken(stepped) {
  const unit = stepped < 60 ? 'second' : stepped < 3600 ? 'minute' : 'hour';
  return spokenTimes.get(unit)?.format(stepped / SPOKEN[unit]) ?? '';
}

/** The same of a time that is not rounded: `45 seconds`, `19 minutes`. @param {number} seconds */
export const spokenExactly = (seconds) => spoken(seconds < 60 ? Math.floor(seconds) : Math.floor(seconds / 60) * 60);

/** @param {number} bytes @param {number} [step] */
const spokenSize = (bytes, step = byteStep(bytes)) =>
  spokenBytes[step].format(Math.round((bytes / 1000 ** step) * 10) / 10);

/** `31,240 of 50,000 rows`, `1.2 of 3.4 gigabytes`. @param {number} done @param {number|null} total @param {string|null} unit */
export function countsSpoken(done, total, unit) {
  if (!isBytes(unit)) return counts(done, total, unit).replace(' / ', ' of ');
  if (total === null) return spokenSize(done);
  const step = byteStep(total);
  const near = done === 0 || done / 1000 ** step >= 0.05;
  return `${near ? byteFigure(done, step) : spokenSize(done)} of ${spokenSize(total, step)}`;
}

/** @param {string} text @returns {string} with its first letter large */
export const sentence = (text) => text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);

/** `orders_written` as a label: `Orders written`. @param {string} name */
export const label = (name) => sentence(name.replace(/[_-]+/g, ' ').trim());
