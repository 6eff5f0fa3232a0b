import { byId, once, say } from './kit/dom.js';
import { refusalText, text } from './kit/language.js';

// From an order id, as a shopper or the PSP tells it, to that payment.

const field = () => byId('search-order');
let notice = { sentence: () => '', kind: '' };

function tell(sentence = () => '', kind = '') {
  notice = { sentence, kind };
  say(byId('search-message'), sentence(), kind);
}

function refuse(sentence) {
  tell(sentence, 'bad');
  field().setAttribute('aria-invalid', 'true');
  field().focus();
}

async function search(door, open) {
  const orderId = field().value.trim();
  if (orderId === '') return refuse(() => text('searchEmpty'));
  tell(() => text('searching'));
  try {
    const answer = await door.call('GET', `/api/payments/${encodeURIComponent(orderId)}`);
    if (answer.code === 401) return;
    if (answer.code === 200) {
      orderSearch.reset();
      open(orderId);
    } else if (answer.code === 404) refuse(() => text('searchNone', orderId));
    else if (answer.code === 400) refuse(() => text('searchMalformed'));
    else tell(() => refusalText(answer), 'bad');
  } catch {
    tell(() => text('noConnection'), 'wait');
  }
}

export const orderSearch = {
  /** @param open called with the id of a payment that exists */
  start(door, open) {
    byId('search').addEventListener(
      'submit',
      once(byId('search-submit'), () => search(door, open)),
    );
    field().addEventListener('input', () => {
      field().removeAttribute('aria-invalid');
      tell();
    });
  },
  reset() {
    field().value = '';
    field().removeAttribute('aria-invalid');
    tell();
  },
  render: () => say(byId('search-message'), notice.sentence(), notice.kind),
};
