/**
 * The hub's words, as the page reads them: types only, nothing runs here.
 * Times (`…at`) are milliseconds since 1970 UTC on the hub's clock, durations (`…_s`) seconds,
 * unknown is `null`.
 *
 * @typedef {'queued'|'running'|'paused'|'cancelling'|'lost'|'succeeded'|'failed'|'cancelled'} Status
 * @typedef {{runs: number, p10_s: number, p50_s: number, p90_s: number}} Typical
 * @typedef {{name: string, done: number, total: number|null, unit: string|null, started_at: number|null,
 *   finished_at: number|null, weight: number|null, typical: Typical|null}} Phase
 * @typedef {{requested_at: number, by: string|null, reason: string|null, delivered_at: number|null,
 *   acknowledged_at: number|null, deadline_at: number|null, forced_at: number|null,
 *   how: 'acknowledged'|'forced'|'assumed'|null}} Cancel
 * @typedef {{at: number, done: number|null, fraction: number|null}} Checkpoint
 * @typedef {{name: string, url: string, bytes: number|null, media_type: string|null}} Artifact
 * @typedef {{type: string, message: string}} Failure
 * @typedef {{attempt: number, outcome: string, fraction: number|null, started_at: number|null,
 *   finished_at: number, error: Failure|null}} Attempt
 * @typedef {{total: number, queued: number, running: number, succeeded: number, failed: number,
 *   cancelled: number}} Children
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {string} kind
 * @property {string} title
 * @property {Record<string, unknown>} [params]  left out on the feed
 * @property {Record<string, string>} tags
 * @property {string|null} by
 * @property {string|null} [parent]  who started it
 * @property {number} [priority]
 * @property {number|null} [timeout_s]  of one attempt
 * @property {Children|null} [children]
 * @property {Status} status
 * @property {number} attempt
 * @property {number} max_attempts
 * @property {number} seq
 * @property {number|null} done
 * @property {number|null} total
 * @property {string|null} unit
 * @property {number|null} fraction
 * @property {number|null} rate
 * @property {number|null} eta_s
 * @property {number|null} eta_low_s
 * @property {number|null} eta_high_s
 * @property {Typical|null} typical
 * @property {number|null} phase
 * @property {Phase[]} phases
 * @property {Record<string, number>} counters
 * @property {string|null} message
 * @property {boolean} stalled
 * @property {number|null} retry_at
 * @property {number|null} queue_position
 * @property {number|null} starts_in_s
 * @property {{at: number, by: string|null}|null} pause
 * @property {string|null} worker
 * @property {number} viewers
 * @property {Cancel|null} cancel
 * @property {Checkpoint|null} checkpoint
 * @property {unknown} [result]  left out on the feed
 * @property {Failure|null} error
 * @property {Artifact[]} artifacts
 * @property {Attempt[]} [attempts]  left out on the feed
 * @property {number} created_at
 * @property {number|null} started_at
 * @property {number|null} advanced_at
 * @property {number|null} heard_at
 * @property {number|null} finished_at
 * @property {number} elapsed_s
 *
 * @typedef {{n: number, at: number, attempt: number, level: 'info'|'warning'|'error', event: string,
 *   text: string, data: unknown}} LogEntry
 * @typedef {{job: string, attempt: number, at: number, text: string, from: 'worker'|'system'}} Stack
 * @typedef {{at: number, phase: number|null, done: number|null, total: number|null, fraction: number|null,
 *   rate: number|null}} Sample  a point of a chart
 * @typedef {{from: number, to: number, from_at: number|null, to_at: number|null}} LogGap
 * @typedef {{epoch: string|null, seq: number, log: number}} Since
 * @typedef {{view: boolean, control: boolean, report: boolean, tracebacks: boolean}} May
 *
 * @typedef {object} Summary
 * @property {number} running
 * @property {number} queued
 * @property {number} paused
 * @property {number} stalled
 * @property {number} lost
 * @property {number} failed_today
 * @property {number} finished_today
 * @property {number} finished
 * @property {number} workers
 * @property {number} slots_free
 * @property {number|null} oldest_queued_at
 * @property {'ok'|'failing'} storage
 *
 * @typedef {object} Kind
 * @property {string} kind
 * @property {string} title
 * @property {string} doc
 * @property {Schema} params
 * @property {string|null} cancel_note
 * @property {Typical|null} typical
 * @property {number|null} stop_p50_s
 * @property {number} [priority]  of its jobs, where a start names none
 *
 * @typedef {{[key: string]: any}} Schema  JSON Schema
 *
 * @typedef {object} History
 * @property {{job: string, status: Status, started_at: number, elapsed_s: number}[]} runs
 * @property {Typical|null} typical
 * @property {number[]} curve
 * @property {number|null} stop_p50_s
 *
 * @typedef {{type: string, [key: string]: any}} Message
 */
export {};
