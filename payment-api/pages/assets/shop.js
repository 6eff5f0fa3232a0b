import { call } from './api.js';
import { text, translate, won } from './texts.js';

const TOSS_SDK = 'https://js.tosspayments.com/v2/standard';
const ALREADY_CHOSEN = [1, 2, 3];

const form = document.querySelector('#order');
const list = document.querySelector('#products');
const total = document.querySelector('#total');
const message = document.querySelector('#message');
const button = document.querySelector('#pay');

const chosen = () => [...list.querySelectorAll('input:checked')];

function showTotal() {
  const sum = chosen().reduce((amount, input) => amount + Number(input.dataset.price), 0);
  total.textContent = won(sum);
  button.textContent = sum === 0 ? text('pay') : text('payAmount', won(sum));
  button.disabled = sum === 0;
}

function say(sentence, isBad = true) {
  message.textContent = sentence;
  message.classList.toggle('bad', isBad);
}

function lineOf({ productNo, name, price, sellerNo }) {
  const item = document.createElement('li');
  const label = document.createElement('label');
  const input = document.createElement('input');
  Object.assign(input, { type: 'checkbox', name: 'productNos', value: productNo });
  input.dataset.price = price;
  input.checked = ALREADY_CHOSEN.includes(productNo);
  const words = document.createElement('span');
  const seller = document.createElement('span');
  const cost = document.createElement('span');
  words.textContent = name;
  Object.assign(seller, { className: 'seller', textContent: text('seller', sellerNo) });
  Object.assign(cost, { className: 'price', textContent: won(price) });
  label.append(input, words, seller, cost);
  item.append(label);
  return item;
}

async function showProducts() {
  try {
    const { data } = await call('GET', '/api/products');
    list.replaceChildren(...data.productList.map(lineOf));
    list.setAttribute('aria-busy', 'false');
    showTotal();
  } catch {
    say(text('loadFailed'));
  }
}

function loadTossSdk() {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    Object.assign(script, { src: TOSS_SDK, onload: () => resolve(globalThis.TossPayments), onerror: reject });
    document.head.append(script);
  });
}

/** Opens the payment window: Toss's SDK, or the simulator's page. Either comes back to /success or /fail. */
async function openWindow({ orderId, amount, orderName }) {
  const { data: paymentWindow } = await call('GET', '/api/payment-window');
  const successUrl = `${location.origin}/success`;
  const failUrl = `${location.origin}/fail`;
  if (paymentWindow.kind === 'toss') {
    const TossPayments = await loadTossSdk();
    const payment = TossPayments(paymentWindow.clientKey).payment({ customerKey: TossPayments.ANONYMOUS });
    await payment.requestPayment({
      method: 'CARD',
      amount: { currency: 'KRW', value: amount },
      orderId,
      orderName,
      successUrl,
      failUrl,
    });
    return;
  }
  location.assign(
    `${paymentWindow.url}?${new URLSearchParams({ orderId, amount, orderName, successUrl, failUrl })}`,
  );
}

/** One key per submission that the shopper sees, kept until it succeeded: a double click orders once. */
let idempotencyKey;
list.addEventListener('change', () => {
  idempotencyKey = undefined;
  say('', false);
  showTotal();
});

async function order() {
  const productNos = chosen().map((input) => Number(input.value));
  if (productNos.length === 0) return say(text('chooseOne'));
  if (button.disabled) return;
  button.disabled = true;
  say(text('opening'), false);
  idempotencyKey ??= `page-${Date.now()}-${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;
  try {
    const {
      code,
      message: sentence,
      data,
    } = await call(
      'POST',
      '/api/payments/checkout',
      { productNos },
      {
        'idempotency-key': idempotencyKey,
      },
    );
    if (code !== 201) throw new Error(sentence);
    idempotencyKey = undefined;
    await openWindow(data);
  } catch (error) {
    const isClosed = error?.code === 'USER_CANCEL' || error?.code === 'PAY_PROCESS_CANCELED';
    say(
      isClosed ? text('closed') : `${text('orderFailed')} ${error instanceof TypeError ? '' : error.message}`,
    );
    button.disabled = false;
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void order();
});

// Coming back with the browser's button shows the page as it was left: the button must work again.
addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  say('', false);
  showTotal();
});

translate();
await showProducts();
