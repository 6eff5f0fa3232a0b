import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTossClient } from './toss-client';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A PSP that answers as told. */
async function answering(listener: RequestListener, timeoutMs = 20_000) {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createTossClient({ baseUrl, secretKey: 'sk', timeoutMs });
}

const PAYMENT = {
  paymentKey: 'k',
  orderId: 'order-1',
  status: 'DONE',
  currency: 'KRW',
  totalAmount: 6000,
  approvedAt: '2026-11-22T12:00:00+09:00',
};

test('When a payment is confirmed, then the request is as Toss wants it and the answer is read exactly', async () => {
  let seen: { url: string | undefined; auth: string | undefined; key: unknown; body: string } | undefined;
  const psp = await answering((req, res) => {
    let body = '';
    req.on('data', (chunk: Buffer) => (body += chunk.toString()));
    req.on('end', () => {
      seen = { url: req.url, auth: req.headers.authorization, key: req.headers['idempotency-key'], body };
      res.end(JSON.stringify(PAYMENT));
    });
  });
  const answer = await psp.confirm(
    { paymentKey: 'k', orderId: 'order-1', amount: 6000n },
    'confirm:order-1:1',
  );
  expect(seen).toEqual({
    url: '/v1/payments/confirm',
    auth: `Basic ${Buffer.from('sk:').toString('base64')}`,
    key: 'confirm:order-1:1',
    body: '{"paymentKey":"k","orderId":"order-1","amount":6000}',
  });
  expect(answer).toEqual({
    kind: 'payment',
    payment: {
      paymentKey: 'k',
      orderId: 'order-1',
      status: 'DONE',
      currency: 'KRW',
      totalAmount: 6000n,
      approvedAt: new Date('2026-11-22T03:00:00Z'),
      balanceAmount: 6000n,
      cancels: [],
      raw: JSON.stringify(PAYMENT),
    },
  });
});

test.each<[string, RequestListener]>([
  ['nothing', () => {}],
  ['a reset', (req) => req.socket.destroy()],
  ['half an answer', (_req, res) => void res.writeHead(200, { 'content-length': '100' }).write('{"paym')],
  ['a proxy’s page', (_req, res) => void res.writeHead(502).end('<html>Bad Gateway</html>')],
  ['an error without a code', (_req, res) => void res.writeHead(500).end('{}')],
  [
    'a payment without an order',
    (_req, res) => void res.end(JSON.stringify({ ...PAYMENT, orderId: undefined })),
  ],
  [
    'an amount with a fraction',
    (_req, res) => void res.end(JSON.stringify({ ...PAYMENT, totalAmount: 6000.5 })),
  ],
  ['an unheard-of status', (_req, res) => void res.end(JSON.stringify({ ...PAYMENT, status: 'MAYBE' }))],
  ['a redirection', (_req, res) => void res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  ['an endless answer', (_req, res) => void res.end(`"${'x'.repeat(2_000_000)}"`)],
])(
  'When the PSP answers with %s, then nobody knows: kind none, never an exception',
  async (_what, listener) => {
    const psp = await answering(listener, 1_000);
    expect(await psp.lookUp('k')).toEqual({ kind: 'none', reason: expect.any(String) });
  },
);

test('When nobody listens, then kind none', async () => {
  const psp = createTossClient({ baseUrl: 'http://127.0.0.1:1', secretKey: 'sk', timeoutMs: 200 });
  expect(await psp.lookUp('k')).toMatchObject({ kind: 'none' });
});

test('When the PSP answers with a code, then code and words arrive whatever the HTTP status is', async () => {
  const psp = await answering(
    (_req, res) => void res.writeHead(400).end('{"code":"PROVIDER_ERROR","message":"잠시 후"}'),
  );
  expect(await psp.lookUp('k')).toEqual({
    kind: 'error',
    http: 400,
    code: 'PROVIDER_ERROR',
    message: '잠시 후',
  });
});

test('When a payment key holds slashes, then it stays one segment of the path', async () => {
  let url: string | undefined;
  const psp = await answering((req, res) => {
    url = req.url;
    res.end(JSON.stringify(PAYMENT));
  });
  await psp.lookUp('../orders/x?y');
  expect(url).toBe('/v1/payments/..%2Forders%2Fx%3Fy');
});
