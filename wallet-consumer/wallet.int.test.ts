import type { RunningServer } from '#kit/http';
import { createHttpApp, listen } from '#kit/http';
import { createLog } from '#kit/log';
import { walletRoutes } from './routes';
import {
  canceled,
  canceledMessage,
  confirmed,
  confirmedMessage,
  line,
  useSettlements,
} from './settle-payments/settlement.fixture';

const { administer, consumer, database, seller } = useSettlements();
const KEY = 'a-key';
let server: RunningServer;

beforeAll(async () => {
  const app = createHttpApp({
    log: createLog('test', 'silent'),
    readiness: {},
    routes: walletRoutes(database(), ['another-key', KEY]),
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
