import type { Told } from './shoppers';

// What must hold once everything is back. Pure: rows and the PSP's own book in, sentences out.

/** An order as our tables have it; amounts in whole won. */
export interface OurOrder {
  orderId: string;
  status: string;
  paymentKey: string | null;
  total: bigint;
  /** Canceled by lines. */
  canceled: bigint;
  isWalletDone: boolean;
  /** Ledger lines of the order: credits less debits, and how many of each. */
  credited: bigint;
  debited: bigint;
  creditLines: number;
  lines: number;
}

/** A payment as the PSP has it. */
export interface PspPayment {
  orderId: string;
  paymentKey: string;
  status: string;
  total: bigint;
  /** Taken and not given back. */
  balance: bigint;
}

export interface Evidence {
  ours: readonly OurOrder[];
  psp: readonly PspPayment[];
  told: readonly Told[];
  /** Cancels of ours by id: amount, and whether done. */
  cancels: ReadonlyMap<string, { amount: bigint; status: string }>;
  /** Confirm calls that the PSP answered with an approval for the first time, by order. */
  approvals: ReadonlyMap<string, number>;
}

const PAID = new Set(['SUCCESS', 'PARTIAL_CANCELED', 'CANCELED']);
const OPEN = new Set(['EXECUTING', 'UNKNOWN']);
const TAKEN_STATUSES = new Set(['DONE', 'PARTIAL_CANCELED', 'CANCELED']);

/** Orders that still wait for something. Empty means that the system has come to rest. */
export function unfinished({ ours }: Pick<Evidence, 'ours'>): string[] {
  return ours
    .filter(({ status, isWalletDone }) => OPEN.has(status) || (PAID.has(status) && !isWalletDone))
    .map(({ orderId, status }) => `${orderId} is ${status}`);
}

function orderFaults(order: OurOrder, taken: bigint): string[] {
  const { orderId, status, total, canceled, credited, debited, creditLines, lines } = order;
  const kept = PAID.has(status) ? total - canceled : 0n;
  const problems: string[] = [];
  if (taken !== kept) problems.push(`${orderId} is ${status}: the PSP keeps ${taken} won, we say ${kept}`);
  if (PAID.has(status) && (credited !== total || creditLines !== lines))
    problems.push(
      `${orderId} is ${status}: ${credited} of ${total} won credited by ${creditLines} of ${lines} lines`,
    );
  if (!PAID.has(status) && credited !== 0n)
    problems.push(`${orderId} is ${status}: ${credited} won credited`);
  if (debited !== canceled) problems.push(`${orderId}: ${debited} won debited, ${canceled} canceled`);
  return problems;
}

function promiseFaults(promise: Told, order: OurOrder | undefined, { cancels }: Evidence): string[] {
  const { orderId, payment, canceled } = promise;
  if (order === undefined) return [`${orderId} was given to a shopper and is gone`];
  const problems: string[] = [];
  if (payment === 'confirmed' && !PAID.has(order.status))
    problems.push(`${orderId} was confirmed to the shopper and is ${order.status}`);
  if (payment === 'refused' && PAID.has(order.status))
    problems.push(`${orderId} was refused to the shopper and is ${order.status}`);
  if (payment === 'not-charged' && order.status !== 'NOT_STARTED')
    problems.push(`${orderId} was said not to be charged and is ${order.status}`);
  if (payment === 'confirmed' && order.paymentKey !== promise.paymentKey)
    problems.push(`${orderId} was confirmed with another payment key`);
  for (const [cancelId, amount] of canceled) {
    const cancel = cancels.get(cancelId);
    if (cancel?.status !== 'SUCCESS' || cancel.amount !== BigInt(amount))
      problems.push(
        `${orderId}: cancel ${cancelId} of ${amount} won was promised and is ${cancel?.status ?? 'gone'}`,
      );
  }
  return problems;
}

/** Every sentence is money lost, doubled, stuck, or a broken word. */
export function judge(evidence: Evidence): string[] {
  const { ours, psp, told, approvals } = evidence;
  const byOrder = new Map(ours.map((order) => [order.orderId, order]));
  const takenOf = new Map<string, bigint>();
  const problems: string[] = [];
  for (const { orderId, status, balance } of psp) {
    if (!TAKEN_STATUSES.has(status)) continue;
    takenOf.set(orderId, (takenOf.get(orderId) ?? 0n) + balance);
    if (!byOrder.has(orderId)) problems.push(`the PSP has a payment of ${orderId}, which is not ours`);
  }
  for (const order of ours) problems.push(...orderFaults(order, takenOf.get(order.orderId) ?? 0n));
  for (const promise of told)
    problems.push(...promiseFaults(promise, byOrder.get(promise.orderId), evidence));
  for (const [orderId, count] of approvals)
    if (count > 1) problems.push(`${orderId} was approved ${count} times`);
  return [...problems, ...unfinished(evidence).map((stuck) => `stuck: ${stuck}`)];
}
