import { openDatabase } from '#prisma/database';
import { startTestApi, type TestApi } from './payment-api.fixture';

let api: TestApi;
beforeAll(async () => {
  // Nobody listens there.
  api = await startTestApi({
    db: openDatabase('mysql://payment_api:payment_api@127.0.0.1:1/payment_eda', 2),
  });
});
afterAll(async () => {
  await api.world.db.$disconnect();
  await api.close();
});

test('When the database does not answer, then 503 PEC0014 with Retry-After, and the PSP is not asked', async () => {
  const orderId = 'order-without-database';
  const answers = await Promise.all([
    api.call('POST', '/api/payments/checkout', { productNos: [1] }),
    api.call('GET', `/api/payments/${orderId}`),
    api.confirm('some-key', orderId, 1000),
  ]);
  for (const { status, body, headers } of answers) {
    expect([status, body.errorCode, headers.get('retry-after')]).toEqual([503, 'PEC0014', '5']);
    expect(JSON.stringify(body)).not.toMatch(/pool|prisma|127\.0\.0\.1/i);
  }
  expect(await api.confirmCalls(orderId)).toEqual([]);
});
