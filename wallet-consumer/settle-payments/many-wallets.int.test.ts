import { WALLET_SERVICE } from '#contracts/topics';
import {
  canceled,
  canceledMessage,
  confirmed,
  confirmedMessage,
  line,
  useSettlements,
} from './settlement.fixture';

// The two extremes of a marketplace: one seller who is in every order, and a hundred thousand of them.

const { administer, database, consumer, seller, balance } = useSettlements();

const SELLERS = 100_000;
const FIRST = 10_000_000;
const BATCH = 500;
const CONSUMERS = 8;

const RETRIES = 'wallet_transaction_retries_total';
type Handle = ReturnType<typeof consumer>;

async function retriesOf(handle: Handle): Promise<number> {
  const { values } = await handle.registry.getSingleMetric(RETRIES)!.get();
  return values[0]?.value ?? 0;
}

/** Rows of this database that were read from its tables so far, by whatever statement. */
async function rowsRead(): Promise<number> {
  const [row] = await administer<{ fetched: bigint | null }[]>(
    `SELECT SUM(COUNT_FETCH) AS fetched FROM performance_schema.table_io_waits_summary_by_table
     WHERE OBJECT_SCHEMA = DATABASE()`,
  );
  return Number(row?.fetched ?? 0);
}

describe('a hundred thousand sellers', () => {
  beforeAll(async () => {
    await administer('SET SESSION cte_max_recursion_depth = 1000000');
    const numbers = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${SELLERS - 1})`;
    await administer(
      `INSERT INTO sellers (no, seller_id) ${numbers} SELECT ${FIRST} + i, CONCAT('many-', i) FROM n`,
    );
    // Every second has a wallet already; the others get it with their first credit.
    await administer(
      `INSERT INTO wallets (seller_no) ${numbers} SELECT ${FIRST} + i FROM n WHERE i MOD 2 = 0`,
    );
    await administer('ANALYZE TABLE sellers, wallets');
  });

  it('When each line of a batch is another seller’s, then only their rows are read, and all are booked', async () => {
    const step = Math.floor(SELLERS / (BATCH * 3));
    const numbers = Array.from({ length: BATCH * 3 }, (_, i) => FIRST + i * step);
    const orders = Array.from({ length: BATCH }, (_, i) =>
      confirmed(numbers.slice(i * 3, i * 3 + 3).map((no) => line(no, 100n))),
    );
    const before = await rowsRead();
    const handle = consumer();
    await handle(orders.map((order) => confirmedMessage(order)));
    const cost = (await rowsRead()) - before;
    // A handful of rows for each line, however many sellers there are: a scan of one table would be 50,000 more.
    expect(cost).toBeGreaterThan(numbers.length);
    expect(cost).toBeLessThan(numbers.length * 10);
    expect(await retriesOf(handle)).toBe(0);
    const paid = await database().wallet.count({ where: { sellerNo: { in: numbers }, balance: 100 } });
    expect(paid).toBe(numbers.length);

    await handle(orders.map((order) => canceledMessage(canceled(order, order.lines), 2)));
    const empty = await database().wallet.count({
      where: { sellerNo: { in: numbers }, balance: 0, lastSeq: 2 },
    });
    expect(empty).toBe(numbers.length);
  });
});

describe('one seller in every order', () => {
  it('When eight consumers credit it and others at once, then nobody deadlocks, and its lines are numbered without a hole', async () => {
    const hot = await seller();
    const others = await Promise.all(Array.from({ length: 20 }, () => seller()));
    const handle = consumer();
    await Promise.all(
      Array.from({ length: CONSUMERS }, (_, n) =>
        handle(
          Array.from({ length: 60 }, (_unused, i) =>
            confirmedMessage(confirmed([line(others[(n * 7 + i) % 20] ?? hot, 5n), line(hot, 10n)])),
          ),
        ),
      ),
    );
    expect(await balance(hot)).toBe(String(CONSUMERS * 60 * 10) + '.00');
    const wallet = await database().wallet.findUniqueOrThrow({ where: { sellerNo: hot } });
    expect(wallet.lastSeq).toBe(BigInt(CONSUMERS * 60));
    // The first credits create the wallets: whoever loses that race may have to begin again, and not often.
    expect(await retriesOf(handle)).toBeLessThanOrEqual(CONSUMERS);
  });

  it('When consumers take turns at the same new sellers in opposite orders, then each wallet is made once and nothing is lost', async () => {
    const sellers = await Promise.all(Array.from({ length: 30 }, () => seller()));
    const handle = consumer();
    await Promise.all(
      Array.from({ length: CONSUMERS }, (_, n) => {
        const order = n % 2 === 0 ? sellers : sellers.toReversed();
        return handle(order.map((no) => confirmedMessage(confirmed([line(no, 10n)]))));
      }),
    );
    const balances = await Promise.all(sellers.map((no) => balance(no)));
    expect(new Set(balances)).toEqual(new Set([`${CONSUMERS * 10}.00`]));
    expect(await retriesOf(handle)).toBeLessThanOrEqual(CONSUMERS);
    const parked = await database().deadLetter.count({ where: { consumer: WALLET_SERVICE } });
    expect(parked).toBe(0);
  });
});
