import { counterOf, rateOf } from './drain';

describe('progress of a drain', () => {
  it('When a counter has labels, then its values are summed, and no other counter is taken for it', () => {
    const metrics = [
      '# HELP wallet_settled_events_total Events settled.',
      'wallet_settled_events_total{type="CREDIT"} 40',
      'wallet_settled_events_total{type="DEBIT"} 2',
      'wallet_settled_events_total_more 7',
      'wallet_repeated_events_total 5',
    ].join('\n');
    expect(counterOf(metrics, 'wallet_settled_events_total')).toBe(42);
    expect(counterOf(metrics, 'wallet_repeated_events_total')).toBe(5);
    expect(counterOf(metrics, 'payment_repeated_events_total')).toBe(0);
  });

  it('When consumers start late and end early, then only the time between the first and the last order counts', () => {
    expect(rateOf([0, 1_000, 2_000, 3_000, 4_000], [0, 500, 1_500, 2_500, 2_500])).toBe(1_000);
  });
});
