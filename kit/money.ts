/**
 * Money in code is a `bigint` of whole won. It is never a `number`: sums of JavaScript numbers are
 * floating-point arithmetic. KRW has no minor unit (ISO 4217 exponent 0), yet columns and the wire carry two
 * decimals, as the original tables do; a fraction there is an error, not something to round.
 */
export type Won = bigint;

/** Decimals of the stored and transmitted amount: DECIMAL(15,2), Avro decimal(15,2). */
export const MONEY_SCALE = 2;
const UNSCALED_PER_WON = 100n;
/** Largest amount that DECIMAL(15,2) holds, in whole won. */
export const WON_MAX: Won = 9_999_999_999_999n;

const DECIMAL_TEXT = /^(-?)(\d{1,13})(?:\.(0{1,2}))?$/;

/**
 * Parses "6000" or "6000.00" into whole won.
 *
 * @throws RangeError when the text is not a decimal, has a fraction of a won, or exceeds DECIMAL(15,2).
 */
export function wonFromText(text: string): Won {
  const match = DECIMAL_TEXT.exec(text);
  if (match === null) throw new RangeError(`not a whole amount of won: ${JSON.stringify(text)}`);
  const magnitude = BigInt(match[2] ?? '');
  return match[1] === '-' ? -magnitude : magnitude;
}

/** Writes whole won as the decimal text that MySQL stores, "6000.00". */
export function wonToDecimalText(won: Won): string {
  return `${won}.00`;
}

/** Unscaled integer of a decimal(15,2), as Avro transmits it: 6000 won → 600000. */
export function wonToUnscaled(won: Won): bigint {
  return won * UNSCALED_PER_WON;
}

/** @throws RangeError when the unscaled decimal(15,2) has a fraction of a won. */
export function wonFromUnscaled(unscaled: bigint): Won {
  if (unscaled % UNSCALED_PER_WON !== 0n) throw new RangeError(`a fraction of a won: ${unscaled} hundredths`);
  return unscaled / UNSCALED_PER_WON;
}

/** Whole won as a JSON number. @throws RangeError outside the integers a JSON number holds exactly. */
export function wonToNumber(won: Won): number {
  const number = Number(won);
  if (!Number.isSafeInteger(number)) throw new RangeError(`amount beyond exact JSON numbers: ${won}`);
  return number;
}

export function sumWon(amounts: Iterable<Won>): Won {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
}
