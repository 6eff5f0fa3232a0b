import { UndecodableError, type Decode } from '#contracts/codec';
import { HEADER } from '#contracts/topics';
import { wonToDecimalText } from '#kit/money';
import type { ConsumedMessage } from '#kit/kafka-consumer';
import type { Reader } from '#prisma/database';
import { arrivalOf } from '#prisma/dead-letters';
import { outboxNoBefore } from './ledger.store';
import * as store from './topic.store';
import { RowSet } from './row-set';
import type { Stretch, TopicReader } from './topic-reader';

// The topics are the witness outside of the database. Whoever can write every table can make ledger, outbox and
// checkpoints agree with each other; what was published says otherwise for as long as Kafka retains it.
//
// The topics' ends are taken before the snapshot is opened. An event below them was a committed row before it was
// published, so the snapshot has its row and its lines, however much is written meanwhile. The other way round only rows
// older than the promised time are asked for.

const MESSAGES_PER_QUERY = 2_500;
const LINES_PER_QUERY = 5_000;
const RANGES_PER_QUERY = 200;
/** An event may have been written this long before its transaction was committed, and be missed by the audit between. */
const OVERLAP_MS = 60 * 60 * 1_000;
/** Between the clock that an event's id was made with and the database's. */
const CLOCK_SKEW_MS = 1_000;

export const TOPIC_CHECKS = {
  read: ['topics-are-read', 'the topics could be read, up to where they ended when the audit began'],
  events: [
    'events-have-their-rows',
    'every event on a topic that had an effect is an outbox row, byte by byte, or a purged one',
  ],
  rows: [
    'rows-are-on-their-topic',
    'no outbox row is missing on its topic for longer than the promised time',
  ],
  ledger: [
    'ledger-is-as-published',
    'every line that a wallet event on the topic tells of stands in the ledger: number, hash, amount, order',
  ],
} as const;

type Row = Record<string, unknown>;

export interface TopicsCounts {
  /** Events that were compared. */
  events: number;
  /** Messages that are none of ours, and that their consumers have parked or ignored: without effect. */
  refused: number;
  /** Events whose rows have left the outbox. */
  purged: number;
  /** From where on: all that the topics retain, or what has come since the last audit. */
  isFull: boolean;
}

export interface TopicsReport {
  findings: { check: string; guarantees: string; rows: Row[] }[];
  counts: TopicsCounts;
  /** To be saved when every finding is empty. */
  checkpoints: store.TopicCheckpoint[];
}

export interface TopicsScope {
  /** What the topics retained before the snapshot was opened. */
  stretches: readonly Stretch[];
  isFull: boolean;
  readAt: Date;
  lateBefore: Date;
  rowsMax: number;
}

/** Where each partition's reading begins, and behind which row of the outbox. */
async function beginning(
  db: Reader,
  { stretches, isFull }: TopicsScope,
): Promise<{ stretches: Stretch[]; afterNo: bigint; isFull: boolean }> {
  const checkpoints = isFull ? [] : await store.topicCheckpoints(db);
  const from = stretches.map((stretch) => {
    const known = checkpoints.find(
      ({ topic, partition }) => topic === stretch.topic && Number(partition) === stretch.partition,
    );
    // A place behind the end belongs to a topic that was there before this one.
    const isUsable = known !== undefined && known.nextOffset <= stretch.to;
    return { stretch, known: isUsable ? known : undefined };
  });
  if (from.some(({ known }) => known === undefined))
    return { stretches: [...stretches], afterNo: 0n, isFull: true };
  const since = Math.min(...from.map(({ known }) => known?.verifiedAt.getTime() ?? 0));
  return {
    stretches: from.map(({ stretch, known }) => ({
      ...stretch,
      from: known !== undefined && known.nextOffset > stretch.from ? known.nextOffset : stretch.from,
    })),
    afterNo: await outboxNoBefore(db, new Date(since - OVERLAP_MS)),
    isFull: false,
  };
}

/**
 * Compares what the topics say with outbox and ledger, within the caller's snapshot.
 *
 * @throws TopicsUnreadableError
 */
export async function auditTopics(
  db: Reader,
  decode: Decode,
  reader: TopicReader,
  scope: TopicsScope,
): Promise<TopicsReport> {
  const { stretches, afterNo, isFull } = await beginning(db, scope);
  const witness = new TopicWitness(db, decode, {
    rowsMax: scope.rowsMax,
    seen: new RowSet(afterNo, await store.lastOutboxNo(db)),
    oldest: new Map(
      await Promise.all(
        store.AUDITED_TOPICS.map(async (topic) => [topic, await store.oldestRowAt(db, topic)] as const),
      ),
    ),
  });
  await reader.read(stretches, (messages) => witness.take(messages));
  // What was deleted while it was read is no longer asked for, either.
  const retained = await reader.stretches();
  const asked = stretches.map((stretch) => {
    const now = retained.find((one) => one.topic === stretch.topic && one.partition === stretch.partition);
    return now !== undefined && now.from > stretch.from ? { ...stretch, from: now.from } : stretch;
  });
  await witness.requireRows(asked, scope.lateBefore);
  const rows: Record<keyof typeof TOPIC_CHECKS, Row[]> = { read: [], ...witness.rows };
  return {
    findings: Object.entries(TOPIC_CHECKS).map(([key, [check, guarantees]]) => ({
      check,
      guarantees,
      rows: rows[key as keyof typeof TOPIC_CHECKS],
    })),
    counts: { ...witness.counts, isFull },
    checkpoints: stretches.map(({ topic, partition, to }) => ({
      topic,
      partition,
      nextOffset: to,
      verifiedAt: scope.readAt,
    })),
  };
}

/** The report of topics that could not be read. */
export function unreadTopics(problem: string): TopicsReport['findings'] {
  const [check, guarantees] = TOPIC_CHECKS.read;
  return [{ check, guarantees, rows: [{ problem }] }];
}

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

class TopicWitness {
  readonly rows = { events: [] as Row[], rows: [] as Row[], ledger: [] as Row[] };
  readonly counts = { events: 0, refused: 0, purged: 0 };
  readonly #db: Reader;
  readonly #decode: Decode;
  readonly #known: {
    rowsMax: number;
    seen: RowSet;
    oldest: ReadonlyMap<string, Date | null>;
  };

  constructor(
    db: Reader,
    decode: Decode,
    known: { rowsMax: number; seen: RowSet; oldest: ReadonlyMap<string, Date | null> },
  ) {
    this.#db = db;
    this.#decode = decode;
    this.#known = known;
  }

  #report(check: keyof TopicWitness['rows'], row: Row): void {
    if (this.rows[check].length < this.#known.rowsMax) this.rows[check].push(row);
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
      events.map(({ message: { topic, key, headers }, eventId, hash }) => ({
        eventId,
        topic,
        key: key?.toString('latin1'),
        seq: headers[HEADER.aggregateSeq],
        type: headers[HEADER.eventType],
        hash,
      })),
    );
    const ours = events.filter(({ eventId }) => rows.has(eventId));
    for (const event of ours) this.#compareWithRow(event, rows.get(event.eventId) as store.FoundRow);
    const others = events.filter(({ eventId }) => !rows.has(eventId));
    const purged = await this.#judgeOthers(first.topic, others);
    this.counts.events += events.length;
    const told = [
      ...ours.filter(({ eventId }) => rows.get(eventId)?.isOriginal === true),
      ...purged.filter(({ message }) => message.headers[HEADER.redriveOf] === undefined),
    ];
    if (first.topic === 'wallet') await this.#compareWithLedger(told);
  }

  #compareWithRow({ message, eventId, hash }: Witnessed, { no, differing: row }: store.FoundRow): void {
    const { topic, partition, offset, key, headers } = message;
    // On another topic than its row's it does not count as published.
    if (row === undefined || row.topic === topic) this.#known.seen.add(BigInt(no));
    if (row === undefined) return;
    const published: [what: string, differs: boolean][] = [
      ['topic', row.topic !== topic],
      ['key', row.key !== key?.toString('latin1')],
      ['type', row.type !== headers[HEADER.eventType]],
      ['number', (row.seq === null ? undefined : String(row.seq)) !== headers[HEADER.aggregateSeq]],
      ['content', row.hash !== hash],
    ];
    const differing = published.filter(([, differs]) => differs).map(([what]) => what);
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
    const oldest = this.#known.oldest.get(topic)?.getTime() ?? Number.POSITIVE_INFINITY;
    return events.filter(({ message, eventId, hash }) => {
      const known = arrived.get(eventId);
      const isTheSame = known !== undefined && known.hash === hash;
      if (isTheSame && !known.isApplied) {
        this.counts.refused += 1;
        return false;
      }
      if (isTheSame && madeAt(eventId, message.publishedAt) < oldest - CLOCK_SKEW_MS) {
        this.counts.purged += 1;
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

  async #compareWithLedger(events: readonly Witnessed[]): Promise<void> {
    const told: { line: store.ToldLine; place: Row }[] = [];
    for (const { message, eventId } of events) {
      const { topic, partition, offset } = message;
      const place = { topic, partition, offset, event_id: eventId };
      try {
        const { record, value } = await this.#decode(message.value);
        if (record === 'wallet.PaymentSettled' || record === 'wallet.CancellationSettled') {
          const type = record === 'wallet.PaymentSettled' ? 'CREDIT' : 'DEBIT';
          for (const entry of value.entries)
            told.push({ line: { ...entry, orderId: value.orderId, type }, place });
        } else this.#report('ledger', { ...place, problem: `the event is a ${record}` });
      } catch (error) {
        if (!(error instanceof UndecodableError)) throw error;
        this.#report('ledger', { ...place, problem: `the event cannot be read: ${error.message}` });
      }
    }
    for (let from = 0; from < told.length; from += LINES_PER_QUERY) {
      const some = told.slice(from, from + LINES_PER_QUERY);
      const differing = await store.differingLines(
        this.#db,
        some.map(({ line }) => line),
      );
      for (const [at, stands] of differing) {
        const { line, place } = some[at] as (typeof some)[number];
        const problem = differenceOf(stands, line);
        if (problem === undefined) continue;
        const of = { wallet_no: BigInt(line.walletNo), wallet_seq: BigInt(line.walletSeq) };
        this.#report('ledger', { ...of, order_id: line.orderId, problem, ...place });
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

function differenceOf(
  line: store.LedgerLineAt | null,
  { lineHash, amount, paymentOrderNo, orderId, type }: store.ToldLine,
): string | undefined {
  if (line === null) return 'it was published, and is gone';
  if (line.hash !== lineHash) return 'it was published with another hash';
  if (line.amount !== wonToDecimalText(amount)) return `it was published with the amount ${amount}`;
  if (line.orderId !== orderId) return 'it was published of another order';
  if (line.type !== type) return `it was published as a ${type}`;
  return line.paymentOrderNo === paymentOrderNo ? undefined : 'it was published of another payment line';
}
