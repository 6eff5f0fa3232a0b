import type { Admin } from 'kafkajs';
import { until } from './until.fixture';

/**
 * Creates topics and waits until each partition has a leader. kafkajs's own `waitForLeaders` fails while a busy broker does
 * not yet know the topic.
 */
export async function createTopics(
  admin: Admin,
  topics: { topic: string; numPartitions: number }[],
): Promise<void> {
  await admin.createTopics({ topics, waitForLeaders: false });
  const hasLeaders = async (): Promise<boolean> => {
    const { topics: made } = await admin.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) });
    return topics.every(({ topic, numPartitions }) => {
      const partitions = made.find(({ name }) => name === topic)?.partitions ?? [];
      return partitions.length === numPartitions && partitions.every(({ leader }) => leader >= 0);
    });
  };
  await until('the topics have leaders', () => hasLeaders().catch(() => false));
}
