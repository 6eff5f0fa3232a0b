import { caseRun, reaches, resultOf, type BenchCase } from './case';
import { CASES } from './cases';

const benchCase: BenchCase = {
  name: 'a',
  title: 'A',
  measured: 'a',
  rival: 'b',
  unit: 'x/s',
  bar: { kind: 'at-least', ratio: 0.6 },
  needs: [],
  run: async () => caseRun(1, 1),
};

describe('verdict', () => {
  it.each([
    ['at-least', 0.6, true],
    ['at-least', 0.59, false],
    ['at-most', 0.6, true],
    ['at-most', 0.61, false],
  ] as const)('When the bar is %s 0.6 and the ratio %d, then reaching it is %s', (kind, ratio, expected) => {
    expect(reaches(ratio, { kind, ratio: 0.6 })).toBe(expected);
  });

  it('When one run of three is bad, then the median decides', () => {
    const result = resultOf(benchCase, [caseRun(7, 10), caseRun(1, 10), caseRun(8, 10)]);
    expect(result).toMatchObject({ passed: true, spread: { median: 0.7, min: 0.1, max: 0.8 } });
  });

  it('When a ratio is no number, then the case has not passed', () => {
    expect(resultOf(benchCase, [caseRun(0, 0)]).passed).toBe(false);
  });

  it('When a run could not be measured, then the case fails with the reason, whatever the others say', () => {
    expect(resultOf(benchCase, [caseRun(1, 1)], 'no such commit')).toMatchObject({
      passed: false,
      failure: 'no such commit',
    });
    expect(resultOf(benchCase, [])).toMatchObject({ passed: false, failure: 'not measured' });
  });

  it('has cases of different names', () => {
    const names = CASES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
