import * as fc from 'fast-check';
import { readHeaders, type PaymentEvent } from './payment-event.rules';
import type { DeadLetterState } from '#prisma/dead-letters.rules';
import { decide, type Known } from './sequence.rules';

const ORDER = 'order-1';
const LETTER = '00000000-0000-7000-8000-00000000000f';
let nextEvent = 0;

function event(
  seq: number,
  over: { content?: string; redriveOf?: string; problem?: string; cause?: 'invalid' | 'conflict' } = {},
): PaymentEvent {
  nextEvent += 1;
  const id = `00000000-0000-7000-8000-${String(nextEvent).padStart(12, '0')}`;
  const { content = `content of ${seq}`, redriveOf, problem, cause = 'invalid' } = over;
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
        : { problem, cause },
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
  closed: null,
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

  it('When the id was an altered copy’s, then the event parks; once its content is settled, it is repeated', () => {
    const idTaken = { problem: 'another content has come as its event before', cause: 'conflict' } as const;
    expect(outcomes([event(1, idTaken)])).toEqual(['park:conflict']);
    const orders = new Map([[ORDER, { lastSeqIn: 1, lastSeqOut: 1 }]]);
    const settledHashes = new Map([[`${ORDER}#1`, new Set([event(1).payloadHash])]]);
    expect(outcomes([event(1, idTaken)], known({ orders, settledHashes }))).toEqual(['repeated']);
    const other = event(1, { ...idTaken, content: 'other' });
    expect(outcomes([other], known({ orders, settledHashes }))).toEqual(['park:conflict']);
    // Within one batch: the redriven event is settled, and then it comes once more under the id that was taken.
    const deadLetters = [letter({ status: 'REDRIVING' })];
    const redriven = event(1, { redriveOf: LETTER });
    expect(outcomes([redriven, event(1, idTaken)], known({ deadLetters }))).toEqual(['settle', 'repeated']);
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

describe('after a dead letter was closed by hand', () => {
  const closed = (fromSeq: number, toSeq = fromSeq): DeadLetterState =>
    letter({ status: 'RESOLVED', seq: null, closed: { fromSeq, toSeq } });
  const settledUpTo = (lastSeqIn: number, deadLetters: DeadLetterState[]): Known =>
    known({ orders: new Map([[ORDER, { lastSeqIn, lastSeqOut: lastSeqIn }]]), deadLetters });

  it('When the next number was given up, then the one after it settles', () => {
    expect(outcomes([event(3)], settledUpTo(1, [closed(2)]))).toEqual(['settle']);
  });

  it('When the given-up event comes after all, then it is parked: somebody may have paid by hand', () => {
    expect(outcomes([event(2)], settledUpTo(1, [closed(2)]))).toEqual(['park:conflict']);
    expect(outcomes([event(3), event(2)], settledUpTo(1, [closed(2)]))).toEqual(['settle', 'park:conflict']);
    expect(outcomes([event(4)], settledUpTo(1, [closed(2, 9)]))).toEqual(['park:conflict']);
  });

  it('When nothing was given up, then a gap behind it is still a gap', () => {
    const foreign = letter({ status: 'RESOLVED', seq: null });
    expect(outcomes([event(3)], settledUpTo(1, [foreign]))).toEqual(['park:gap']);
  });

  it('When a held number was given up, then what is missing before it is still missing', () => {
    expect(outcomes([event(4)], settledUpTo(1, [closed(3)]))).toEqual(['park:gap']);
    expect(outcomes([event(2), event(4)], settledUpTo(1, [closed(3)]))).toEqual(['settle', 'settle']);
  });

  it('When a number far ahead was given up, then no gap before it is hidden', () => {
    expect(outcomes([event(3)], settledUpTo(1, [closed(9)]))).toEqual(['park:gap']);
  });

  it('When numbers were given up together, then the one after them settles, and a real gap is seen', () => {
    expect(outcomes([event(4), event(6)], settledUpTo(1, [closed(2, 3)]))).toEqual(['settle', 'park:gap']);
  });
});
