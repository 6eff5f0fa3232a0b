import { byId, make, parts } from './kit/dom.js';
import { hasText, text, time, won } from './kit/language.js';

// How an order looks, on the page of its result and on its own. The order is what GET /api/payments/{orderId} answers.

const REASON_CHARACTERS_MAX = 200;
const PAID = ['SUCCESS', 'PARTIAL_CANCELED', 'CANCELED'];
const REFUNDED = ['SUCCESS', 'UNALLOCATED'];

export const isPaid = ({ status }) => PAID.includes(status);

/** Why the PSP refused, in the reader's language; the PSP's own words for a code that has none. */
export function pspReason(failure) {
  const name = `psp_${failure?.code}`;
  if (hasText(name)) return text(name);
  return (failure?.message || text('PEC0004')).slice(0, REASON_CHARACTERS_MAX);
}

/** Given back so far, in won. */
export const refundedOf = ({ cancels }) =>
  cancels
    .filter(({ status }) => REFUNDED.includes(status))
    .reduce((sum, { cancelAmount }) => sum + cancelAmount, 0);

/** A line's number: one product may stand in an order twice. */
export const lineNo = (paymentOrderNo) => `#${paymentOrderNo}`;

/** What lines are called in a sentence: 상품A #12, 상품B #13. */
export function lineNames(paymentOrderList, paymentOrderNos) {
  const nameOf = new Map(paymentOrderList.map(({ paymentOrderNo, name }) => [paymentOrderNo, name]));
  return paymentOrderNos.map((no) => `${nameOf.get(no)} ${lineNo(no)}`).join(', ');
}

/** One line of an order. */
export function lineRow({ paymentOrderNo, name, sellerNo, amount, status }) {
  const isCanceled = status === 'CANCELED';
  return make(
    'li',
    {},
    make(
      'div',
      { className: 'row' },
      make('span', { lang: 'ko', textContent: name }),
      isCanceled ? make('span', { className: 'badge plain', textContent: text('lineCanceled') }) : undefined,
      make('span', { className: `money end${isCanceled ? ' gone' : ''}`, textContent: won(amount) }),
      parts(lineNo(paymentOrderNo), text('seller', sellerNo)),
    ),
  );
}

/** Pairs of a term and what it is; without those that have no value. */
export const facts = (...pairs) =>
  make(
    'dl',
    { className: 'facts' },
    ...pairs
      .filter(([, value]) => value !== undefined && value !== '')
      .flatMap(([name, value, className = '']) => [
        make('dt', { className: className === 'money strong' ? 'strong' : '', textContent: text(name) }),
        make('dd', { className, textContent: value }),
      ]),
  );

/** The steps of a purchase. `paid` and `settled` are done, running, waiting or failed. */
export function showSteps({ paid, settled }) {
  const states = { stepOrdered: 'done', stepPaid: paid, stepSettled: settled };
  byId('steps').replaceChildren(
    ...Object.entries(states).map(([name, state]) =>
      make(
        'li',
        { id: name, className: state, data: { state } },
        make('span', { textContent: text(name) }),
        make('span', { textContent: text(`state_${state}`) }),
      ),
    ),
  );
}

/** The steps that an order's status stands for. */
export function stepsOf(order) {
  if (isPaid(order)) return { paid: 'done', settled: order.isWalletDone ? 'done' : 'running' };
  if (order.status === 'FAILURE') return { paid: 'failed', settled: 'waiting' };
  return { paid: order.status === 'NOT_STARTED' ? 'waiting' : 'running', settled: 'waiting' };
}

/** Lines and amounts, into `#order`. */
export function showOrder(order) {
  const refunded = refundedOf(order);
  const section = byId('order');
  section.hidden = false;
  const sum = facts(
    ['orderAmount', won(order.amount), 'money'],
    ['refundedAmount', refunded === 0 ? '' : won(-refunded), 'money'],
    ['paidAmount', isPaid(order) ? won(order.amount - refunded) : '', 'money strong'],
  );
  sum.classList.add('sum');
  section.replaceChildren(
    make('h2', { id: 'order-title', textContent: text('orderTitle') }),
    make('ul', { className: 'rows', id: 'lines' }, ...order.paymentOrderList.map(lineRow)),
    sum,
    make('hr', { className: 'thin' }),
    facts(['approvedAt', time(order.approvedAt)], ['orderId', order.orderId, 'code']),
  );
}

/** What was canceled, into `#cancels`. */
export function showCancels({ cancels, paymentOrderList }) {
  const section = byId('cancels');
  section.hidden = cancels.length === 0;
  const rows = cancels.map((cancel) => make('li', {}, cancelRow(cancel, paymentOrderList)));
  section.replaceChildren(
    make('h2', { id: 'cancels-title', textContent: text('cancelsTitle') }),
    make('ul', { className: 'rows' }, ...rows),
  );
}

const CANCEL_KINDS = { SUCCESS: 'good', FAILURE: 'bad' };

const cancelRow = ({ cancelAmount, cancelReason, status, canceledAt, paymentOrderNos }, paymentOrderList) =>
  make(
    'div',
    { className: 'row' },
    make('span', {
      className: `badge ${CANCEL_KINDS[status] ?? 'wait'}`,
      textContent: text(`cancel_${status}`),
    }),
    make('span', { className: 'money end', textContent: won(cancelAmount) }),
    paymentOrderNos.length === 0
      ? undefined
      : make('span', {
          className: 'under',
          lang: 'ko',
          textContent: lineNames(paymentOrderList, paymentOrderNos),
        }),
    make('span', { className: 'under', textContent: text('cancelReason', cancelReason) }),
    canceledAt === null ? undefined : make('span', { className: 'under', textContent: time(canceledAt) }),
  );

/** A link or a button below the status. */
export const linkTo = (href, name, className = 'button') =>
  make('a', { href, className, textContent: text(name) });

export const orderPath = (orderId) => `/orders/${encodeURIComponent(orderId)}`;

const ORDER_ID = /^[\w=-]{6,64}$/;

/** The order that an address names; null when it names none. @param query the address's parameters */
export function orderIdIn(query) {
  const orderId = query.get('orderId');
  return ORDER_ID.test(orderId ?? '') ? orderId : null;
}
