import type { EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import { sleep } from './clock';

/**
 * The loop around a group consumer:
 *
 *   fetch → chunk of at most `batchSizeMax` → handle → offsets → next chunk
 *                                   │ throws
 *                                   └→ not ready, wait, handle the same chunk again
 *
 * A handler parks what can never succeed. So whatever it throws is transient (no database, no registry), and the loop
 * keeps the chunk and waits, heartbeating, instead of burning through messages. Offsets are committed after the
 * handler's transaction: a crash in between delivers the chunk again, and the inbox knows it.
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
  /** Messages handed over at once, at most. */
  batchSizeMax: number;
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
  const { topic, batchSizeMax, sessionTimeoutMs, handle, log } = options;
  const heartbeatMs = heartbeatOf(sessionTimeoutMs);
  const state: { failing: unknown } = { failing: undefined };
  /** What the last heartbeat was refused with: a rebalance, or the broker has given us up. */
  let lost: unknown;
  /** Ends the pause before the next attempt. */
  let pause = new AbortController();
  stopping.addEventListener('abort', () => pause.abort(), { once: true });

  async function handleUntilDone(messages: ConsumedMessage[], batch: EachBatchPayload): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      const isOver = !batch.isRunning() || batch.isStale() || stopping.aborted;
      // Whoever has the partition next says whether its chunk fails; it may be somebody else.
      if (isOver || lost !== undefined) state.failing = undefined;
      if (isOver) return false;
      // kafkajs joins the group again when it is told.
      if (lost !== undefined) throw lost;
      try {
        await handle(messages);
        state.failing = undefined;
        return true;
      } catch (error) {
        state.failing = error;
        const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** (attempt - 1), PAUSE_MAX_MS);
        const { partition } = batch.batch;
        log.error({ err: error, attempt, pauseMs, topic, partition }, 'batch failed, will repeat');
        pause = new AbortController();
        // A group that rebalances waits for us.
        if (lost === undefined && !stopping.aborted) await sleep(pauseMs, pause.signal);
      }
    }
  }

  async function eachBatch(batch: EachBatchPayload): Promise<void> {
    const { messages, partition } = batch.batch;
    lost = undefined;
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
        const next = String(BigInt(last.offset) + 1n);
        await batch.commitOffsetsIfNecessary({
          topics: [{ topic, partitions: [{ partition, offset: next }] }],
        });
      }
    } finally {
      clearInterval(beat);
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
    partitionsConsumedConcurrently: 1,
    eachBatch,
  });
  return {
    async ready() {
      if (!membership.isMember) throw new Error(`not a member of the group ${groupId}`);
      if (state.failing !== undefined) throw new Error('the last batch failed', { cause: state.failing });
    },
    isAlive: () => performance.now() - membership.lastSignAt < STALLED_AFTER_SESSIONS * sessionTimeoutMs,
    async stop() {
      stopping.abort();
      await consumer.stop();
      await consumer.disconnect();
    },
  };
}
