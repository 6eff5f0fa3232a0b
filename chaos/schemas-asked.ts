import { urlOf } from '#launch/services';
import type { Disturbable, Traffic } from './proxy';
import { until } from './step-kills';
import type { ChaosSystem, ConsumerName } from './system';

/** Starting, the check of the ids (seconds where nobody answers), joining the group, a message: and servers may be away. */
const ASKED_MS_MAX = 300_000;

/** What comes to a link from now on. */
export function cameTo(link: Disturbable): () => Traffic {
  const before = link.traffic();
  return () => {
    const now = link.traffic();
    return {
      connections: now.connections - before.connections,
      bytes: now.bytes - before.bytes,
      cut: now.cut - before.cut,
      refused: now.refused - before.refused,
      dropped: now.dropped - before.dropped,
    };
  };
}

async function listens(url: string): Promise<boolean> {
  try {
    await (await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(5_000) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a consumer anew and waits until it asks the registry for the schema of a message: those who run have theirs. What is
 * asked before it listens is the check of the ids, which may fail without harm.
 *
 * @param onceListening comes between that check and the message
 * @returns what has come to its link since; undefined when it did not ask
 */
export async function untilSchemaIsAsked(
  system: ChaosSystem,
  consumer: ConsumerName,
  onceListening: () => Promise<void> | void = () => {},
): Promise<(() => Traffic) | undefined> {
  await system.signal(consumer, 'SIGKILL');
  if (!(await until(() => listens(urlOf(system.config, consumer)), ASKED_MS_MAX))) return undefined;
  const count = cameTo(system.links.registryOf[consumer]);
  await onceListening();
  const isAsked = await until(async () => count().connections + count().bytes > 0, ASKED_MS_MAX);
  return isAsked ? count : undefined;
}
