import type { DecodedEvent } from '#contracts/codec';
import type { Won } from '#kit/money';
import { letterBefore, nextSeq, type DeadLetterState } from '#prisma/dead-letters.rules';

/** How the order stands that a wallet event speaks of. */
export interface Standing {
  paymentEventNo: bigint;
  /** Events published for the order so far. */
  lastEventSeq: number;
  /** Wallet events acknowledged so far; they are numbered densely from 1. */
  acknowledgedEvents: number;
  lines: ReadonlyMap<number, { sellerNo: number; amount: Won }>;
  /** Lines of each cancel, by cancel id. */
  cancels: ReadonlyMap<string, ReadonlySet<number>>;
}

export type WalletEvent = Extract<
  DecodedEvent,
  { record: 'wallet.PaymentSettled' | 'wallet.CancellationSettled' }
>;

/**
 * Why an event is parked, in the words of the wallet consumer. `behind`: an earlier event of its order is. `gap`: an
 * earlier one has not arrived. `conflict`: its number was acknowledged with another content, or given up by hand. `refused`: it says other
 * than the order's own rows.
 */
export type ParkCause =
  'undecodable' | 'invalid' | 'refused' | 'behind' | 'gap' | 'conflict' | 'unknown_order';

export type Verdict =
  | {
      do: 'acknowledge';
      seq: number;
      /** A later event of the order had come before this one, and is held. */
      isLate: boolean;
    }
  | { do: 'ignore'; reason: string }
  | { do: 'park'; cause: ParkCause; reason: string };

/** How a message ended. */
export type Outcome =
  | { kind: 'acknowledged'; type: 'CREDIT' | 'DEBIT'; isLate: boolean }
  | { kind: 'duplicate' }
  | { kind: 'parked'; cause: ParkCause };

const park = (cause: ParkCause, reason: string): Verdict => ({ do: 'park', cause, reason });

/** What became of the order's messages so far. */
export interface Past {
  /** The order's, whatever their status. */
  deadLetters: readonly DeadLetterState[];
  /** The one that this message redrives. */
  own: DeadLetterState | undefined;
  /** Hashes of what was acknowledged, by `{orderId}#{seq}`. */
  acknowledgedHashes: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * What a wallet event means for its order. Pure.
 *
 * What the wallet says is checked against the order's own lines: a settlement of other amounts or other sellers is a
 * defect that must not be acknowledged.
 */
export function judge(
  event: WalletEvent,
  { eventSeq: seq, payloadHash }: { eventSeq: number | null; payloadHash: string },
  standing: Standing | undefined,
  { deadLetters, own, acknowledgedHashes }: Past,
): Verdict {
  const { orderId } = event.value;
  if (standing === undefined) return park('unknown_order', `unknown order ${orderId}`);
  if (seq === null) return park('invalid', 'no usable aggregateSeq header');
  if (seq <= standing.acknowledgedEvents) {
    return acknowledgedHashes.get(`${orderId}#${seq}`)?.has(payloadHash) === true
      ? { do: 'ignore', reason: `event ${seq} was acknowledged before` }
      : park('conflict', `event ${seq} was acknowledged before, with another content`);
  }
  const due = nextSeq(standing.acknowledgedEvents, deadLetters);
  if (seq < due) return park('conflict', `event ${seq} was given up by hand (due is ${due})`);
  const before = letterBefore(seq, own, deadLetters);
  if (before !== undefined) return park('behind', `behind the parked message ${before.id} of the same order`);
  if (seq > due) return park('gap', `event ${seq} after ${standing.acknowledgedEvents}: ${due} is missing`);
  if (seq > standing.lastEventSeq)
    return park('invalid', `event ${seq}, but only ${standing.lastEventSeq} were published`);
  const problem = problemOfEntries(event, standing);
  if (problem !== undefined) return park('refused', problem);
  // What is redriven was held itself: that it comes behind a later one is no reordering of the topic.
  const isLate =
    own === undefined &&
    deadLetters.some(({ status, seq: held }) => status !== 'RESOLVED' && (held ?? 0) > seq);
  return { do: 'acknowledge', seq, isLate };
}

/** @returns what is wrong with it */
function problemOfEntries(event: WalletEvent, standing: Standing): string | undefined {
  for (const { paymentOrderNo, sellerNo, amount } of event.value.entries) {
    const line = standing.lines.get(paymentOrderNo);
    if (line === undefined || line.sellerNo !== sellerNo || line.amount !== amount) {
      return `entry ${paymentOrderNo} (seller ${sellerNo}, ${amount} won) is no line of the order`;
    }
  }
  const settled = new Set(event.value.entries.map((entry) => entry.paymentOrderNo));
  if (settled.size === 0 || settled.size !== event.value.entries.length) {
    return 'no entries, or one of them twice';
  }
  const isWhole = settled.size === standing.lines.size;
  if (event.record === 'wallet.PaymentSettled' && !isWhole) {
    return `${event.value.entries.length} of ${standing.lines.size} lines were settled`;
  }
  if (event.record === 'wallet.CancellationSettled') {
    const { cancelId } = event.value;
    const lines = standing.cancels.get(cancelId);
    if (lines === undefined) return `unknown cancel ${cancelId}`;
    if (settled.size !== lines.size || [...settled].some((no) => !lines.has(no)))
      return `cancel ${cancelId} is of other lines than were settled`;
  }
  return undefined;
}
