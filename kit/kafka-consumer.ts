import type { EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import { createGatherer } from './batch-gatherer';
import { sleep } from './clock';

/**
 * The loop around a group consumer:
 *
 *   fetch → a chunk per partition → gather the chunks into a batch → handle → next chunks
 *                     │                                  throws │
 *                     └──── not ready, wait, handle again ──────┘
 *
 * A handler parks what can never succeed. So an error is transient (no database, no registry), and the loop keeps its
 * chunks and waits, heartbeating, instead of burning through messages.
 *
 * Offsets are committed every `OFFSET_COMMIT_MS`, after the handler's transactions: a crash in between delivers the messages
 * of that time again, and the inbox knows them.
 */
export interface ConsumedMessage {
  topic: string;
  partition: number;
  offset: bigint;
  key: Buffer | null;
  value: Buffer | null;
  /** Headers as text, the first of each name; a header without a value is absent. */
  headers: Record<string, string>;
  /** Every header as it came. Only what kafkajs does not tell is lost: the order of different names. */
  originalHeaders?: (readonly [name: string, value: Buffer | null])[];
  /** The record's time, set by whoever published it. */
  publishedAt?: Date;
}

export interface ConsumerLoopOptions {
  kafka: Kafka;
  groupId: string;
  topic: string;
  /** Messages of all partitions that are handed over at once, at most. */
  batchSizeMax: number;
  /** Least time between two batches; see `GathererOptions`. */
  batchSpacingMs: number;
  sessionTimeoutMs: number;
  handle: (messages: ConsumedMessage[]) => Promise<void>;
  /** The consumer has crashed and kafkajs will not restart it: end the process. */
  onDeath: (error: unknown) => void;
  log: Logger;
}

export interface ConsumerLoop {
  /** Resolves while the consumer is a member of its group and its last chunk succeeded; rejects otherwise. */
  ready(): Promise<void>;
  /** False when nothing was fetched and no heartbeat was sent for long: the consumer is dead without a word. */
  isAlive(): boolean;
  /** Finishes the running chunk, commits its offsets and leaves the group. */
  stop(): Promise<void>;
}

const FETCH_WAIT_MS = 50;
/** Bounds what a flood keeps in memory; a single larger record is fetched all the same. */
const FETCH_BYTES_PER_PARTITION_MAX = 262_144;
const PAUSE_FIRST_MS = 250;
const PAUSE_MAX_MS = 10_000;
const STALLED_AFTER_SESSIONS = 6;
const OFFSET_COMMIT_MS = 500;
const PARTITIONS_CONCURRENT_MAX = 64;

type HeaderValue = Buffer | string | null;

const isHeaderValue = (value: unknown): value is HeaderValue =>
  value === null || typeof value === 'string' || Buffer.isBuffer(value);

/**
 * What came under one name. kafkajs collects headers in a plain object, and takes what every object inherits
 * (`toString`, `constructor`, `__proto__`) for a first value of that name: it is none.
 */
const valuesOf = (value: IHeaders[string]): HeaderValue[] => {
  const values: unknown[] = Array.isArray(value) ? value : [value ?? null];
  return values.filter(isHeaderValue);
};

function headerText(headers: IHeaders | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).flatMap(([name, value]) => {
      const first = valuesOf(value)[0] ?? null;
      return first === null ? [] : [[name, first.toString()] as const];
    }),
  );
}

const originalHeaders = (headers: IHeaders | undefined): (readonly [string, Buffer | null])[] =>
  Object.entries(headers ?? {}).flatMap(([name, value]) =>
    valuesOf(value).map((one) => [name, typeof one === 'string' ? Buffer.from(one) : one] as const),
  );

/** Last moment that a DATETIME holds. */
const LATEST_MS = Date.UTC(9999, 11, 31);

/** A producer writes what it likes there; a time that no column holds is no time. */
function publishedAtOf(timestamp: string): { publishedAt?: Date } {
  const ms = Number(timestamp);
  return Number.isSafeInteger(ms) && ms > 0 && ms < LATEST_MS ? { publishedAt: new Date(ms) } : {};
}

/** A message of kafkajs in our words. */
export function consumedMessage(topic: string, partition: number, message: KafkaMessage): ConsumedMessage {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    key: message.key,
    value: message.value,
    headers: headerText(message.headers),
    originalHeaders: originalHeaders(message.headers),
    ...publishedAtOf(message.timestamp),
  };
}

type GroupConsumer = ReturnType<Kafka['consumer']>;

/** What the consumer's own events say about its health. */
function watchMembership(
  consumer: GroupConsumer,
  { sessionTimeoutMs, log }: ConsumerLoopOptions,
  onDeath: (error: unknown) => void,
) {
  // The clock of the wall may jump.
  const state = { isMember: false, lastSignAt: performance.now() };
  const sign = (): void => {
    state.lastSignAt = performance.now();
  };
  consumer.on(consumer.events.GROUP_JOIN, () => {
    state.isMember = true;
    sign();
  });
  consumer.on(consumer.events.HEARTBEAT, sign);
  consumer.on(consumer.events.FETCH, sign);
  consumer.on(consumer.events.REBALANCING, () => {
    state.isMember = false;
  });
  consumer.on(consumer.events.REQUEST_TIMEOUT, ({ payload }) => {
    const silentMs = Math.round(performance.now() - state.lastSignAt);
    log.warn({ request: payload.apiName, silentMs }, 'the broker did not answer in time');
    // kafkajs asks again over the same connection. When its other end is gone without a word, that goes on for minutes;
    // a new process has new connections.
    if (silentMs > sessionTimeoutMs)
      onDeath(new Error(`the broker has not answered for ${silentMs} ms: its connection leads nowhere`));
  });
  consumer.on(consumer.events.DISCONNECT, () => {
    state.isMember = false;
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    state.isMember = false;
    log.error({ err: payload.error, restart: payload.restart }, 'consumer crashed');
    if (!payload.restart) onDeath(payload.error);
  });
  return state;
}

/** Hands chunks to the handler, again and again until it takes them; see the state machine above. */
function chunkHandler(options: ConsumerLoopOptions, stopping: AbortSignal) {
  const { topic, batchSizeMax, batchSpacingMs, sessionTimeoutMs, log } = options;
  const handle = createGatherer({ batchSizeMax, spacingMs: batchSpacingMs, handle: options.handle });
  const heartbeatMs = heartbeatOf(sessionTimeoutMs);
  /** The error of each partition whose chunk fails. */
  const failing = new Map<number, unknown>();
  const state = {
    get failing(): unknown {
      return [...failing.values()][0];
    },
    /** Commits what was handled since the last time. */
    commit: async (): Promise<void> => {},
  };
  /** The error of the last heartbeat: a rebalance, or the broker has evicted this member. */
  let lost: unknown;
  /** Ends the pauses before the next attempts. */
  let pause = new AbortController();
  stopping.addEventListener('abort', () => pause.abort(), { once: true });

  async function handleUntilDone(messages: ConsumedMessage[], batch: EachBatchPayload): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      const isOver = !batch.isRunning() || batch.isStale() || stopping.aborted;
      const { partition } = batch.batch;
      // The partition's next consumer reports whether its chunk fails; it may be another process.
      if (isOver || lost !== undefined) failing.delete(partition);
      if (isOver) return false;
      // kafkajs joins the group again when it gets this error.
      if (lost !== undefined) throw lost;
      try {
        await handle(messages);
        failing.delete(partition);
        return true;
      } catch (error) {
        failing.set(partition, error);
        const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** (attempt - 1), PAUSE_MAX_MS);
        log.error({ err: error, attempt, pauseMs, topic, partition }, 'batch failed, will repeat');
        if (pause.signal.aborted) pause = new AbortController();
        // A group that rebalances waits for us.
        if (lost === undefined && !stopping.aborted) await sleep(pauseMs, pause.signal);
      }
    }
  }

  async function eachBatch(batch: EachBatchPayload): Promise<void> {
    const { messages, partition } = batch.batch;
    lost = undefined;
    state.commit = async () => {
      const offsets = batch.uncommittedOffsets();
      if (offsets.topics.length > 0) await batch.commitOffsetsIfNecessary(offsets);
    };
    // A long transaction must not cost the membership: heartbeats go out while the handler works.
    const beat = setInterval(() => {
      batch.heartbeat().catch((error: unknown) => {
        lost = error;
        pause.abort();
      });
    }, heartbeatMs);
    try {
      for (let from = 0; from < messages.length; from += batchSizeMax) {
        const chunk = messages.slice(from, from + batchSizeMax);
        const last = chunk.at(-1);
        if (last === undefined) return;
        const consumedChunk = chunk.map((message) => consumedMessage(topic, partition, message));
        if (!(await handleUntilDone(consumedChunk, batch))) return;
        batch.resolveOffset(last.offset);
      }
    } finally {
      clearInterval(beat);
      if (stopping.aborted) await state.commit();
    }
  }

  return { state, eachBatch };
}

const heartbeatOf = (sessionTimeoutMs: number): number => Math.floor(sessionTimeoutMs / 5);

const REBALANCE_SESSIONS = 3;

/** Joins the group and begins to consume. Resolves once the consumer runs (not yet: once it has partitions). */
export async function startConsumerLoop(options: ConsumerLoopOptions): Promise<ConsumerLoop> {
  const { kafka, groupId, topic, sessionTimeoutMs, onDeath } = options;
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    // So long a member in the middle of a chunk holds up the group. Shorter than an attempt at a chunk, and members would put
    // each other out of the group by turns; the client's own minute lets all others wait for one that hangs.
    rebalanceTimeout: REBALANCE_SESSIONS * sessionTimeoutMs,
    heartbeatInterval: heartbeatOf(sessionTimeoutMs),
    maxWaitTimeInMs: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytesPerPartition: FETCH_BYTES_PER_PARTITION_MAX,
    readUncommitted: false,
    retry: { initialRetryTime: 200, maxRetryTime: 5_000, retries: 10, restartOnFailure: async () => true },
  });
  const stopping = new AbortController();
  const membership = watchMembership(consumer, options, (error) => {
    if (!stopping.signal.aborted) onDeath(error);
  });
  const { state, eachBatch } = chunkHandler(options, stopping.signal);
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    // More than the topic has partitions: chunks of all of them are gathered into one batch.
    partitionsConsumedConcurrently: PARTITIONS_CONCURRENT_MAX,
    eachBatch,
  });
  const commits = setInterval(() => {
    // A refused commit costs a redelivery, no more; the next one covers it.
    state.commit().catch((error: unknown) => options.log.debug({ err: error }, 'offsets not committed'));
  }, OFFSET_COMMIT_MS).unref();
  return {
    async ready() {
      if (!membership.isMember) throw new Error(`not a member of the group ${groupId}`);
      if (state.failing !== undefined) throw new Error('the last batch failed', { cause: state.failing });
    },
    isAlive: () => performance.now() - membership.lastSignAt < STALLED_AFTER_SESSIONS * sessionTimeoutMs,
    async stop() {
      stopping.abort();
      clearInterval(commits);
      await state.commit().catch(() => {});
      await consumer.stop();
      await consumer.disconnect();
    },
  };
}
