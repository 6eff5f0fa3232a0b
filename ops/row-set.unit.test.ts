import { RowSet } from './row-set';

const missing = (set: RowSet): (readonly [number, number])[] => [...set.missing()];

describe('a set of row numbers', () => {
  it('When nothing was added, then all of it is missing, as one range', () => {
    expect(missing(new RowSet(10n, 30n))).toEqual([[11, 30]]);
    expect(missing(new RowSet(10n, 10n))).toEqual([]);
    expect(missing(new RowSet(10n, 3n))).toEqual([]);
  });

  it('When numbers were added, in any order and twice, then the ranges between them are missing', () => {
    const set = new RowSet(0n, 20n);
    for (const no of [20n, 1n, 2n, 9n, 8n, 9n, 17n]) set.add(no);
    expect(missing(set)).toEqual([
      [3, 7],
      [10, 16],
      [18, 19],
    ]);
  });

  it('When a number lies outside of its bounds, then it is ignored', () => {
    const set = new RowSet(5n, 7n);
    for (const no of [0n, 5n, 8n, 1_000n]) set.add(no);
    expect(missing(set)).toEqual([[6, 7]]);
  });
});
