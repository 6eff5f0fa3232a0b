import { sleep } from '#kit/clock';
import { recoverNext, type RecoveryWorld } from './recover-payments';
import { dueKinds, kindsOfTurn } from './recover-payments.store';

export interface RecoveryTimer {
  /** False when no round has ended for long: the process should be restarted. */
  isAlive(): boolean;
  /** Takes nothing new over and waits for what is under way, at most 10 s: a lease brings back what is cut off. */
  stop(): Promise<void>;
}

const STALLED_MS = 15 * 60_000;
const STOP_GRACE_MS = 10_000;

/**
 * Recovers what is due, round after round, in as many instances as there are. A round takes at most `batchSizeMax`, of
 * which `concurrency` at a time; each is taken only when somebody is free for it, so that none waits while its lease runs.
 * The kinds take turns, so that each has a share of what the PSP is asked, however much is due of another.
 */
export function startRecovery(
  world: RecoveryWorld,
  options: { intervalMs: number; batchSizeMax: number; concurrency: number },
): RecoveryTimer {
  const { intervalMs, batchSizeMax, concurrency } = options;
  const stopping = new AbortController();
  let lastRoundAt = performance.now();
  const turns = { next: 0 };
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const taken = await recoverRound(world, {
        batchSizeMax,
        concurrency,
        turns,
        isStopping: () => stopping.signal.aborted,
      });
      lastRoundAt = performance.now();
      // A full round means that there is more.
      if (taken < batchSizeMax) await sleep(intervalMs, stopping.signal);
    }
  };
  const running = run();
  return {
    isAlive: () => performance.now() - lastRoundAt < STALLED_MS,
    async stop() {
      stopping.abort();
      await Promise.race([running, sleep(STOP_GRACE_MS)]);
    },
  };
}

async function isAnythingDue({ db, claimLeaseMs, log }: RecoveryWorld): Promise<boolean> {
  try {
    return (await dueKinds(db, claimLeaseMs)).size > 0;
  } catch (error) {
    // A database that is gone is found again in a later round.
    log.error({ err: error }, 'recovery failed');
    return false;
  }
}

/**
 * @param limits.turns goes on from round to round: a small batch is no reason to begin with the same kind each time
 * @returns how many were taken over
 */
export async function recoverRound(
  world: RecoveryWorld,
  limits: {
    batchSizeMax: number;
    concurrency: number;
    turns?: { next: number };
    isStopping?: () => boolean;
  },
): Promise<number> {
  const { batchSizeMax, concurrency, turns = { next: 0 }, isStopping = () => false } = limits;
  if (!(await isAnythingDue(world))) return 0;
  let taken = 0;
  const worker = async (): Promise<void> => {
    while (taken < batchSizeMax && !isStopping()) {
      taken += 1;
      try {
        const kinds = kindsOfTurn(turns.next);
        turns.next += 1;
        if (await recoverNext(world, kinds)) continue;
        taken -= 1;
        return;
      } catch (error) {
        // Its lease brings it back; a database that is gone is found again in a later round.
        world.log.error({ err: error }, 'recovery failed');
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, batchSizeMax) }, worker));
  return taken;
}
