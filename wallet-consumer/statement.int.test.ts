import { createHttpApp, listen, type RunningServer } from '#kit/http';
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

const { consumer, database, payOut, seller } = useSettlements();
const KEY = 'a-key';
let server: RunningServer;
beforeAll(async () => {
  const app = createHttpApp({
    log: createLog('test', 'silent'),
    readiness: {},
    routes: walletRoutes(database(), [KEY], 0),
  });
  server = await listen(app, 0, '127.0.0.1');
});
afterAll(() => server.close());

function fetchPath(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, ...headers },
  });
}

interface Answer {
  code: number;
  errorCode?: string;
  data: {
    openingBalance: number;
    closingBalance: number;
    lineCount: number;
    nextCursor: string | null;
    walletTransactionList: { walletSeq: number; type: string; amount: number; balanceAfter: number }[];
  };
}
const get = async (path: string): Promise<Answer> => (await (await fetchPath(path)).json()) as Answer;
const settleAt = (moment: string) => consumer({ clock: async () => new Date(moment) });

/** Credits of 1,000 on three days of Korea, and a refund of the first on the third. */
async function threeDays(): Promise<number> {
  const sellerNo = await seller();
  const [first, second, third] = [1, 2, 3].map(() => confirmed([line(sellerNo, 1_000n)]));
  if (first === undefined || second === undefined || third === undefined) throw new Error('three');
  await settleAt('2026-03-01T14:59:59.999Z')([confirmedMessage(first)]);
  await settleAt('2026-03-01T15:00:00.000Z')([confirmedMessage(second)]);
  await settleAt('2026-03-02T15:00:00.000Z')([
    confirmedMessage(third),
    canceledMessage(canceled(first, first.lines), 2),
  ]);
  return sellerNo;
}

const summary = ({ data }: Answer) => [
  data.openingBalance,
  data.walletTransactionList.map(({ type, amount }) => (type === 'CREDIT' ? amount : -amount)),
  data.closingBalance,
];

describe('GET /api/wallets/{sellerNo}/statement', () => {
  it('When days of Korea are asked for, then their lines stand between opening and closing balance', async () => {
    const path = `/api/wallets/${await threeDays()}/statement`;
    expect(summary(await get(`${path}?from=2026-03-01&to=2026-03-01`))).toEqual([0, [1_000], 1_000]);
    expect(summary(await get(`${path}?from=2026-03-02&to=2026-03-02`))).toEqual([1_000, [1_000], 2_000]);
    expect(summary(await get(`${path}?from=2026-03-03&to=2026-03-03`))).toEqual([
      2_000,
      [1_000, -1_000],
      2_000,
    ]);
    expect(summary(await get(path))).toEqual([0, [1_000, 1_000, 1_000, -1_000], 2_000]);
    expect(summary(await get(`${path}?to=2026-02-28`))).toEqual([0, [], 0]);
    expect(summary(await get(`${path}?from=2026-03-04`))).toEqual([2_000, [], 2_000]);
    expect(await get(`${path}?from=2026-03-01T15:00:00Z&to=2026-03-02T15:00:00Z`)).toMatchObject({
      code: 200,
      data: {
        from: '2026-03-01T15:00:00.000Z',
        to: '2026-03-02T15:00:00.000Z',
        lineCount: 1,
        nextCursor: null,
      },
    });
  });

  it('When periods meet, then every line is in exactly one, also when a clock went back between two lines', async () => {
    const sellerNo = await seller();
    for (const moment of ['10:00:05', '10:00:01', '10:00:03', '10:00:09'])
      await settleAt(`2026-03-01T${moment}Z`)([confirmedMessage(confirmed([line(sellerNo, 10n)]))]);
    const path = `/api/wallets/${sellerNo}/statement`;
    const [before, after] = [
      await get(`${path}?to=2026-03-01T10:00:05Z`),
      await get(`${path}?from=2026-03-01T10:00:05Z`),
    ];
    expect([summary(before), summary(after)]).toEqual([
      [0, [], 0],
      [0, [10, 10, 10, 10], 40],
    ]);
    expect(summary(await get(`${path}?from=2026-03-01T10:00:06Z`))).toEqual([30, [10], 40]);
  });

  it('When it is read page by page, then each line comes once, oldest first, between the same balances', async () => {
    const path = `/api/wallets/${await threeDays()}/statement?from=2026-03-02&limit=1`;
    const seen: number[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { data } = await get(`${path}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect([data.openingBalance, data.closingBalance, data.lineCount]).toEqual([1_000, 2_000, 3]);
      seen.push(...data.walletTransactionList.map(({ walletSeq }) => walletSeq));
      cursor = data.nextCursor;
    }
    expect(seen).toEqual([2, 3, 4]);
  });

  it.each(['from=2026-03-02&to=2026-03-01', 'from=x', 'to=2026-03-01T00:00:00', 'limit=0', 'cursor=x'])(
    'When the query says %s, then it is refused',
    async (query) => {
      const sellerNo = await threeDays();
      expect(await get(`/api/wallets/${sellerNo}/statement?${query}`)).toMatchObject({
        code: 400,
        errorCode: 'PEC0008',
      });
    },
  );

  it('When there is no wallet, no key or another method, then it is refused like everything else', async () => {
    for (const name of ['statement', 'statement.csv']) {
      expect(await get(`/api/wallets/3/${name}`)).toMatchObject({ code: 404, errorCode: 'PEC0013' });
      expect((await fetchPath(`/api/wallets/3/${name}`, { authorization: '' })).status).toBe(401);
      expect((await fetchPath(`/api/wallets/3/${name}`, {}, 'POST')).status).toBe(405);
    }
  });
});

describe('the statement as CSV', () => {
  const rowsOf = (text: string): string[][] =>
    text
      .trimEnd()
      .split('\r\n')
      .map((row) => row.split(','));

  it('When CSV is asked for, by name or by Accept, then the whole period comes, balances around its lines', async () => {
    const path = `/api/wallets/${await threeDays()}/statement`;
    const byName = await fetchPath(`${path}.csv?from=2026-03-02&to=2026-03-03`);
    const byAccept = await fetchPath(`${path}?from=2026-03-02&to=2026-03-03&limit=1`, { accept: 'text/csv' });
    expect(byName.headers.get('content-type')).toMatch(/^text\/csv; charset=utf-8/);
    expect(byName.headers.get('content-disposition')).toMatch(/^attachment; filename="statement-\d+\.csv"$/);
    expect(byAccept.headers.get('vary')).toMatch(/Accept/);
    const text = await byName.text();
    expect(await byAccept.text()).toBe(text);
    const [head, opening, second, third, refund, closing, ...more] = rowsOf(text);
    expect(more).toEqual([]);
    expect(head?.slice(0, 5)).toEqual(['walletSeq', 'createdAt', 'type', 'amount', 'balanceAfter']);
    expect(opening?.slice(0, 5)).toEqual(['', '2026-03-02T00:00:00.000+09:00', 'OPENING', '', '1000']);
    expect(second?.slice(0, 5)).toEqual(['2', '2026-03-02T00:00:00.000+09:00', 'CREDIT', '1000', '2000']);
    expect(third?.slice(0, 5)).toEqual(['3', '2026-03-03T00:00:00.000+09:00', 'CREDIT', '1000', '3000']);
    expect(refund?.slice(2, 5)).toEqual(['DEBIT', '1000', '2000']);
    expect(closing?.slice(0, 5)).toEqual(['', '2026-03-04T00:00:00.000+09:00', 'CLOSING', '', '2000']);
  });

  it('When an order id begins like a formula, then the spreadsheet gets text; a negative balance stays a number', async () => {
    const sellerNo = await seller();
    const value = confirmed([line(sellerNo, 5n)], { orderId: `=cmd-${sellerNo}` });
    await consumer()([confirmedMessage(value)]);
    await payOut(sellerNo, 8n);
    const text = await (await fetchPath(`/api/wallets/${sellerNo}/statement.csv`)).text();
    expect(rowsOf(text)[2]?.[5]).toBe(`'=cmd-${sellerNo}`);
    expect(rowsOf(text).at(-1)?.[4]).toBe('-3');
  });

  it('When the ledger is longer than a page of the reading, then every line comes once', async () => {
    const sellerNo = await seller();
    const handle = consumer();
    for (let from = 0; from < 2_500; from += 500)
      await handle([confirmedMessage(confirmed(Array.from({ length: 500 }, () => line(sellerNo, 1n))))]);
    const text = await (await fetchPath(`/api/wallets/${sellerNo}/statement.csv`)).text();
    const seqs = rowsOf(text)
      .slice(2, -1)
      .map(([seq]) => Number(seq));
    expect(seqs).toEqual(Array.from({ length: 2_500 }, (_, index) => index + 1));
    expect(rowsOf(text).at(-1)?.[4]).toBe('2500');
  });

  it('When the client leaves in the middle, then the server goes on; HEAD reads no lines', async () => {
    const sellerNo = await threeDays();
    const abort = new AbortController();
    const response = await fetch(`http://127.0.0.1:${server.port}/api/wallets/${sellerNo}/statement.csv`, {
      headers: { authorization: `Bearer ${KEY}` },
      signal: abort.signal,
    });
    abort.abort();
    await response.text().catch(() => undefined);
    const head = await fetchPath(`/api/wallets/${sellerNo}/statement.csv`, {}, 'HEAD');
    expect([head.status, await head.text()]).toEqual([200, '']);
  });
});
