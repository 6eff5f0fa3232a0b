import type { Logger } from '#kit/log';
import { sumWon } from '#kit/money';
import { Refusal } from '#kit/refusal';
import type { Database } from '#prisma/database';
import { inTransaction } from '#prisma/transaction';
import { cancelLineNos, findCancel } from '../payment/cancel.store';
import type { Cancel, Payment, PaymentLine } from '../payment/payment';
import { linesOf, lockPayment } from '../payment/payment.store';
import { allocate } from '../payment/record-cancel';
import type { RecordWorld } from '../payment/record-outcome';

export interface AllocateWorld extends RecordWorld {
  db: Database;
}

export interface AllocateCommand {
  orderId: string;
  cancelId: string;
  paymentOrderNos: readonly number[];
}

/**
 * Says which lines a cancel made in the PSP's back office was for; the sellers are debited then. The same allocation
 * again changes nothing.
 *
 * @throws Refusal PEC0002 the lines do not sum to the cancel, PEC0003 no such cancel, PEC0011 allocated otherwise, or a
 *   line is canceled already
 */
export function allocateCancel(
  world: AllocateWorld,
  { orderId, cancelId, paymentOrderNos }: AllocateCommand,
  log: Logger,
): Promise<Cancel> {
  return inTransaction(world.db, async (tx) => {
    const payment = await lockPayment(tx, orderId);
    const cancel = await findCancel(tx, cancelId);
    if (payment === undefined || cancel === undefined || cancel.paymentNo !== payment.no)
      throw new Refusal('PEC0003');
    const wanted = new Set(paymentOrderNos);
    if (cancel.status === 'SUCCESS' && isSame(await cancelLineNos(tx, cancel.no), wanted)) return cancel;
    const lines = chooseLines(payment, cancel, await linesOf(tx, payment), wanted);
    await allocate(tx, world, payment, { rows: [cancel], last: cancel, lines, changedBy: 'admin' });
    log.info({ orderId, cancelId, paymentOrderNos }, 'cancel allocated');
    const allocated = await findCancel(tx, cancelId);
    if (allocated === undefined) throw new Error(`cancel ${cancelId} has vanished`);
    return allocated;
  });
}

const isSame = (nos: ReadonlySet<bigint>, wanted: ReadonlySet<number>): boolean =>
  nos.size === wanted.size && [...nos].every((no) => wanted.has(Number(no)));

function chooseLines(
  payment: Payment,
  cancel: Cancel,
  lines: readonly PaymentLine[],
  wanted: ReadonlySet<number>,
): PaymentLine[] {
  if (cancel.status !== 'UNALLOCATED')
    throw new Refusal('PEC0011', { internal: `the cancel is ${cancel.status}` });
  const chosen = lines.filter(({ no }) => wanted.has(Number(no)));
  if (chosen.length !== wanted.size) {
    throw new Refusal('PEC0008', {
      data: { issues: [{ path: 'paymentOrderNos', message: `must be lines of order ${payment.orderId}` }] },
    });
  }
  if (chosen.some(({ status }) => status !== 'SUCCESS')) throw new Refusal('PEC0011');
  if (sumWon(chosen.map(({ amount }) => amount)) !== cancel.cancelAmount) throw new Refusal('PEC0002');
  return chosen;
}
