import { type Call, Calls } from './calls';

const call = (orderId: string): Call => ({
  method: 'GET',
  path: '/',
  idempotencyKey: null,
  orderId,
  paymentKey: null,
  status: 200,
  code: null,
  at: '2026-11-22T03:00:00.000Z',
});

describe('call log', () => {
  it.each([
    [0, []],
    [2, ['0', '1']],
    [3, ['0', '1', '2']],
    [4, ['1', '2', '3']],
    [8, ['5', '6', '7']],
  ])('When %i calls were made and three are kept, then the latest remain, oldest first', (count, kept) => {
    const calls = new Calls(3);
    for (let n = 0; n < count; n += 1) calls.add(call(String(n)));
    expect(calls.list().map((one) => one.orderId)).toEqual(kept);
  });

  it('When one order is asked for, then only its calls are listed', () => {
    const calls = new Calls(10);
    for (const orderId of ['a', 'b', 'a']) calls.add(call(orderId));
    expect(calls.list('a')).toHaveLength(2);
  });
});
