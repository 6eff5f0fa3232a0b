import { byId, make, once, parts, say } from './kit/dom.js';
import { refusalText, text, time, won } from './kit/language.js';
import { TEXTS } from './texts.js';

/** Every status that has a name here; a test compares them with the server's. */
const STATUSES = Object.keys(TEXTS.ko)
  .filter((name) => name.startsWith('status_'))
  .map((name) => name.replace('status_', ''));
const KINDS = {
  SUCCESS: 'good',
  FAILURE: 'bad',
  UNKNOWN: 'wait',
  EXECUTING: 'wait',
  PARTIAL_CANCELED: 'wait',
};
const PAGE_SIZE = 20;

/** A payment's status as a badge. */
export const statusBadge = (status) =>
  make('span', { className: `badge ${KINDS[status] ?? 'plain'}`, textContent: text(`status_${status}`) });

/** How far the sellers' side is: the name of a text. */
export const settlementOf = ({ isPaymentDone, isWalletDone }) =>
  isWalletDone ? 'settlementDone' : isPaymentDone ? 'settlementOpen' : 'settlementNone';

/** When it was paid. The list does not say when an order was made: one that is not paid has no time. */
const paidAt = ({ approvedDateTime }) =>
  approvedDateTime === null
    ? make(
        'span',
        {},
        make('span', { 'aria-hidden': 'true', textContent: '—' }),
        make('span', { className: 'unseen', textContent: text('notPaidYet') }),
      )
    : time(approvedDateTime);

const rowOf = (payment) =>
  make(
    'li',
    {},
    make(
      'a',
      { className: 'row', href: `#order=${encodeURIComponent(payment.orderId)}` },
      make('span', { className: 'name', lang: 'ko', textContent: payment.orderName }),
      statusBadge(payment.status),
      make('span', { className: 'money end', textContent: won(payment.totalAmount) }),
      parts(paidAt(payment), `${text('settlement')}: ${text(settlementOf(payment))}`, payment.orderId),
    ),
  );

/** The list of payments, newest first, by status, further by cursor. */
export function listView(door) {
  const select = byId('status');
  let payments = [];
  let nextCursor = null;
  let notice = () => '';
  /** A later request makes an earlier answer worthless. */
  let asked = 0;

  function render() {
    const chosen = select.value;
    select.replaceChildren(
      make('option', { value: '', textContent: text('allStatuses') }),
      ...STATUSES.map((status) => make('option', { value: status, textContent: text(`status_${status}`) })),
    );
    select.value = chosen;
    byId('payments').replaceChildren(...payments.map(rowOf));
    byId('older').hidden = nextCursor === null;
    say(byId('list-message'), notice());
  }

  async function load(cursor) {
    asked += 1;
    const mine = asked;
    const query = new URLSearchParams({ limit: PAGE_SIZE });
    if (select.value !== '') query.set('status', select.value);
    if (cursor !== undefined) query.set('cursor', cursor);
    try {
      const answer = await door.call('GET', `/api/payments?${query}`);
      if (mine !== asked || answer.code === 401) return;
      if (answer.code === 200) {
        const page = answer.data.paymentEventList;
        payments = cursor === undefined ? page : [...payments, ...page];
        nextCursor = answer.data.nextCursor;
        notice = () => (payments.length === 0 ? text('noPayments') : '');
      } else {
        notice = () => refusalText(answer);
      }
    } catch {
      if (mine !== asked) return;
      notice = () => text('noConnection');
    }
    render();
  }

  async function loadOlder() {
    const shown = payments.length;
    await load(nextCursor);
    // The reader goes on where the new ones begin.
    byId('payments').children[shown]?.querySelector('a').focus();
  }

  select.addEventListener('change', () => void load());
  byId('refresh').addEventListener(
    'click',
    once(byId('refresh'), () => load()),
  );
  byId('older').addEventListener('click', once(byId('older'), loadOlder));
  return {
    open: () => load(),
    close() {
      payments = [];
      nextCursor = null;
      asked += 1;
      render();
    },
    render,
  };
}
