import { byId, make, once, say } from './kit/dom.js';
import { refusalText, text, won } from './kit/language.js';
import { leftOf, lineChoice, sumOf } from './admin-lines.js';

// A cancel made in the PSP's back office waits for somebody to say which lines it was for.

const detail = make('p');
const message = make('p', { className: 'message', role: 'status' });
const list = make('ul', { className: 'rows' });
const sum = make('p', { className: 'soft', role: 'status' });
const button = make('button', { type: 'submit' });
const form = make('form', {}, detail, list, sum, button);

let order;
let cancel;
let drawn;
const chosen = new Set();
let notice = { sentence: () => '', kind: '' };

function tell(sentence = () => '', kind = '') {
  notice = { sentence, kind };
  say(message, sentence(), kind);
}

const selected = () => leftOf(order).filter(({ paymentOrderNo }) => chosen.has(paymentOrderNo));
const fits = () => cancel !== undefined && sumOf(selected()) === cancel.cancelAmount;

function showSum() {
  if (cancel === undefined) return;
  sum.textContent = text('allocateSum', won(sumOf(selected())), won(cancel.cancelAmount));
  button.setAttribute('aria-disabled', String(!fits()));
}

function draw() {
  const amount = won(cancel.cancelAmount);
  byId('allocate-title').textContent = text('allocateTitle', amount);
  detail.textContent = text('allocateDetail', amount);
  button.textContent = text('allocateSubmit');
  list.replaceChildren(...leftOf(order).map((line) => lineChoice(line, chosen, showSum)));
  showSum();
}

/** The same allocation again changes nothing at the server, so a repetition needs no key. */
async function submit(door, refresh) {
  tell(() => text('allocating'));
  const path = `/api/payments/${encodeURIComponent(order.orderId)}/cancels/${cancel.cancelId}/allocate`;
  const body = { paymentOrderNos: selected().map(({ paymentOrderNo }) => paymentOrderNo) };
  try {
    const answer = await door.call('POST', path, { body });
    if (answer.code === 200) {
      chosen.clear();
      tell(() => text('allocated'), 'good');
    } else {
      tell(() => refusalText(answer), 'bad');
    }
  } catch {
    tell(() => text('noConnection'), 'wait');
  }
  void refresh();
}

export const allocation = {
  /** @param refresh has the payment looked at again at once */
  start(door, refresh) {
    byId('allocate').append(make('h2', { id: 'allocate-title' }), message, form);
    const send = once(button, () => submit(door, refresh));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (fits()) void send(event).then(showSum);
    });
  },
  update(now) {
    order = now;
    cancel = order.cancels.find(({ status }) => status === 'UNALLOCATED');
    byId('allocate').hidden = cancel === undefined && notice.sentence() === '';
    form.hidden = cancel === undefined;
    say(message, notice.sentence(), notice.kind);
    const fresh = JSON.stringify([order, text('allocateSubmit')]);
    if (cancel !== undefined && fresh !== drawn) draw();
    drawn = fresh;
  },
  reset() {
    order = undefined;
    cancel = undefined;
    drawn = undefined;
    chosen.clear();
    tell();
  },
};
