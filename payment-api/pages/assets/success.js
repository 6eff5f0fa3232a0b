import { call, pause } from './api.js';
import { text, translate, won } from './texts.js';

const POLL_MS = 400;
const POLL_SLOW_MS = 5000;
const POLL_FAST_COUNT = 60;
const CONFIRM_ATTEMPTS_MAX = 20;
const PAID = ['SUCCESS', 'PARTIAL_CANCELED', 'CANCELED'];

const element = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);

function headline(name, detail = '', isBad = false) {
  element('headline').textContent = text(name);
  element('detail').textContent = detail;
  element('detail').classList.toggle('bad', isBad);
}

function mark(step, state) {
  element(step).className = state;
}

function showOrder({ orderId, orderName, amount, paymentOrderList }) {
  element('order').hidden = false;
  element('order-name').textContent = orderName;
  element('order-id').textContent = orderId;
  element('order-amount').textContent = won(amount);
  const lines = paymentOrderList.map(({ name, sellerNo, amount: price }) => {
    const item = document.createElement('li');
    item.className = 'line';
    const words = document.createElement('span');
    const seller = document.createElement('span');
    const cost = document.createElement('span');
    words.textContent = name;
    Object.assign(seller, { className: 'seller', textContent: text('seller', sellerNo) });
    Object.assign(cost, { className: 'price', textContent: won(price) });
    item.append(words, seller, cost);
    return item;
  });
  element('lines').replaceChildren(...lines);
}

function failed(sentence) {
  mark('step-paid', 'failed');
  headline('failTitle', sentence, true);
  element('headline').focus();
}

/** Asks for the confirmation; the same request again is harmless, so a lost answer or a reload just asks again. */
async function confirm(paymentKey, orderId, amount) {
  for (let attempt = 1; attempt <= CONFIRM_ATTEMPTS_MAX; attempt += 1) {
    try {
      const answer = await call('POST', '/api/payments/confirm', { paymentKey, orderId, amount });
      // Another tab is confirming the same payment, or the server is restarting: ask again.
      if (answer.errorCode !== 'PEC0005' && answer.errorCode !== 'PEC0010') return answer;
    } catch {
      element('detail').textContent = text('offline');
    }
    await pause(Math.min(250 * attempt, POLL_SLOW_MS));
  }
  return { code: 202 };
}

/** Follows the order until the sellers are credited, or the payment has failed. */
async function follow(orderId) {
  for (let poll = 0; ; poll += 1) {
    try {
      const { code, data, message } = await call('GET', `/api/payments/${encodeURIComponent(orderId)}`);
      if (code === 404) return failed(message);
      if (code === 200) {
        showOrder(data);
        if (data.status === 'FAILURE') return failed(data.failure?.message ?? '');
        if (PAID.includes(data.status)) {
          mark('step-paid', 'done');
          headline('paid', text(data.isWalletDone ? 'settled' : 'settling'));
        }
        if (data.isWalletDone) return mark('step-settled', 'done');
      }
    } catch {
      element('detail').textContent = text('offline');
    }
    await pause(poll < POLL_FAST_COUNT ? POLL_MS : POLL_SLOW_MS);
  }
}

translate();
const [paymentKey, orderId, amount] = ['paymentKey', 'orderId', 'amount'].map((name) => query.get(name));
if (paymentKey === null || orderId === null || amount === null) {
  failed(text('badLink'));
} else {
  const answer = await confirm(paymentKey, orderId, amount);
  if (answer.code === 200 || answer.code === 202) {
    if (answer.code === 202) headline('pending', text('pendingDetail'));
    await follow(orderId);
  } else {
    failed(`${answer.message} ${answer.data?.psp?.message ?? ''}`);
  }
}
