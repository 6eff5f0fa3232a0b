import { urlOf } from '#launch/services';
import type { Disturbable, Traffic } from './proxy';
import type { Random } from './random';
import { until } from './step-kills';
import type { ChaosSystem } from './system';

/** Starting, the check of the ids (ten seconds where nobody answers), joining the group, a message: and servers may be away. */
const ASKED_MS_MAX = 60_000;

/** What comes to a link from now on. */
export function cameTo(link: Disturbable): () => Traffic {
  const before = link.traffic();
  return () => {
    const now = link.traffic();
    return {
      connections: now.connections - before.connections,
      bytes: now.bytes - before.bytes,
      cut: now.cut - before.cut,
      dropped: now.dropped - before.dropped,
    };
  };
}

async function listens(url: string): Promise<boolean> {
  try {
    await (await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(1_000) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a consumer anew and waits until it asks the registry for the schema of a message: those who run have theirs, and what
 * is asked before it listens is the check of the ids, which may fail without harm.
 *
 * @param onceListening comes between that check and the message
 * @returns who asked; undefined when nobody did
 */
export async function untilSchemaIsAsked(
  system: ChaosSystem,
  random: Random,
  onceListening: () => void = () => {},
): Promise<string | undefined> {
  const consumer = random.next() < 0.5 ? 'wallet' : 'worker';
  await system.signal(consumer, 'SIGKILL');
  if (!(await until(() => listens(urlOf(system.config, consumer)), ASKED_MS_MAX))) return undefined;
  onceListening();
  const count = cameTo(system.links.registry);
  const isAsked = await until(async () => count().connections + count().bytes > 0, ASKED_MS_MAX);
  return isAsked ? consumer : undefined;
}
