import { byId, make, once, say } from './kit/dom.js';
import { refusalText, text, won } from './kit/language.js';
import { leftOf, lineChoice, sumOf } from './admin-lines.js';
import { endAttempt, sendRefund } from './admin-refund-attempt.js';
import { isPaid, lineNames, pspReason } from './order-view.js';

// The lines of a payment, and giving money back: chosen lines, or all that is left, with a reason. Nothing is chosen
// beforehand.

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
let isWhole = false;
const chosen = new Set();
let notice = { sentence: () => '', kind: '' };
/** What is missing: the name of a text; it is taken back as soon as something is filled in or chosen. */
let missing;
/** The cancel that was answered, until the sellers' side has followed. */
let watched;
/** What is drawn: the same is not drawn again, so that whoever is choosing goes on choosing. */
let drawn;

function tell(sentence = () => '', kind = '') {
  missing = undefined;
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

function ask(name) {
  tell(() => text(name), 'wait');
  missing = name;
}

const isAnswered = () => (missing === 'refundChoose' ? selected().length > 0 : reason.value.trim() !== '');

const selected = () => leftOf(order).filter(({ paymentOrderNo }) => isWhole || chosen.has(paymentOrderNo));

const submitText = (sum) => text('refundSubmit', sum === 0 ? '' : won(sum)).trim();

function showButton() {
  button.textContent = submitText(sumOf(selected()));
}

function changed() {
  showButton();
  if (missing !== undefined && isAnswered()) tell();
}

function showLines() {
  const choosing = isWhole || obstacleOf(order) !== undefined ? undefined : chosen;
  list.replaceChildren(...order.paymentOrderList.map((line) => lineChoice(line, choosing, changed)));
}

function scopeChoice(value, label) {
  const change = () => {
    isWhole = value === 'whole';
    showLines();
    changed();
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
    scopeChoice('lines', text('refundLines')),
    scopeChoice('whole', text('refundWhole', won(sumOf(leftOf(order))))),
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
    isWhole = false;
    reason.value = '';
    watched = answer.data.cancelId;
    return tell(() => text('refundPending'), 'wait');
  }
  const psp = answer.data?.psp;
  const why = () => (psp === undefined ? refusalText(answer) : pspReason(psp));
  tell(() => `${text('refundRefused')} ${why()}`, 'bad');
}

async function isSure(lines) {
  const dialog = byId('sure');
  const sum = sumOf(lines);
  byId('sure-title').textContent = text('refundConfirm', won(sum));
  byId('sure-what').textContent = lineNames(
    lines,
    lines.map(({ paymentOrderNo }) => paymentOrderNo),
  );
  byId('sure-yes').textContent = submitText(sum);
  dialog.returnValue = 'no';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  return dialog.returnValue === 'yes';
}

async function submit(door, refresh) {
  const lines = selected();
  if (lines.length === 0) return ask('refundChoose');
  const cancelReason = reason.value.trim();
  if (cancelReason === '') {
    ask('refundReasonMissing');
    return reason.focus();
  }
  const paymentOrderNos = lines.map(({ paymentOrderNo }) => paymentOrderNo);
  const body = isWhole ? { cancelReason } : { cancelReason, paymentOrderNos };
  if (!(await isSure(lines))) return;
  tell(() => text('refunding'));
  conclude(await sendRefund(door, order.orderId, body, (name) => tell(() => text(name), 'wait')));
  message.scrollIntoView({ block: 'nearest' });
  void refresh();
}

reason.addEventListener('input', changed);

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
    isWhole = false;
    chosen.clear();
    reason.value = '';
    endAttempt();
    tell();
  },
};
