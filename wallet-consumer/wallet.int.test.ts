import type { RunningServer } from '#kit/http';
import { createHttpApp, listen } from '#kit/http';
import { createLog } from '#kit/log';
import { Registry } from 'prom-client';
import { openDatabase } from '#prisma/database';
import { walletRoutes } from './routes';
import {
  canceled,
  canceledMessage,
  confirmed,
  confirmedMessage,
  line,
  useSettlements,
} from './settle-payments/settlement.fixture';
import { registerWalletMetrics } from './wallets.metrics';

const { administer, consumer, database, payOut, seller } = useSettlements();
const KEY = 'a-key';
let server: RunningServer;

beforeAll(async () => {
  const app = createHttpApp({
    log: createLog('test', 'silent'),
    readiness: {},
    routes: walletRoutes(database(), ['another-key', KEY], 0),
  });
  server = await listen(app, 0, '127.0.0.1');
});
afterAll(() => server.close());

async function get(path: string, key: string | null = KEY, method = 'GET') {
  const headers: Record<string, string> = key === null ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method, headers });
  return (await response.json()) as Record<string, unknown> & { data: Record<string, unknown> };
}

describe('the wallet API', () => {
  it.each(['/api/wallets', '/api/wallets/1', '/api/wallets/1/transactions'])(
    'When %s is asked without an admin key, then it tells nothing',
    async (path) => {
      expect(await get(path, null)).toMatchObject({ code: 401, errorCode: 'PEC0009' });
      expect(await get(path, 'wrong')).toMatchObject({ code: 401, errorCode: 'PEC0009' });
    },
  );

  it('When a seller was credited and debited, then balance and lines are shown as whole won', async () => {
    const sellerNo = await seller();
    const value = confirmed([line(sellerNo, 6_000n), line(sellerNo, 1_000n)]);
    await consumer()([confirmedMessage(value), canceledMessage(canceled(value, value.lines.slice(1)), 2)]);

    const wallet = await get(`/api/wallets/${sellerNo}`);
    expect(wallet).toMatchObject({ code: 200, data: { sellerNo, balance: 6_000, lastSeq: 3 } });
    const { data } = await get(`/api/wallets/${sellerNo}/transactions`);
    expect(data['walletTransactionList']).toMatchObject([
      {
        walletSeq: 3,
        type: 'DEBIT',
        amount: 1_000,
        balanceAfter: 6_000,
        referenceId: value.lines[1]?.paymentOrderNo,
      },
      { walletSeq: 2, type: 'CREDIT', amount: 1_000, balanceAfter: 7_000 },
      {
        walletSeq: 1,
        type: 'CREDIT',
        amount: 6_000,
        balanceAfter: 6_000,
        referenceType: 'PAYMENT_ORDER',
        referenceId: value.lines[0]?.paymentOrderNo,
        orderId: value.orderId,
      },
    ]);
    expect(data['nextCursor']).toBeNull();
  });

  it('When a refund is larger than what is left, then the balance is shown as below zero, and can be asked for', async () => {
    const [debtor, other] = [await seller(), await seller()];
    const [paid, paidOut] = [confirmed([line(debtor, 5_000n)]), confirmed([line(other, 1n)])];
    await consumer()([confirmedMessage(paid), confirmedMessage(paidOut)]);
    await payOut(debtor, 3_000n);
    await consumer()([canceledMessage(canceled(paid, paid.lines), 2)]);

    expect(await get(`/api/wallets/${debtor}`)).toMatchObject({
      data: { balance: -3_000, isNegative: true },
    });
    expect(await get(`/api/wallets/${other}`)).toMatchObject({ data: { balance: 1, isNegative: false } });
    const sellersOf = async (query: string) =>
      ((await get(`/api/wallets?limit=200&${query}`)).data['walletList'] as { sellerNo: number }[]).map(
        ({ sellerNo }) => sellerNo,
      );
    expect(await sellersOf('negative=true')).toEqual([debtor]);
    expect(await sellersOf('negative=false')).toContain(other);
    expect(await sellersOf('negative=false')).not.toContain(debtor);
    expect(await sellersOf('')).toEqual(expect.arrayContaining([debtor, other]));
    expect(await get('/api/wallets?negative=yes')).toMatchObject({ code: 400, errorCode: 'PEC0008' });

    const registry = new Registry();
    registerWalletMetrics(registry, database(), createLog('test', 'silent'));
    const metrics = await registry.metrics();
    expect(metrics).toMatch(/^wallet_negative_balances 1$/m);
    expect(metrics).toMatch(/^wallet_negative_balance_won 3000$/m);
    // The index of what is owed stays empty of all others: the reading costs nothing on a million wallets.
    const [plan] = (await administer(
      'EXPLAIN FORMAT=JSON SELECT COUNT(*), SUM(owed) FROM wallets WHERE owed IS NOT NULL',
    )) as { EXPLAIN: string }[];
    expect(plan?.EXPLAIN).toMatch(/"key": "wallets_owed_idx"/);
  });

  it('When the database does not answer, then the metrics do, and say that they do not know', async () => {
    const nobody = openDatabase('mysql://wallet_service:wallet_service@127.0.0.1:1/payment_eda', 1);
    const registry = new Registry();
    registerWalletMetrics(registry, nobody, createLog('test', 'silent'));
    expect(await registry.metrics()).toMatch(/^wallet_negative_balances Nan$/im);
    await nobody.$disconnect();
  });

  it('When lines are read page by page, then each is seen once, newest first', async () => {
    const sellerNo = await seller();
    await consumer()([confirmedMessage(confirmed([1n, 2n, 3n, 4n, 5n].map((won) => line(sellerNo, won))))]);
    const seen: number[] = [];
    let cursor: unknown = null;
    do {
      const suffix = typeof cursor === 'string' ? `&cursor=${cursor}` : '';
      const { data } = await get(`/api/wallets/${sellerNo}/transactions?limit=2${suffix}`);
      seen.push(...(data['walletTransactionList'] as { amount: number }[]).map(({ amount }) => amount));
      cursor = data['nextCursor'];
    } while (cursor !== null);
    expect(seen).toEqual([5, 4, 3, 2, 1]);
  });

  it('When wallets are listed page by page, then every wallet is seen once', async () => {
    const [{ count } = { count: 0n }] = (await administer('SELECT COUNT(*) AS count FROM wallets')) as {
      count: bigint;
    }[];
    const seen = new Set<number>();
    let cursor: unknown = null;
    let pages = 0;
    do {
      const suffix = typeof cursor === 'string' ? `&cursor=${cursor}` : '';
      const { data } = await get(`/api/wallets?limit=1${suffix}`);
      for (const { sellerNo } of data['walletList'] as { sellerNo: number }[]) seen.add(sellerNo);
      cursor = data['nextCursor'];
      pages += 1;
    } while (cursor !== null);
    expect([seen.size, pages]).toEqual([Number(count), Number(count)]);
  });

  it.each([
    '/api/wallets/3',
    '/api/wallets/3/transactions',
    '/api/wallets/0',
    '/api/wallets/x',
    '/api/wallets/99999999999999999999',
  ])('When %s names no wallet, then it is not found', async (path) => {
    expect(await get(path)).toMatchObject({ code: 404, errorCode: 'PEC0013' });
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'cursor=%21', 'cursor=AAAA'])(
    'When the query says %s, then it is refused',
    async (queryText) => {
      expect(await get(`/api/wallets?${queryText}`)).toMatchObject({ code: 400, errorCode: 'PEC0008' });
      expect(await get(`/api/wallets/1/transactions?${queryText}`)).toMatchObject({
        code: 400,
        errorCode: 'PEC0008',
      });
    },
  );

  it('When a wallet is to be written over HTTP, then the method is refused', async () => {
    expect(await get('/api/wallets/1', KEY, 'DELETE')).toMatchObject({ code: 405, errorCode: 'PEC0008' });
  });
});

describe('wrong keys', () => {
  it('When a client shows many of them, then it is told to wait; whoever has the right one is not', async () => {
    const PER_MINUTE = 3;
    const app = createHttpApp({
      log: createLog('test', 'silent'),
      readiness: {},
      trustedProxies: ['127.0.0.1'],
      routes: walletRoutes(database(), [KEY], PER_MINUTE),
    });
    const limited = await listen(app, 0, '127.0.0.1');
    try {
      const list = async (address: string, key: string): Promise<number> => {
        const response = await fetch(`http://127.0.0.1:${limited.port}/api/wallets?limit=1`, {
          headers: { authorization: `Bearer ${key}`, 'x-forwarded-for': address, connection: 'close' },
        });
        await response.arrayBuffer();
        return response.status;
      };
      for (let n = 0; n < 2 * PER_MINUTE; n += 1) expect(await list('203.0.113.1', KEY)).toBe(200);
      for (let n = 0; n < PER_MINUTE; n += 1) expect(await list('203.0.113.1', `guess-${n}`)).toBe(401);
      expect(await list('203.0.113.1', 'guess')).toBe(429);
      expect(await list('203.0.113.1', KEY)).toBe(200);
      expect(await list('203.0.113.2', 'guess')).toBe(401);
    } finally {
      await limited.close();
    }
  });
});
