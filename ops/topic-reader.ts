import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, Kafka } from 'kafkajs';
import { createKafka, type KafkaSettings } from '#kit/kafka';
import { consumedMessage, type ConsumedMessage } from '#kit/kafka-consumer';
import { createLog } from '#kit/log';
import { AUDITED_TOPICS } from './topic.store';

/** Kafka could not be read; the message says why. */
export class TopicsUnreadableError extends Error {
  override readonly name = 'TopicsUnreadableError';
}

/** A stretch of one partition: from this offset on, up to but without the other. */
export interface Stretch {
  /** One of ours, whatever it is called on the broker. */
  topic: string;
  partition: number;
  from: bigint;
  to: bigint;
}

/** Messages of one partition, in its order; what was not committed is not among them. */
export type TakePage = (messages: ConsumedMessage[]) => Promise<void>;

export interface TopicReader {
  /**
   * What each partition retains now. What a transaction that is still open holds back, and all behind it, does not count:
   * it is not published yet.
   *
   * @throws TopicsUnreadableError
   */
  stretches(): Promise<Stretch[]>;
  /**
   * Where each partition's first message of this moment or later stands; its end when there is none.
   *
   * @throws TopicsUnreadableError
   */
  placesAt(moment: Date): Promise<{ topic: string; partition: number; offset: bigint }[]>;
  /**
   * Hands over these stretches, page by page.
   *
   * @throws TopicsUnreadableError
   */
  read(stretches: readonly Stretch[], take: TakePage): Promise<void>;
}

const RETRIES = 3;
const JOIN_RETRIES = 8;
const PAGE_BYTES_MAX = 524_288;
const FETCH_WAIT_MS = 50;
const SESSION_TIMEOUT_MS = 60_000;
/** Nothing new has come for so long. */
const SILENT_AFTER_MS = 45_000;
/** Perhaps what is waited for was deleted meanwhile. */
const ASK_AGAIN_AFTER_MS = 5_000;
const WATCH_MS = 100;

const keyOf = (topic: string, partition: number): string => `${topic}#${partition}`;

const unreadable = (error: unknown): TopicsUnreadableError =>
  error instanceof TopicsUnreadableError
    ? error
    : new TopicsUnreadableError(error instanceof Error ? error.message : String(error), { cause: error });

/**
 * Reads topics from one offset to another, and leaves nothing on the broker: the consumer's group is this reading's own,
 * commits nothing, and is deleted. (Two readings in one group would share the partitions between them. Of a reading that
 * was killed, the broker itself forgets the group, because no offset keeps it.)
 *
 * @param options.topics names of ours → names on the broker
 */
export function openTopicReader(
  settings: KafkaSettings,
  { topics }: { topics: Readonly<Record<string, string>> },
): TopicReader {
  const kafka = createKafka(settings, 'payment-eda-audit', createLog('audit', 'silent'), RETRIES);
  const ours = new Map(Object.entries(topics).map(([our, theirs]) => [theirs, our]));

  async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = kafka.admin();
    try {
      await admin.connect();
      return await work(admin);
    } catch (error) {
      throw unreadable(error);
    } finally {
      await admin.disconnect();
    }
  }

  const retained = (): Promise<Stretch[]> =>
    withAdmin(async (admin) => {
      const found: Stretch[] = [];
      // kafkajs asks as a reader of committed records: `high` is the last stable offset.
      for (const [theirs, our] of ours) {
        for (const { partition, low, high } of await admin.fetchTopicOffsets(theirs))
          found.push({ topic: our, partition, from: BigInt(low), to: BigInt(high) });
      }
      return found;
    });

  return {
    stretches: retained,
    placesAt: (moment) =>
      withAdmin(async (admin) => {
        const found = [];
        for (const [theirs, our] of ours) {
          for (const place of await admin.fetchTopicOffsetsByTimestamp(theirs, moment.getTime()))
            found.push({ topic: our, partition: place.partition, offset: BigInt(place.offset) });
        }
        return found;
      }),
    async read(stretches, take) {
      if (stretches.every(({ from, to }) => from >= to)) return;
      const groupId = `payment-eda-audit-${randomUUID()}`;
      const reading = new Reading(kafka, groupId, { stretches, ours, take, retained });
      try {
        await reading.run();
      } catch (error) {
        // What the taker could not do is not the broker's fault.
        throw reading.takerFailure === undefined ? unreadable(error) : reading.takerFailure;
      } finally {
        await withAdmin((admin) => admin.deleteGroups([groupId])).catch(() => {
          // Never joined, or the broker is gone; without an offset it forgets the group by itself.
        });
      }
    },
  };
}

class Reading {
  readonly #consumer: Consumer;
  readonly #ends = new Map<string, bigint>();
  readonly #positions = new Map<string, bigint>();
  private readonly stretches: readonly Stretch[];
  private readonly ours: ReadonlyMap<string, string>;
  private readonly take: TakePage;
  readonly #retained: () => Promise<Stretch[]>;
  takerFailure: Error | undefined;
  #failure: unknown;
  #movedAt = performance.now();
  #askedAt = performance.now();
  #isTaking = false;

  constructor(
    kafka: Kafka,
    groupId: string,
    {
      stretches,
      ours,
      take,
      retained,
    }: {
      stretches: readonly Stretch[];
      ours: ReadonlyMap<string, string>;
      take: TakePage;
      retained: () => Promise<Stretch[]>;
    },
  ) {
    this.stretches = stretches;
    this.ours = ours;
    this.take = take;
    this.#retained = retained;
    for (const { topic, partition, from, to } of stretches) {
      if (from >= to) continue;
      this.#ends.set(keyOf(topic, partition), to);
      this.#positions.set(keyOf(topic, partition), from);
    }
    this.#consumer = kafka.consumer({
      groupId,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: SESSION_TIMEOUT_MS / 10,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytesPerPartition: PAGE_BYTES_MAX,
      readUncommitted: false,
      allowAutoTopicCreation: false,
      // A broker's first group waits until the topic of the groups is there.
      retry: { retries: JOIN_RETRIES, restartOnFailure: async () => false },
    });
  }

  async run(): Promise<void> {
    const consumer = this.#consumer;
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#failure ??= payload.error;
    });
    // Also told of batches that hold nothing but the markers of transactions.
    consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
      this.#reached(this.ours.get(payload.topic) ?? payload.topic, payload.partition, payload.lastOffset);
    });
    await consumer.connect();
    try {
      await this.#begin();
      await this.#ended();
    } finally {
      await consumer.disconnect();
    }
  }

  #nameOf(our: string): string {
    return [...this.ours].find(([, name]) => name === our)?.[0] ?? our;
  }

  async #begin(): Promise<void> {
    const consumer = this.#consumer;
    const names = [...new Set(this.stretches.map(({ topic }) => this.#nameOf(topic)))];
    await consumer.subscribe({ topics: names, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: async ({ batch }) => {
        const topic = this.ours.get(batch.topic) ?? batch.topic;
        const key = keyOf(topic, batch.partition);
        const [position, end] = [this.#positions.get(key), this.#ends.get(key)];
        if (position === undefined || end === undefined || this.#failure !== undefined) return;
        const messages = batch.messages
          .filter(({ offset }) => BigInt(offset) >= position && BigInt(offset) < end)
          .map((message) => consumedMessage(topic, batch.partition, message));
        this.#isTaking = true;
        try {
          if (messages.length > 0) await this.take(messages);
        } catch (error) {
          this.takerFailure ??= error as Error;
          this.#failure ??= error;
        } finally {
          this.#isTaking = false;
        }
      },
    });
    // It has crashed before it began: there is nothing to seek in.
    if (this.#failure !== undefined) return;
    // Of a partition without news only what comes from now on is fetched, and ignored.
    for (const { topic, partition, from } of this.stretches)
      consumer.seek({ topic: this.#nameOf(topic), partition, offset: String(from) });
  }

  #reached(topic: string, partition: number, lastOffset: string): void {
    const key = keyOf(topic, partition);
    const position = this.#positions.get(key);
    const next = BigInt(lastOffset) + 1n;
    if (position === undefined || next <= position) return;
    this.#movedAt = performance.now();
    this.#positions.set(key, next);
    // Its tail goes on growing under load, and is none of ours.
    if (next >= (this.#ends.get(key) ?? 0n))
      this.#consumer.pause([{ topic: this.#nameOf(topic), partitions: [partition] }]);
  }

  /** A partition from which retention has taken what was to be read brings nothing: it has come to its new beginning. */
  async #skipDeleted(): Promise<void> {
    try {
      for (const { topic, partition, from } of await this.#retained())
        if (from > 0n) this.#reached(topic, partition, String(from - 1n));
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #isDone(): boolean {
    return [...this.#ends].every(([key, end]) => (this.#positions.get(key) ?? 0n) >= end);
  }

  #ended(): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = setInterval(() => {
        const now = performance.now();
        const end = (settle: () => void): void => {
          clearInterval(watch);
          settle();
        };
        if (this.#isTaking) this.#movedAt = now;
        if (this.#failure !== undefined) end(() => reject(this.#failure));
        else if (this.#isDone()) end(resolve);
        else if (now - this.#movedAt > SILENT_AFTER_MS)
          end(() => reject(new TopicsUnreadableError(`nothing came for ${SILENT_AFTER_MS} ms`)));
        else if (now - Math.max(this.#movedAt, this.#askedAt) > ASK_AGAIN_AFTER_MS) {
          this.#askedAt = now;
          void this.#skipDeleted();
        }
      }, WATCH_MS);
    });
  }
}

/** The topics that the audit compares with the outbox, as the system calls them. */
export const auditedTopics = (settings: KafkaSettings): TopicReader =>
  openTopicReader(settings, { topics: Object.fromEntries(AUDITED_TOPICS.map((name) => [name, name])) });
