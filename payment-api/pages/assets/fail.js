import { text, translate } from './texts.js';

const REASON_CHARACTERS_MAX = 200;
const CLOSED = ['PAY_PROCESS_CANCELED', 'USER_CANCEL'];

translate();
const query = new URLSearchParams(location.search);
const code = query.get('code') ?? '';
// What stands in the address was written by the payment window, or by anybody: it is shown as text, and cut.
document.querySelector('#reason').textContent = CLOSED.includes(code)
  ? text('closed')
  : (query.get('message') ?? '').slice(0, REASON_CHARACTERS_MAX);
document.querySelector('#code').textContent = code.slice(0, 60);
