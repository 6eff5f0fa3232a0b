import { call, newKey, NoAnswer } from './kit/api.js';
import { byId, make, once, say } from './kit/dom.js';
import { addTexts, refusalText, speak, text, won } from './kit/language.js';
import { basket } from './basket.js';
import { openPaymentWindow, paymentWindow } from './payment-window.js';
import { TEXTS } from './texts.js';

/** The API's limit on an order. */
const ITEMS_MAX = 100;

const list = byId('products');
const button = byId('pay');
let products = [];
/** What is said below the list: a function, so that it is said again in another language. */
let notice = { sentence: () => '', kind: '' };
let isOpening = false;

function tell(sentence = () => '', kind = '') {
  notice = { sentence, kind };
  say(byId('message'), sentence(), kind);
}

const chosen = () => products.flatMap(({ productNo }) => Array(basket.quantity(productNo)).fill(productNo));
const sum = () =>
  products.reduce((amount, { productNo, price }) => amount + basket.quantity(productNo) * price, 0);

/** One key for what the shopper sees: a double click, or a repetition after a lost answer, orders once. */
let idempotencyKey;

function change(product, step) {
  const quantity = basket.quantity(product.productNo) + step;
  if (quantity < 0) return;
  if (step > 0 && chosen().length >= ITEMS_MAX) return tell(() => text('quantityMax', ITEMS_MAX), 'wait');
  basket.set(product.productNo, quantity);
  idempotencyKey = undefined;
  tell();
  showQuantities();
}

function stepper(product) {
  const step = (amount, sign, label) =>
    make('button', {
      type: 'button',
      textContent: sign,
      'aria-label': text(label, product.name),
      data: { step: amount },
      on: { click: () => change(product, amount) },
    });
  return make(
    'div',
    { className: 'quantity', role: 'group', 'aria-label': text('quantityOf', product.name) },
    step(-1, '−', 'less'),
    make('output', { textContent: '0' }),
    step(1, '+', 'more'),
  );
}

const rowOf = (product) =>
  make(
    'li',
    { data: { product: product.productNo } },
    make(
      'div',
      { className: 'row product' },
      make(
        'div',
        {},
        make('div', { lang: 'ko', textContent: product.name }),
        make('div', { className: 'soft' }, `${won(product.price)} · ${text('seller', product.sellerNo)}`),
      ),
      stepper(product),
    ),
  );

function showQuantities() {
  for (const row of list.querySelectorAll('[data-product]')) {
    const quantity = basket.quantity(Number(row.dataset.product));
    row.querySelector('output').textContent = quantity;
    row.querySelector('[data-step="-1"]').setAttribute('aria-disabled', String(quantity === 0));
  }
  const amount = sum();
  byId('total').textContent = won(amount);
  button.textContent = amount === 0 ? text('pay') : text('payAmount', won(amount));
  button.setAttribute('aria-disabled', String(amount === 0 || isOpening));
}

async function load() {
  list.setAttribute('aria-busy', 'true');
  try {
    const answer = await call('GET', '/api/products');
    if (answer.code !== 200) throw new Error(answer.message);
    products = answer.data.productList;
    list.replaceChildren(...products.map(rowOf));
    tell();
    showQuantities();
  } catch {
    list.replaceChildren(
      make(
        'li',
        {},
        make('button', {
          type: 'button',
          className: 'second',
          data: { text: 'reload' },
          textContent: text('reload'),
          on: { click: () => void load() },
        }),
      ),
    );
    tell(() => text('loadFailed'), 'bad');
  }
  list.setAttribute('aria-busy', 'false');
}

async function order() {
  const productNos = chosen();
  if (productNos.length === 0) return tell(() => text('chooseOne'), 'wait');
  tell(() => text('opening'));
  idempotencyKey ??= newKey('page');
  try {
    const answer = await call('POST', '/api/payments/checkout', {
      body: { productNos },
      headers: { 'idempotency-key': idempotencyKey },
    });
    if (answer.code !== 201) return tell(() => `${text('orderFailed')} ${refusalText(answer)}`, 'bad');
    idempotencyKey = undefined;
    await openPaymentWindow(answer.data);
    // The window takes this page's place: until then nothing is ordered a second time.
    isOpening = true;
  } catch (error) {
    const isClosed = ['USER_CANCEL', 'PAY_PROCESS_CANCELED'].includes(error?.code);
    if (isClosed) return tell(() => text('closed'), 'wait');
    tell(() => `${text('orderFailed')} ${error instanceof NoAnswer ? text('noConnection') : ''}`, 'bad');
  }
}

const submit = once(button, order);
byId('order').addEventListener('submit', (event) => {
  event.preventDefault();
  if (sum() === 0) return tell(() => text('chooseOne'), 'wait');
  void submit(event).then(showQuantities);
});

// Coming back with the browser's button may show the page as it was left: the button must work again.
addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  isOpening = false;
  tell();
  showQuantities();
});

let trust;

function render() {
  document.title = `${text('shopTitle')} - ${text('brand')}`;
  byId('trust').textContent = trust === undefined ? '' : text(trust);
  if (products.length > 0) list.replaceChildren(...products.map(rowOf));
  say(byId('message'), notice.sentence(), notice.kind);
  showQuantities();
}

addTexts(TEXTS);
speak(render);
await load();
try {
  const { kind } = await paymentWindow();
  trust = kind === 'toss' ? 'trustToss' : 'trustSimulator';
  render();
} catch {
  // It is asked for again, and its absence told, when the shopper pays.
}
