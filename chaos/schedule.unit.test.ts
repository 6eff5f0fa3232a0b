import { isFaultNamed, REPERTOIRE } from './faults';
import { randomFrom, streamOf } from './random';
import { isPass, reportPage, summaryOf, summaryText, type ChaosResult } from './report';
import {
  gapsOf,
  isTimeOver,
  LONG_MINUTES,
  MINUTES_PER_HIT_MAX,
  PAIRS_MIN,
  scheduleOf,
  unreached,
} from './schedule';

const names = (seed: number, count: number): string[] => {
  const schedule = scheduleOf(REPERTOIRE, seed);
  return Array.from({ length: count }, () => schedule.next().value?.name as string);
};
const isPair = (name: string): boolean => name.includes(' + ');

test('When the seed is the same, then so are the faults, their order and their numbers', () => {
  expect(names(42, 300)).toEqual(names(42, 300));
  expect(names(42, 50)).not.toEqual(names(43, 50));
  const draws = (seed: number, purpose: string): number[] => {
    const random = streamOf(seed, purpose);
    return Array.from({ length: 100 }, () => random.between(0, 1_000_000));
  };
  expect(draws(7, 'fault 1, try 1')).toEqual(draws(7, 'fault 1, try 1'));
  expect(draws(7, 'fault 1, try 1')).not.toEqual(draws(7, 'fault 2, try 1'));
  expect(draws(7, 'shopper 1')).not.toEqual(draws(8, 'shopper 0'));
});

test('Every single fault comes once before any comes again, with a pair after every three', () => {
  const count = REPERTOIRE.singles.length;
  const pairs = Math.floor(count / 3);
  expect(pairs).toBeGreaterThanOrEqual(PAIRS_MIN);
  const round = names(1, count + pairs);
  const alone = round.filter((name) => !isPair(name));
  expect(alone.toSorted()).toEqual(REPERTOIRE.singles.map(({ name }) => name).toSorted());
  expect(new Set(alone).size).toBe(count);
  expect(round.slice(0, 8).map(isPair)).toEqual([false, false, false, true, false, false, false, true]);
  // 8 processes: 28 pairs, killed and stopped.
  expect(new Set(names(1, 1_000).filter(isPair)).size).toBe(56);
});

const LONG = { minutes: LONG_MINUTES, hitsMin: 0 };
const shown = (name: string, over = {}) => ({ name, isHit: true, canBeDone: true, ...over });
const singles = REPERTOIRE.singles.map(({ name }) => shown(name));
const pairs = REPERTOIRE.pairs.slice(0, PAIRS_MIN).map(({ name }) => shown(name));

test('When a long run has shown every single fault and enough pairs, then it has no gaps', () => {
  expect(gapsOf(REPERTOIRE, [...singles, ...pairs], LONG)).toEqual([]);
});

test('When a fault was missed, skipped or never reached, then a long run names it and a short one does not', () => {
  const [first = shown(''), second = shown(''), ...others] = singles;
  const gappy = [shown(second.name, { isHit: false, canBeDone: false }), ...others, ...pairs.slice(1)];
  expect(gapsOf(REPERTOIRE, gappy, LONG)).toEqual([
    `never injected: ${first.name}`,
    `never injected: ${second.name}`,
    `skipped: ${second.name}`,
    `only ${PAIRS_MIN - 1} pairs were injected, ${PAIRS_MIN} are needed`,
  ]);
  expect(gapsOf(REPERTOIRE, gappy, { ...LONG, minutes: LONG_MINUTES - 1 })).toEqual([]);
  expect(unreached(REPERTOIRE, gappy)).toEqual([first.name, second.name]);
});

test('When a long run has not tried every single fault, then it goes on, but not for ever', () => {
  const over = (tried: ReturnType<typeof shown>[], minutes: number, elapsed: number): boolean =>
    isTimeOver(REPERTOIRE, tried, { minutes, hitsMin: 0, elapsedMs: elapsed * 60_000 });
  expect(over(singles, 30, 29)).toBe(false);
  expect(over(singles, 30, 31)).toBe(true);
  expect(over(singles.slice(1), 30, 31)).toBe(false);
  expect(over(singles.slice(1), 30, 46)).toBe(true);
  expect(over([], 2, 2.1)).toBe(true);
  const missedOnce = shown(singles[0]?.name ?? '', { isHit: false });
  const others = singles.slice(1);
  expect(over([missedOnce, missedOnce, ...others], 30, 31)).toBe(false);
  expect(over([missedOnce, missedOnce, missedOnce, ...others], 30, 31)).toBe(true);
  expect(over([{ ...missedOnce, canBeDone: false }, ...others], 30, 31)).toBe(true);
});

test('When a run has fewer hits than it needs, then it goes on, but not for ever, and says how many are missing', () => {
  const length = { minutes: 2, hitsMin: 4 };
  const over = (hits: number, elapsed: number): boolean =>
    isTimeOver(REPERTOIRE, singles.slice(0, hits), { ...length, elapsedMs: elapsed * 60_000 });
  expect(over(4, 1.9)).toBe(false);
  expect(over(4, 2.1)).toBe(true);
  expect(over(3, 2.1)).toBe(false);
  const limit = length.minutes + length.hitsMin * MINUTES_PER_HIT_MAX;
  expect(over(3, limit - 0.1)).toBe(false);
  expect(over(3, limit + 0.1)).toBe(true);
  const missed = shown(singles[4]?.name ?? '', { isHit: false });
  const tried = [...singles.slice(0, 3), missed];
  expect(isTimeOver(REPERTOIRE, tried, { ...length, elapsedMs: 2.1 * 60_000 })).toBe(false);
  expect(gapsOf(REPERTOIRE, tried, length)).toEqual(['only 3 faults were hit, 4 are needed']);
  expect(gapsOf(REPERTOIRE, singles.slice(0, 4), length)).toEqual([]);
});

test('When faults are chosen by a text that none has, then that is known before a run', () => {
  expect(isFaultNamed(' + ')).toBe(true);
  expect(isFaultNamed('no room')).toBe(true);
  expect(isFaultNamed('SIGKIL api')).toBe(false);
});

test('Numbers stay in their bounds and reach both ends', () => {
  const random = randomFrom(3);
  const drawn = Array.from({ length: 1_000 }, () => random.between(2, 5));
  expect([Math.min(...drawn), Math.max(...drawn)]).toEqual([2, 5]);
  expect(random.shuffled([1, 2, 3, 4, 5]).toSorted()).toEqual([1, 2, 3, 4, 5]);
});

const result: ChaosResult = {
  seed: 9,
  minutes: 1,
  injections: [
    { name: 'SIGKILL api', atS: 1, what: 'a', isHit: true, canBeDone: true, recoveredAfterMs: 1_000 },
    { name: 'SIGKILL api', atS: 9, what: '<b>', isHit: true, canBeDone: true, recoveredAfterMs: 3_000 },
    { name: 'SIGSTOP mysql', atS: 20, what: 'c', isHit: true, canBeDone: true, recoveredAfterMs: 9_000 },
  ],
  orders: 3,
  statuses: new Map([['SUCCESS', 3]]),
  answers: new Map([['confirm 200', 3]]),
  restAfterMs: 500,
  unreached: [],
  problems: [],
};

test('The report has a line for each fault, the slowest first, and says nothing as markup', () => {
  expect(summaryOf(result.injections)).toMatchObject([
    { name: 'SIGSTOP mysql', times: 1, worstMs: 9_000 },
    { name: 'SIGKILL api', times: 2, worstMs: 3_000, unrecovered: 0 },
  ]);
  expect(reportPage(result)).toMatch(/&lt;b&gt;/);
  expect(summaryText(result)).toMatch(/^PASSED: seed 9/);
});

test('When the moment of a fault did not come, then it is not counted as survived, and is named', () => {
  const late = {
    name: 'late',
    atS: 30,
    what: 'no batch came',
    isHit: false,
    canBeDone: true,
    recoveredAfterMs: 10,
  };
  const text = summaryText({ ...result, injections: [...result.injections, late] });
  expect(text).toContain('3 faults of 2 kinds');
  expect(text).toContain('not hit, and so not shown: late');
  expect(summaryOf([late])).toMatchObject([{ times: 0, missed: 1 }]);
});

test.each<[string, Partial<ChaosResult>]>([
  ['somebody lost money', { problems: ['order-1 …'] }],
  ['nothing was injected', { injections: [] }],
  ['nothing came to rest', { restAfterMs: undefined }],
  [
    'a fault was never recovered from',
    {
      injections: [
        { name: 'x', atS: 1, what: '', isHit: true, canBeDone: true, recoveredAfterMs: undefined },
      ],
    },
  ],
])('When %s, then the run has failed', (_what, over) => {
  expect(isPass(result)).toBe(true);
  expect(isPass({ ...result, ...over })).toBe(false);
  expect(summaryText({ ...result, ...over })).toMatch(/^FAILED/);
});
