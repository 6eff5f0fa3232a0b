import { closeFixtures, fixture } from '../simulator.fixture';

afterEach(closeFixtures);

const order = {
  orderId: 'order-window',
  amount: '6000',
  orderName: '상품A 외 2건',
  successUrl: 'http://localhost:8080/success',
  failUrl: 'http://localhost:8080/fail?from=window',
};

const open = (url: string, parameters: Record<string, string>) =>
  fetch(`${url}/window?${new URLSearchParams(parameters).toString()}`, { headers: { connection: 'close' } });

const press = (url: string, button: string, parameters: Record<string, string>) =>
  fetch(`${url}/window/${button}`, {
    method: 'POST',
    body: new URLSearchParams(parameters),
    redirect: 'manual',
    headers: { connection: 'close' },
  });

const target = (response: Response) => new URL(response.headers.get('location') ?? '');

describe('payment window', () => {
  it('When it is opened, then it shows order and amount, says what it is, and runs no script', async () => {
    const { simulator } = await fixture();
    const response = await open(simulator.url, order);
    const page = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    for (const text of [
      '상품A 외 2건',
      '6,000원',
      'order-window',
      '결제하기',
      '거절',
      '닫기',
      '시뮬레이터',
    ]) {
      expect(page).toContain(text);
    }
    expect(page).not.toMatch(/<script/i);
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("form-action 'self' http://localhost:8080;");
    expect(policy).not.toContain('unsafe');
  });

  it('When the shopper pays, then successUrl gets a key that can be confirmed', async () => {
    const { simulator, confirm } = await fixture();
    const response = await press(simulator.url, 'pay', order);
    expect(response.status).toBe(303);
    expect(response.headers.get('content-security-policy')).toContain('http://localhost:8080');
    const { origin, pathname, searchParams } = target(response);
    expect(`${origin}${pathname}`).toBe(order.successUrl);
    const { paymentKey = '', ...rest } = Object.fromEntries(searchParams);
    expect(rest).toEqual({ paymentType: 'NORMAL', orderId: order.orderId, amount: '6000' });
    const confirmed = await confirm({ paymentKey, orderId: order.orderId, amount: 6000 });
    expect(confirmed.body).toMatchObject({ status: 'DONE', orderName: '상품A 외 2건' });
  });

  it('When the card company declines, then failUrl is told, and the payment is ABORTED', async () => {
    const { simulator, toss } = await fixture();
    const { searchParams } = target(await press(simulator.url, 'decline', order));
    expect(Object.fromEntries(searchParams)).toEqual({
      from: 'window',
      code: 'REJECT_CARD_COMPANY',
      message: '결제 승인이 거절되었습니다.',
      orderId: order.orderId,
    });
    const seen = await toss('GET', `/v1/payments/orders/${order.orderId}`);
    expect(seen.body).toMatchObject({ status: 'ABORTED', failure: { code: 'REJECT_CARD_COMPANY' } });
  });

  it('When the shopper closes it, then the browser goes to failUrl, and there is no payment', async () => {
    const { simulator, toss } = await fixture();
    const { searchParams } = target(await press(simulator.url, 'close', order));
    expect(searchParams.get('code')).toBe('PAY_PROCESS_CANCELED');
    expect(searchParams.get('orderId')).toBe(order.orderId);
    expect((await toss('GET', `/v1/payments/orders/${order.orderId}`)).status).toBe(404);
  });

  it('When a parameter holds HTML, then it stays text', async () => {
    const { simulator } = await fixture();
    const orderName = `"><script>alert('x')</script>`;
    const failUrl = `http://localhost:8080/fail?a="><img src=x>`;
    const page = await (await open(simulator.url, { ...order, orderName, failUrl })).text();
    expect(page).not.toContain('<script');
    expect(page).not.toContain('<img');
    expect(page).toContain('&lt;script&gt;');
  });

  it.each([
    ['orderId', 'a b'],
    ['orderId', ''],
    ['amount', '0'],
    ['amount', '-1'],
    ['amount', '6000.5'],
    ['amount', '6e3'],
    ['amount', '9007199254740993'],
    ['orderName', ''],
    ['orderName', 'a'.repeat(101)],
    ['successUrl', 'https://evil.example/'],
    ['failUrl', 'javascript:alert(1)'],
  ])('When %s is "%s", then a page says so, and the browser is sent nowhere', async (name, value) => {
    const { simulator } = await fixture();
    const wrong = { ...order, [name]: value };
    for (const response of [await open(simulator.url, wrong), await press(simulator.url, 'pay', wrong)]) {
      expect(response.status).toBe(400);
      expect(response.headers.get('location')).toBeNull();
      expect(response.headers.get('content-security-policy')).toContain("form-action 'none'");
      const page = await response.text();
      expect(page).toContain('결제창을 열 수 없습니다');
      expect(page).toContain(name);
    }
  });

  it('When an origin is allowed, then the shopper may return there', async () => {
    const { simulator } = await fixture({ allowedOrigins: ['https://shop.example'] });
    const successUrl = 'https://shop.example/success';
    const response = await press(simulator.url, 'pay', { ...order, successUrl });
    expect(target(response).origin).toBe('https://shop.example');
  });
});
