import { TOPICS } from '#contracts/topics';
import { createKafka } from '#kit/kafka';
import type { Logger } from '#kit/log';
import type { ConnectSettings } from './config';
import { ConnectError } from './rest';

/** How long events stay readable. Longer than the outbox keeps its rows is not needed, shorter would lose a replay. */
const RETENTION_MS = 7 * 24 * 3_600_000;
/** Above the outbox's limit on payloads, headers and framing included. */
const MESSAGE_BYTES_MAX = 1_048_588;
const IN_SYNC_MIN_REPLICATED = 2;

export interface TopicsResult {
  created: string[];
  /** Sentences about topics that are there with other partition counts. */
  differing: string[];
}

/**
 * Creates the topics that are missing, with their partition counts. An existing topic is never changed: another
 * partition count would send an order's later events to another partition.
 *
 * @throws ConnectError when Kafka does not answer or refuses
 */
export async function ensureTopics(settings: ConnectSettings, log: Logger): Promise<TopicsResult> {
  const admin = createKafka(settings.kafka, 'payment-eda-connect-apply', log).admin({
    retry: { retries: 8 },
  });
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    const missing = Object.entries(TOPICS).filter(([name]) => !existing.has(name));
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(([topic, { partitions }]) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: settings.replicationFactor,
        configEntries: [
          { name: 'retention.ms', value: String(RETENTION_MS) },
          { name: 'max.message.bytes', value: String(MESSAGE_BYTES_MAX) },
          {
            name: 'min.insync.replicas',
            value: settings.replicationFactor > 1 ? String(IN_SYNC_MIN_REPLICATED) : '1',
          },
        ],
      })),
    });
    const { topics } = await admin.fetchTopicMetadata({ topics: Object.keys(TOPICS) });
    const differing = topics.flatMap(({ name, partitions }) => {
      const wanted = TOPICS[name as keyof typeof TOPICS].partitions;
      return partitions.length === wanted
        ? []
        : [`${name} has ${partitions.length} partitions, not ${wanted}`];
    });
    return { created: missing.map(([name]) => name), differing };
  } catch (error) {
    throw new ConnectError(`topics could not be ensured: ${String(error)}`);
  } finally {
    await admin.disconnect();
  }
}
