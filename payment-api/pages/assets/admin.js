import { adminDoor } from './kit/admin-key.js';
import { byId } from './kit/dom.js';
import { addTexts, speak, text } from './kit/language.js';
import { detail } from './admin-detail.js';
import { listView } from './admin-list.js';
import { orderSearch } from './admin-search.js';
import { TEXTS } from './texts.js';

// The administrator's page: a door, a list of payments, and one payment at `#order=…`.

const door = adminDoor({ probe: '/api/payments?limit=1', onOpen: enter, onClose: leave });
const list = listView(door);
detail.start(door);
orderSearch.start(door, (orderId) => {
  location.hash = `order=${encodeURIComponent(orderId)}`;
});
/** Where the wallets are shown: another process's page, which is only linked to. */
let walletPageUrl;

const orderInAddress = () => new URLSearchParams(location.hash.slice(1)).get('order');

function show() {
  if (!door.isOpen()) return;
  const orderId = orderInAddress();
  byId('list-view').hidden = orderId !== null;
  byId('detail-view').hidden = orderId === null;
  if (orderId === null) {
    detail.close();
    void list.open();
  } else {
    void detail.open(orderId, walletPageUrl);
  }
}

async function enter() {
  const answer = await door.call('GET', '/api/wallet-page').catch(() => undefined);
  walletPageUrl = answer?.data?.url;
  const link = document.querySelector('.wallets');
  link.hidden = walletPageUrl === undefined;
  if (walletPageUrl !== undefined) link.href = `${walletPageUrl}/`;
  show();
}

function leave() {
  detail.close();
  list.close();
  orderSearch.reset();
}

function render() {
  document.title = `${text('adminTitle')} - ${text('brand')}`;
  door.render();
  list.render();
  orderSearch.render();
  detail.render();
}

addTexts(TEXTS);
addEventListener('hashchange', () => {
  show();
  byId(orderInAddress() === null ? 'list-title' : 'detail-title').focus();
});
speak(render);
door.start();
