import type { Fault } from './injected';
import { streamOf } from './random';

/** From that length on, a run must have shown every single fault and enough pairs. */
export const LONG_MINUTES = 30;
/** A long run goes on, at most so much longer, until every single fault was tried. */
export const EXTENSION = 1.5;
/** Fewer pairs in a long run are a failure. */
export const PAIRS_MIN = 12;
const SINGLES_PER_PAIR = 3;
/** A run waits at most so much longer for each hit it needs: restarts and recoveries take their time on a slow machine. */
export const MINUTES_PER_HIT_MAX = 8;
/** So often a fault is tried whose moment does not come: it depends on what the load does. */
export const TRIES_MAX = 3;

/** How long a run injects faults: for so many minutes and until so many faults were hit, whichever ends later. */
export interface RunLength {
  minutes: number;
  hitsMin: number;
}

/** What a run draws from: faults that stand alone, and those of two processes. */
export interface Repertoire {
  singles: readonly Fault[];
  pairs: readonly Fault[];
}

/** Those whose name holds the text; all without one. */
export function chosen({ singles, pairs }: Repertoire, only: string | undefined): Repertoire {
  const isChosen = ({ name }: Fault): boolean => only === undefined || name.includes(only);
  return { singles: singles.filter(isChosen), pairs: pairs.filter(isChosen) };
}

/**
 * The order of faults of a run: in each round all single ones, shuffled, with a pair after every three. Depends on the seed
 * alone, whatever the faults themselves draw; it ends only when there is nothing to draw from.
 */
export function* scheduleOf({ singles, pairs }: Repertoire, seed: number): Generator<Fault> {
  const random = streamOf(seed, 'schedule');
  let waiting: Fault[] = [];
  const nextPair = (): Fault[] => {
    if (waiting.length === 0) waiting = random.shuffled(pairs);
    return waiting.splice(0, 1);
  };
  while (singles.length + pairs.length > 0) {
    if (singles.length === 0) yield* nextPair();
    for (const [index, fault] of random.shuffled(singles).entries()) {
      yield fault;
      if (index % SINGLES_PER_PAIR === SINGLES_PER_PAIR - 1) yield* nextPair();
    }
  }
}

interface Attempt {
  name: string;
  isHit: boolean;
  canBeDone: boolean;
}

/** Single faults that were not injected as they were meant. */
export function unreached({ singles }: Repertoire, injections: readonly Attempt[]): string[] {
  const reached = new Set(injections.filter(({ isHit }) => isHit).map(({ name }) => name));
  return singles.map(({ name }) => name).filter((name) => !reached.has(name));
}

const hitsOf = (injections: readonly Attempt[]): number => injections.filter(({ isHit }) => isHit).length;

/** What a run of this length has not shown and should have, as sentences. */
export function gapsOf(
  repertoire: Repertoire,
  injections: readonly Attempt[],
  { minutes, hitsMin }: RunLength,
): string[] {
  const hits = hitsOf(injections);
  const tooFew = hits < hitsMin ? [`only ${hits} faults were hit, ${hitsMin} are needed`] : [];
  if (minutes < LONG_MINUTES) return tooFew;
  const never = unreached(repertoire, injections).map((name) => `never injected: ${name}`);
  const skipped = [...new Set(injections.filter(({ canBeDone }) => !canBeDone).map(({ name }) => name))];
  const pairNames = new Set(repertoire.pairs.map(({ name }) => name));
  const pairs = injections.filter(({ name, isHit }) => isHit && pairNames.has(name)).length;
  const needed = repertoire.pairs.length === 0 ? 0 : PAIRS_MIN;
  return [
    ...tooFew,
    ...never,
    ...skipped.map((name) => `skipped: ${name}`),
    ...(pairs < needed ? [`only ${pairs} pairs were injected, ${needed} are needed`] : []),
  ];
}

/** It was injected, cannot be, or was tried as often as anything is. */
const isDone = (of: readonly Attempt[]): boolean =>
  of.length >= TRIES_MAX || of.some(({ isHit, canBeDone }) => isHit || !canBeDone);

/**
 * Whether a run has injected enough. After its minutes it goes on until it has the hits it needs, and a long one until it
 * has tried every single fault; both within a limit.
 */
export function isTimeOver(
  repertoire: Repertoire,
  tried: readonly Attempt[],
  { minutes, hitsMin, elapsedMs }: RunLength & { elapsedMs: number },
): boolean {
  const limitMs = minutes * 60_000;
  if (elapsedMs <= limitMs) return false;
  if (hitsOf(tried) < hitsMin) return elapsedMs > limitMs + hitsMin * MINUTES_PER_HIT_MAX * 60_000;
  if (minutes < LONG_MINUTES || elapsedMs > limitMs * EXTENSION) return true;
  return repertoire.singles.every(({ name }) => isDone(tried.filter((one) => one.name === name)));
}
