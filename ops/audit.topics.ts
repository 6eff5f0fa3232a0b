import type { Decode } from '#contracts/codec';
import type { Reader } from '#prisma/database';
import { outboxNoBefore } from './ledger.store';
import * as store from './topic.store';
import { RowSet } from './row-set';
import type { Stretch, TopicReader } from './topic-reader';
import { lowest, placeOf, TopicWitness, type Checkpoints } from './topic-witness';

// The topics are the witness outside of the database. Whoever can write every table can make ledger, outbox and
// checkpoints agree with each other; what was published says otherwise for as long as Kafka retains it.
//
// The topics' ends are taken before the snapshot is opened. An event below them was a row in the binlog before it was
// published; MySQL shows it to others a moment later, so an event without a row is judged when it is older than the
// promised time, and by the next audit otherwise. The other way round, too, only older rows are asked for.

/** An event may have been written this long before its transaction was committed, and be missed by the audit between. */
const OVERLAP_MS = 60 * 60 * 1_000;
/** Between the clock that stamps a message and the one that stamps its row, at most. */
const STAMPS_APART_MS = 10 * 60 * 1_000;

export const TOPIC_CHECKS = {
  read: ['topics-are-read', 'the topics could be read, up to where they ended when the audit began'],
  events: [
    'events-have-their-rows',
    'every event on a topic that had an effect is an outbox row, byte by byte, or one that was purged on purpose',
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
  /** Rows written before this moment may have been purged. */
  purgedBefore: Date | undefined;
}

interface Beginning {
  stretches: Stretch[];
  afterNo: bigint;
  isFull: boolean;
  /** Where the last audit has ended, by partition; empty when all is read. */
  known: Checkpoints;
}

/** Where each partition's reading begins, and behind which row of the outbox. */
async function beginning(
  db: Reader,
  reader: TopicReader,
  { stretches, isFull }: Pick<TopicsScope, 'stretches' | 'isFull'>,
): Promise<Beginning> {
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
    return { stretches: [...stretches], afterNo: 0n, isFull: true, known: new Map() };
  const since = Math.min(...from.map(({ known }) => known?.verifiedAt.getTime() ?? 0));
  // Of every row that is asked for again the messages are read again: its consumer may not have come to it yet.
  const places = await reader.placesAt(new Date(since - OVERLAP_MS - STAMPS_APART_MS));
  const beginningOf = (stretch: Stretch, { nextOffset, lastOffset }: store.TopicCheckpoint): bigint => {
    const place = places.find((one) => one.topic === stretch.topic && one.partition === stretch.partition);
    const first = lowest(nextOffset, place?.offset ?? stretch.from, lastOffset ?? nextOffset);
    return first > stretch.from ? first : stretch.from;
  };
  return {
    stretches: from.map(({ stretch, known }) => ({
      ...stretch,
      from: known === undefined ? stretch.from : beginningOf(stretch, known),
    })),
    afterNo: await outboxNoBefore(db, new Date(since - OVERLAP_MS)),
    isFull: false,
    known: new Map(
      from.flatMap(({ stretch, known }) =>
        known === undefined ? [] : [[placeOf(stretch.topic, stretch.partition), known]],
      ),
    ),
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
  const since = await compare(db, decode, reader, scope, await beginning(db, reader, scope));
  if (since !== undefined) return since;
  const all = await beginning(db, reader, { ...scope, isFull: true });
  const whole = await compare(db, decode, reader, scope, all);
  if (whole === undefined) throw new Error('a reading from the beginning keeps to no checkpoint');
  return whole;
}

/** @returns nothing when a topic is not the one that the last audit has read: it was made anew */
async function compare(
  db: Reader,
  decode: Decode,
  reader: TopicReader,
  scope: TopicsScope,
  { stretches, afterNo, isFull, known }: Beginning,
): Promise<TopicsReport | undefined> {
  const { rowsMax, purgedBefore, lateBefore, readAt } = scope;
  const seen = new RowSet(afterNo, await store.lastOutboxNo(db));
  const witness = new TopicWitness(db, decode, { rowsMax, seen, known, purgedBefore, lateBefore, readAt });
  await reader.read(stretches, (messages) => witness.take(messages));
  // What was deleted while it was read is no longer asked for, either.
  const retained = await reader.stretches();
  const asked = stretches.map((stretch) => {
    const now = retained.find((one) => one.topic === stretch.topic && one.partition === stretch.partition);
    return now !== undefined && now.from > stretch.from ? { ...stretch, from: now.from } : stretch;
  });
  if (witness.hasMissed(asked)) return undefined;
  await witness.requireRows(asked, lateBefore);
  const rows: Record<keyof typeof TOPIC_CHECKS, Row[]> = { read: [], ...witness.rows };
  return {
    findings: Object.entries(TOPIC_CHECKS).map(([key, [check, guarantees]]) => ({
      check,
      guarantees,
      rows: rows[key as keyof typeof TOPIC_CHECKS],
    })),
    counts: { ...witness.counts, isFull },
    checkpoints: stretches.map((stretch) => ({ ...witness.endOf(stretch), verifiedAt: readAt })),
  };
}

/** The report of topics that could not be read. */
export function unreadTopics(problem: string): TopicsReport['findings'] {
  const [check, guarantees] = TOPIC_CHECKS.read;
  return [{ check, guarantees, rows: [{ problem }] }];
}
