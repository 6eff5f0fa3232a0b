/** The element with this id; every page's modules know their page. */
export const byId = (id) => document.getElementById(id);

/**
 * A new element. What is shown is text, never HTML: it may have been written by anybody.
 *
 * @param properties of the element; `data` for its data attributes, `on` for listeners, names with a dash as attributes
 */
export function make(tag, { data = {}, on = {}, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role') element.setAttribute(name, value);
    else element[name] = value;
  }
  Object.assign(element.dataset, data);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** Facts in small print, side by side where there is room. */
export const parts = (...facts) =>
  make(
    'span',
    { className: 'under parts' },
    ...facts.map((fact) => (typeof fact === 'string' ? make('span', { textContent: fact }) : fact)),
  );

/** Says a sentence in a live region; the same sentence again is not said again. */
export function say(element, sentence, kind = '') {
  if (element.textContent !== sentence) element.textContent = sentence;
  element.className = `message ${kind}`.trim();
}

/**
 * A button that works once at a time. It keeps the focus while it works, so it is not disabled but says that it is: a
 * second click does nothing.
 */
export function once(button, work) {
  let isBusy = false;
  return async (event) => {
    event?.preventDefault();
    if (isBusy || button.getAttribute('aria-disabled') === 'true') return;
    isBusy = true;
    button.setAttribute('aria-disabled', 'true');
    try {
      await work(event);
    } finally {
      isBusy = false;
      button.removeAttribute('aria-disabled');
    }
  };
}
