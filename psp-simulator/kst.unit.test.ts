import { kstCompactText, kstLocalText, kstText, parseKst } from './kst';

const atMs = Date.parse('2026-11-22T15:30:00.123Z');

describe('Korean time', () => {
  it('When a moment is written, then it is nine hours ahead of UTC', () => {
    expect(kstText(atMs)).toBe('2026-11-23T00:30:00+09:00');
    expect(kstLocalText(atMs)).toBe('2026-11-23T00:30:00.123000');
    expect(kstCompactText(atMs)).toBe('20261123003000');
  });

  it.each([
    ['2026-11-23', '2026-11-22T15:00:00.000Z', 86_400_000],
    ['2026-11-23T00:30:00', '2026-11-22T15:30:00.000Z', 1000],
    ['2026-11-23T00:30:00.5', '2026-11-22T15:30:00.500Z', 1],
    ['2026-11-23T00:30:00.123', '2026-11-22T15:30:00.123Z', 1],
  ])('When %s is read, then it begins at %s and covers %i ms', (text, start, coversMs) => {
    expect(parseKst(text)).toEqual({ startMs: Date.parse(start), coversMs });
  });

  it.each([
    '',
    '2026-13-01',
    '2026-02-30',
    '2026-11-23T25:00:00',
    '2026-11-23T00:30',
    '2026-11-23T00:30:00Z',
  ])('When "%s" is read, then it is no time', (text) => {
    expect(parseKst(text)).toBeUndefined();
  });
});
