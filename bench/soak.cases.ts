import { CommandError } from '#ops/command';
import { caseRun, type BenchCase } from './case';
import { halfRate } from './latency.cases';
import { requireFewErrors, type LoadSamples } from './load.plan';
import type { Measurement } from './measurement';
import { memoryOf, type PerRole } from './processes';
import { now } from './purchases.cases';
import { median, quantile } from './statistics';
import { purchasesOf } from './window';

// Many minutes at half of the top rate: what grows, and what becomes slow?

const WARM_UP_MINUTES = 2;
/** After the warm-up. */
const FIRST_MINUTES = 1;
const LAST_MINUTES = 2;
export const SOAK_MINUTES_MIN = WARM_UP_MINUTES + FIRST_MINUTES + LAST_MINUTES;
const SAMPLE_EVERY_MS = 10_000;
const MINUTE_MS = 60_000;
const ERRORS_MAX = 0.01;
const BAR = { kind: 'at-most', ratio: 1.2 } as const;
const ROLES = ['api', 'wallet', 'worker'] as const;
const SHARES = [0.5, 0.99] as const;

/** A value of the first minute and of the last two. */
interface Change {
  what: string;
  first: number;
  last: number;
}

interface Soak {
  /** Resident memory, MiB; `atMs` from the load's begin. */
  memory: { atMs: number; memoryMiB: PerRole }[];
  /** Median of each process, MiB. */
  memoryChanges: Change[];
  /** p50 and p99 of confirm, ms. */
  latencyChanges: Change[];
}

type Period = (atMs: number) => boolean;

const isFirst: Period = (atMs) =>
  atMs >= WARM_UP_MINUTES * MINUTE_MS && atMs < (WARM_UP_MINUTES + FIRST_MINUTES) * MINUTE_MS;

function latencyChanges({ startMs, confirmMs, error }: LoadSamples, isLast: Period): Change[] {
  const of = (isIn: Period): number[] =>
    confirmMs.filter((_, index) => error[index] === '' && isIn(startMs[index] ?? 0));
  const [first, last] = [of(isFirst), of(isLast)];
  return SHARES.map((share) => ({
    what: `p${share * 100}`,
    first: quantile(first, share),
    last: quantile(last, share),
  }));
}

function memoryChanges(memory: Soak['memory'], isLast: Period): Change[] {
  const of = (role: (typeof ROLES)[number], isIn: Period): number =>
    median(memory.flatMap(({ atMs, memoryMiB }) => (isIn(atMs) ? [memoryMiB[role] ?? Number.NaN] : [])));
  return ROLES.map((role) => ({ what: role, first: of(role, isFirst), last: of(role, isLast) }));
}

const soak: Measurement<Soak> = {
  name: 'soak',
  async take(context) {
    const perSecond = await halfRate(context);
    const system = await context.system('now');
    const { say, soakMinutes } = context.options;
    say(`soak: ${soakMinutes} minutes at ${perSecond.toFixed(1)} purchases/s …`);
    const lastFromMs = (soakMinutes - LAST_MINUTES) * MINUTE_MS;
    const isLast: Period = (atMs) => atMs >= lastFromMs;
    const memory: Soak['memory'] = [];
    const beganMs = performance.now();
    const sampler = setInterval(
      () => memory.push({ atMs: performance.now() - beganMs, memoryMiB: memoryOf(system.processes()) }),
      SAMPLE_EVERY_MS,
    );
    try {
      const result = await context.load({
        ...purchasesOf(system),
        shape: { loop: 'open', purchasesPerSecond: perSecond, arrivals: 'poisson' },
        seconds: soakMinutes * 60,
      });
      requireFewErrors('soak', result, ERRORS_MAX);
      const changes = {
        memoryChanges: memoryChanges(memory, isLast),
        latencyChanges: latencyChanges(result.samples, isLast),
      };
      say(`soak: ${JSON.stringify(changes)}`);
      return { memory, ...changes };
    } finally {
      clearInterval(sampler);
    }
  },
};

/** The one that has changed most to the worse: a sum or a mean would hide it. @throws CommandError without one */
function worst(changes: readonly Change[]): Change {
  const [first] = changes.toSorted((a, b) => b.last / b.first - a.last / a.first);
  if (first === undefined) throw new CommandError('nothing was measured');
  return first;
}

const soakCase = (
  name: string,
  texts: Pick<BenchCase, 'title' | 'measured' | 'unit'>,
  changesOf: (soaked: Soak) => readonly Change[],
): BenchCase => ({
  name,
  ...texts,
  rival: 'the same in the third minute',
  bar: BAR,
  needs: [now, soak],
  isLong: true,
  async run(context) {
    const { first, last } = worst(changesOf(await context.take(soak)));
    return caseRun(last, first);
  },
});

export const SOAK_CASES: readonly BenchCase[] = [
  soakCase(
    'soak-memory',
    {
      title: 'Growth of memory over the soak, of the process that grew most',
      measured:
        'median resident memory of API, wallet consumer or worker in the last two minutes at half of the top rate',
      unit: 'MiB',
    },
    ({ memoryChanges: changes }) => changes,
  ),
  soakCase(
    'soak-latency',
    {
      title: 'Growth of confirm latency over the soak, p50 or p99, whichever grew more',
      measured: 'confirm in the last two minutes at half of the top rate',
      unit: 'ms',
    },
    ({ latencyChanges: changes }) => changes,
  ),
];
