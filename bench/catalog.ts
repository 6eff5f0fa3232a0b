import { createConnection } from 'mariadb';
import { DATABASE_NAME } from '#prisma/users';
import type { Server } from './rivals/bare-sql.plan';

// A marketplace has many sellers. With the few of the demo data every order of a load would wait for the same wallet.

/** Numbers of the benchmark's sellers, products and wallets: behind those of the demo data. */
const FIRST_NO = 101;
const SELLERS = 100;
export const LINES_PER_ORDER = 3;
const PRICE = 1_000;

/** The products that a load buys, one of each seller. */
export const PRODUCT_NOS: readonly number[] = Array.from({ length: SELLERS }, (_, index) => FIRST_NO + index);

/** Adds the sellers, their products and wallets to a system; repeating it changes nothing. */
export async function addSellers(server: Server): Promise<void> {
  const connection = await createConnection({
    ...server,
    database: DATABASE_NAME,
    allowPublicKeyRetrieval: true,
  });
  const insert = (into: string, row: (no: number) => string): Promise<unknown> =>
    connection.query(`INSERT IGNORE INTO ${into} VALUES ${PRODUCT_NOS.map(row).join(', ')}`);
  try {
    await insert('sellers (no, seller_id)', (no) => `(${no}, 'bench-${no}')`);
    await insert(
      'products (no, seller_no, product_id, name, price)',
      (no) => `(${no}, ${no}, 'bench-${no}', '상품${no}', ${PRICE})`,
    );
    await insert('wallets (no, seller_no)', (no) => `(${no}, ${no})`);
  } finally {
    await connection.end();
  }
}

/** `count` different elements at random. */
export function pick(from: readonly number[], count: number): number[] {
  const picked = new Set<number>();
  while (picked.size < Math.min(count, from.length)) {
    const one = from[Math.floor(Math.random() * from.length)];
    if (one !== undefined) picked.add(one);
  }
  return [...picked];
}
