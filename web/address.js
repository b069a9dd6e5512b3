/** Addresses from outside. Pure. */

/** @param {string} url @param {string} base @returns {string|null} one that may be followed: http or https */
export function address(url, base) {
  if (!URL.canParse(url, base)) return null;
  const { protocol, href } = new URL(url, base);
  return protocol === 'http:' || protocol === 'https:' ? href : null;
}
