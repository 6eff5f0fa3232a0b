import { letterBefore, nextSeq, ownDeadLetter, type DeadLetterState } from './dead-letters.rules';

const letter = (over: Partial<DeadLetterState> = {}): DeadLetterState => ({
  id: 'a',
  orderId: 'order',
  seq: 4,
  status: 'OPEN',
  closed: null,
  ...over,
});
const closed = (fromSeq: number, toSeq = fromSeq): DeadLetterState =>
  letter({ status: 'RESOLVED', closed: { fromSeq, toSeq } });

describe('which number is due', () => {
  it.each<[string, number, DeadLetterState[], number]>([
    ['nothing is parked', 3, [], 4],
    ['the next one is parked', 3, [letter()], 4],
    ['the next one is being redriven', 3, [letter({ status: 'REDRIVING' })], 4],
    ['the next one was settled by a redrive', 3, [letter({ status: 'RESOLVED' })], 4],
    ['the next one was given up', 3, [closed(4)], 5],
    ['two were given up, in any order of closing', 3, [closed(5), closed(4)], 6],
    ['a range was given up', 3, [closed(2, 6)], 7],
    ['ranges overlap', 3, [closed(4, 9), closed(5)], 10],
    ['a later one was given up', 3, [closed(5)], 4],
    ['an earlier one was given up', 3, [closed(1)], 4],
    ['a range is noted on a letter that is open again', 3, [{ ...closed(4), status: 'OPEN' }], 4],
  ])('When %s, then it is the right one', (_title, lastSeq, letters, expected) => {
    expect(nextSeq(lastSeq, letters)).toBe(expected);
  });
});

describe('a redriven event’s dead letter', () => {
  it('When the letter is the order’s, or of no order, then it is its own; otherwise it is not', () => {
    expect(ownDeadLetter('a', 'order', [letter()])).toEqual(letter());
    expect(ownDeadLetter('a', 'order', [letter({ orderId: null })])).toBeDefined();
    expect(ownDeadLetter('a', 'another', [letter()])).toBeUndefined();
    expect(ownDeadLetter('b', 'order', [letter()])).toBeUndefined();
    expect(ownDeadLetter(null, 'order', [letter()])).toBeUndefined();
  });
});

describe('what an event waits behind', () => {
  it.each<[string, boolean, DeadLetterState]>([
    ['an earlier number', true, letter({ seq: 1 })],
    ['an earlier number that is being redriven', true, letter({ seq: 1, status: 'REDRIVING' })],
    ['no number at all', true, letter({ seq: null })],
    ['its own number', false, letter({ seq: 2 })],
    ['a later number', false, letter({ seq: 3 })],
    ['an earlier number that is closed', false, letter({ seq: 1, status: 'RESOLVED' })],
  ])('When a dead letter has %s, then waiting is %s', (_title, waits, before) => {
    expect(letterBefore(2, undefined, [before])).toEqual(waits ? before : undefined);
    expect(letterBefore(2, before, [before])).toBeUndefined();
  });
});
