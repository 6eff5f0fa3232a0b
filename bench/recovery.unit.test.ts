import { emptySamples, type LoadSamples } from './load.plan';
import { calmAfterS } from './recovery';

/** Two purchases in each second, whose confirms took so long; a negative time is a refusal. */
function secondsOf(...confirmMs: number[]): LoadSamples {
  const samples = emptySamples();
  for (const [second, ms] of confirmMs.entries()) {
    for (const startMs of [second * 1_000, second * 1_000 + 999]) {
      samples.startMs.push(startMs);
      samples.confirmMs.push(Math.max(ms, 0));
      samples.error.push(ms < 0 ? 'checkout 503 PEC0014' : '');
    }
  }
  return samples;
}

describe('recovery', () => {
  it.each([
    ['calm from the first second on', [5, 5, 5, 5], 0],
    ['slow at first', [30, 11, 5, 5, 10], 2],
    ['refused at first, and calm for two seconds only', [-1, 5, 5, -1, 5, 5, 5], 4],
    ['never calm for three seconds', [5, 5, 30, 5, 5], 5],
    ['without a single purchase', [], 0],
  ])('When a window is %s, then that is what is found', (_, confirmMs, expected) => {
    expect(calmAfterS(secondsOf(...confirmMs), { limitMs: 10, seconds: confirmMs.length })).toBe(expected);
  });

  it('When purchases stop coming, then nobody claims that their latency is normal', () => {
    expect(calmAfterS(secondsOf(30), { limitMs: 10, seconds: 5 })).toBe(5);
  });
});
