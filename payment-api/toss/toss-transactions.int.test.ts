import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listTransactions, type TossTransaction } from './toss-transactions';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** The day as it is read from a PSP that answers as told. */
async function read(listener: RequestListener, timeoutMs = 20_000): Promise<TossTransaction[]> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const limits = { pageSizeMax: 2, callsMax: 3, pauseMs: 1 };
  const all: TossTransaction[] = [];
  for await (const page of listTransactions({ baseUrl, secretKey: 'sk', timeoutMs, ...limits }, '2026-11-22'))
    all.push(...page);
  return all;
}

const WIRE = {
  mId: 'shop',
  transactionKey: 't1',
  paymentKey: 'p1',
  orderId: 'order-1',
  status: 'DONE',
  transactionAt: '2026-11-22T12:00:00+09:00',
  currency: 'KRW',
  amount: 6000,
};
const body = (...entries: object[]): string => JSON.stringify(entries);
/** Lists `entries` on one page. */
const once =
  (...entries: object[]): RequestListener =>
  (req, res) =>
    void res.end(req.url?.includes('startingAfter') ? '[]' : body(...entries));

test('The request is as Toss wants it: a Korean day, the secret key, and the cursor of the last page', async () => {
  const seen: [string | undefined, string | undefined][] = [];
  const pages = [[WIRE, { ...WIRE, transactionKey: 't2' }], [{ ...WIRE, transactionKey: 't3' }], []];
  const all = await read((req, res) => {
    seen.push([req.url, req.headers.authorization]);
    res.end(JSON.stringify(pages[seen.length - 1]));
  });
  expect(all.map(({ transactionKey }) => transactionKey)).toEqual(['t1', 't2', 't3']);
  const path = '/v1/transactions?startDate=2026-11-22T00%3A00%3A00&endDate=2026-11-22T23%3A59%3A59&limit=2';
  const basic = `Basic ${Buffer.from('sk:').toString('base64')}`;
  expect(seen).toEqual([
    [path, basic],
    [`${path}&startingAfter=t2`, basic],
    [`${path}&startingAfter=t3`, basic],
  ]);
});

test.each<[string, object, Partial<TossTransaction>]>([
  ['an approval', WIRE, { kind: 'approval', amount: 6000n, at: new Date('2026-11-22T03:00:00Z') }],
  ['a cancel with a sign', { ...WIRE, status: 'CANCELED', amount: -6000 }, { kind: 'cancel', amount: 6000n }],
  ['a cancel without one', { ...WIRE, status: 'PARTIAL_CANCELED' }, { kind: 'cancel', amount: 6000n }],
  ['a negative approval', { ...WIRE, amount: -6000 }, { kind: 'cancel', amount: 6000n }],
  ['a deposit', { ...WIRE, status: 'WAITING_FOR_DEPOSIT' }, { kind: 'other', status: 'WAITING_FOR_DEPOSIT' }],
  ['a fraction', { ...WIRE, currency: 'USD', amount: 1.5 }, { amount: null, currency: 'USD' }],
  [
    'no zone',
    { ...WIRE, transactionAt: '2026-11-22T00:00:00.5' },
    { at: new Date('2026-11-21T15:00:00.5Z') },
  ],
])('When %s is listed, then it is read exactly', async (_what, wire, expected) => {
  expect(await read(once(wire))).toMatchObject([expected]);
});

/** Long enough for the answer that comes, also on a slow machine. */
const SILENCE_MS = 1_500;

test.each<[string, RequestListener]>([
  ['nothing', () => {}],
  ['a reset', (req) => req.socket.destroy()],
  ['500', (_req, res) => void res.writeHead(500).end('{"code":"COMMON_ERROR"}')],
  ['429', (_req, res) => void res.writeHead(429).end('{}')],
])('When the PSP answers with %s, then it is asked again, and not for ever', async (_what, broken) => {
  let calls = 0;
  const all = await read((req, res) => {
    calls += 1;
    if (calls < 3) broken(req, res);
    else once(WIRE)(req, res);
  }, SILENCE_MS);
  expect(all).toHaveLength(1);
  server?.close();
  calls = 0;
  await expect(
    read((req, res) => {
      calls += 1;
      broken(req, res);
    }, SILENCE_MS),
  ).rejects.toThrow('no list from the PSP in 3 calls');
  expect(calls).toBe(3);
});

test.each<[string, RequestListener, string]>([
  [
    'a refusal',
    (_req, res) => void res.writeHead(401).end('{"code":"UNAUTHORIZED_KEY"}'),
    '401 UNAUTHORIZED_KEY',
  ],
  ['a page', (_req, res) => void res.end('<html>'), 'no list of transactions'],
  ['no moment', once({ ...WIRE, transactionAt: 'soon' }), 'has no moment'],
  ['an amount in words', once({ ...WIRE, amount: '6000' }), '0.amount'],
  ['the same page again', (_req, res) => void res.end(body(WIRE)), 'does not go on'],
])('When the PSP answers with %s, then nothing is compared', async (_what, listener, message) => {
  await expect(read(listener)).rejects.toThrow(message);
});
