import { median, quantile, quantiles, spreadOf } from './statistics';

describe('statistics', () => {
  it.each([
    [[3], 3],
    [[3, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
  ])('When samples are %j, then their median is %d', (samples, expected) => {
    expect(median(samples)).toBe(expected);
  });

  it('When a quantile lies between two samples, then it is interpolated', () => {
    expect(quantile([10, 20, 30], 0.25)).toBe(15);
    expect(quantiles([30, 10, 20], [0, 0.5, 0.95, 1])).toEqual([10, 20, 29, 30]);
  });

  it('When samples are sorted for a quantile, then the caller’s array stays as it is', () => {
    const samples = [3, 1, 2];
    quantile(samples, 0.5);
    expect(samples).toEqual([3, 1, 2]);
  });

  it('When there are no samples, then nothing is claimed of them', () => {
    expect(median([])).toBeNaN();
    expect(spreadOf([]).median).toBeNaN();
  });

  it('When one sample is far off, then the deviation hardly moves', () => {
    expect(spreadOf([9, 10, 11, 10, 1_000])).toEqual({ median: 10, min: 9, max: 1_000, deviation: 1 });
  });
});
