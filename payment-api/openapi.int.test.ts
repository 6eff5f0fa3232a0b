import fc from 'fast-check';
import { judgeOf, nearly } from '#kit/openapi.fixture';
import { ADMIN_KEY, startTestApi, type Answer, type Json, type TestApi } from './payment-api.fixture';
import { openApi } from './routes';

// The document against the running API: requests made from the document's own schemas, well-formed and not. What the
// document allows is never malformed to the API, what it forbids always is, and every answer is one it describes.

const RUNS_PER_OPERATION = 300;
const SEED = Number(new Date()) & 0x7f_ff_ff_ff;

interface Called {
  method: string;
  path: string;
  operation: Json;
}

const operations: Called[] = Object.entries(openApi()['paths'] as Json).flatMap(([path, methods]) =>
  Object.entries(methods as Json).map(([method, operation]) => ({ method, path, operation })),
);
const judge = judgeOf();

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

interface Made {
  params: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: unknown;
  /** Puts what exists into the request where it has a place for it. */
  order: number | null;
}

/** Half an emoji cannot be written into an address. */
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
const sendable = (text: unknown): text is string => typeof text === 'string';
/** What HTTP itself transports as it is: printable, not trimmed. */
const isHeaderText = (text: unknown): boolean =>
  sendable(text) && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
const isSegment = (text: unknown): boolean =>
  sendable(text) && text !== '' && !/^\.{1,2}$/.test(text) && isWellFormed(text);

function partOf(operation: Json, place: string, isUsable: (text: unknown) => boolean) {
  const parameters = (operation.parameters ?? []).filter((parameter: Json) => parameter.in === place);
  return fc
    .record(
      Object.fromEntries(parameters.map(({ name, schema }: Json) => [name, nearly(schema).filter(isUsable)])),
      { requiredKeys: place === 'path' ? parameters.map(({ name }: Json) => name) : [] },
    )
    .map((record) => record as Record<string, string>);
}

const requestOf = (operation: Json): fc.Arbitrary<Made> =>
  fc.record({
    params: partOf(operation, 'path', isSegment),
    query: partOf(operation, 'query', (text) => sendable(text) && isWellFormed(text)),
    headers: partOf(operation, 'header', isHeaderText),
    body:
      operation.requestBody === undefined
        ? fc.constant(undefined)
        : nearly(operation.requestBody.content['application/json'].schema).filter(
            (body) => body !== undefined,
          ),
    order: fc.option(fc.nat({ max: 3 })),
  });

/** The same request about an order that exists. */
function aboutOrder(made: Made, operation: Json): Made {
  const order = made.order === null ? undefined : orders[made.order];
  if (order === undefined) return made;
  const { orderId, paymentKey, amount } = order;
  const body = made.body as Json;
  const knows = operation.requestBody?.content['application/json'].schema.properties ?? {};
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return {
    ...made,
    params: 'orderId' in made.params ? { ...made.params, orderId } : made.params,
    body:
      isObject && 'paymentKey' in knows && typeof body.paymentKey === 'string'
        ? { ...body, orderId, paymentKey, amount }
        : body,
  };
}

async function send({ method, path, operation }: Called, made: Made): Promise<Answer> {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(made.params[name] ?? ''),
  );
  const query = new URLSearchParams(made.query).toString();
  const authorization = operation.security.length > 0 ? { authorization: `Bearer ${ADMIN_KEY}` } : {};
  return api.call(
    method.toUpperCase(),
    `${filled}${query === '' ? '' : `?${query}`}`,
    made.body === undefined ? undefined : JSON.stringify(made.body),
    { ...made.headers, ...authorization },
  );
}

/** What the document says against the request; `undefined` when it allows it. */
function verdictOn({ operation }: Called, made: Made): string | undefined {
  for (const { name, in: place, required, schema } of operation.parameters ?? []) {
    const given = { path: made.params, query: made.query, header: made.headers }[place as 'path']?.[name];
    if (given === undefined) {
      if (required) return `${name} is missing`;
      continue;
    }
    const problem = judge(schema, given);
    if (problem !== undefined) return `${name}: ${problem}`;
  }
  const bodySchema = operation.requestBody?.content['application/json'].schema;
  // As it arrives: JSON has no -0 and no undefined.
  return bodySchema === undefined ? undefined : judge(bodySchema, JSON.parse(JSON.stringify(made.body)));
}

/** What only the rows can tell, and is malformed all the same. */
const isBeyondSchemas = (issue: { path: string; message: string }): boolean =>
  /must be lines of|is not a cursor of ours/.test(issue.message);

function checkAnswer({ operation }: Called, answer: Answer): void {
  const described = operation.responses[answer.status];
  if (described === undefined)
    throw new Error(`${answer.status} is not described: ${JSON.stringify(answer.body)}`);
  expect(answer.status).toBeLessThan(500);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  const problem = judge(described.content['application/json'].schema, answer.body);
  if (problem !== undefined) throw new Error(`${answer.status}: ${problem}: ${JSON.stringify(answer.body)}`);
}

test.each(operations.map((called) => [called.operation.operationId as string, called] as const))(
  'Whatever %s is sent, the document knows the verdict and the answer',
  async (_id, called) => {
    const seen = new Set<number>();
    await fc.assert(
      fc.asyncProperty(requestOf(called.operation), async (arbitrary) => {
        const made = aboutOrder(arbitrary, called.operation);
        const verdict = verdictOn(called, made);
        const answer = await send(called, made);
        seen.add(answer.status);
        checkAnswer(called, answer);
        const issues: Json[] = answer.body.data?.issues ?? [];
        const isMalformed =
          answer.body.errorCode === 'PEC0008' && (verdict !== undefined || !issues.some(isBeyondSchemas));
        if (isMalformed !== (verdict !== undefined)) {
          throw new Error(
            `the document says ${verdict ?? 'well-formed'}, the API ${answer.status} ${JSON.stringify(answer.body)}`,
          );
        }
      }),
      { numRuns: RUNS_PER_OPERATION, seed: SEED },
    );
    expect(seen.size).toBeGreaterThan(called.operation.operationId === 'listProducts' ? 0 : 1);
  },
  120_000,
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
