import { createConnection, type Connection } from 'mariadb';
import { connectionOptions } from './connection';
import { openTestDatabase, type TestDatabase } from './database.fixture';
import { openDatabase, Prisma, type Tx } from './database';
import { openDatabaseProxy } from './proxy.fixture';
import { inSnapshot, inTransaction, isDuplicateKey, LostCommitError, mysqlErrorNumber } from './transaction';

let database: TestDatabase;
let other: Connection;
beforeAll(async () => {
  database = await openTestDatabase('wallet');
  other = await createConnection(connectionOptions(database.url('wallet')));
});
afterAll(async () => {
  await other.end();
  await database.close();
});

const touch = (tx: Tx, no: number) => tx.execute`UPDATE wallets SET version = version + 1 WHERE no = ${no}`;

async function versions(): Promise<string[]> {
  const rows = await database.administer('SELECT version FROM wallets ORDER BY no');
  return rows.map((row) => String(row['version']));
}

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => undefined).catch((e: unknown) => e);

/** Resolves once `count` have come. */
function meeting(count: number): () => Promise<void> {
  let come = 0;
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    come += 1;
    if (come >= count) open();
    return opened;
  };
}

describe('inTransaction', () => {
  it('When two transactions deadlock, then the loser is repeated whole and both hold', async () => {
    const before = await versions();
    const meet = meeting(2);
    const repeated: number[] = [];
    const attempts: number[] = [0, 0];
    const crossing = (which: 0 | 1, [first, second]: [number, number]) =>
      inTransaction(
        database.db,
        async (tx) => {
          attempts[which] = (attempts[which] ?? 0) + 1;
          await touch(tx, first);
          await meet();
          await touch(tx, second);
        },
        { onRetry: (error) => repeated.push(mysqlErrorNumber(error) ?? 0) },
      );
    await Promise.all([crossing(0, [1, 2]), crossing(1, [2, 1])]);
    expect(repeated).toEqual([1213]);
    expect(attempts.toSorted()).toEqual([1, 2]);
    expect(await versions()).toEqual(before.map((version) => String(Number(version) + 2)));
  });

  describe('while another holds the lock', () => {
    const impatient = (tx: Tx) => tx.execute`SET SESSION innodb_lock_wait_timeout = 1`;

    it('When it goes on for ever, then the repetitions end and the error is MySQL’s', async () => {
      await other.beginTransaction();
      await other.query('UPDATE wallets SET version = version WHERE no = 1');
      const before = await versions();
      const seen: [number | undefined, number][] = [];
      let runs = 0;
      const error = await errorOf(
        inTransaction(
          database.db,
          async (tx) => {
            runs += 1;
            await impatient(tx);
            await touch(tx, 2);
            await touch(tx, 1);
          },
          { attemptsMax: 2, onRetry: (e, attempt) => seen.push([mysqlErrorNumber(e), attempt]) },
        ),
      );
      await other.rollback();
      expect(mysqlErrorNumber(error)).toBe(1205);
      expect(runs).toBe(2);
      expect(seen).toEqual([[1205, 1]]);
      // The other wallet was written before the wait: MySQL rolls back the statement only, we the whole.
      expect(await versions()).toEqual(before);
    });

    it('When it lets go, then the repetition succeeds', async () => {
      await other.beginTransaction();
      await other.query('UPDATE wallets SET version = version WHERE no = 1');
      const before = await versions();
      const retried: number[] = [];
      await inTransaction(
        database.db,
        async (tx) => {
          await impatient(tx);
          await touch(tx, 1);
        },
        {
          onRetry: (_error, attempt) => {
            retried.push(attempt);
            void other.rollback();
          },
        },
      );
      expect(retried).toEqual([1]);
      expect(await versions()).toEqual([String(Number(before[0]) + 1), before[1]]);
    });
  });

  it('When a unique key refuses, then nothing is repeated and nothing is left', async () => {
    const before = await versions();
    let runs = 0;
    const error = await errorOf(
      inTransaction(database.db, async (tx) => {
        runs += 1;
        await touch(tx, 1);
        await tx.execute`INSERT INTO wallets (seller_no) VALUES (1)`;
      }),
    );
    expect(isDuplicateKey(error)).toBe(true);
    expect(runs).toBe(1);
    expect(await versions()).toEqual(before);
  });

  it('When the work throws an error of its own, then it comes out as it is and nothing is left', async () => {
    const before = await versions();
    const own = new Error('no');
    let runs = 0;
    const error = await errorOf(
      inTransaction(database.db, async (tx) => {
        runs += 1;
        await touch(tx, 1);
        throw own;
      }),
    );
    expect(error).toBe(own);
    expect(runs).toBe(1);
    expect(await versions()).toEqual(before);
  });

  it('Every connection has the session that the transactions are written for', async () => {
    const [session] = await inTransaction(
      database.db,
      (tx) => tx.query<Record<string, unknown>>`
        SELECT @@autocommit AS autocommit, @@transaction_isolation AS isolation, @@optimizer_switch AS switches`,
    );
    expect(session).toMatchObject({ autocommit: 0n, isolation: 'READ-COMMITTED' });
    // Merged indexes lock other orders' rows, and two claims deadlock; whether MySQL merges depends on the tables' sizes.
    expect(session?.['switches']).toMatch(/\bindex_merge=off\b/);
  });

  it('When statements are issued together, then they run in order, and the first error stops the rest', async () => {
    const before = await versions();
    const results: unknown[] = [];
    const error = await errorOf(
      inTransaction(database.db, async (tx) => {
        results.push(
          ...(await Promise.all([
            touch(tx, 1),
            tx.query<{ version: bigint }>`SELECT version FROM wallets WHERE no = 1`,
            touch(tx, 9),
          ])),
        );
        await Promise.all([tx.execute`NONSENSE`, touch(tx, 2)]);
      }),
    );
    expect(results).toEqual([1, [{ version: BigInt(before[0] ?? '') + 1n }], 0]);
    expect(mysqlErrorNumber(error)).toBe(1064);
    expect(await versions()).toEqual(before);
  });

  it('When the work has ended, then a statement that it still sends is refused and changes nothing', async () => {
    const before = await versions();
    let late: Promise<unknown> | undefined;
    await inTransaction(database.db, async (tx) => {
      await touch(tx, 1);
      late = new Promise((resolve) => setTimeout(resolve, 50)).then(() => touch(tx, 2));
    });
    await expect(late).rejects.toThrow('the transaction has ended');
    expect(await versions()).toEqual([String(Number(before[0]) + 1), before[1]]);
  });

  it('When a value looks like SQL, then it stays a value', async () => {
    const text = `'; DELETE FROM wallets; -- \\'; "\u0000`;
    const rows = await inTransaction(database.db, (tx) =>
      Promise.all([tx.query<{ text: string }>`SELECT ${text} AS text`, tx.query`SELECT 1 AS one`]),
    );
    expect(rows).toEqual([[{ text }], [{ one: 1n }]]);
  });

  it('When the work takes longer than its time, then it is rolled back', async () => {
    const before = await versions();
    const slow = inTransaction(
      database.db,
      async (tx) => {
        await touch(tx, 1);
        await new Promise((resolve) => setTimeout(resolve, 400));
        await touch(tx, 2);
      },
      { timeoutMs: 150 },
    );
    await expect(slow).rejects.toThrow(/not done within 150 ms/);
    expect(await versions()).toEqual(before);
  });

  it('When nothing else is said, then it reads what is committed; a snapshot is had by asking', async () => {
    const read = async (tx: Tx) => {
      const [row] = await tx.query<{ version: bigint }>`SELECT version FROM wallets WHERE no = 2`;
      return row?.version;
    };
    const twice = async (tx: Tx) => {
      const first = await read(tx);
      await other.query('UPDATE wallets SET version = version + 1 WHERE no = 2');
      return [first, await read(tx)];
    };
    const [a, b] = await inTransaction(database.db, twice);
    expect(b).toBe((a ?? 0n) + 1n);
    const [c, d] = await inSnapshot(database.db, twice);
    expect(d).toBe(c);
  });
});

describe('A packet that ends with COMMIT', () => {
  const unmet = new Error('no such wallet');
  const plusOne = (before: readonly string[]): string[] => [String(Number(before[0]) + 1), before[1] ?? ''];

  it('commits, and no statement follows it', async () => {
    const before = await versions();
    const error = await errorOf(
      inTransaction(database.db, async (tx) => {
        expect(await Promise.all([touch(tx, 1), tx.commit()])).toEqual([1, undefined]);
        await touch(tx, 2);
      }),
    );
    expect(String(error)).toContain('the transaction has ended');
    expect(await versions()).toEqual(plusOne(before));
  });

  it('When a statement stands behind COMMIT, then nothing is sent', async () => {
    const before = await versions();
    const work = inTransaction(database.db, (tx) => Promise.all([touch(tx, 1), tx.commit(), touch(tx, 2)]));
    await expect(work).rejects.toThrow('COMMIT is not the last statement');
    expect(await versions()).toEqual(before);
  });

  it.each([
    ['holds', 1, undefined],
    ['does not hold', 99, unmet],
  ])('When what is required %s, then all of it or nothing is committed', async (_what, no, expected) => {
    const before = await versions();
    const error = await errorOf(
      inTransaction(database.db, (tx) =>
        Promise.all([
          touch(tx, 1),
          tx.execute`UPDATE wallets SET version = version WHERE no = ${no}`,
          tx.require(Prisma.sql`ROW_COUNT() = 1`, () => unmet),
          tx.commit(),
        ]),
      ),
    );
    expect(error).toBe(expected);
    expect(await versions()).toEqual(expected === undefined ? plusOne(before) : before);
  });

  it('When a statement of it fails, then that is certain: nothing is committed, and the work may read on', async () => {
    const before = await versions();
    let seen: unknown;
    const error = await errorOf(
      inTransaction(database.db, async (tx) => {
        await Promise.all([
          touch(tx, 1),
          tx.execute`INSERT INTO wallets (seller_no) VALUES (1)`,
          tx.commit(),
        ]).catch(async (failure: unknown) => {
          [seen] = await tx.query`SELECT 1 AS one`;
          throw failure;
        });
      }),
    );
    expect(isDuplicateKey(error)).toBe(true);
    expect(seen).toEqual({ one: 1n });
    expect(await versions()).toEqual(before);
  });

  it('When its answer is lost, then nobody knows', async () => {
    const url = new URL(database.url('wallet'));
    const proxy = await openDatabaseProxy(Number(url.port));
    url.port = String(proxy.port);
    const db = openDatabase(url.href, 1);
    const before = await versions();
    try {
      proxy.cutCommits(1);
      const work = inTransaction(db, (tx) => Promise.all([touch(tx, 1), tx.commit()]));
      expect(await errorOf(work)).toBeInstanceOf(LostCommitError);
      expect(await versions()).toEqual(plusOne(before));
      await inTransaction(db, (tx) => touch(tx, 2));
    } finally {
      await db.$disconnect();
      proxy.close();
    }
  });
});

describe('mysqlErrorNumber', () => {
  it.each([
    ['a raw duplicate', 1062, (tx: Tx) => tx.execute`INSERT INTO wallets (seller_no) VALUES (1)`],
    ['a missing parent', 1452, (tx: Tx) => tx.execute`INSERT INTO wallets (seller_no) VALUES (99)`],
    ['a CHECK', 3819, insertLine('0', 'k')],
    ['a text too long', 1406, insertLine('1', 'k'.repeat(301))],
    ['a number too large', 1264, insertLine('99999999999999', 'k')],
    ['a missing privilege', 1142, (tx: Tx) => tx.execute`UPDATE payment_events SET attempt = 1`],
    ['nonsense', 1064, (tx: Tx) => tx.execute`NONSENSE`],
  ])('When MySQL refuses %s, then it is %i', async (_what, number, work) => {
    const error = await errorOf(inTransaction<unknown>(database.db, (tx) => work(tx)));
    expect(mysqlErrorNumber(error)).toBe(number);
  });

  // As Prisma reports what it has recognised itself, without MySQL's number beside it.
  it.each([
    [{ code: 'P2034' }, 1213],
    [{ code: 'P2002' }, 1062],
    [{ cause: { kind: 'TransactionWriteConflict' } }, 1213],
    [{ meta: { code: '1205' } }, 1205],
    [new Error('outer', { cause: { errno: 1213 } }), 1213],
  ])('When Prisma says %j, then it is %i', (error, number) => {
    expect(mysqlErrorNumber(error)).toBe(number);
  });

  it.each([
    [new Error('no')],
    [undefined],
    [null],
    ['1213'],
    [{ code: 'ECONNREFUSED', errno: -111 }],
    [{ code: 42 }],
  ])('When it is no error of MySQL’s (%p), then there is no number', (error) => {
    expect(mysqlErrorNumber(error)).toBeUndefined();
  });
});

function insertLine(amount: string, key: string) {
  return (tx: Tx) => tx.execute`
    INSERT INTO wallet_transactions (wallet_no, wallet_seq, type, amount, balance_after, reference_id, order_id,
      event_id, idempotency_key, line_hash, created_at)
    VALUES (1, 1, 'CREDIT', ${amount}, 1, 1, 'order', 'event', ${key}, 'hash', NOW(3))`;
}
