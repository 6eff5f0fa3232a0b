import { byId, make, parts, say } from './kit/dom.js';
import { refusalText, text, time, won } from './kit/language.js';

// One wallet's ledger lines, newest first. A look brings the newest page; older ones are kept below it.

const PAGE_SIZE = 20;

let sellerNo = null;
let lines = [];
let nextCursor = null;
let notice = () => '';
let drawn = '';

const path = (cursor) => {
  const query = new URLSearchParams({ limit: PAGE_SIZE, ...(cursor === undefined ? {} : { cursor }) });
  return `/api/wallets/${encodeURIComponent(sellerNo)}/transactions?${query}`;
};

function lineRow({ walletSeq, type, amount, balanceAfter, orderId, createdAt }, isFresh) {
  const isDebit = type === 'DEBIT';
  return make(
    'li',
    { className: isFresh ? 'changed' : '' },
    make(
      'div',
      { className: 'row' },
      make('span', { className: `badge ${isDebit ? 'wait' : 'good'}`, textContent: text(`type_${type}`) }),
      make('span', {
        className: `money end${isDebit ? ' debit' : ''}`,
        textContent: `${isDebit ? '' : '+'}${won(isDebit ? -amount : amount)}`,
      }),
      parts(
        time(createdAt),
        text('lineNo', walletSeq),
        make('span', {
          className: balanceAfter < 0 ? 'money negative' : 'money',
          textContent: text('balanceAfter', won(balanceAfter)),
        }),
      ),
      make('span', { className: 'under code', textContent: text('orderOf', orderId) }),
    ),
  );
}

function take(page, isOlder) {
  const known = new Set(lines.map(({ walletSeq }) => walletSeq));
  const fresh = page.walletTransactionList.filter(({ walletSeq }) => !known.has(walletSeq));
  // The page does not reach what is shown: so many are new that the older ones are asked for again.
  const isGap = !isOlder && lines.length > 0 && fresh.length === page.walletTransactionList.length;
  if (isOlder) lines = [...lines, ...fresh];
  else if (isGap) lines = fresh;
  else lines = [...fresh, ...lines];
  if (isOlder || isGap || lines.length === fresh.length) nextCursor = page.nextCursor;
}

async function ask(door, cursor) {
  const asked = sellerNo;
  const answer = await door.call('GET', path(cursor));
  if (asked !== sellerNo || answer.code === 401) return;
  if (answer.code === 200) {
    notice = () => '';
    take(answer.data, cursor !== undefined);
  } else {
    notice = () => (answer.code === 404 ? text('noWallet') : refusalText(answer));
  }
}

function reset() {
  sellerNo = null;
  lines = [];
  nextCursor = null;
  notice = () => '';
  drawn = '';
}

export const ledger = {
  reset,
  /** @param seller the number in the address, or null; @throws NoAnswer */
  async look(door, seller) {
    if (seller !== sellerNo) reset();
    sellerNo = seller;
    if (seller !== null) await ask(door);
  },
  lookOlder: (door) => ask(door, nextCursor),
  render() {
    byId('ledger-view').hidden = sellerNo === null;
    if (sellerNo === null) return;
    byId('ledger-title').textContent = text('ledgerTitle', sellerNo);
    say(byId('ledger-message'), notice());
    byId('older').hidden = nextCursor === null;
    const now = JSON.stringify([lines, text('walletsTitle')]);
    if (now === drawn) return;
    const newest = drawn === '' ? Infinity : (JSON.parse(drawn)[0][0]?.walletSeq ?? 0);
    byId('lines').replaceChildren(...lines.map((line) => lineRow(line, line.walletSeq > newest)));
    drawn = now;
  },
};
