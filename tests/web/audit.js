/**
 * What of a page somebody could not read, reach or hit: texts with too little contrast, parts that stick out of the
 * window, targets that are too small, bars without a name. An expression: its value is the report.
 */
(() => {
  const AA = 4.5;
  const TARGET_PX = 24;
  const canvas = /** @type {CanvasRenderingContext2D} */ (
    document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  );

  /** @param {string} colour  as the style has it @returns {number[]} red, green, blue 0 to 255, and opacity 0 to 1 */
  function rgba(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, opacity] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, opacity / 255];
  }

  /** @param {number[]} above @param {number[]} below */
  const over = (above, below) => [0, 1, 2].map((at) => above[at] * above[3] + below[at] * (1 - above[3]));

  /** Relative luminance, WCAG 2.2. @param {number[]} colour */
  function luminance(colour) {
    const [red, green, blue] = colour.map((level) =>
      level / 255 <= 0.04045 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  /** @param {number[]} one @param {number[]} other */
  function contrast(one, other) {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  }

  /** @param {Element|null} element @returns {number[]} all that is painted behind its text */
  function behind(element) {
    if (!element) return [255, 255, 255];
    const colour = rgba(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(element.parentElement));
  }

  /** @param {Element} element */
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  /** @param {Element} element */
  const words = (element) =>
    `${element.parentElement?.className} ${element.localName}.${element.className} ${(element.textContent ?? '').trim().slice(0, 30)}`;

  const visible = [...document.querySelectorAll('body *')].filter(seen);

  const bad = visible
    .filter((element) => !element.closest('.vh, :disabled, script, noscript'))
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim()))
    .map((element) => {
      const ground = behind(element);
      return { element, ratio: contrast(over(rgba(getComputedStyle(element).color), ground), ground) };
    })
    .filter(({ ratio }) => ratio < AA)
    .map(({ element, ratio }) => `${words(element)} ${ratio.toFixed(2)}`);

  /** What sticks out of a box that clips is not seen there. @param {Element|null} element @returns {boolean} */
  const clipped = (element) =>
    element !== null &&
    element !== document.body &&
    (getComputedStyle(element).overflowX !== 'visible' || clipped(element.parentElement));

  const overflow = visible
    .filter((element) => !element.closest('.vh, .skip, svg') && !clipped(element.parentElement))
    .filter((element) => {
      const { left, right } = element.getBoundingClientRect();
      return right > innerWidth + 1 || left < -1;
    })
    .map(words);

  /** In a line of text it is the line that is hit, a box is hit by its label, and some links cover their whole row.
   *  @param {Element} element */
  const larger = (element) =>
    getComputedStyle(element).display === 'inline' ||
    getComputedStyle(element, '::after').position === 'absolute' ||
    ['radio', 'checkbox'].includes(element.getAttribute('type') ?? '');
  const small = visible
    .filter((element) => element.matches('button, a[href], input, select, summary, textarea') && !larger(element))
    .filter((element) => {
      const { width, height } = element.getBoundingClientRect();
      return (height < TARGET_PX || width < TARGET_PX) && !element.closest('.skip, .vh');
    })
    .map((element) => `${words(element)} ${element.clientWidth} x ${element.clientHeight}`);

  const nameless = visible
    .filter((element) => element.matches('[role=progressbar]'))
    .filter((element) => {
      const named = document.getElementById(element.getAttribute('aria-labelledby') ?? '')?.textContent;
      return !named && !element.getAttribute('aria-label');
    })
    .map(words);

  const sideways = document.documentElement.scrollWidth > innerWidth ? [`${document.documentElement.scrollWidth} px`] : [];
  return { bad, overflow, small, nameless, sideways };
})();
