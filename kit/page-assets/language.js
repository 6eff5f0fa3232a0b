import { TEXTS } from './texts.js';

// Which language the pages speak: the shopper's choice, which is remembered; before it the browser's; Korean otherwise.

const REMEMBERED = 'language';
const LANGUAGES = ['ko', 'en'];
const texts = { ko: { ...TEXTS.ko }, en: { ...TEXTS.en } };
const renderers = [];

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    // Storage may be forbidden: the choice then holds for this page.
    return null;
  }
}

function startingLanguage() {
  const chosen = remembered();
  if (LANGUAGES.includes(chosen)) return chosen;
  const spoken = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return spoken.find((tag) => LANGUAGES.includes(tag)) ?? 'ko';
}

let current = startingLanguage();

/** 'ko' or 'en' */
export const language = () => current;

/** Adds a page's own texts, `{ko: {name: text}, en: {…}}`. */
export function addTexts(own) {
  for (const tag of LANGUAGES) Object.assign(texts[tag], own[tag]);
}

/** A text of the page's language; {0}, {1} are replaced. */
export const text = (name, ...values) =>
  values.reduce(
    (sentence, value, index) => sentence.replace(`{${index}}`, value),
    texts[current][name] ?? name,
  );

export const hasText = (name) => texts[current][name] !== undefined;

/** Whole won as people read them: 6,000원 or ₩6,000. */
export const won = (amount) =>
  current === 'ko'
    ? `${amount.toLocaleString('ko-KR')}원`
    : `${amount < 0 ? '-' : ''}₩${Math.abs(amount).toLocaleString('en-US')}`;

/** A time as people read it: Korea's, wherever the reader is, because shop and sellers keep their books there. */
export const time = (iso) =>
  iso === null || iso === undefined
    ? ''
    : `${new Date(iso).toLocaleString(current === 'ko' ? 'ko-KR' : 'en-GB', {
        timeZone: 'Asia/Seoul',
        year: 'numeric',
        month: current === 'ko' ? 'long' : 'short',
        day: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
      })}\u00a0KST`;

/**
 * What went wrong, in the page's language. A refusal has a code of ours; the server's own sentence stands in for a code
 * that this page does not know yet.
 */
export function refusalText({ errorCode, message }) {
  return errorCode !== undefined && hasText(errorCode) ? text(errorCode) : (message ?? text('PEC9999'));
}

function translate() {
  document.documentElement.lang = current;
  for (const element of document.querySelectorAll('[data-text]'))
    element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]'))
    element.setAttribute('aria-label', text(element.dataset.label));
  for (const button of document.querySelectorAll('[data-language]'))
    button.setAttribute('aria-pressed', String(button.dataset.language === current));
  for (const render of renderers) render();
}

function choose(chosen) {
  current = chosen;
  try {
    localStorage.setItem(REMEMBERED, chosen);
  } catch {
    // See above.
  }
  translate();
}

/** Translates the page now, and whenever another language is chosen; `render` puts in what is not in the page's HTML. */
export function speak(render) {
  renderers.push(render);
  for (const button of document.querySelectorAll('[data-language]'))
    button.addEventListener('click', () => choose(button.dataset.language));
  translate();
}
