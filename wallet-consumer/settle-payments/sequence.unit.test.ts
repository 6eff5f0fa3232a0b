import * as fc from 'fast-check';
import { readHeaders, type PaymentEvent } from './payment-event.rules';
import { decide, seqAllowedUpTo, shareKey, type DeadLetterState, type Known } from './sequence.rules';

const ORDER = 'order-1';
const LETTER = '00000000-0000-7000-8000-00000000000f';
let nextEvent = 0;

function event(
  seq: number,
  over: { content?: string; redriveOf?: string; problem?: string } = {},
): PaymentEvent {
  nextEvent += 1;
  const id = `00000000-0000-7000-8000-${String(nextEvent).padStart(12, '0')}`;
  const { content = `content of ${seq}`, redriveOf, problem } = over;
  const arriving = readHeaders({
    topic: 'payment',
    partition: 0,
    offset: BigInt(nextEvent),
    key: Buffer.from(ORDER),
    value: Buffer.from(content),
    headers: { id, aggregateSeq: String(seq), ...(redriveOf === undefined ? {} : { redriveOf }) },
  });
  const shares = [{ paymentOrderNo: seq, sellerNo: 1, amount: 100n, idempotencyKey: `CREDIT:${seq}` }];
  return {
    ...arriving,
    content:
      problem === undefined
        ? { booking: { type: 'CREDIT', orderId: ORDER, currency: 'KRW', shares } }
        : { problem, cause: 'invalid' },
  };
}

const known = (over: Partial<Known> = {}): Known => ({
  eventIds: new Set(),
  orders: new Map(),
  deadLetters: [],
  settledHashes: new Map(),
  sellers: new Set([1]),
  credited: new Map(),
  ...over,
});

const letter = (over: Partial<DeadLetterState>): DeadLetterState => ({
  id: LETTER,
  orderId: ORDER,
  seq: 1,
  status: 'OPEN',
  ...over,
});

let nextLetter = 0;
const outcomes = (events: PaymentEvent[], state: Known = known()): string[] =>
  decide(events, state, () => `letter-${(nextLetter += 1)}`).map((verdict) =>
    verdict.kind === 'park' ? `park:${verdict.cause}` : verdict.kind,
  );

describe('the sequence of an order', () => {
  it('When events come one after the other in one batch, then each is answered by number', () => {
    const verdicts = decide([event(1), event(2), event(3)], known(), () => 'letter');
    expect(verdicts.map((v) => v.kind === 'settle' && [v.seqIn, v.seqOut])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('When events arrive in any order, then numbers settle once, and ascending', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ seq: fc.integer({ min: 1, max: 5 }), content: fc.constantFrom('x', 'y') }), {
          maxLength: 30,
        }),
        (drawn) => {
          const verdicts = decide(
            drawn.map(({ seq, content }) => event(seq, { content })),
            known(),
            () => `letter-${(nextLetter += 1)}`,
          );
          const settled = verdicts.flatMap((v) => (v.kind === 'settle' ? [v.seqIn] : []));
          expect(settled).toEqual(Array.from({ length: settled.length }, (_, n) => n + 1));
        },
      ),
    );
  });

  it('When one event is bad, then the later ones of its order wait behind it and say for which', () => {
    const verdicts = decide([event(1, { problem: 'bad' }), event(2)], known(), () => 'letter-of-1');
    expect(verdicts.map((v) => v.kind === 'park' && v.cause)).toEqual(['invalid', 'behind']);
    expect(verdicts[1]).toMatchObject({ error: expect.stringContaining('letter-of-1') as unknown });
  });

  it('When a held event’s predecessor arrives at last, then it is settled', () => {
    expect(outcomes([event(2), event(1)])).toEqual(['park:gap', 'settle']);
  });

  it('When the same event stands twice in a batch, then the second is known', () => {
    const one = event(1);
    expect(outcomes([one, one])).toEqual(['settle', 'known']);
  });

  it('When old content comes again, then it is repeated; other content in its place is a conflict', () => {
    const orders = new Map([[ORDER, { lastSeqIn: 1, lastSeqOut: 1 }]]);
    const first = event(1);
    const settledHashes = new Map([[`${ORDER}#1`, new Set([first.payloadHash])]]);
    expect(outcomes([first, event(1, { content: 'other' })], known({ orders, settledHashes }))).toEqual([
      'repeated',
      'park:conflict',
    ]);
  });

  it('When a dead letter of a later number is open, then earlier numbers are not blocked by it', () => {
    expect(outcomes([event(1)], known({ deadLetters: [letter({ seq: 2 })] }))).toEqual(['settle']);
  });

  it('When a dead letter has no number, then every event of its order waits', () => {
    expect(outcomes([event(1)], known({ deadLetters: [letter({ seq: null })] }))).toEqual(['park:behind']);
  });
});

describe('redriven events', () => {
  it('When a dead letter is redriven, then it does not wait behind itself, and is resolved', () => {
    const state = known({ deadLetters: [letter({ status: 'REDRIVING' })] });
    const [verdict] = decide([event(1, { redriveOf: LETTER })], state, () => 'new');
    expect(verdict).toMatchObject({ kind: 'settle', deadLetterId: LETTER });
  });

  it('When it fails again, then the same dead letter is opened, not a new one', () => {
    const state = known({ deadLetters: [letter({ status: 'REDRIVING' })], sellers: new Set() });
    const [verdict] = decide([event(1, { redriveOf: LETTER })], state, () => 'new');
    expect(verdict).toMatchObject({ kind: 'park', deadLetterId: LETTER, isReopened: true });
  });

  it('When its dead letter was closed meanwhile, then nothing is booked', () => {
    const state = known({ deadLetters: [letter({ status: 'RESOLVED' })] });
    expect(outcomes([event(1, { redriveOf: LETTER })], state)).toEqual(['repeated']);
  });
});

describe('what may be settled next', () => {
  it.each([
    ['nothing was closed by hand', 3, [], 4],
    ['the next number was closed by hand', 3, [letter({ seq: 4, status: 'RESOLVED' as const })], 5],
    ['a held number was closed by hand', 0, [letter({ seq: 2, status: 'RESOLVED' as const })], 3],
    ['one without a number was closed by hand', 0, [letter({ seq: null, status: 'RESOLVED' as const })], 2],
    ['dead letters are still open', 3, [letter({ seq: 4 })], 4],
  ])('When %s, then it is the number after', (_title, lastSeqIn, letters, expected) => {
    expect(seqAllowedUpTo(lastSeqIn, letters)).toBe(expected);
  });
});

describe('shares', () => {
  it('When a cancellation asks for more than was credited to that seller, then it is parked', () => {
    const cancel = event(1);
    const shares = [{ paymentOrderNo: 9, sellerNo: 1, amount: 100n, idempotencyKey: 'DEBIT:c:9' }];
    const debit: PaymentEvent = {
      ...cancel,
      content: { booking: { type: 'DEBIT', orderId: ORDER, currency: 'KRW', cancelId: 'c', shares } },
    };
    const creditedBy = (amount: bigint, sellerNo = 1) =>
      known({ credited: new Map([[shareKey(ORDER, 9, sellerNo), amount]]) });
    expect(outcomes([debit], creditedBy(100n))).toEqual(['settle']);
    expect(outcomes([debit], creditedBy(99n))).toEqual(['park:not_credited']);
    expect(outcomes([debit], creditedBy(100n, 2))).toEqual(['park:not_credited']);
  });
});
