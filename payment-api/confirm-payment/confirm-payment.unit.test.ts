import type { PaymentStatus } from '../payment/payment';
import type { PspAnswer } from '../toss/toss-client';
import {
  askingMaxMs,
  ATTEMPTS_MAX,
  decide,
  matches,
  pauseBeforeCallMs,
  SAME_KEY_CALLS_MAX,
} from '../payment/asking.rules';
import { admit } from './confirm-payment.rules';

const claimed = { orderId: 'order-1', paymentKey: 'key-1', totalAmount: 6000n, currency: 'KRW' };
const psp = {
  paymentKey: 'key-1',
  orderId: 'order-1',
  status: 'DONE' as const,
  currency: 'KRW',
  totalAmount: 6000n,
  approvedAt: new Date(0),
  balanceAmount: 6000n,
  cancels: [],
  raw: '{}',
};
const first = { asked: 'confirm' as const, sameKeyCalls: 1, attempts: 1 };
const lookup = { asked: 'lookup' as const, sameKeyCalls: 1, attempts: 1 };
const error = (code: string): PspAnswer => ({ kind: 'error', http: 400, code, message: 'words' });
const payment = (over: object = {}): PspAnswer => ({ kind: 'payment', payment: { ...psp, ...over } });
const none: PspAnswer = { kind: 'none', reason: 'no answer' };

const unsent: PspAnswer = { kind: 'none', reason: 'not sent', isSent: false };

describe('decide', () => {
  test.each([
    ['DONE and matching', payment(), first, 'succeed'],
    ['DONE of another order', payment({ orderId: 'order-2' }), first, 'leave-unknown'],
    ['DONE of another key', payment({ paymentKey: 'key-2' }), lookup, 'leave-unknown'],
    ['DONE of another amount', payment({ totalAmount: 5999n }), first, 'leave-unknown'],
    ['DONE in another currency', payment({ currency: 'USD' }), first, 'leave-unknown'],
    ['ABORTED', payment({ status: 'ABORTED' }), lookup, 'fail'],
    ['EXPIRED', payment({ status: 'EXPIRED' }), lookup, 'fail'],
    ['CANCELED', payment({ status: 'CANCELED' }), lookup, 'leave-unknown'],
    ['a confirm that answers IN_PROGRESS', payment({ status: 'IN_PROGRESS' }), first, 'look-up'],
    ['a lookup that finds IN_PROGRESS', payment({ status: 'IN_PROGRESS' }), lookup, 'new-attempt'],
    [
      'IN_PROGRESS after the last attempt',
      payment({ status: 'IN_PROGRESS' }),
      { ...lookup, attempts: ATTEMPTS_MAX },
      'leave-unknown',
    ],
    ['nothing, for it was not sent', unsent, first, 'release'],
    ['nothing, for the lookup after a confirm was not sent', unsent, lookup, 'leave-unknown'],
    ['nothing, for the repetition was not sent', unsent, { ...first, sameKeyCalls: 2 }, 'repeat-same-key'],
    ['nothing, for the second attempt was not sent', unsent, { ...first, attempts: 2 }, 'repeat-same-key'],
    ['a refusal', error('REJECT_CARD_PAYMENT'), first, 'fail'],
    ['our misconfiguration', error('INVALID_API_KEY'), first, 'release'],
    ['an unknown key', error('NOT_FOUND_PAYMENT'), first, 'release'],
    ['an expired session', error('NOT_FOUND_PAYMENT_SESSION'), first, 'release'],
    [
      'our misconfiguration after a call whose answer was lost',
      error('UNAUTHORIZED_KEY'),
      { ...first, sameKeyCalls: 2 },
      'leave-unknown',
    ],
    [
      'an unknown key after an unclear attempt',
      error('NOT_FOUND_PAYMENT'),
      { ...first, attempts: 2 },
      'leave-unknown',
    ],
    [
      'a refusal’s code under a server error',
      { ...error('REJECT_CARD_PAYMENT'), http: 500 } as PspAnswer,
      first,
      'look-up',
    ],
    ['processed already', error('ALREADY_PROCESSED_PAYMENT'), first, 'look-up'],
    ['a temporary error', error('PROVIDER_ERROR'), first, 'look-up'],
    ['a code nobody knows', error('BRAND_NEW'), first, 'look-up'],
    ['still running', error('IDEMPOTENT_REQUEST_PROCESSING'), first, 'repeat-same-key'],
    [
      'still running for too long',
      error('IDEMPOTENT_REQUEST_PROCESSING'),
      { ...first, sameKeyCalls: SAME_KEY_CALLS_MAX },
      'leave-unknown',
    ],
    ['silence', none, first, 'repeat-same-key'],
    ['lasting silence', none, { ...first, sameKeyCalls: SAME_KEY_CALLS_MAX }, 'leave-unknown'],
    ['a silent lookup', none, lookup, 'leave-unknown'],
    [
      'a refusal on lookup, which says nothing about the payment',
      error('REJECT_CARD_PAYMENT'),
      lookup,
      'leave-unknown',
    ],
    ['a lookup that does not find it', error('NOT_FOUND_PAYMENT'), lookup, 'leave-unknown'],
  ] as const)(
    'When the PSP answers with %s, then the step is as the table says',
    (_what, answer, progress, step) => {
      expect(decide(claimed, answer, progress).do).toBe(step);
    },
  );

  test('When a DONE payment does not match, then an alarm is raised', () => {
    expect(decide(claimed, payment({ orderId: 'order-2' }), first)).toMatchObject({ alarm: true });
  });

  test('A payment matches only with key, order, amount and currency', () => {
    expect(matches(claimed, psp)).toBe(true);
    for (const over of [{ paymentKey: 'x' }, { orderId: 'x' }, { totalAmount: 1n }, { currency: 'x' }]) {
      expect(matches(claimed, { ...psp, ...over })).toBe(false);
    }
  });
});

describe('admit', () => {
  const stored = (status: PaymentStatus) => ({
    no: 1n,
    orderId: 'order-1',
    orderName: 'n',
    currency: 'KRW',
    totalAmount: 6000n,
    status,
    paymentKey: status === 'NOT_STARTED' ? null : 'key-1',
    approvedAt: null,
    claimToken: null,
    attempt: 1,
    failure: status === 'FAILURE' ? { code: 'REJECT_CARD_PAYMENT', message: 'no' } : null,
    lastEventSeq: 0,
    isWalletDone: false,
  });
  const ask = (status: PaymentStatus, paymentKey: string, amount = 6000n): string => {
    try {
      return admit(stored(status), { paymentKey, amount });
    } catch (refusal) {
      return (refusal as { code: string }).code;
    }
  };

  test.each([
    ['NOT_STARTED', 'claim', 'claim'],
    ['EXECUTING', 'PEC0005', 'PEC0005'],
    ['UNKNOWN', 'PEC0007', 'PEC0006'],
    ['SUCCESS', 'replay', 'PEC0006'],
    ['PARTIAL_CANCELED', 'replay', 'PEC0006'],
    ['CANCELED', 'replay', 'PEC0006'],
    ['FAILURE', 'PEC0004', 'PEC0004'],
  ] as const)(
    'When the payment is %s, then the same key gets %s and another key %s',
    (status, same, other) => {
      expect([ask(status, 'key-1'), ask(status, 'key-2')]).toEqual([same, other]);
    },
  );

  test('When the amount differs, then PEC0002 whatever the status is', () => {
    expect(ask('NOT_STARTED', 'key-1', 1n)).toBe('PEC0002');
    expect(ask('SUCCESS', 'key-1', 1n)).toBe('PEC0002');
  });
});

test('Pauses grow and are bounded, and asking cannot take longer than the stated maximum', () => {
  expect([0, 1, 2, 10].map((call) => pauseBeforeCallMs(500, call))).toEqual([500, 1000, 2000, 4000]);
  expect(askingMaxMs(10_000)).toBe(12 * 14_000);
});
