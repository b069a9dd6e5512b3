/** `<bread-crumb>`: the way to a job: all jobs, the jobs that started it, its kind. */
import { familyOf } from '../tree.js';
import { each, h, set, write } from './dom.js';

/** @typedef {import('../state.js').SeenJob} SeenJob */

export class BreadCrumb extends HTMLElement {
  #above = h('span', { class: 'above' });
  #kind = h('bdi');

  connectedCallback() {
    if (this.firstChild) return;
    const link = h('a', { href: '/' }, 'Jobs');
    this.append(h('nav', { class: 'crumb', 'aria-label': 'Breadcrumb' }, link, this.#above, slash(), this.#kind));
  }

  /** @param {SeenJob} job @param {import('../app.js').App} app */
  paint(job, app) {
    write(this.#kind, job.kind);
    each(
      this.#above,
      above(job, app),
      () => h('span', {}, slash(), h('a', {}, h('bdi'))),
      (part, { id, title }) => {
        write(part.lastElementChild.firstChild, title);
        set(part.lastElementChild, 'href', `/jobs/${encodeURIComponent(id)}`);
      },
    );
  }
}

/**
 * The topmost first. One that is not known is asked for, and its id stands for it meanwhile.
 * @param {SeenJob} job
 * @param {import('../app.js').App} app
 * @returns {{id: string, title: string}[]}
 */
function above(job, app) {
  const family = familyOf(app.store.state.jobs);
  const known = family.ancestors(job);
  const top = known.at(-1) ?? job;
  if (!family.isOrphan(top)) return known.reverse();
  const id = top.parent ?? '';
  app.branches.meet(id);
  return [{ id, title: id }, ...known.reverse()];
}

const slash = () => h('span', { 'aria-hidden': 'true' }, '/');

customElements.define('bread-crumb', BreadCrumb);
