import * as fc from 'fast-check';
import type { DeadLetterState } from '#prisma/dead-letters.rules';
import type { Incoming, Problem } from './message-service';
import { headedOf } from './read-message';
import { decide, type Outcome, type Past } from './sequence.rules';

const ORDER = 'order-1';
const LETTER = '00000000-0000-7000-8000-00000000000f';
let nextEvent = 0;
/** The engine does not look into it. */
interface Content {
  seq: number;
}

function event(
  seq: number,
  over: { content?: string; redriveOf?: string; problem?: string; cause?: 'invalid' | 'conflict' } = {},
): Incoming<Content> {
  nextEvent += 1;
  const id = `00000000-0000-7000-8000-${String(nextEvent).padStart(12, '0')}`;
  const { content = `content of ${seq}`, redriveOf, problem, cause = 'invalid' } = over;
  const headed = headedOf({
    topic: 'payment',
    partition: 0,
    offset: BigInt(nextEvent),
    key: Buffer.from(ORDER),
    value: Buffer.from(content),
    headers: { id, aggregateSeq: String(seq), ...(redriveOf === undefined ? {} : { redriveOf }) },
  });
  return { ...headed, content: problem === undefined ? { seq } : { cause, reason: problem } };
}

/** What the database has: the engine's part, and the last applied number of the order. */
interface Known extends Past {
  lastSeq: number;
  refusal?: Problem;
}

const known = (over: Partial<Known> = {}): Known => ({
  eventIds: new Set(),
  deadLetters: [],
  appliedHashes: new Map(),
  lastSeq: 0,
  ...over,
});

function decided(
  events: readonly Incoming<Content>[],
  state: Known = known(),
  newId = () => `letter-${(nextLetter += 1)}`,
): Outcome<Content>[] {
  return decide(events, state, { lastSeq: () => state.lastSeq, accept: () => state.refusal }, state, newId);
}

const letter = (over: Partial<DeadLetterState>): DeadLetterState => ({
  id: LETTER,
  orderId: ORDER,
  seq: 1,
  status: 'OPEN',
  closed: null,
  ...over,
});

let nextLetter = 0;
const outcomes = (events: Incoming<Content>[], state: Known = known()): string[] =>
  decided(events, state).map((outcome) =>
    outcome.kind === 'parked' ? `parked:${outcome.cause}` : outcome.kind,
  );

describe('the sequence of an order', () => {
  it('When events come one after the other in one batch, then each is answered by number', () => {
    const verdicts = decided([event(1), event(2), event(3)]);
    expect(verdicts.map((v) => v.kind === 'applied' && v.event.seq)).toEqual([1, 2, 3]);
  });

  it('When events arrive in any order, then numbers settle once, and ascending', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ seq: fc.integer({ min: 1, max: 5 }), content: fc.constantFrom('x', 'y') }), {
          maxLength: 30,
        }),
        (drawn) => {
          const verdicts = decided(drawn.map(({ seq, content }) => event(seq, { content })));
          const settled = verdicts.flatMap((v) => (v.kind === 'applied' ? [v.event.seq] : []));
          expect(settled).toEqual(Array.from({ length: settled.length }, (_, n) => n + 1));
        },
      ),
    );
  });

  it('When one event is bad, then the later ones of its order wait behind it and say for which', () => {
    const verdicts = decided([event(1, { problem: 'bad' }), event(2)], known(), () => 'letter-of-1');
    expect(verdicts.map((v) => v.kind === 'parked' && v.cause)).toEqual(['invalid', 'behind']);
    expect(verdicts[1]).toMatchObject({ reason: expect.stringContaining('letter-of-1') as unknown });
  });

  it('When a held event’s predecessor arrives at last, then it is settled', () => {
    expect(outcomes([event(2), event(1)])).toEqual(['parked:gap', 'applied']);
  });

  it('When the same event stands twice in a batch, then the second is known', () => {
    const one = event(1);
    expect(outcomes([one, one])).toEqual(['applied', 'known']);
  });

  it('When old content comes again, then it is repeated; other content in its place is a conflict', () => {
    const lastSeq = 1;
    const first = event(1);
    const settledHashes = new Map([[`${ORDER}#1`, new Set([first.arrival.payloadHash])]]);
    expect(
      outcomes([first, event(1, { content: 'other' })], known({ lastSeq, appliedHashes: settledHashes })),
    ).toEqual(['repeated', 'parked:conflict']);
  });

  it('When the id was an altered copy’s, then the event parks; once its content is settled, it is repeated', () => {
    const idTaken = { problem: 'another content has come as its event before', cause: 'conflict' } as const;
    expect(outcomes([event(1, idTaken)])).toEqual(['parked:conflict']);
    const lastSeq = 1;
    const settledHashes = new Map([[`${ORDER}#1`, new Set([event(1).arrival.payloadHash])]]);
    expect(outcomes([event(1, idTaken)], known({ lastSeq, appliedHashes: settledHashes }))).toEqual([
      'repeated',
    ]);
    const other = event(1, { ...idTaken, content: 'other' });
    expect(outcomes([other], known({ lastSeq, appliedHashes: settledHashes }))).toEqual(['parked:conflict']);
    // Within one batch: the redriven event is settled, and then it comes once more under the id that was taken.
    const deadLetters = [letter({ status: 'REDRIVING' })];
    const redriven = event(1, { redriveOf: LETTER });
    expect(outcomes([redriven, event(1, idTaken)], known({ deadLetters }))).toEqual(['applied', 'repeated']);
  });

  it('When a dead letter of a later number is open, then earlier numbers are not blocked by it', () => {
    expect(outcomes([event(1)], known({ deadLetters: [letter({ seq: 2 })] }))).toEqual(['applied']);
  });

  it('When a dead letter has no number, then every event of its order waits', () => {
    expect(outcomes([event(1)], known({ deadLetters: [letter({ seq: null })] }))).toEqual(['parked:behind']);
  });
});

describe('redriven events', () => {
  it('When a dead letter is redriven, then it does not wait behind itself, and is resolved', () => {
    const state = known({ deadLetters: [letter({ status: 'REDRIVING' })] });
    const [verdict] = decided([event(1, { redriveOf: LETTER })], state);
    expect(verdict).toMatchObject({ kind: 'applied', deadLetterId: LETTER });
  });

  it('When it fails again, then the same dead letter is opened, not a new one', () => {
    const state = known({
      deadLetters: [letter({ status: 'REDRIVING' })],
      refusal: { cause: 'unknown_seller', reason: 'there is no seller 1' },
    });
    const [verdict] = decided([event(1, { redriveOf: LETTER })], state);
    expect(verdict).toMatchObject({ kind: 'parked', deadLetterId: LETTER, isReopened: true });
  });

  it('When its dead letter was closed meanwhile, then nothing is booked', () => {
    const state = known({ deadLetters: [letter({ status: 'RESOLVED' })] });
    expect(outcomes([event(1, { redriveOf: LETTER })], state)).toEqual(['repeated']);
  });
});

describe('after a dead letter was closed by hand', () => {
  const closed = (fromSeq: number, toSeq = fromSeq): DeadLetterState =>
    letter({ status: 'RESOLVED', seq: null, closed: { fromSeq, toSeq } });
  const settledUpTo = (lastSeq: number, deadLetters: DeadLetterState[]): Known =>
    known({ lastSeq, deadLetters });

  it('When the next number was given up, then the one after it settles', () => {
    expect(outcomes([event(3)], settledUpTo(1, [closed(2)]))).toEqual(['applied']);
  });

  it('When the given-up event comes after all, then it is parked: somebody may have paid by hand', () => {
    expect(outcomes([event(2)], settledUpTo(1, [closed(2)]))).toEqual(['parked:conflict']);
    expect(outcomes([event(3), event(2)], settledUpTo(1, [closed(2)]))).toEqual([
      'applied',
      'parked:conflict',
    ]);
    expect(outcomes([event(4)], settledUpTo(1, [closed(2, 9)]))).toEqual(['parked:conflict']);
  });

  it('When nothing was given up, then a gap behind it is still a gap', () => {
    const foreign = letter({ status: 'RESOLVED', seq: null });
    expect(outcomes([event(3)], settledUpTo(1, [foreign]))).toEqual(['parked:gap']);
  });

  it('When a held number was given up, then what is missing before it is still missing', () => {
    expect(outcomes([event(4)], settledUpTo(1, [closed(3)]))).toEqual(['parked:gap']);
    expect(outcomes([event(2), event(4)], settledUpTo(1, [closed(3)]))).toEqual(['applied', 'applied']);
  });

  it('When a number far ahead was given up, then no gap before it is hidden', () => {
    expect(outcomes([event(3)], settledUpTo(1, [closed(9)]))).toEqual(['parked:gap']);
  });

  it('When numbers were given up together, then the one after them settles, and a real gap is seen', () => {
    expect(outcomes([event(4), event(6)], settledUpTo(1, [closed(2, 3)]))).toEqual(['applied', 'parked:gap']);
  });
});
