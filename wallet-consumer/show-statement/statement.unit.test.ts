import { z } from 'zod';
import { formulaSafe } from './statement-csv.rules';
import { isForwards, kstText, periodParameters } from './statement-period.rules';

const period = z.object(periodParameters);
const read = (query: { from?: string; to?: string }) => {
  const { from, to } = period.parse(query);
  return { from: from?.toISOString(), to: to?.toISOString() };
};

describe('a period', () => {
  it('When days are named, then they are days of Korea, the last one included', () => {
    expect(read({ from: '2026-11-01', to: '2026-11-30' })).toEqual({
      from: '2026-10-31T15:00:00.000Z',
      to: '2026-11-30T15:00:00.000Z',
    });
    expect(read({ from: '2024-02-29', to: '2024-02-29' })).toEqual({
      from: '2024-02-28T15:00:00.000Z',
      to: '2024-02-29T15:00:00.000Z',
    });
  });

  it.each([
    ['2026-11-01T00:00:00Z', '2026-11-01T00:00:00.000Z'],
    ['2026-11-01T09:00+09:00', '2026-11-01T00:00:00.000Z'],
    // As an unescaped + arrives in a query.
    ['2026-11-01T09:00:00.5 09:00', '2026-11-01T00:00:00.500Z'],
    ['2026-11-01T00:00:00-05:00', '2026-11-01T05:00:00.000Z'],
  ])('When a moment is named as %s, then its offset counts, at both ends', (text, expected) => {
    expect(read({ from: text, to: text })).toEqual({ from: expected, to: expected });
  });

  it.each([
    '2026-11-01T00:00:00',
    '2026-02-30',
    '2026-02-30T00:00:00Z',
    '2026-13-01',
    '2026-11-01T25:00Z',
    '20261101',
    'yesterday',
    '',
    '1767225600000',
  ])('When %p names no moment, or not clearly, then it is refused', (text) => {
    expect(period.safeParse({ from: text }).success).toBe(false);
    expect(period.safeParse({ to: text }).success).toBe(false);
  });

  it('When an end is absent, then the period is open there; one that runs backwards is none', () => {
    expect(read({})).toEqual({ from: undefined, to: undefined });
    expect(isForwards({ from: new Date(1) })).toBe(true);
    expect(isForwards({ from: new Date(1), to: new Date(2) })).toBe(true);
    expect(isForwards({ from: new Date(2), to: new Date(2) })).toBe(false);
  });

  it('When a moment is written for Korea, then it carries its offset', () => {
    expect(kstText(new Date('2026-11-21T15:00:00.123Z'))).toBe('2026-11-22T00:00:00.123+09:00');
  });
});

describe('a cell of a spreadsheet', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '－1', '=HYPERLINK("x")'])(
    'When a text begins like a formula (%p), then it is only text',
    (text) => {
      expect(formulaSafe(text)).toBe(`'${text}`);
    },
  );

  it.each(['', 'a=b', 'order-1', '1', 'CREDIT:1'])(
    'When it does not (%p), then it stays as it is',
    (text) => {
      expect(formulaSafe(text)).toBe(text);
    },
  );
});
