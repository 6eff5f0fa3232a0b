import { byId, make, once, say } from './kit/dom.js';
import { refusalText, text, won } from './kit/language.js';
import { leftOf, lineChoice, sumOf } from './admin-lines.js';
import { endAttempt, sendRefund } from './admin-refund-attempt.js';
import { isPaid, pspReason } from './order-view.js';

// The lines of a payment, and giving money back: all that is left, or chosen lines, with a reason.

const REASON_CHARACTERS_MAX = 200;
const IN_FLIGHT = ['REQUESTED', 'EXECUTING', 'UNKNOWN'];

const reason = make('input', {
  id: 'reason',
  type: 'text',
  maxLength: REASON_CHARACTERS_MAX,
  autocomplete: 'off',
  required: true,
});
const button = make('button', { type: 'submit', className: 'danger' });
const message = make('p', { className: 'message', role: 'status' });
const obstacle = make('p', { className: 'soft' });
const scope = make('fieldset');
const list = make('ul', { className: 'rows' });
const controls = make(
  'div',
  {},
  make('label', { htmlFor: 'reason', data: { text: 'reason' } }),
  reason,
  button,
);
const form = make('form', { noValidate: true }, scope, list, controls);

let order;
let isWhole = true;
const chosen = new Set();
let notice = { sentence: () => '', kind: '' };
/** The cancel that was answered, until the sellers' side has followed. */
let watched;
/** What is drawn: the same is not drawn again, so that whoever is choosing goes on choosing. */
let drawn;

function tell(sentence = () => '', kind = '') {
  notice = { sentence, kind };
  say(message, sentence(), kind);
}

/** Why nothing can be refunded now: the name of a text; undefined when something can. */
function obstacleOf({ cancels }) {
  if (!isPaid(order) || leftOf(order).length === 0) return 'refundNone';
  if (cancels.some(({ status }) => status === 'UNALLOCATED')) return 'refundUnallocated';
  if (cancels.some(({ status }) => IN_FLIGHT.includes(status))) return 'refundOpen';
  return undefined;
}

const selected = () => leftOf(order).filter(({ paymentOrderNo }) => isWhole || chosen.has(paymentOrderNo));

function showButton() {
  const sum = sumOf(selected());
  button.textContent = text('refundSubmit', sum === 0 ? '' : won(sum)).trim();
}

function showLines() {
  const choosing = isWhole || obstacleOf(order) !== undefined ? undefined : chosen;
  list.replaceChildren(...order.paymentOrderList.map((line) => lineChoice(line, choosing, showButton)));
}

function scopeChoice(value, label) {
  const change = () => {
    isWhole = value === 'whole';
    showLines();
    showButton();
  };
  const input = make('input', {
    type: 'radio',
    name: 'scope',
    value,
    checked: isWhole === (value === 'whole'),
    on: { change },
  });
  return make('label', { className: 'choice' }, input, label);
}

function draw() {
  const why = obstacleOf(order);
  byId('refund-title').textContent = text('linesTitle');
  obstacle.textContent = why === undefined ? '' : text(why);
  scope.hidden = why !== undefined;
  controls.hidden = why !== undefined;
  scope.replaceChildren(
    make('legend', { textContent: text('refundWhat') }),
    scopeChoice('whole', text('refundWhole', won(sumOf(leftOf(order))))),
    scopeChoice('lines', text('refundLines')),
  );
  showLines();
  showButton();
}

/** Says how the cancel that was answered stands by now. */
function watch() {
  const cancel = order.cancels.find(({ cancelId }) => cancelId === watched);
  if (cancel === undefined || IN_FLIGHT.includes(cancel.status)) return;
  const hasFailed = cancel.status === 'FAILURE';
  const { isWalletDone } = order;
  const amount = cancel.cancelAmount;
  if (hasFailed) tell(() => text('refundRefused'), 'bad');
  else tell(() => text(isWalletDone ? 'refundSettled' : 'refundDone', won(amount)), 'good');
  if (hasFailed || isWalletDone) watched = undefined;
}

function conclude(answer) {
  if (answer === undefined || answer.errorCode === 'PEC9999')
    return tell(() => text('refundLostLong'), 'wait');
  if (answer.errorCode === 'PEC0005') return tell(() => text('refundBusy'), 'wait');
  endAttempt();
  if (answer.errorCode === undefined || answer.errorCode === 'PEC0007') {
    chosen.clear();
    reason.value = '';
    watched = answer.data.cancelId;
    return tell(() => text('refundPending'), 'wait');
  }
  const psp = answer.data?.psp;
  const why = () => (psp === undefined ? refusalText(answer) : pspReason(psp));
  tell(() => `${text('refundRefused')} ${why()}`, 'bad');
}

async function isSure(sum) {
  const dialog = byId('sure');
  byId('sure-title').textContent = text('refundConfirm', won(sum));
  dialog.returnValue = 'no';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  return dialog.returnValue === 'yes';
}

async function submit(door, refresh) {
  const lines = selected();
  if (lines.length === 0) return tell(() => text('refundChoose'), 'wait');
  const cancelReason = reason.value.trim();
  if (cancelReason === '') {
    tell(() => text('refundReasonMissing'), 'wait');
    return reason.focus();
  }
  const paymentOrderNos = lines.map(({ paymentOrderNo }) => paymentOrderNo);
  const body = isWhole ? { cancelReason } : { cancelReason, paymentOrderNos };
  if (!(await isSure(sumOf(lines)))) return;
  tell(() => text('refunding'));
  conclude(await sendRefund(door, order.orderId, body, (name) => tell(() => text(name), 'wait')));
  message.scrollIntoView({ block: 'nearest' });
  void refresh();
}

export const refund = {
  /** @param refresh has the payment looked at again at once */
  start(door, refresh) {
    byId('refund').append(make('h2', { id: 'refund-title' }), message, obstacle, form);
    form.addEventListener(
      'submit',
      once(button, () => submit(door, refresh)),
    );
  },
  update(now) {
    order = now;
    if (watched !== undefined) watch();
    const fresh = JSON.stringify([order, text('linesTitle')]);
    if (fresh !== drawn) draw();
    drawn = fresh;
    say(message, notice.sentence(), notice.kind);
  },
  reset() {
    order = undefined;
    drawn = undefined;
    watched = undefined;
    isWhole = true;
    chosen.clear();
    reason.value = '';
    endAttempt();
    tell();
  },
};
