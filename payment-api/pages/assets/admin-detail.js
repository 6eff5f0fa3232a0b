import { byId, make, say } from './kit/dom.js';
import { refusalText, text, time, won } from './kit/language.js';
import { allocation } from './admin-allocate.js';
import { showHistory } from './admin-history.js';
import { settlementOf, statusBadge } from './admin-list.js';
import { refund } from './admin-refund.js';
import { follow } from './follow.js';
import { facts, orderPath, pspReason, refundedOf, showCancels } from './order-view.js';

// One payment: what it is, its lines to refund, its cancels to allocate, its history. It follows what happens.

const FOLLOWING_MS = 20 * 60_000;

let door;
let walletPageUrl;
let orderId;
let order;
let history = [];
let problem = () => '';
/** Each opening, and each change made here, starts following anew; the older loop then ends. */
let round = 0;

/** Links to the sellers' wallets: another process's page, whose address the configuration says. */
function walletLinks() {
  if (walletPageUrl === undefined) return [];
  const sellers = [...new Set(order.paymentOrderList.map(({ sellerNo }) => sellerNo))];
  return sellers.map((sellerNo) =>
    make('a', {
      href: `${walletPageUrl}/#seller=${sellerNo}`,
      target: '_blank',
      rel: 'noopener noreferrer',
      textContent: text('walletLink', sellerNo),
    }),
  );
}

function showFacts() {
  const refunded = refundedOf(order);
  byId('detail-facts').replaceChildren(
    facts(
      ['orderId', order.orderId, 'code'],
      ['approvedAt', time(order.approvedAt)],
      ['orderAmount', won(order.amount), 'money'],
      ['refundedAmount', refunded === 0 ? '' : won(-refunded), 'money'],
      ['settlement', text(settlementOf(order))],
    ),
    make(
      'p',
      { className: 'links' },
      make('a', { href: orderPath(order.orderId), textContent: text('orderPage') }),
      ...walletLinks(),
    ),
  );
}

function render() {
  const isThere = order !== undefined;
  byId('detail-title').textContent = order?.orderName ?? text(problem() === '' ? 'loading' : 'payment');
  byId('detail-title').lang = isThere ? 'ko' : '';
  const failure = order?.failure;
  if (problem() !== '') say(byId('detail-message'), problem(), 'wait');
  else if (failure) say(byId('detail-message'), `${pspReason(failure)} (${failure.code})`, 'bad');
  else say(byId('detail-message'), '');
  byId('detail-status').replaceChildren(...(isThere ? [statusBadge(order.status)] : []));
  for (const id of ['detail-facts', 'refund', 'history']) byId(id).hidden = !isThere;
  if (!isThere) {
    for (const id of ['allocate', 'cancels']) byId(id).hidden = true;
    return;
  }
  showFacts();
  refund.update(order);
  allocation.update(order);
  showCancels(order);
  showHistory(order, history);
}

/** It is looked for again with the next change; without it the payment itself is still there. */
async function loadHistory(mine) {
  const answer = await door
    .call('GET', `/api/payments/${encodeURIComponent(orderId)}/history`)
    .catch(() => undefined);
  if (mine !== round || answer?.code !== 200) return;
  history = answer.data.historyList;
  render();
}

async function followNow() {
  round += 1;
  const mine = round;
  let shown;
  const show = (answer) => {
    if (mine !== round) return true;
    if (answer?.code === 200) order = answer.data;
    problem = () =>
      answer === undefined ? text('reconnecting') : answer.code === 200 ? '' : refusalText(answer);
    const now = JSON.stringify([order, problem()]);
    if (now !== shown) {
      shown = now;
      render();
      if (answer?.code === 200) void loadHistory(mine);
    }
    return answer?.code === 404;
  };
  await follow(orderId, show, { durationMs: FOLLOWING_MS });
}

function forget() {
  round += 1;
  order = undefined;
  history = [];
  problem = () => '';
  refund.reset();
  allocation.reset();
}

export const detail = {
  start(adminDoor) {
    door = adminDoor;
    refund.start(door, followNow);
    allocation.start(door, followNow);
  },
  open(id, walletUrl) {
    if (id !== orderId) forget();
    orderId = id;
    walletPageUrl = walletUrl;
    render();
    return followNow();
  },
  close() {
    orderId = undefined;
    forget();
  },
  render,
};
