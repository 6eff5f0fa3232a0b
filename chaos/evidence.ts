import { wonFromText } from '#kit/money';
import type { Evidence, OurOrder, PspPayment } from './judge.rules';
import type { Told } from './shoppers';
import type { ChaosSystem } from './system';

interface OrderRow {
  order_id: string;
  status: string;
  payment_key: string | null;
  total: string;
  canceled: string;
  is_wallet_done: number | boolean;
  credited: string;
  debited: string;
  credit_lines: bigint;
  line_count: bigint;
}

const won = (stored: string): bigint => wonFromText(stored);

/** Every order with what was canceled of it and what the ledger says of it. */
async function ourOrders({ ops }: ChaosSystem): Promise<OurOrder[]> {
  const rows = await ops.query<OrderRow>`
    SELECT e.order_id, e.status, e.payment_key, e.total_amount AS total, e.is_wallet_done,
      o.canceled, o.line_count, COALESCE(l.credited, 0) AS credited, COALESCE(l.debited, 0) AS debited,
      COALESCE(l.credit_lines, 0) AS credit_lines
    FROM payment_events e
    JOIN (SELECT payment_event_no, COUNT(*) AS line_count,
                 SUM(IF(payment_order_status = 'CANCELED', amount, 0)) AS canceled
          FROM payment_orders GROUP BY payment_event_no) o ON o.payment_event_no = e.no
    LEFT JOIN (SELECT order_id, SUM(IF(type = 'CREDIT', amount, 0)) AS credited,
                      SUM(IF(type = 'DEBIT', amount, 0)) AS debited, SUM(type = 'CREDIT') AS credit_lines
               FROM wallet_transactions GROUP BY order_id) l ON l.order_id = e.order_id`;
  return rows.map((row) => ({
    orderId: row.order_id,
    status: row.status,
    paymentKey: row.payment_key,
    total: won(row.total),
    canceled: won(row.canceled),
    isWalletDone: Boolean(Number(row.is_wallet_done)),
    credited: won(row.credited),
    debited: won(row.debited),
    creditLines: Number(row.credit_lines),
    lines: Number(row.line_count),
  }));
}

async function pspBook(simulatorUrl: string): Promise<PspPayment[]> {
  const response = await fetch(`${simulatorUrl}/simulator/payments`);
  const { payments } = (await response.json()) as {
    payments: {
      orderId: string;
      paymentKey: string;
      status: string;
      totalAmount: number;
      balanceAmount: number;
    }[];
  };
  return payments.map(({ totalAmount, balanceAmount, ...payment }) => ({
    ...payment,
    total: BigInt(totalAmount),
    balance: BigInt(balanceAmount),
  }));
}

interface Call {
  path: string;
  orderId: string | null;
  status: number;
  code: string | null;
  replayed?: boolean;
}

/** How often the PSP approved each order's payment, in its own call log. */
async function approvalsOf(simulatorUrl: string): Promise<Map<string, number>> {
  const response = await fetch(`${simulatorUrl}/simulator/calls`);
  const { calls } = (await response.json()) as { calls: Call[] };
  const approvals = new Map<string, number>();
  for (const { path, orderId, status, code, replayed } of calls) {
    if (path !== '/v1/payments/confirm' || orderId === null || status !== 200 || code !== null || replayed)
      continue;
    approvals.set(orderId, (approvals.get(orderId) ?? 0) + 1);
  }
  return approvals;
}

/** What the database and the PSP say now. */
export async function gather(system: ChaosSystem, told: readonly Told[]): Promise<Evidence> {
  const cancels = await system.ops.paymentCancel.findMany();
  return {
    ours: await ourOrders(system),
    psp: await pspBook(system.urls.simulator),
    approvals: await approvalsOf(system.urls.simulator),
    cancels: new Map(
      cancels.map(({ id, cancelAmount, status }) => [id, { amount: won(cancelAmount.toFixed(2)), status }]),
    ),
    told,
  };
}

/** Orders that wait for something, as sentences. */
export const orders = ourOrders;
