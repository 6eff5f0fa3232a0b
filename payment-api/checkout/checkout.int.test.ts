import { randomUUID } from 'node:crypto';
import { startTestApi, type TestApi } from '../payment-api.fixture';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const countPayments = async (): Promise<number> => {
  const [row] = await api.database.administer<{ n: bigint }[]>('SELECT COUNT(*) AS n FROM payment_events');
  return Number(row?.n);
};

describe('checkout', () => {
  test('When three products are bought, then the order costs 6000 and has a line for each', async () => {
    const { status, body } = await api.call('POST', '/api/payments/checkout', { productNos: [1, 2, 3] });
    expect({ status, code: body.code, name: body.status }).toEqual({
      status: 201,
      code: 201,
      name: 'CREATED',
    });
    expect(body.data).toEqual({ orderId: expect.any(String), orderName: '상품A 그외 2건', amount: 6000 });
    const lines = await api.database.administer(
      'SELECT product_no, seller_no, amount, payment_order_status FROM payment_orders WHERE order_id = ? ORDER BY no',
      [body.data.orderId],
    );
    expect(
      lines.map((line) => [
        line['product_no'],
        line['seller_no'],
        line['amount'],
        line['payment_order_status'],
      ]),
    ).toEqual([
      [1n, 1n, '1000.00', 'NOT_STARTED'],
      [2n, 1n, '2000.00', 'NOT_STARTED'],
      [3n, 1n, '3000.00', 'NOT_STARTED'],
    ]);
    expect(await api.payment(body.data.orderId)).toMatchObject({
      status: 'NOT_STARTED',
      total_amount: '6000.00',
      is_payment_done: 0,
      is_wallet_done: 0,
      payment_key: null,
    });
  });

  test('When a product is bought twice, then it makes two lines', async () => {
    const { orderId, amount, orderName } = await api.order([1, 1]);
    expect({ amount, orderName }).toEqual({ amount: 2000, orderName: '상품A 그외 1건' });
    const lines = await api.database.administer('SELECT no FROM payment_orders WHERE order_id = ?', [
      orderId,
    ]);
    expect(lines).toHaveLength(2);
  });

  test('When a product does not exist, then PEC0001 and no row is left', async () => {
    const before = await countPayments();
    const { status, body } = await api.call('POST', '/api/payments/checkout', { productNos: [1, 999] });
    expect({ status, body }).toEqual({
      status: 400,
      body: {
        code: 400,
        status: 'BAD_REQUEST',
        errorCode: 'PEC0001',
        message: '상품이 존재하지 않습니다.',
        data: null,
      },
    });
    expect(await countPayments()).toBe(before);
  });

  test.each([
    ['no products', { productNos: [] }, 400],
    ['too many products', { productNos: Array.from({ length: 101 }, () => 1) }, 400],
    ['a fraction', { productNos: [1.5] }, 400],
    ['a text', { productNos: ['1'] }, 400],
    ['a number beyond exact integers', '{"productNos":[9007199254740993]}', 400],
    ['an unknown field', { productNos: [1], price: 1 }, 400],
    ['no object', '[1]', 400],
    ['no JSON', '{"productNos":', 400],
    ['an oversized body', JSON.stringify({ productNos: [1], pad: 'x'.repeat(70_000) }), 413],
  ])(
    'When the body has %s, then PEC0008 with what is wrong, and no row is left',
    async (_what, body, http) => {
      const before = await countPayments();
      const answer = await api.call('POST', '/api/payments/checkout', body);
      expect(answer.status).toBe(http);
      expect(answer.body).toMatchObject({ code: http, errorCode: 'PEC0008' });
      expect(answer.body.data.issues.length).toBeGreaterThan(0);
      expect(await countPayments()).toBe(before);
    },
  );

  test('When the content type is not JSON, then 415', async () => {
    const answer = await api.call('POST', '/api/payments/checkout', 'productNos=1', {
      'content-type': 'text/plain',
    });
    expect([answer.status, answer.body.errorCode]).toEqual([415, 'PEC0008']);
  });

  test('When the method is another one, then 405 names what is allowed', async () => {
    const answer = await api.call('PUT', '/api/payments/checkout', { productNos: [1] });
    expect([answer.status, answer.headers.get('allow'), answer.body.errorCode]).toEqual([
      405,
      'POST',
      'PEC0008',
    ]);
  });

  test('When the same idempotency key comes 10 times at once, then there is one order and the same answer', async () => {
    const before = await countPayments();
    const headers = { 'idempotency-key': randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () =>
        api.call('POST', '/api/payments/checkout', { productNos: [1, 4] }, headers),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body.data.orderId)).size).toBe(1);
    expect(answers.filter(({ headers: sent }) => sent.get('idempotent-replayed') === 'true')).toHaveLength(9);
    expect(await countPayments()).toBe(before + 1);
  });

  test('When an idempotency key is used with another body, then 422 PEC0012', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    await api.call('POST', '/api/payments/checkout', { productNos: [1] }, headers);
    const { status, body } = await api.call('POST', '/api/payments/checkout', { productNos: [2] }, headers);
    expect([status, body.errorCode]).toEqual([422, 'PEC0012']);
  });
});
