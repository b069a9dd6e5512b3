/** An `EventTarget` whose events are typed: an editor knows their names and what they carry. */

/**
 * @template {Record<string, unknown>} Events  the name of each event, and its `detail`
 */
export class TypedTarget extends EventTarget {
  /**
   * @template {keyof Events & string} Name
   * @param {Name} type
   * @param {((event: CustomEvent<Events[Name]>) => void) | EventListenerObject | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @override
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, /** @type {EventListener} */ (listener), options);
  }

  /**
   * @template {keyof Events & string} Name
   * @param {Name} type
   * @param {Events[Name]} detail
   */
  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
