import { sleep } from '#kit/clock';
import { audit } from '#ops/audit';
import { StackInterrupted } from '#stack/errors';
import { opsConfig } from '#ops/config';
import { auditedTopics } from '#ops/topic-reader';
import { gather, orders } from './evidence';
import { REPERTOIRE } from './faults';
import { lagOf, withAdmin } from './groups';
import { missed, type Fault } from './injected';
import { judge, unfinished } from './judge.rules';
import { streamOf, type Random } from './random';
import { untilServed } from './recovery';
import type { ChaosResult, Injection } from './report';
import { chosen, gapsOf, isTimeOver, scheduleOf, TRIES_MAX, unreached, type RunLength } from './schedule';
import { startShoppers, type Shoppers } from './shoppers';
import type { ChaosSystem } from './system';

/** Generous: a machine several times slower than ours recovers several times later. */
const RECOVERY_MS_MAX = 600_000;
const REST_MS_MAX = 1_200_000;
const REST_POLL_MS = 1_000;
/** So often in a row nothing must be waiting: between two looks a message can be on its way. */
const QUIET_LOOKS = 2;
/** The system is left alone between two faults for so long, at most. */
const PAUSE_MS_MAX = 3_000;

export interface RunOptions extends RunLength {
  seed: number;
  shoppers: number;
  only: string | undefined;
  say: (line: string) => void;
  signal?: AbortSignal;
}

async function inject(
  system: ChaosSystem,
  fault: Fault,
  { random, sinceMs }: { random: Random; sinceMs: number },
): Promise<Injection> {
  const atS = Math.round((performance.now() - sinceMs) / 1000);
  // What the attack itself could not do is part of what was observed.
  const injected = await fault
    .run(system, random)
    .catch((error: unknown) => missed(`not injected whole: ${String(error)}`));
  return {
    name: fault.name,
    atS,
    ...injected,
    recoveredAfterMs: await untilServed(system.urls, RECOVERY_MS_MAX),
  };
}

/** Waits until no order waits for anything and both consumer groups have done with all messages. */
async function untilRest(system: ChaosSystem, say: (line: string) => void): Promise<number | undefined> {
  const startedMs = performance.now();
  let last = '';
  let quiet = 0;
  while (performance.now() - startedMs < REST_MS_MAX) {
    const waiting = unfinished({ ours: await orders(system) });
    const parked = await system.ops.deadLetter.count({ where: { status: { not: 'RESOLVED' } } });
    const inFlight = await system.ops.paymentCancel.count({
      where: { status: { in: ['REQUESTED', 'EXECUTING', 'UNKNOWN'] } },
    });
    const lag = await withAdmin(system, lagOf);
    quiet = waiting.length === 0 && inFlight === 0 && lag === 0n ? quiet + 1 : 0;
    if (quiet === QUIET_LOOKS) return performance.now() - startedMs;
    const now = `${waiting.length} orders, ${inFlight} cancels and ${lag} messages wait, ${parked} messages are parked`;
    if (now !== last) say(now);
    last = now;
    await sleep(REST_POLL_MS);
  }
  return undefined;
}

/** Why messages were parked, most frequent first. */
async function parkedBecause(system: ChaosSystem): Promise<string[]> {
  const parked = await system.ops.deadLetter.groupBy({
    by: ['consumer', 'error'],
    where: { status: { not: 'RESOLVED' } },
    _count: true,
  });
  return parked
    .toSorted((a, b) => b._count - a._count)
    .map(({ consumer, error, _count }) => `${_count} parked by ${consumer}: ${error}`);
}

async function verdict(system: ChaosSystem, shoppers: Shoppers): Promise<string[]> {
  const evidence = await gather(system, shoppers.told);
  const report = await audit(system.ops, { topics: auditedTopics(opsConfig(system.config.env).kafka) });
  const broken = report.findings
    .filter(({ holds }) => !holds)
    .map(({ check, rows }) => `audit, ${check}: ${JSON.stringify(rows.slice(0, 3), bigintAsText)}`);
  return [...judge(evidence), ...broken, ...(await parkedBecause(system))];
}

const bigintAsText = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

function injectionLine({ name, atS, what, isHit, recoveredAfterMs }: Injection): string {
  const recovered =
    recoveredAfterMs === undefined
      ? `NOT SERVED within ${RECOVERY_MS_MAX / 1000} s`
      : `served again after ${(recoveredAfterMs / 1000).toFixed(1)} s`;
  return `${String(atS).padStart(5)} s  ${name}${isHit ? '' : ' (missed)'}: ${what}; ${recovered}`;
}

/** What was tried as often as it is tried, and in no round came to its moment. */
function neverShown(missedNames: ReadonlySet<string>, injections: readonly Injection[]): string[] {
  const shown = new Set(injections.filter(({ isHit }) => isHit).map(({ name }) => name));
  return [...missedNames]
    .filter((name) => !shown.has(name))
    .map((name) => `${name}: missed ${TRIES_MAX} times, so nothing is shown of it`);
}

/** Attacks the system under load, one fault after the other, and judges what is left once it has come to rest. */
export async function runChaos(system: ChaosSystem, options: RunOptions): Promise<ChaosResult> {
  const { minutes, hitsMin, seed, only, say, signal } = options;
  const repertoire = chosen(REPERTOIRE, only);
  const shoppers = startShoppers(system.urls, system.config.adminKey, {
    count: options.shoppers,
    seed,
  });
  const injections: Injection[] = [];
  const unshown = new Set<string>();
  let sinceMs = performance.now();
  const isOver = (): boolean =>
    signal?.aborted === true ||
    isTimeOver(repertoire, injections, { minutes, hitsMin, elapsedMs: performance.now() - sinceMs });
  try {
    // Faults come upon a system that works: one that has never settled an order has yet to ask for its first schema.
    if ((await untilServed(system.urls, RECOVERY_MS_MAX)) === undefined)
      throw new Error('no order was settled before anything was done to the system');
    sinceMs = performance.now();
    let place = 0;
    for (const fault of scheduleOf(repertoire, seed)) {
      place += 1;
      for (let tries = 1; !isOver(); tries += 1) {
        const random = streamOf(seed, `fault ${place}, try ${tries}`);
        await sleep(random.between(0, PAUSE_MS_MAX), signal);
        const injection = await inject(system, fault, { random, sinceMs });
        injections.push(injection);
        say(injectionLine(injection));
        if (injection.recoveredAfterMs === undefined)
          for (const line of await parkedBecause(system)) say(`         ${line}`);
        const { isHit, canBeDone } = injection;
        if (isHit || !canBeDone) break;
        if (tries < TRIES_MAX) continue;
        unshown.add(fault.name);
        break;
      }
      if (isOver()) break;
    }
  } finally {
    await shoppers.stop();
  }
  // Whoever has had enough does not wait for the system's rest.
  if (signal?.aborted === true) throw new StackInterrupted();
  say('the load has ended');
  const restAfterMs = await untilRest(system, say);
  const statuses = new Map<string, number>();
  for (const { status } of await orders(system)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  return {
    seed,
    minutes,
    injections,
    orders: shoppers.told.length,
    statuses,
    answers: shoppers.answers,
    restAfterMs,
    unreached: unreached(repertoire, injections),
    problems: [
      ...(await verdict(system, shoppers)),
      ...neverShown(unshown, injections),
      ...gapsOf(repertoire, injections, { minutes, hitsMin }),
    ],
  };
}
