import { randomUUID } from 'node:crypto';
import { ADMIN_KEY, startTestApi, type Json, type TestApi } from '../payment-api.fixture';

const admin = { authorization: `Bearer ${ADMIN_KEY}` };
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const history = (orderId: string, headers: Record<string, string> = admin) =>
  api.call('GET', `/api/payments/${orderId}/history`, undefined, headers);

describe('GET /api/payments/{orderId}/history', () => {
  test('When a line of a paid order is canceled, then every move is told: when, from, to, by whom and why', async () => {
    const { orderId, lineNos } = await api.paid([1, 6]);
    const [first, second] = lineNos;
    if (first === undefined || second === undefined) throw new Error('two lines were ordered');
    expect((await api.cancel(orderId, [second])).status).toBe(200);
    const { status, body } = await history(orderId);
    expect(status).toBe(200);
    expect(body.data.orderId).toBe(orderId);
    const moves = body.data.historyList.map(
      ({ paymentOrderNo, previousStatus, newStatus, changedBy }: Json) =>
        `${paymentOrderNo === first ? 'first' : 'second'} ${previousStatus} → ${newStatus} by ${changedBy}`,
    );
    expect(moves).toEqual([
      'first NOT_STARTED → EXECUTING by confirm',
      'second NOT_STARTED → EXECUTING by confirm',
      'first EXECUTING → SUCCESS by confirm',
      'second EXECUTING → SUCCESS by confirm',
      'second SUCCESS → CANCELED by cancel',
    ]);
    expect(body.data.historyList.at(-1)).toEqual({
      historyNo: expect.any(Number),
      paymentOrderNo: second,
      previousStatus: 'SUCCESS',
      newStatus: 'CANCELED',
      changedBy: 'cancel',
      reason: expect.stringMatching(/./),
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
  });

  test('When an order has only been checked out, then its history is empty', async () => {
    const { orderId } = await api.order();
    expect((await history(orderId)).body.data).toEqual({ orderId, historyList: [] });
  });

  test('When the PSP back office cancels, then the mover is named as the documents name it', async () => {
    const { orderId, paymentKey } = await api.paid([1]);
    await api.psp('POST', `/simulator/payments/${paymentKey}/cancel`, {});
    await api.call('POST', '/api/webhooks/toss', {
      eventType: 'PAYMENT_STATUS_CHANGED',
      createdAt: new Date().toISOString(),
      data: { orderId, paymentKey, status: 'CANCELED' },
    });
    await api.recover();
    const { body } = await history(orderId);
    expect(body.data.historyList.at(-1)).toMatchObject({
      newStatus: 'CANCELED',
      changedBy: 'webhook-lookup',
    });
  });

  test('When there is no such order, then 404 PEC0003', async () => {
    const { status, body } = await history(randomUUID());
    expect([status, body.errorCode]).toEqual([404, 'PEC0003']);
  });

  test.each<Record<string, string>>([{}, { authorization: 'Bearer wrong' }])(
    'When it comes with %j, then 401 PEC0009 and no history',
    async (headers) => {
      const { orderId } = await api.order();
      const { status, body } = await history(orderId, headers);
      expect([status, body.errorCode, body.data]).toEqual([401, 'PEC0009', null]);
    },
  );

  test('When the order id is malformed, or the method another, then 400 and 405 PEC0008', async () => {
    expect((await history('a')).status).toBe(400);
    const { status, headers } = await api.call('POST', `/api/payments/${randomUUID()}/history`, {}, admin);
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});
