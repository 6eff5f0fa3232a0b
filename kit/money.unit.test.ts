import fc from 'fast-check';
import {
  sumWon,
  WON_MAX,
  wonFromText,
  wonFromUnscaled,
  wonToDecimalText,
  wonToNumber,
  wonToUnscaled,
} from './money';

const won = fc.bigInt({ min: -WON_MAX, max: WON_MAX });

/** What the text is taken for; `undefined` when it is refused with a RangeError. */
function amountOf(text: string): bigint | undefined {
  try {
    return wonFromText(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

describe('money', () => {
  it('Every amount comes back from text, column and wire as it was', () => {
    fc.assert(
      fc.property(won, (amount) => {
        expect(wonFromText(wonToDecimalText(amount))).toBe(amount);
        expect(wonFromText(String(amount))).toBe(amount);
        expect(wonFromUnscaled(wonToUnscaled(amount))).toBe(amount);
      }),
    );
  });

  it('Every sum is exact, in whatever order, also beyond the numbers of JavaScript', () => {
    fc.assert(
      fc.property(fc.array(won), (amounts) => {
        const expected = amounts.reduce((sum, amount) => sum + amount, 0n);
        expect(sumWon(amounts)).toBe(expected);
        expect(sumWon(amounts.toReversed())).toBe(expected);
      }),
    );
    expect(sumWon([9_007_199_254_740_993n, 1n])).toBe(9_007_199_254_740_994n);
    expect(sumWon([])).toBe(0n);
  });

  it.each([
    ['6000', 6000n],
    ['6000.0', 6000n],
    ['6000.00', 6000n],
    ['0', 0n],
    ['-0', 0n],
    ['007', 7n],
    ['-1500.00', -1500n],
    ['9999999999999.00', WON_MAX],
  ])('%s is %s won', (text, amount) => {
    expect(wonFromText(text)).toBe(amount);
  });

  it.each([
    '',
    ' ',
    '6000.5',
    '6000.01',
    '6000.000',
    '6,000',
    '6e3',
    '0x10',
    '+1',
    '1.',
    '.00',
    'NaN',
    'Infinity',
    ' 1',
    '1 ',
    '1\n',
    '６０',
    '--1',
    '10000000000000',
  ])('%p is no amount', (text) => {
    expect(() => wonFromText(text)).toThrow(RangeError);
  });

  it('Every text that is taken for an amount is one of whole won within DECIMAL(15,2)', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.-+e, \n'.split('')) }), (text) => {
        const amount = amountOf(text);
        const isWhole = /^-?\d+(\.0{1,2})?$/.test(text);
        const isWithin = amount === undefined || (amount <= WON_MAX && amount >= -WON_MAX);
        expect(isWithin && (amount === undefined || isWhole)).toBe(true);
      }),
    );
  });

  it('When the wire holds a fraction of a won, then it is refused, not rounded', () => {
    for (const unscaled of [1n, -1n, 99n, 600_050n])
      expect(() => wonFromUnscaled(unscaled)).toThrow(/fraction/);
  });

  it('When an amount is beyond what a JSON number holds exactly, then it is refused', () => {
    expect(wonToNumber(9_007_199_254_740_991n)).toBe(9_007_199_254_740_991);
    expect(() => wonToNumber(9_007_199_254_740_992n)).toThrow(RangeError);
    expect(wonToNumber(-6000n)).toBe(-6000);
  });
});
