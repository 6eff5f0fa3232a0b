import { call } from './api.js';
import { byId, make, once, say } from './dom.js';
import { refusalText, text } from './language.js';

// The door of an administrator's page. The key lives in this tab's session storage and nowhere else, and leaves it only
// as an Authorization header.

const KEPT = 'admin-key';
/** What a header can carry: other characters make a wrong key, not a failure of the network. */
const KEY = /^[\x21-\x7e]+$/;

function signInForm() {
  const field = make('input', {
    id: 'admin-key',
    type: 'password',
    autocomplete: 'off',
    spellcheck: false,
    required: true,
    'aria-describedby': 'door-message',
  });
  const message = make('p', { id: 'door-message', className: 'message', role: 'alert' });
  const button = make('button', { type: 'submit', data: { text: 'signIn' } });
  const form = make(
    'form',
    { className: 'door' },
    make('label', { htmlFor: 'admin-key', data: { text: 'adminKey' } }),
    field,
    make('p', { className: 'hint', data: { text: 'adminKeyHint' } }),
    message,
    button,
  );
  byId('door').append(form);
  return { form, field, message, button };
}

const request = (key, method, path, options = {}) =>
  call(method, path, { ...options, headers: { ...options.headers, authorization: `Bearer ${key}` } });

/** @returns what is wrong, as a function that says it in the page's language; undefined when the key is accepted */
async function problemOf(key, probe) {
  if (!KEY.test(key)) return () => text('wrongKey');
  try {
    const answer = await request(key, 'GET', probe);
    if (answer.code === 200) return undefined;
    return () => (answer.errorCode === 'PEC0009' ? text('wrongKey') : refusalText(answer));
  } catch {
    return () => text('noConnection');
  }
}

function show(isOpen) {
  byId('door').hidden = isOpen;
  byId('inside').hidden = !isOpen;
  byId('sign-out').hidden = !isOpen;
}

/**
 * Shows the sign-in form in `#door` until a key is accepted, then `#inside`.
 *
 * @param probe a path that only administrators may GET
 * @param onOpen called when a key is there; once per sign-in
 * @param onClose called when it is gone
 */
export function adminDoor({ probe, onOpen, onClose }) {
  const { form, field, message, button } = signInForm();
  let problem;
  const render = () => say(message, problem?.() ?? '', 'bad');

  function close(why) {
    sessionStorage.removeItem(KEPT);
    problem = why;
    show(false);
    render();
    onClose();
    field.focus();
  }

  async function enter() {
    const key = field.value.trim();
    if (key === '') return;
    say(message, text('checkingKey'));
    problem = await problemOf(key, probe);
    field.value = '';
    render();
    if (problem !== undefined) return field.focus();
    sessionStorage.setItem(KEPT, key);
    show(true);
    onOpen();
  }

  form.addEventListener('submit', once(button, enter));
  byId('sign-out').addEventListener('click', () => close(() => text('signedOut')));
  return {
    render,
    isOpen: () => !byId('inside').hidden,
    /** Opens at once with the key of this tab, or shows the form. */
    start() {
      const isKept = sessionStorage.getItem(KEPT) !== null;
      show(isKept);
      if (isKept) onOpen();
    },
    /** Calls the API as the administrator; a key that is refused closes the door. */
    async call(method, path, options) {
      const answer = await request(sessionStorage.getItem(KEPT) ?? '', method, path, options);
      if (answer.code === 401) close(() => text('keyRefused'));
      return answer;
    },
  };
}
