/** Which messages concern whom: one connection serves many who follow different topics. Pure. */

/** @typedef {import('./wire.js').Message} Message */

const OF_JOBS = ['snapshot', 'update'];
const OF_ONE_JOB = ['log', 'gone'];

/** @param {string} topic @returns {string|null} the job that it is about */
export const jobOf = (topic) => (topic.startsWith('job:') ? topic.slice(4) : null);

/** @param {string} id  of a job @returns {string} */
export const topicOf = (id) => `job:${id}`;

/**
 * @param {Message} message
 * @param {(topic: string) => boolean} follows
 * @returns {Message|null} what of it concerns those who follow these topics
 */
export function concerning(message, follows) {
  const { type, topic } = message;
  if (topic) return follows(topic) ? message : null;
  if (follows('jobs')) return message;
  if (OF_ONE_JOB.includes(type)) return follows(topicOf(message.job)) ? message : null;
  if (!OF_JOBS.includes(type)) return message;
  const jobs = message.jobs.filter((/** @type {{id: string}} */ { id }) => follows(topicOf(id)));
  const { end, ...rest } = message;
  return jobs.length ? { ...rest, jobs } : null;
}
