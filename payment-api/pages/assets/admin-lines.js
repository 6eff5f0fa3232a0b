import { make } from './kit/dom.js';
import { text, won } from './kit/language.js';
import { lineNo } from './order-view.js';

// Lines of a payment with boxes to choose some: for a refund, and for a cancel that is to be allocated.

export const sumOf = (lines) => lines.reduce((sum, { amount }) => sum + amount, 0);

/** Lines that have not been canceled. */
export const leftOf = ({ paymentOrderList }) => paymentOrderList.filter(({ status }) => status === 'SUCCESS');

/**
 * One line; with a box while `chosen` is given and the line is left.
 *
 * @param chosen numbers of the chosen lines, a set that the box changes
 */
export function lineChoice({ paymentOrderNo, name, sellerNo, amount, status }, chosen, onChange) {
  const isCanceled = status === 'CANCELED';
  const words = [
    make('span', { lang: 'ko', textContent: name }),
    make('span', { className: 'soft', textContent: lineNo(paymentOrderNo) }),
    make('span', { className: 'soft', textContent: text('seller', sellerNo) }),
    isCanceled ? make('span', { className: 'badge plain', textContent: text('lineCanceled') }) : undefined,
  ];
  const box = () =>
    make('input', {
      type: 'checkbox',
      value: paymentOrderNo,
      checked: chosen.has(paymentOrderNo),
      on: {
        change: ({ target }) => {
          if (target.checked) chosen.add(paymentOrderNo);
          else chosen.delete(paymentOrderNo);
          onChange();
        },
      },
    });
  const isOffered = chosen !== undefined && status === 'SUCCESS';
  return make(
    'li',
    {},
    make(
      'div',
      { className: 'line' },
      isOffered
        ? make('label', {}, box(), ...words)
        : make('span', { className: 'words' }, ...words.flatMap((word) => [word, ' '])),
      make('span', { className: `money${isCanceled ? ' gone' : ''}`, textContent: won(amount) }),
    ),
  );
}
