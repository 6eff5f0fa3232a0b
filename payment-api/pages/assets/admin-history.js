import { byId, make } from './kit/dom.js';
import { text, time } from './kit/language.js';
import { lineNames } from './order-view.js';

/** Lines move together: what happened to several at once is one entry. */
function movesOf(history) {
  const moves = [];
  for (const { paymentOrderNo, ...move } of history) {
    const last = moves.at(-1);
    const names = ['previousStatus', 'newStatus', 'changedBy', 'reason'];
    const isSame = last !== undefined && names.every((name) => last[name] === move[name]);
    if (isSame && !last.paymentOrderNos.includes(paymentOrderNo)) last.paymentOrderNos.push(paymentOrderNo);
    else moves.push({ ...move, paymentOrderNos: [paymentOrderNo] });
  }
  return moves;
}

const status = (name) => (name === null ? '–' : text(`status_${name}`));

function moveRow(move, paymentOrderList) {
  const { previousStatus, newStatus, changedBy, reason, createdAt, paymentOrderNos } = move;
  const lines =
    paymentOrderNos.length === paymentOrderList.length
      ? make('span', { textContent: text('allLines') })
      : make('span', { lang: 'ko', textContent: lineNames(paymentOrderList, paymentOrderNos) });
  const where = `${time(createdAt)} · ${text('byWhom', text(`by_${changedBy}`))}`;
  return make(
    'li',
    {},
    make(
      'p',
      {},
      make('strong', { textContent: text('move', status(previousStatus), status(newStatus)) }),
      ' · ',
      lines,
    ),
    make('p', { className: 'soft', textContent: where }),
    make('p', { className: 'soft code', textContent: reason }),
  );
}

/** How the lines' statuses moved, into `#history`: when, by whom and why. */
export function showHistory({ paymentOrderList }, history) {
  const rows = movesOf(history).map((move) => moveRow(move, paymentOrderList));
  byId('history').replaceChildren(
    make('h2', { id: 'history-title', textContent: text('historyTitle') }),
    rows.length === 0
      ? make('p', { className: 'soft', textContent: text('noHistory') })
      : make('ol', { className: 'moves' }, ...rows),
  );
}
