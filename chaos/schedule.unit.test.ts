import { FAULTS, isFaultNamed, scheduleOf } from './faults';
import { randomFrom } from './random';
import { isPass, reportPage, summaryOf, summaryText, type ChaosResult } from './report';

const names = (seed: number, count: number): string[] => {
  const schedule = scheduleOf(randomFrom(seed));
  return Array.from({ length: count }, () => schedule.next().value?.name as string);
};

test('When the seed is the same, then so are the faults, their order and their numbers', () => {
  expect(names(42, 300)).toEqual(names(42, 300));
  expect(names(42, 50)).not.toEqual(names(43, 50));
  const [one, other] = [randomFrom(7), randomFrom(7)];
  expect(Array.from({ length: 100 }, () => one.between(3, 9))).toEqual(
    Array.from({ length: 100 }, () => other.between(3, 9)),
  );
});

test('Every fault comes once before any comes again, then pairs of every two processes', () => {
  const first = names(1, FAULTS.length);
  expect(first.toSorted()).toEqual(FAULTS.map(({ name }) => name).toSorted());
  expect(new Set(first).size).toBe(FAULTS.length);
  const later = new Set(names(1, 1_000).filter((name) => name.includes(' + ')));
  // 8 processes: 28 pairs, killed and stopped.
  expect(later.size).toBe(56);
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
