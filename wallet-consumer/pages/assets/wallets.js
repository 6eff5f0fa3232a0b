import { adminDoor } from './kit/admin-key.js';
import { byId, make, once, say } from './kit/dom.js';
import { addTexts, refusalText, speak, text, time, won } from './kit/language.js';
import { ledger } from './ledger.js';
import { TEXTS } from './texts.js';

// The sellers' wallets, and one wallet's ledger at `#seller=…`. The page looks again by itself, so that money is seen
// moving; the box at the top stops that.

const REFRESH_MS = 1_500;
const WALLETS_SHOWN_MAX = 200;

const door = adminDoor({ probe: '/api/wallets?limit=1', onOpen: enter, onClose: leave });
let wallets = [];
let hasMore = false;
let notice = () => '';
let limit = 50;
let timer;
/** A later look makes an earlier one's answer worthless. */
let round = 0;

const chosenSeller = () => new URLSearchParams(location.hash.slice(1)).get('seller');

function walletRow({ sellerNo, balance, updatedAt }, hasChanged) {
  const isNegative = balance < 0;
  const row = make(
    'a',
    {
      className: `row${hasChanged ? ' changed' : ''}`,
      href: `#seller=${sellerNo}`,
      data: { seller: sellerNo },
    },
    make('span', { className: 'name', textContent: text('seller', sellerNo) }),
    isNegative ? make('span', { className: 'badge bad', textContent: text('negative') }) : undefined,
    make('span', { className: `money end${isNegative ? ' negative' : ''}`, textContent: won(balance) }),
    make('span', { className: 'under', textContent: text('updatedAt', time(updatedAt)) }),
  );
  row.setAttribute('aria-current', String(String(sellerNo) === chosenSeller()));
  return make('li', {}, row);
}

/** Draws what has changed only: whoever has the focus on a wallet keeps it. */
let drawn = '';

function render() {
  document.title = `${text('walletsTitle')}`;
  door.render();
  const now = JSON.stringify([wallets, chosenSeller(), text('walletsTitle')]);
  if (now !== drawn) {
    const focused = document.activeElement?.dataset?.seller;
    const before = new Map(
      drawn === '' ? [] : JSON.parse(drawn)[0].map((wallet) => [wallet.sellerNo, wallet]),
    );
    const hasChanged = ({ sellerNo, balance }) =>
      before.has(sellerNo) && before.get(sellerNo).balance !== balance;
    byId('wallets').replaceChildren(...wallets.map((wallet) => walletRow(wallet, hasChanged(wallet))));
    if (focused !== undefined) byId('wallets').querySelector(`[data-seller="${focused}"]`)?.focus();
    drawn = now;
  }
  byId('more-wallets').hidden = !hasMore;
  say(byId('wallets-message'), notice());
  ledger.render();
}

/** Says which balances have moved since the last look. */
function tellMoves(fresh) {
  const before = new Map(wallets.map(({ sellerNo, balance }) => [sellerNo, balance]));
  const moved = fresh.filter(
    ({ sellerNo, balance }) => before.has(sellerNo) && before.get(sellerNo) !== balance,
  );
  if (moved.length === 0) return;
  const was = new Map(before);
  notice = () =>
    moved
      .map(({ sellerNo, balance }) => text('moved', sellerNo, won(was.get(sellerNo)), won(balance)))
      .join(' ');
}

async function look() {
  clearTimeout(timer);
  round += 1;
  const mine = round;
  try {
    const answer = await door.call('GET', `/api/wallets?limit=${limit}`);
    if (mine !== round || answer.code === 401) return;
    if (answer.code === 200) {
      const { walletList, nextCursor } = answer.data;
      if (walletList.length === 0) notice = () => text('noWallets');
      else if (wallets.length === 0) notice = () => '';
      tellMoves(walletList);
      wallets = walletList;
      hasMore = nextCursor !== null && limit < WALLETS_SHOWN_MAX;
      await ledger.look(door, chosenSeller());
      if (mine !== round) return;
    } else {
      notice = () => refusalText(answer);
    }
  } catch {
    if (mine !== round) return;
    notice = () => text('reconnecting');
  }
  render();
  timer = setTimeout(lookIfLive, REFRESH_MS);
}

function lookIfLive() {
  if (byId('live').checked && !document.hidden) void look();
  else timer = setTimeout(lookIfLive, REFRESH_MS);
}

function enter() {
  void look();
}

function leave() {
  round += 1;
  clearTimeout(timer);
  wallets = [];
  drawn = '';
  notice = () => '';
  ledger.reset();
}

async function more() {
  limit = WALLETS_SHOWN_MAX;
  await look();
}

addTexts(TEXTS);
addEventListener('hashchange', () => {
  if (!door.isOpen()) return;
  void look().then(() => byId('ledger-title').focus());
});
byId('more-wallets').addEventListener('click', once(byId('more-wallets'), more));
byId('older').addEventListener(
  'click',
  once(byId('older'), () => ledger.lookOlder(door).then(render)),
);
speak(render);
door.start();
