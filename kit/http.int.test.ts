import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import pino from 'pino';
import { z } from 'zod';
import { requireAdmin } from './admin';
import { sleep } from './clock';
import {
  answer,
  BODY_BYTES_MAX,
  createHttpApp,
  jsonBody,
  listen,
  otherMethods,
  parse,
  type RunningServer,
} from './http';
import { Refusal, REFUSALS } from './refusal';
import { until } from './until.fixture';

// The HTTP edge on a real socket.

const logged: string[] = [];
const log = pino(
  { level: 'info' },
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      logged.push(chunk.toString());
      done();
    },
  }),
);
const world = { isReady: true, isAlive: true };
let server: RunningServer;
let url: string;
beforeAll(async () => {
  const app = createHttpApp({
    log,
    readiness: {
      database: async () => {
        if (!world.isReady) throw new Error('hidden reason');
      },
      kafka: async () => {},
    },
    metrics: async () => 'x_total 1\n',
    isAlive: () => world.isAlive,
    routes: (express) => {
      express.post('/echo', ...jsonBody, (req, res) => {
        answer(
          res,
          parse(z.object({ productNos: z.array(z.number()).min(1), name: z.string() }), req.body),
          201,
        );
      });
      express.all('/echo', otherMethods('POST'));
      express.get('/refuse/:code', (req) => {
        throw new Refusal(req.params.code as keyof typeof REFUSALS, {
          internal: 'secret: the row 17',
          retryAfterSeconds: 7,
          data: { a: 1 },
        });
      });
      express.get('/defect', () => {
        throw new Error('secret: SELECT * FROM wallets');
      });
      express.get('/late', async (_req, res) => {
        await sleep(300);
        answer(res, { late: true });
      });
      express.get('/admin', requireAdmin(['key-one', 'key-two']), (_req, res) => answer(res, {}));
    },
  });
  server = await listen(app, 0, '127.0.0.1');
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(() => server.close());

async function call(path: string, init: RequestInit = {}) {
  const response = await fetch(`${url}${path}`, init);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: JSON.parse(text) as Record<string, unknown> & { data: Record<string, unknown> },
  };
}
const post = (
  body: RequestInit['body'],
  headers: Record<string, string> = { 'content-type': 'application/json' },
) => call('/echo', { method: 'POST', headers, body: body ?? null });

describe('an answer', () => {
  it('stands in the envelope, its code the HTTP status', async () => {
    const { status, body } = await post('{"productNos":[1],"name":"상품"}');
    expect(status).toBe(201);
    expect(body).toEqual({
      code: 201,
      status: 'CREATED',
      message: 'CREATED',
      data: { productNos: [1], name: '상품' },
    });
  });
});

describe('a malformed request', () => {
  it.each([
    ['text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['something that begins like JSON', { 'content-type': 'application/jsonp' }],
    ['another charset', { 'content-type': 'application/json; charset=euc-kr' }],
    ['a content encoding', { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  ])('When it is %s, then 415', async (_what, headers) => {
    const { status, body } = await post('{"productNos":[1],"name":"x"}', headers);
    expect(status).toBe(415);
    expect(body).toMatchObject({ code: 415, status: 'UNSUPPORTED_MEDIA_TYPE', errorCode: 'PEC0008' });
  });

  it('When it has no content type, then 415', async () => {
    expect((await post(Buffer.from('{}'), {})).status).toBe(415);
  });

  it('When it is larger than 64 KiB, then 413; at the limit it is read', async () => {
    const of = (bytes: number) => {
      const frame = '{"productNos":[1],"name":""}'.length;
      return `{"productNos":[1],"name":"${'x'.repeat(bytes - frame)}"}`;
    };
    expect((await post(of(BODY_BYTES_MAX))).status).toBe(201);
    const { status, body } = await post(of(BODY_BYTES_MAX + 1));
    expect(status).toBe(413);
    expect(body).toMatchObject({ errorCode: 'PEC0008', data: { issues: [{ path: 'body' }] } });
  });

  it.each(['{', '', '"text"', 'null', '[1', '{"productNos":[1],}', '\u0000'])(
    'When the body is %p, then 400',
    async (body) => {
      const answered = await post(body);
      expect(answered.status).toBe(400);
      expect(answered.body).toMatchObject({ errorCode: 'PEC0008', data: { issues: expect.any(Array) } });
    },
  );

  it('When fields are wrong, then each is named, at most twenty', async () => {
    const { status, body } = await post(JSON.stringify({ productNos: ['a', 1, 'b'] }));
    expect(status).toBe(400);
    const issues = body.data['issues'] as { path: string }[];
    expect(issues.map(({ path }) => path)).toEqual(['productNos.0', 'productNos.2', 'name']);
    const many = await post(JSON.stringify({ productNos: Array.from({ length: 99 }, () => 'x'), name: 'x' }));
    expect(many.body.data['issues']).toHaveLength(20);
  });

  it('When the method is another one, then 405 with the allowed ones', async () => {
    const { status, headers, body } = await call('/echo', { method: 'DELETE' });
    expect(status).toBe(405);
    expect(headers.get('allow')).toBe('POST');
    expect(body).toMatchObject({ status: 'METHOD_NOT_ALLOWED', errorCode: 'PEC0008' });
  });

  it('When there is no such route, then 404 PEC0013; a broken escape is 400', async () => {
    expect(await call('/nowhere')).toMatchObject({ status: 404, body: { errorCode: 'PEC0013', data: null } });
    expect(await call('/refuse/%E0%A4%A')).toMatchObject({ status: 400, body: { errorCode: 'PEC0008' } });
  });
});

describe('a refusal', () => {
  it.each(Object.entries(REFUSALS))(
    '%s has its status, its words, and nothing internal',
    async (code, { http, ko, en }) => {
      const korean = await call(`/refuse/${code}`);
      expect(korean).toMatchObject({
        status: http,
        body: { code: http, errorCode: code, message: ko, data: { a: 1 } },
      });
      expect(korean.text).not.toMatch(/secret/);
      expect(korean.headers.get('retry-after')).toBe('7');
      const english = await call(`/refuse/${code}`, { headers: { 'accept-language': 'en' } });
      expect(english.body['message']).toBe(en);
    },
  );

  it.each([
    ['en-US,en;q=0.9', 'en'],
    ['ko-KR,ko;q=0.9,en;q=0.8', 'ko'],
    ['en;q=0.5,ko;q=0.9', 'ko'],
    ['fr', 'ko'],
    ['*', 'ko'],
  ])('When the client accepts %s, then it is told in %s', async (accepted, language) => {
    const { body } = await call('/refuse/PEC0001', { headers: { 'accept-language': accepted } });
    expect(body['message']).toBe(REFUSALS.PEC0001[language as 'ko' | 'en']);
  });

  it('When something unforeseen is thrown, then the client is told nothing, the log everything', async () => {
    const { status, text, body } = await call('/defect');
    expect(status).toBe(500);
    expect(body).toEqual({
      code: 500,
      status: 'INTERNAL_SERVER_ERROR',
      errorCode: 'PEC9999',
      message: REFUSALS.PEC9999.ko,
      data: null,
    });
    expect(text).not.toMatch(/secret|SELECT|at /);
    expect(logged.join('')).toMatch(/SELECT \* FROM wallets/);
  });
});

describe('every response', () => {
  it('has a request id: the caller’s when it is harmless, a new one otherwise', async () => {
    const id = async (given?: string) =>
      (await call('/nowhere', given === undefined ? {} : { headers: { 'x-request-id': given } })).headers.get(
        'x-request-id',
      );
    expect(await id('abc-123')).toBe('abc-123');
    expect(await id()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await id('x'.repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
    expect(await id('a b"{}')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('does not say what it is made of, and lets nothing be framed or sniffed', async () => {
    const { headers } = await call('/nowhere');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('content-security-policy')).toBe("default-src 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin-allow-popups');
  });

  it('leaves a line without query and credentials', async () => {
    logged.length = 0;
    await call('/nowhere?paymentKey=hidden', {
      headers: { authorization: 'Bearer hidden', cookie: 'hidden' },
    });
    await until('the line is written', () => /"path":"\/nowhere"/.test(logged.join('')));
    expect(logged.join('')).not.toMatch(/hidden/);
  });
});

describe('requireAdmin', () => {
  const of = (authorization?: string) =>
    call('/admin', authorization === undefined ? {} : { headers: { authorization } });

  it.each(['Bearer key-one', 'Bearer key-two'])('%s is let through', async (authorization) => {
    expect((await of(authorization)).status).toBe(200);
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer key',
    'Bearer key-one2',
    'bearer key-one',
    'Basic key-one',
    'Bearer key-one,key-two',
    'Bearer undefined',
  ])('%p is not', async (authorization) => {
    const { status, headers, body } = await of(authorization);
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(body['errorCode']).toBe('PEC0009');
  });
});

describe('health', () => {
  it('When a dependency fails, then it is not ready and says which, not why; it is alive all the same', async () => {
    expect(await call('/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'ok', checks: { database: 'ok', kafka: 'ok' } },
    });
    world.isReady = false;
    const failed = await call('/health/ready');
    expect(failed).toMatchObject({
      status: 503,
      body: { status: 'failed', checks: { database: 'failed', kafka: 'ok' } },
    });
    expect(failed.text).not.toMatch(/hidden/);
    expect((await call('/health/live')).status).toBe(200);
    world.isReady = true;
  });

  it('When the process stalls, then liveness says so', async () => {
    world.isAlive = false;
    expect(await call('/health/live')).toMatchObject({ status: 503, body: { status: 'stalled' } });
    world.isAlive = true;
  });

  it('metrics are Prometheus text', async () => {
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toBe('x_total 1\n');
  });
});

/** After that long a server that closes cuts off what still runs. */
const CLOSE_GRACE_MS = 15_000;

describe('listen', () => {
  let arrived = 0;
  const app = (isLate = () => sleep(300)) =>
    createHttpApp({
      log,
      readiness: {},
      routes: (e) =>
        e.get('/late', async (_req, res) => {
          arrived += 1;
          await isLate();
          answer(res, {});
        }),
    });
  beforeEach(() => {
    arrived = 0;
  });

  it('When the port is taken, then the sentence names it', async () => {
    await expect(listen(app(), server.port, '127.0.0.1')).rejects.toThrow(
      `port ${server.port} on 127.0.0.1 is in use by another program`,
    );
  });

  it('When it is closed, then the running request is answered, and idle connections do not keep it', async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const own = await listen(
      app(() => released),
      0,
      '127.0.0.1',
    );
    const idle = connect(own.port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    idle.write('GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise((resolve) => idle.once('data', resolve));
    const running = fetch(`http://127.0.0.1:${own.port}/late`);
    await until('the request runs', () => arrived === 1);
    const startedMs = performance.now();
    const closed = own.close();
    release();
    await Promise.all([closed, running.then(({ status }) => expect(status).toBe(200))]);
    expect(performance.now() - startedMs).toBeLessThan(CLOSE_GRACE_MS / 2);
    idle.destroy();
    await expect(fetch(`http://127.0.0.1:${own.port}/late`)).rejects.toThrow();
  });

  it('When a client is busy on one connection, then its next answer is the last: it does not hold up the end', async () => {
    const own = await listen(app(), 0, '127.0.0.1');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise<string | undefined>((resolve, reject) => {
        const asked = request({ agent, port: own.port, host: '127.0.0.1', path: '/late' }, (res) => {
          res.resume().once('end', () => resolve(res.headers.connection));
        });
        asked.once('error', reject).end();
      });
    // Always the next request on its way before the answer has come.
    const answers: (string | undefined)[] = [];
    const busy = Promise.all(
      Array.from({ length: 60 }, async () => void answers.push(await ask().catch(() => 'refused'))),
    );
    await until('the second request runs', () => arrived === 2);
    const startedMs = performance.now();
    await own.close();
    expect(performance.now() - startedMs).toBeLessThan(CLOSE_GRACE_MS / 2);
    await busy;
    agent.destroy();
    expect(answers).toContain('keep-alive');
    expect(answers).toContain('close');
    expect(answers.indexOf('refused')).toBeGreaterThan(answers.indexOf('close'));
  });
});
