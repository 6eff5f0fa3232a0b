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

export type Verdict =
  { do: 'acknowledge'; seq: number } | { do: 'ignore'; reason: string } | { do: 'park'; reason: string };

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
  if (standing === undefined) return { do: 'park', reason: `unknown order ${orderId}` };
  if (seq === null) return { do: 'park', reason: 'no usable aggregateSeq header' };
  if (seq <= standing.acknowledgedEvents) {
    return acknowledgedHashes.get(`${orderId}#${seq}`)?.has(payloadHash) === true
      ? { do: 'ignore', reason: `event ${seq} was acknowledged before` }
      : { do: 'park', reason: `event ${seq} was acknowledged before, with another content` };
  }
  const before = letterBefore(seq, own, deadLetters);
  if (before !== undefined)
    return { do: 'park', reason: `behind the parked message ${before.id} of the same order` };
  const due = nextSeq(standing.acknowledgedEvents, deadLetters);
  if (seq > due) {
    return { do: 'park', reason: `event ${seq} after ${standing.acknowledgedEvents}: ${due} is missing` };
  }
  if (seq > standing.lastEventSeq) {
    return { do: 'park', reason: `event ${seq}, but only ${standing.lastEventSeq} were published` };
  }
  return judgeEntries(event, seq, standing);
}

function judgeEntries(event: WalletEvent, seq: number, standing: Standing): Verdict {
  for (const { paymentOrderNo, sellerNo, amount } of event.value.entries) {
    const line = standing.lines.get(paymentOrderNo);
    if (line === undefined || line.sellerNo !== sellerNo || line.amount !== amount) {
      return {
        do: 'park',
        reason: `entry ${paymentOrderNo} (seller ${sellerNo}, ${amount} won) is no line of the order`,
      };
    }
  }
  const settled = new Set(event.value.entries.map((entry) => entry.paymentOrderNo));
  if (settled.size === 0 || settled.size !== event.value.entries.length) {
    return { do: 'park', reason: 'no entries, or one of them twice' };
  }
  const isWhole = settled.size === standing.lines.size;
  if (event.record === 'wallet.PaymentSettled' && !isWhole) {
    return {
      do: 'park',
      reason: `${event.value.entries.length} of ${standing.lines.size} lines were settled`,
    };
  }
  if (event.record === 'wallet.CancellationSettled') {
    const { cancelId } = event.value;
    const lines = standing.cancels.get(cancelId);
    if (lines === undefined) return { do: 'park', reason: `unknown cancel ${cancelId}` };
    if (settled.size !== lines.size || [...settled].some((no) => !lines.has(no)))
      return { do: 'park', reason: `cancel ${cancelId} is of other lines than were settled` };
  }
  return { do: 'acknowledge', seq };
}
