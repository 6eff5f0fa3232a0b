import { createHash } from 'node:crypto';
import { UndecodableError, type Decode } from '#contracts/codec';
import { HEADER } from '#contracts/topics';
import { wonToDecimalText } from '#kit/money';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import type { Reader } from '#prisma/database';
import { arrivalOf } from '#prisma/dead-letters';
import * as store from './topic.store';
import type { RowSet } from './row-set';
import type { Stretch } from './topic-reader';

// Page by page, what the topics say is compared with outbox and ledger.

const MESSAGES_PER_QUERY = 500;
const RANGES_PER_QUERY = 200;
/** Between the clock that an event's id was made with and the database's. */
const CLOCK_SKEW_MS = 1_000;

type Row = Record<string, unknown>;

/** Where the last audit has ended, by partition. */
export type Checkpoints = ReadonlyMap<string, store.TopicCheckpoint>;

export const placeOf = (topic: string, partition: number | bigint): string => `${topic}#${partition}`;

export const lowest = (...offsets: bigint[]): bigint =>
  offsets.reduce((one, other) => (other < one ? other : one));

/** When an event was made: the time within its id (UUIDv7), or when it was published. */
function madeAt(eventId: string, publishedAt: Date | undefined): number {
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(eventId)) return parseInt(eventId.replace('-', '').slice(0, 12), 16);
  return publishedAt?.getTime() ?? Number.POSITIVE_INFINITY;
}

interface Witnessed {
  message: ConsumedMessage;
  eventId: string;
  hash: string;
}

export interface WitnessScope {
  rowsMax: number;
  readAt: Date;
  /** What is younger may still be on its way. */
  lateBefore: Date;
  /** Rows written before this moment may have been purged. */
  purgedBefore: Date | undefined;
  /** Rows of the outbox that were met on their topic. */
  seen: RowSet;
  known: Checkpoints;
}

export class TopicWitness {
  readonly rows = { events: [] as Row[], rows: [] as Row[], ledger: [] as Row[] };
  readonly counts = { events: 0, refused: 0, purged: 0 };
  readonly #db: Reader;
  readonly #decode: Decode;
  readonly #known: WitnessScope;
  /** The last message of each partition. */
  readonly #last = new Map<string, { offset: bigint; hash: string }>();
  /** Where the first event stands that is left to the next audit. */
  readonly #left = new Map<string, bigint>();
  /** Partitions whose message at the checkpoint was met again. */
  readonly #met = new Set<string>();

  constructor(db: Reader, decode: Decode, known: WitnessScope) {
    this.#db = db;
    this.#decode = decode;
    this.#known = known;
  }

  #report(check: keyof TopicWitness['rows'], row: Row): void {
    if (this.rows[check].length < this.#known.rowsMax) this.rows[check].push(row);
  }

  /** Has the last audit read that already? */
  #isAgain({ topic, partition, offset }: ConsumedMessage): boolean {
    return BigInt(offset) < (this.#known.known.get(placeOf(topic, partition))?.nextOffset ?? 0n);
  }

  #noteLast({ message, eventId, hash: payloadHash }: Witnessed): void {
    const place = placeOf(message.topic, message.partition);
    const offset = BigInt(message.offset);
    const stamp = message.publishedAt?.getTime() ?? '';
    const hash = createHash('sha256').update([eventId, payloadHash, stamp].join('|')).digest('hex');
    const known = this.#known.known.get(place);
    if (known?.lastOffset === offset && known.lastHash === hash) this.#met.add(place);
    if (offset < (this.#left.get(place) ?? offset + 1n)) this.#last.set(place, { offset, hash });
  }

  /** Is a message gone that the last audit has read, and that is still retained? */
  hasMissed(retained: readonly Stretch[]): boolean {
    return retained.some(({ topic, partition, from }) => {
      const place = placeOf(topic, partition);
      const offset = this.#known.known.get(place)?.lastOffset ?? null;
      return offset !== null && offset >= from && !this.#met.has(place);
    });
  }

  /** Up to where a partition has been compared. */
  endOf({ topic, partition, to }: Stretch): Omit<store.TopicCheckpoint, 'verifiedAt'> {
    const place = placeOf(topic, partition);
    const known = this.#known.known.get(place);
    const last = this.#last.get(place) ?? {
      offset: known?.lastOffset ?? null,
      hash: known?.lastHash ?? null,
    };
    const nextOffset = this.#left.get(place) ?? to;
    return { topic, partition, nextOffset, lastOffset: last.offset, lastHash: last.hash };
  }

  /** A page of one partition. */
  async take(messages: readonly ConsumedMessage[]): Promise<void> {
    for (let from = 0; from < messages.length; from += MESSAGES_PER_QUERY)
      await this.#compare(messages.slice(from, from + MESSAGES_PER_QUERY));
  }

  async #compare(messages: readonly ConsumedMessage[]): Promise<void> {
    const [first] = messages;
    if (first === undefined) return;
    const events = messages.map((message): Witnessed => {
      const { eventId, payloadHash } = arrivalOf(message);
      return { message, eventId, hash: payloadHash };
    });
    const rows = await store.outboxRows(
      this.#db,
      events.map(({ eventId }) => eventId),
    );
    const ours = events.filter(({ eventId }) => rows.has(eventId));
    for (const event of ours) this.#compareWithRow(event, rows.get(event.eventId) as store.OutboxRow);
    const others = events.filter(({ eventId }) => !rows.has(eventId));
    const purged = await this.#judgeOthers(first.topic, others);
    this.counts.events += messages.filter((message) => !this.#isAgain(message)).length;
    for (const event of events) this.#noteLast(event);
    const told = [
      ...ours.filter(({ eventId }) => rows.get(eventId)?.isOriginal === true),
      ...purged.filter(({ message }) => message.headers[HEADER.redriveOf] === undefined),
    ];
    if (first.topic === 'wallet') await this.#compareWithLedger(told);
  }

  #compareWithRow({ message, eventId, hash }: Witnessed, row: store.OutboxRow): void {
    const { topic, partition, offset, key, headers } = message;
    const published: [what: string, differs: boolean][] = [
      ['topic', row.topic !== topic],
      ['key', row.key !== key?.toString('latin1')],
      ['type', row.type !== headers[HEADER.eventType]],
      ['number', (row.seq === null ? undefined : String(row.seq)) !== headers[HEADER.aggregateSeq]],
      ['content', row.hash !== hash],
    ];
    const differing = published.filter(([, differs]) => differs).map(([what]) => what);
    // On another topic than its row's it does not count as published.
    if (row.topic === topic) this.#known.seen.add(row.no);
    if (differing.length === 0) return;
    const problem = `its outbox row has another ${differing.join(', ')}`;
    this.#report('events', { topic, partition, offset, event_id: eventId, order_id: row.key, problem });
  }

  /** Events without a row: purged ones, somebody's junk that was refused, and findings. @returns the purged ones */
  async #judgeOthers(topic: string, events: readonly Witnessed[]): Promise<Witnessed[]> {
    const arrived = await store.arrivedEvents(
      this.#db,
      topic,
      events.map(({ eventId }) => eventId),
    );
    const purgedBefore = this.#known.purgedBefore?.getTime() ?? Number.NEGATIVE_INFINITY;
    return events.filter(({ message, eventId, hash }) => {
      const known = arrived.get(eventId);
      const isTheSame = known !== undefined && known.hash === hash;
      const made = madeAt(eventId, message.publishedAt);
      if (known === undefined && this.#isYoung(made)) {
        const place = placeOf(topic, message.partition);
        this.#left.set(
          place,
          lowest(BigInt(message.offset), this.#left.get(place) ?? BigInt(message.offset)),
        );
        return false;
      }
      if (isTheSame && !known.isApplied) {
        if (!this.#isAgain(message)) this.counts.refused += 1;
        return false;
      }
      if (isTheSame && made < purgedBefore + CLOCK_SKEW_MS) {
        if (!this.#isAgain(message)) this.counts.purged += 1;
        return true;
      }
      const { partition, offset } = message;
      const orderId = arrivalOf(message).aggregateId;
      const problem =
        known === undefined
          ? 'no outbox row has this event, and its consumer has not taken it'
          : isTheSame
            ? 'no outbox row has this event, and its consumer has applied it'
            : 'no outbox row has this event, and its consumer has taken another content';
      this.#report('events', { topic, partition, offset, event_id: eventId, order_id: orderId, problem });
      return false;
    });
  }

  /** MySQL may not have shown its row yet. What says that it is from the future is not young, but wrong. */
  #isYoung(made: number): boolean {
    const { lateBefore, readAt } = this.#known;
    return made >= lateBefore.getTime() && made < readAt.getTime() + CLOCK_SKEW_MS;
  }

  async #compareWithLedger(events: readonly Witnessed[]): Promise<void> {
    const told: { orderId: string; type: string; entry: Told; place: Row }[] = [];
    for (const { message, eventId } of events) {
      const { topic, partition, offset } = message;
      const place = { topic, partition, offset, event_id: eventId };
      try {
        const { record, value } = await this.#decode(message.value);
        if (record === 'wallet.PaymentSettled' || record === 'wallet.CancellationSettled') {
          const type = record === 'wallet.PaymentSettled' ? 'CREDIT' : 'DEBIT';
          for (const entry of value.entries) told.push({ orderId: value.orderId, type, entry, place });
        } else this.#report('ledger', { ...place, problem: `the event is a ${record}` });
      } catch (error) {
        if (!(error instanceof UndecodableError)) throw error;
        this.#report('ledger', { ...place, problem: `the event cannot be read: ${error.message}` });
      }
    }
    for (let from = 0; from < told.length; from += MESSAGES_PER_QUERY) {
      const some = told.slice(from, from + MESSAGES_PER_QUERY);
      const lines = await store.linesAt(
        this.#db,
        some.map(({ entry }) => entry),
      );
      for (const { orderId, type, entry, place } of some) {
        const problem = differenceOf(lines.get(`${entry.walletNo}#${entry.walletSeq}`), orderId, type, entry);
        if (problem === undefined) continue;
        const line = { wallet_no: BigInt(entry.walletNo), wallet_seq: BigInt(entry.walletSeq) };
        this.#report('ledger', { ...line, order_id: orderId, problem, ...place });
      }
    }
  }

  /** Every row that is old enough was on its topic. */
  async requireRows(stretches: readonly Stretch[], lateBefore: Date): Promise<void> {
    const { seen, rowsMax } = this.#known;
    let ranges: (readonly [number, number])[] = [];
    const ask = async (): Promise<void> => {
      const left = rowsMax - this.rows.rows.length;
      if (ranges.length > 0 && left > 0) {
        const options = { lateBefore, rowsMax: left };
        this.rows.rows.push(...(await store.unpublishedRows(this.#db, ranges, stretches, options)));
      }
      ranges = [];
    };
    for (const range of seen.missing()) {
      ranges.push(range);
      if (ranges.length === RANGES_PER_QUERY) await ask();
    }
    await ask();
  }
}

interface Told {
  walletNo: number;
  walletSeq: number;
  lineHash: string;
  amount: bigint;
  paymentOrderNo: number;
}

function differenceOf(
  line: store.LedgerLineAt | undefined,
  orderId: string,
  type: string,
  { lineHash, amount, paymentOrderNo }: Told,
): string | undefined {
  if (line === undefined) return 'it was published, and is gone';
  if (line.hash !== lineHash) return 'it was published with another hash';
  if (line.amount !== wonToDecimalText(amount)) return `it was published with the amount ${amount}`;
  if (line.orderId !== orderId) return 'it was published of another order';
  if (line.type !== type) return `it was published as a ${type}`;
  return line.paymentOrderNo === paymentOrderNo ? undefined : 'it was published of another payment line';
}
