import { Prisma, type Reader, type Tx } from '#prisma/database';

// Which orders the checks have to look at. Of a large ledger those that something has happened to since all of them were
// last found in order; what has not changed since is judged again by `--full`.

/** A transaction ends within seconds; the rest is for clocks that differ. */
const OVERLAP_MS = 5 * 60 * 1_000;
/** Looking at more of them one by one takes longer than looking at all. */
const TOUCHED_MAX = 100_000;
const ORDERS_PER_QUERY = 500;
const CHECKPOINT = 'rows';

export interface OrdersScope {
  /** `undefined`: all. */
  orderIds: string[] | undefined;
}

/** Ledger lines, as the wallets count them. */
async function ledgerLines(db: Reader): Promise<bigint> {
  const [row] = await db.query<{ lines: string | null }>`
    SELECT SUM(last_seq) AS \`lines\` FROM wallets`;
  return BigInt(row?.lines ?? 0);
}

async function lastHeldAt(db: Reader): Promise<Date | undefined> {
  const [row] = await db.query<{ verified_at: Date }>`
    SELECT verified_at FROM audit_checkpoints WHERE checks = ${CHECKPOINT}`;
  return row?.verified_at;
}

/** Remembers that every check of the rows held at that moment. */
export async function saveHeldAt(tx: Tx, readAt: Date): Promise<void> {
  await tx.execute`
    INSERT INTO audit_checkpoints (checks, verified_at) VALUES (${CHECKPOINT}, ${readAt}) AS new
    ON DUPLICATE KEY UPDATE verified_at = GREATEST(audit_checkpoints.verified_at, new.verified_at)`;
}

/** Orders to look at, within the caller's snapshot. */
export async function ordersScope(
  db: Reader,
  { isFull, alwaysFullLines }: { isFull: boolean; alwaysFullLines: number },
): Promise<OrdersScope> {
  const heldAt = await lastHeldAt(db);
  if (isFull || heldAt === undefined || (await ledgerLines(db)) <= BigInt(alwaysFullLines))
    return { orderIds: undefined };
  const orderIds = await touchedSince(db, new Date(heldAt.getTime() - OVERLAP_MS));
  return { orderIds: orderIds.length > TOUCHED_MAX ? undefined : orderIds };
}

/** Conditions that together select the orders of a scope, each short enough for one statement. */
export function conditionsOf({ orderIds }: OrdersScope): ((orderId: Prisma.Sql) => Prisma.Sql)[] {
  if (orderIds === undefined) return [() => Prisma.sql`TRUE`];
  const conditions: ((orderId: Prisma.Sql) => Prisma.Sql)[] = [];
  for (let from = 0; from < orderIds.length; from += ORDERS_PER_QUERY) {
    const some = Prisma.join(orderIds.slice(from, from + ORDERS_PER_QUERY));
    conditions.push((orderId) => Prisma.sql`${orderId} IN (${some})`);
  }
  return conditions;
}

const NUMBERED = {
  payments: Prisma.sql`payment_events`,
  histories: Prisma.sql`payment_order_histories`,
  lines: Prisma.sql`wallet_transactions`,
} as const;

/** The number of a row written before a moment, and close to it: rows are numbered in the order of writing. */
async function numberBefore(db: Reader, table: Prisma.Sql, moment: Date): Promise<bigint> {
  const rowFrom = async (no: bigint): Promise<{ no: bigint; created_at: Date } | undefined> => {
    const rows = await db.query<{ no: bigint; created_at: Date }>`
      SELECT no, created_at FROM ${table} WHERE no >= ${no} ORDER BY no LIMIT 1`;
    return rows[0];
  };
  const [last] = await db.query<{ no: bigint | null }>`SELECT MAX(no) AS no FROM ${table}`;
  let [low, high] = [0n, (last?.no ?? 0n) + 1n];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    const row = await rowFrom(middle);
    if (row !== undefined && row.created_at < moment) low = row.no;
    else high = middle;
  }
  return low;
}

/** Orders of what was written since a moment, and those whose settlement is under way. */
async function touchedSince(db: Reader, since: Date): Promise<string[]> {
  const payments = await numberBefore(db, NUMBERED.payments, since);
  const histories = await numberBefore(db, NUMBERED.histories, since);
  const lines = await numberBefore(db, NUMBERED.lines, since);
  const rows = await db.query<{ order_id: string }>`
    SELECT order_id FROM (
      SELECT aggregate_id AS order_id FROM outbox WHERE created_at >= ${since}
      UNION SELECT aggregate_id FROM inbox WHERE processed_at >= ${since} AND aggregate_id IS NOT NULL
      UNION SELECT order_id FROM payment_events WHERE is_wallet_done = FALSE AND approved_at IS NOT NULL
      UNION SELECT order_id FROM payment_events WHERE no > ${payments}
      UNION SELECT order_id FROM wallet_transactions WHERE no > ${lines}
      UNION SELECT o.order_id FROM payment_order_histories h JOIN payment_orders o ON o.no = h.payment_order_no
        WHERE h.no > ${histories}
    ) touched LIMIT ${TOUCHED_MAX + 1}`;
  return rows.map((row) => row.order_id);
}
