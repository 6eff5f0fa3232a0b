import { createHttpApp } from '#kit/http';
import { createLog } from '#kit/log';
import { checkConformity, operationsOf, type Called, type Made } from '#kit/openapi-conformity.fixture';
import { routesOf, ROUTES_OF_ALL_SERVICES } from '#kit/routes.fixture';
import { ADMIN_KEY, startTestApi, type Json, type TestApi } from './payment-api.fixture';
import { OPERATIONS, openApi, paymentRoutes } from './routes';

const RUNS_PER_OPERATION = 200;
const operations = operationsOf(openApi());

let api: TestApi;
/** Orders in every state, so that a well-formed request meets more than 404. */
const orders: { orderId: string; paymentKey: string; amount: number; lineNos: number[] }[] = [];
beforeAll(async () => {
  api = await startTestApi();
  for (const state of ['open', 'paid', 'canceled', 'part'] as const) {
    if (state === 'open') {
      const { orderId, amount } = await api.order([1, 2]);
      orders.push({ orderId, amount, paymentKey: await api.authenticate(orderId, amount), lineNos: [] });
      continue;
    }
    const paid = await api.paid([1, 4, 5]);
    if (state === 'canceled') await api.cancel(paid.orderId);
    if (state === 'part') await api.cancel(paid.orderId, paid.lineNos.slice(0, 1));
    orders.push(paid);
  }
});
afterAll(() => api.close());

/** The same request about an order that exists. */
function aboutOrder(made: Made, { operation }: Called): Made {
  // As often as not about one that does not.
  const order = orders[made.chance % (2 * orders.length)];
  if (order === undefined) return made;
  const { orderId, paymentKey, amount, lineNos } = order;
  const body = made.body as Json;
  const knows = operation.requestBody?.content['application/json'].schema.properties ?? {};
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return {
    ...made,
    params: 'orderId' in made.params ? { ...made.params, orderId } : made.params,
    body: isObject
      ? {
          ...body,
          ...('paymentKey' in knows && typeof body.paymentKey === 'string'
            ? { orderId, paymentKey, amount }
            : {}),
          // Some of them are canceled already.
          ...('paymentOrderNos' in knows && lineNos.length > 0 ? { paymentOrderNos: lineNos } : {}),
        }
      : body,
  };
}

test.each(operations.map((called) => [called.operation.operationId as string, called] as const))(
  'Whatever %s is sent, the document knows the verdict and the answer',
  async (id, called) => {
    const authorization =
      called.operation.security.length > 0 ? { authorization: `Bearer ${ADMIN_KEY}` } : {};
    const seen = await checkConformity(called, {
      runs: RUNS_PER_OPERATION,
      about: aboutOrder,
      isBeyondSchemas: ({ message }) => /must be lines of|is not a cursor of ours/.test(message),
      send: ({ method }, { headers, body }, path) =>
        api.call(method.toUpperCase(), path, body === undefined ? undefined : JSON.stringify(body), {
          ...headers,
          ...authorization,
        }),
    });
    // What takes nothing can be answered in one way only.
    const takesNothing = OPERATIONS.some((one) => one.id === id && Object.keys(one.input).length === 0);
    expect(seen.size).toBeGreaterThan(takesNothing ? 0 : 1);
  },
);

test('When a key is missing or wrong, then an operation for administrators is refused before anything else', async () => {
  const closed = operations.filter(({ operation }) => operation.security.length > 0);
  expect(closed.length).toBeGreaterThan(2);
  for (const { method, path, operation } of closed) {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${ADMIN_KEY}` }]) {
      const answer = await api.call(method.toUpperCase(), path.replaceAll(/[{}]/g, ''), undefined, headers);
      expect([operation.operationId, answer.status, answer.body.errorCode]).toEqual([
        operation.operationId,
        401,
        'PEC0009',
      ]);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  }
});

/** For people: pages are no part of the API. */
const PAGES = ['get /', 'get /success', 'get /fail', 'get /admin', 'get /orders/{orderId}'];

test('Whatever can be called is in the document, but for pages and what every service has', () => {
  const app = createHttpApp({
    log: createLog('payment-api', 'silent'),
    readiness: {},
    metrics: async () => '',
    routes: (routed) => paymentRoutes(routed, api.world),
  });
  const described = operations.map(({ method, path }) => `${method} ${path}`);
  expect(routesOf(app)).toEqual([...described, ...PAGES, ...ROUTES_OF_ALL_SERVICES].toSorted());
});

test('The document is served, and the page for people loads nothing from elsewhere', async () => {
  const { status, body } = await api.call('GET', '/openapi.json');
  expect([status, body]).toEqual([200, JSON.parse(JSON.stringify(openApi()))]);
  const page = await fetch(`${api.url}/docs`);
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
  const html = await page.text();
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
  expect(links.length).toBe(4);
  for (const link of links) {
    const asset = await fetch(new URL(link, api.url));
    expect([link, asset.status]).toEqual([link, 200]);
    await asset.arrayBuffer();
  }
});
