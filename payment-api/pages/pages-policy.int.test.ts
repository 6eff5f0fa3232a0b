import { startTestApi, type TestApi } from '../payment-api.fixture';

const TOSS = /tosspayments/;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ paymentWindow: { kind: 'toss', clientKey: 'test_ck' } });
});
afterAll(() => api.close());

const policyOf = async (path: string): Promise<string> => {
  const response = await fetch(`${api.url}${path}`);
  await response.text();
  return response.headers.get('content-security-policy') ?? '';
};

test('When Toss is configured, then the shop’s page may load its SDK', async () => {
  const policy = await policyOf('/');
  expect(policy).toMatch(/script-src 'self' https:\/\/js\.tosspayments\.com(;|$)/);
  expect(policy).toMatch(/frame-src https:\/\/\*\.tosspayments\.com(;|$)/);
});

test.each(['/admin', '/success', '/fail', '/orders/order-unknown', '/api/products'])(
  'When Toss is configured, then %s still loads nothing from elsewhere',
  async (path) => {
    const policy = await policyOf(path);
    expect(policy).toMatch(/default-src 'none'/);
    expect(policy).toMatch(/script-src 'self'(;|$)/);
    expect(policy).not.toMatch(TOSS);
  },
);

test('When the simulator is the PSP, then not even the shop loads anything from elsewhere', async () => {
  const other = await startTestApi();
  const response = await fetch(`${other.url}/`);
  await response.text();
  await other.close();
  expect(response.headers.get('content-security-policy')).not.toMatch(TOSS);
});
