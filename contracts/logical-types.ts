import { types, type Schema, type Type } from 'avsc';

const WON_SCALE = 2;
const UNSCALED_PER_WON = 100n;

/** Big-endian two's complement, as short as it can be: the Avro specification's encoding of a decimal. */
function bytesFromUnscaled(unscaled: bigint): Buffer {
  let byteLength = 1;
  while (BigInt.asIntN(byteLength * 8, unscaled) !== unscaled) byteLength += 1;
  const hex = BigInt.asUintN(byteLength * 8, unscaled)
    .toString(16)
    .padStart(byteLength * 2, '0');
  return Buffer.from(hex, 'hex');
}

function unscaledFromBytes(bytes: Buffer): bigint {
  if (bytes.length === 0) throw new RangeError('a decimal without bytes');
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
}

/**
 * Avro `decimal(precision, 2)` on bytes ↔ whole won as `bigint`.
 *
 * @throws RangeError for a fraction of a won, or more digits than the precision allows.
 */
class WonDecimal extends types.LogicalType {
  readonly #limit: bigint;

  constructor(schema: Schema, options?: object) {
    super(schema, options);
    const { precision, scale } = schema as unknown as { precision: number; scale?: number };
    if (scale !== WON_SCALE)
      throw new RangeError(`decimal of scale ${scale}: amounts have scale ${WON_SCALE}`);
    this.#limit = 10n ** BigInt(precision);
  }

  protected override _fromValue(bytes: Buffer): bigint {
    const unscaled = unscaledFromBytes(bytes);
    if (unscaled >= this.#limit || unscaled <= -this.#limit)
      throw new RangeError(`amount out of range: ${unscaled} hundredths`);
    if (unscaled % UNSCALED_PER_WON !== 0n)
      throw new RangeError(`a fraction of a won: ${unscaled} hundredths`);
    return unscaled / UNSCALED_PER_WON;
  }

  protected override _toValue(won: unknown): Buffer {
    if (typeof won !== 'bigint') throw new RangeError(`money is a bigint of whole won, not ${typeof won}`);
    const unscaled = won * UNSCALED_PER_WON;
    if (unscaled >= this.#limit || unscaled <= -this.#limit)
      throw new RangeError(`amount out of range: ${won}`);
    return bytesFromUnscaled(unscaled);
  }

  /** A writer's type that is logical too has converted already. */
  protected override _resolve(type: Type): ((value: never) => bigint) | undefined {
    if (type instanceof WonDecimal) return (won: bigint) => won;
    return type.typeName === 'bytes' ? (bytes: Buffer) => this._fromValue(bytes) : undefined;
  }
}

/** Avro `timestamp-millis` ↔ `Date`. */
class TimestampMillis extends types.LogicalType {
  protected override _fromValue(millis: number): Date {
    return new Date(millis);
  }

  protected override _toValue(date: unknown): number {
    if (!(date instanceof Date) || Number.isNaN(date.getTime())) throw new RangeError('not a valid Date');
    return date.getTime();
  }

  protected override _resolve(type: Type): ((value: never) => Date) | undefined {
    if (type instanceof TimestampMillis) return (date: Date) => date;
    return type.typeName === 'long' ? (millis: number) => this._fromValue(millis) : undefined;
  }
}

/** How the contracts' logical types appear in code. */
export const logicalTypes = { decimal: WonDecimal, 'timestamp-millis': TimestampMillis } as unknown as Record<
  string,
  new (schema: Schema, options?: object) => types.LogicalType
>;

/**
 * How every schema is read here; a new object each time, because avsc keeps the names it has seen in it. A decimal of
 * another scale is refused: by default avsc would take it for plain bytes, and money would be off by powers of ten
 * without a word.
 */
export const avroOptions = () => ({ logicalTypes, wrapUnions: false, assertLogicalTypes: true });
