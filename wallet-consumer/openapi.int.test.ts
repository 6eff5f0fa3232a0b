import { createHttpApp, listen, type RunningServer } from '#kit/http';
import { createLog } from '#kit/log';
import { checkConformity, operationsOf, type Made } from '#kit/openapi-conformity.fixture';
import { describeWith } from '#kit/optional-tool.fixture';
import { routesOf, ROUTES_OF_ALL_SERVICES } from '#kit/routes.fixture';
import { fuzz, schemathesis } from '#kit/schemathesis.fixture';
import { openTestDatabase, type TestDatabase } from '#prisma/database.fixture';
import { OPERATIONS, openApi, walletRoutes } from './routes';

const KEY = 'test-admin-key';
const RUNS_PER_OPERATION = 150;
const operations = operationsOf(openApi());

let database: TestDatabase;
let server: RunningServer;
let url: string;
beforeAll(async () => {
  database = await openTestDatabase('wallet');
  const app = createHttpApp({
    log: createLog('wallet', 'silent'),
    readiness: {},
    routes: walletRoutes(database.db, [KEY], 0),
  });
  server = await listen(app, 0, '127.0.0.1');
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(async () => {
  await server.close();
  await database.close();
});

async function call(path: string, headers: Record<string, string>) {
  const response = await fetch(`${url}${path}`, { headers: { connection: 'close', ...headers } });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    // oxlint-disable-next-line typescript/no-unsafe-assignment -- JSON of any shape
    body: isJson ? JSON.parse(text) : text,
  };
}

/** Sellers 1 and 2 have wallets; a period that is drawn by chance is hardly ever one. */
function aboutWallet(made: Made): Made {
  if (!('sellerNo' in made.params) || made.chance % 2 === 1) return made;
  const { from: _from, to: _to, cursor: _cursor, ...query } = made.query;
  return {
    ...made,
    params: { sellerNo: String(1 + (made.chance % 3)) },
    query: made.chance % 4 === 0 ? query : made.query,
  };
}

test.each(operations.map((called) => [called.operation.operationId as string, called] as const))(
  'Whatever %s is sent, the document knows the verdict and the answer',
  async (_id, called) => {
    const seen = await checkConformity(called, {
      runs: RUNS_PER_OPERATION,
      about: aboutWallet,
      isBeyondSchemas: ({ message }) => /must be a day of Korea|is not a cursor of ours|before/.test(message),
      send: (_called, { headers }, path) => call(path, { ...headers, authorization: `Bearer ${KEY}` }),
    });
    expect(seen.size).toBeGreaterThan(1);
  },
);

test('When the key is missing or wrong, then nothing is shown', async () => {
  for (const { path } of operations) {
    for (const headers of [{}, { authorization: 'Bearer wrong' }] as Record<string, string>[]) {
      const answer = await call(path.replace('{sellerNo}', '1'), headers);
      expect([path, answer.status]).toEqual([path, 401]);
    }
  }
});

test('Whatever can be called is in the document, but for the page and what every service has', () => {
  const app = createHttpApp({
    log: createLog('wallet', 'silent'),
    readiness: {},
    metrics: async () => '',
    routes: walletRoutes(database.db, [KEY], 0),
  });
  const described = operations.map(({ method, path }) => `${method} ${path}`);
  expect(routesOf(app)).toEqual([...described, 'get /', ...ROUTES_OF_ALL_SERVICES].toSorted());
});

test('The document is served', async () => {
  const { status, body } = await call('/openapi.json', {});
  expect([status, body]).toEqual([200, JSON.parse(JSON.stringify(openApi()))]);
});

describeWith(schemathesis, 'Schemathesis', (program) => {
  test('finds no answer of the wallet API that is not described, and no 5xx', async () => {
    expect(await fuzz(program, url, KEY)).toBe(OPERATIONS.length);
  });
});
