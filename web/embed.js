/** The lines that show a job on another page. Pure. */

export const SIZES = /** @type {const} */ (['inline', 'compact', 'full']);

/** @typedef {SIZES[number]} Size */

/** @type {Record<string, string>} */
const ENTITIES = { '&': '&amp;', '"': '&quot;', '<': '&lt;' };

/** @param {string} text @returns {string} inside an attribute's quotes */
const quoted = (text) => text.replace(/[&"<]/g, (sign) => ENTITIES[sign]);

/** @param {string} origin  the hub's @param {string} job  its id @param {Size} size @returns {string} two lines of HTML */
export const embedCode = (origin, job, size) =>
  `<script type="module" src="${quoted(origin)}/job-progress.js"></script>\n` +
  `<job-progress job="${quoted(job)}" size="${size}"></job-progress>`;
