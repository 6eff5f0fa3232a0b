import type { Pool, PoolConnection } from 'mariadb';
import type { BarePurchase, Statement, Step } from './statement';

const DEADLOCK = 1213;
const LOCK_WAIT_TIMEOUT = 1205;
const ATTEMPTS_MAX = 10;

/** One packet: MySQL runs its statements in order. */
async function send(connection: PoolConnection, packet: readonly Statement[], purchase: BarePurchase) {
  const text = packet.map(({ sql }) => (typeof sql === 'string' ? sql : sql(purchase))).join(';\n');
  const values = packet.flatMap((statement) => statement.values(purchase));
  const result: unknown = await connection.query(text, values);
  const results = packet.length === 1 ? [result] : (result as unknown[]);
  packet.forEach(({ take }, index) => take?.(results[index] as never, purchase));
}

/**
 * Runs a step in one transaction; a deadlock repeats it. The connection is taken for each transaction, as the product
 * does, whose processes have connections of their own.
 */
export async function runStep(pool: Pool, { packets }: Step, purchase: BarePurchase): Promise<void> {
  const connection = await pool.getConnection();
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        for (const packet of packets) await send(connection, packet, purchase);
        await connection.query('COMMIT');
        return;
      } catch (error) {
        await connection.query('ROLLBACK');
        const { errno } = error as { errno?: number };
        if ((errno !== DEADLOCK && errno !== LOCK_WAIT_TIMEOUT) || attempt === ATTEMPTS_MAX) throw error;
      }
    }
  } finally {
    await connection.release();
  }
}
