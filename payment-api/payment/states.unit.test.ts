import type { CancelStatus, ChangedBy, PaymentStatus } from './payment';
import { assertCancelMove, assertMove, CANCEL_MOVES, isPaid, lineMove, PAYMENT_MOVES } from './states';

const STATUSES = Object.keys(PAYMENT_MOVES) as PaymentStatus[];
const ACTORS: ChangedBy[] = ['confirm', 'recovery', 'cancel', 'webhook-lookup', 'reconcile', 'admin'];

/** Written down a second time, as the words of the states' document have it. */
const ALLOWED = `
  NOT_STARTED EXECUTING confirm reconcile
  EXECUTING SUCCESS confirm recovery reconcile
  EXECUTING FAILURE confirm recovery reconcile
  EXECUTING UNKNOWN confirm recovery reconcile
  EXECUTING NOT_STARTED confirm
  UNKNOWN EXECUTING recovery
  UNKNOWN SUCCESS recovery reconcile
  UNKNOWN FAILURE recovery reconcile
  SUCCESS PARTIAL_CANCELED cancel recovery webhook-lookup reconcile admin
  SUCCESS CANCELED cancel recovery webhook-lookup reconcile admin
  PARTIAL_CANCELED PARTIAL_CANCELED cancel recovery webhook-lookup reconcile admin
  PARTIAL_CANCELED CANCELED cancel recovery webhook-lookup reconcile admin
  FAILURE FAILURE webhook-lookup reconcile`
  .trim()
  .split('\n')
  .map((row) => row.trim().split(' '));

const isAllowed = (from: PaymentStatus, to: PaymentStatus, by: ChangedBy): boolean => {
  try {
    assertMove(from, to, by);
    return true;
  } catch {
    return false;
  }
};

test('Every move, and who makes it, is allowed exactly as written down; all others throw', () => {
  const allowed = STATUSES.flatMap((from) =>
    STATUSES.flatMap((to) => {
      const actors = ACTORS.filter((by) => isAllowed(from, to, by));
      return actors.length === 0 ? [] : [[from, to, ...actors.toSorted()].join(' ')];
    }),
  );
  const written = ALLOWED.map(([from, to, ...actors]) => [from, to, ...actors.toSorted()].join(' '));
  expect(allowed.toSorted()).toEqual(written.toSorted());
  expect(() => assertMove('SUCCESS', 'FAILURE', 'recovery')).toThrow(
    'a payment cannot move from SUCCESS to FAILURE by recovery',
  );
});

test('Money that was taken is never forgotten: from a paid status only paid ones follow', () => {
  for (const from of STATUSES.filter(isPaid))
    for (const to of Object.keys(PAYMENT_MOVES[from]) as PaymentStatus[]) expect(isPaid(to)).toBe(true);
});

test('An ended cancel stays as it is', () => {
  for (const ended of ['SUCCESS', 'FAILURE'] as const) {
    for (const to of Object.keys(CANCEL_MOVES) as CancelStatus[])
      expect(() => assertCancelMove(ended, to, 'recovery')).toThrow('cannot move');
  }
});

test('A line is canceled whole, and the others of its order stay paid', () => {
  expect(lineMove('SUCCESS', 'PARTIAL_CANCELED')).toEqual({ from: 'SUCCESS', to: 'CANCELED' });
  expect(lineMove('PARTIAL_CANCELED', 'CANCELED')).toEqual({ from: 'SUCCESS', to: 'CANCELED' });
  expect(lineMove('EXECUTING', 'UNKNOWN')).toEqual({ from: 'EXECUTING', to: 'UNKNOWN' });
});
