import { Kafka, logLevel, type Admin } from 'kafkajs';
import type { ChaosSystem } from './system';

/** The consumer groups of our processes, and what each reads. */
export const GROUPS = [
  { groupId: 'wallet-service', topic: 'payment' },
  { groupId: 'payment-service', topic: 'wallet' },
] as const;

/** Asks Kafka itself, not through a link. */
export async function withAdmin<T>(
  { stack }: Pick<ChaosSystem, 'stack'>,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const brokers = stack.endpoints.kafkaBrokers;
  const admin = new Kafka({ clientId: 'chaos', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Debezium writes in transactions: the last offset is the marker of one's end, which no consumer is given. */
const MARKER = 1n;

/** @returns messages that the groups have not done with, of all partitions together */
export async function lagOf(admin: Admin): Promise<bigint> {
  let lag = 0n;
  for (const { groupId, topic } of GROUPS) {
    const [of] = await admin.fetchOffsets({ groupId, topics: [topic] });
    const done = new Map(of?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const at = done.get(partition) ?? -1n;
      const from = at < BigInt(low) ? BigInt(low) : at;
      const left = BigInt(high) - from - MARKER;
      if (left > 0n) lag += left;
    }
  }
  return lag;
}
