import * as fc from 'fast-check';
import { decideCancel } from './cancel.rules';
import { vatOf } from './payment.view';
import { fromLine, toLine } from './record';
import { approved, authenticated, canceled, requestedPayment } from './transitions';

const wanted = { paymentKey: 'key', orderId: 'order-1', orderName: '상품', nowMs: 1 };
const done = (amount: bigint) =>
  approved(authenticated(requestedPayment({ ...wanted, amount }), 2), {
    nowMs: 3,
    transactionKey: 'approval',
    approveNo: '00000001',
  });
const anyWon = fc.bigInt({ min: 1n, max: BigInt(Number.MAX_SAFE_INTEGER) });

describe('money of a payment', () => {
  it('What was canceled and what is left always make the total, whatever is asked for', () => {
    const requests = fc.array(fc.record({ cancelAmount: fc.option(anyWon, { nil: undefined }) }), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(anyWon, requests, (amount, asked) => {
        let payment = done(amount);
        for (const [n, { cancelAmount }] of asked.entries()) {
          const at = { nowMs: n, transactionKey: `t${n}`, lastCancelAtMs: undefined, intervalMs: 0 };
          payment = decideCancel(payment, { cancelReason: 'a', cancelAmount }, at).payment ?? payment;
        }
        const back = payment.cancels.reduce((sum, one) => sum + one.cancelAmount, 0n);
        expect(back + payment.balanceAmount).toBe(amount);
        expect(payment.balanceAmount >= 0n).toBe(true);
        expect(payment.status === 'CANCELED').toBe(payment.balanceAmount === 0n);
        expect(fromLine(JSON.parse(JSON.stringify(toLine({ payment }))))).toEqual({ payment });
      }),
    );
  });

  it('When more than the balance or nothing would go back, then canceling throws', () => {
    const how = { cancelReason: 'a', transactionKey: 't', nowMs: 4 };
    expect(() => canceled(done(100n), { ...how, cancelAmount: 101n })).toThrow(RangeError);
    expect(() => canceled(done(100n), { ...how, cancelAmount: 0n })).toThrow(RangeError);
  });

  it.each([
    [15_000n, 1364n],
    [37_400n, 3400n],
    [9026n, 821n],
    [30_000n, 2727n],
    [0n, 0n],
  ])('The VAT of %d won is %d, as in the examples of Toss', (amount, vat) => {
    expect(vatOf(amount)).toBe(vat);
  });
});
