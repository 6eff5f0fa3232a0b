import { until } from '#kit/until.fixture';
import {
  choose,
  describeInBrowser,
  expectHeadline,
  inWindow,
  KOREAN_TIME,
  order,
  paidAtInKorea,
  payInWindow,
  pspCalls,
  refusedOrder,
  unforeseen,
  untilHeld,
} from './pages.fixture';

const CONFIRM = '/api/payments/confirm';

describeInBrowser('a shopper in a browser', (world) => {
  const linesOf = (orderId: string) => world.river.ops.paymentOrder.findMany({ where: { orderId } });
  const confirmCalls = (orderId: string) => pspCalls(world.river, orderId, 'confirm');

  test('When products are chosen and paid, then the settlement appears by itself, and nothing is loaded from elsewhere', async () => {
    const { page, requests, errors } = await world.visit();
    await page.goto(world.shop);
    const product = (no: number) => page.locator(`[data-product="${no}"]`);
    // Nothing is chosen for the shopper, and nothing can be paid before something is.
    await page.locator('#products output').first().waitFor();
    const products = await world.river.ops.product.count();
    expect(await page.locator('#products output').allInnerTexts()).toEqual(Array(products).fill('0'));
    const pay = page.locator('#pay');
    expect([await page.locator('#total').innerText(), await pay.getAttribute('aria-disabled')]).toEqual([
      '0원',
      'true',
    ]);
    await product(1).getByRole('button', { name: '더하기' }).click();
    expect([await page.locator('#total').innerText(), await pay.getAttribute('aria-disabled')]).toEqual([
      '1,000원',
      'false',
    ]);
    await product(1).getByRole('button', { name: '더하기' }).click();
    await product(6).getByRole('button', { name: '더하기' }).click();
    await page.getByRole('button', { name: '2,500원 결제하기' }).click();
    const orderId = await inWindow(world, page);
    await payInWindow(page);
    await expectHeadline(page, '결제가 완료되었습니다');
    await page.locator('#stepSettled.done').waitFor();
    const lines = await linesOf(orderId);
    // Two lines of one product are told apart by their numbers.
    expect(await page.locator('#lines .parts > :first-child').allInnerTexts()).toEqual(
      lines.map(({ no }) => `#${no}`),
    );
    expect(await page.locator('#order dd').last().innerText()).toBe(orderId);
    expect(lines.map(({ productNo }) => Number(productNo))).toEqual([1, 1, 6]);
    await page.getByRole('link', { name: '주문 페이지 보기' }).click();
    await expectHeadline(page, '결제가 완료된 주문입니다');
    expect(new URL(page.url()).pathname).toBe(`/orders/${orderId}`);
    expect(new Set(requests.map(({ url }) => new URL(url).origin))).toEqual(new Set([world.shop, world.psp]));
    expect(errors).toEqual([]);
    await world.river.expectAudit();
  });

  test('When pay is clicked twice, then one order is made; when /success is reloaded, then the answer is the same and nothing is charged again', async () => {
    const { page, asked } = await world.visit();
    await page.goto(world.shop);
    await choose(page, [1, 2, 3]);
    await page.locator('#pay').dblclick();
    const orderId = await inWindow(world, page);
    expect(asked('POST', '/api/payments/checkout')).toHaveLength(1);
    await page.locator('button.pay').dblclick();
    await expectHeadline(page, '결제가 완료되었습니다');
    await page.reload();
    await expectHeadline(page, '결제가 완료되었습니다');
    expect(asked('POST', CONFIRM).length).toBeGreaterThan(1);
    expect(await confirmCalls(orderId)).toHaveLength(1);
  });

  test('When the card is declined, then the page says why and that nothing was charged, and another try can be paid', async () => {
    const { page, errors } = await world.visit();
    const orderId = await order(world, page);
    await page.getByRole('button', { name: '거절' }).click();
    await expectHeadline(page, '결제하지 못했습니다');
    // A live region is filled a moment later, so that it is read out.
    await page.getByText('카드사에서 결제를 거절했습니다').waitFor();
    expect(await page.locator('main').innerText()).toContain('결제된 금액은 없습니다');
    const orderPage = page.getByRole('link', { name: '주문 페이지 보기' });
    expect(await orderPage.getAttribute('href')).toBe(`/orders/${orderId}`);
    await page.getByRole('link', { name: '다시 주문하기' }).click();
    await page.locator('#pay:not([aria-disabled="true"])').click();
    await payInWindow(page);
    await expectHeadline(page, '결제가 완료되었습니다');
    expect(errors).toEqual([]);
  });

  test('When the window is closed or left with the back button, then the basket is still there and can be paid', async () => {
    const { page } = await world.visit();
    await page.goto(world.shop);
    await page.getByRole('button', { name: '상품E 하나 더하기' }).click();
    await page.getByRole('button', { name: '2,500원 결제하기' }).click();
    await inWindow(world, page);
    await page.goBack();
    await page.getByRole('button', { name: '2,500원 결제하기' }).click();
    await inWindow(world, page);
    await page.getByRole('button', { name: '닫기' }).click();
    await expectHeadline(page, '결제하지 못했습니다');
    await page.getByText('결제창을 닫았습니다.').waitFor();
    await page.getByRole('link', { name: '다시 주문하기' }).click();
    await page.getByRole('button', { name: '2,500원 결제하기' }).click();
    await inWindow(world, page);
    await payInWindow(page);
    await expectHeadline(page, '결제가 완료되었습니다');
  });

  test('When the PSP is slow, then the page asks for patience; a second tab waits for the same payment, which is asked for once', async () => {
    const { page, context } = await world.visit();
    await page.clock.install();
    const orderId = await order(world, page);
    await world.river.psp('PUT', '/simulator/faults', { hold: 'request', orderId, operations: ['confirm'] });
    await payInWindow(page);
    await expectHeadline(page, '결제를 승인하고 있습니다');
    await untilHeld(world.river, orderId);
    await page.clock.fastForward(5_000);
    await page.getByText('카드사의 응답이 늦어지고 있습니다').waitFor();
    const second = await context.newPage();
    await second.goto(page.url());
    await second.getByText('다른 창에서 같은 결제를 승인하고 있습니다').waitFor();
    await world.river.psp('POST', '/simulator/release', { orderId });
    await expectHeadline(page, '결제가 완료되었습니다');
    await expectHeadline(second, '결제가 완료되었습니다');
    expect(await confirmCalls(orderId)).toHaveLength(1);
  });

  test('When the connection breaks during the confirm, then it is asked again and charged once', async () => {
    const { page } = await world.visit();
    const orderId = await order(world, page);
    let calls = 0;
    await page.route(`**${CONFIRM}`, async (route) => {
      calls += 1;
      // The first never arrives; the second does its work, and its answer is lost.
      if (calls === 2) await route.fetch();
      await (calls <= 2 ? route.abort('connectionreset') : route.continue());
    });
    await payInWindow(page);
    await page.getByText('연결이 끊겨 결제 결과를 아직 모릅니다').waitFor();
    await expectHeadline(page, '결제가 완료되었습니다');
    expect(calls).toBe(3);
    expect(await confirmCalls(orderId)).toHaveLength(1);
  });

  test('When there is no connection for long, then the shopper may check again, which is safe', async () => {
    const { page, context } = await world.visit();
    await page.clock.install();
    const orderId = await order(world, page);
    await page.route(`**${CONFIRM}`, (route) => route.abort('connectionreset'));
    await payInWindow(page);
    await page.getByText('연결이 끊겨').waitFor();
    await page.clock.fastForward('02:00');
    await expectHeadline(page, '결제 결과를 아직 알 수 없습니다');
    expect(await page.evaluate('document.activeElement.id')).toBe('headline');
    await context.unrouteAll();
    await page.unrouteAll();
    await page.getByRole('button', { name: '다시 확인하기' }).click();
    await expectHeadline(page, '결제가 완료되었습니다');
    expect(await confirmCalls(orderId)).toHaveLength(1);
  });

  test('When the PSP refuses the card (402), then both languages say why, nothing was charged, and a reload says the same', async () => {
    const { page, errors } = await world.visit();
    const orderId = await order(world, page);
    await world.river.psp('PUT', '/simulator/faults', {
      errorCode: 'INVALID_STOPPED_CARD',
      orderId,
      times: 1,
    });
    await payInWindow(page);
    await expectHeadline(page, '결제하지 못했습니다');
    await page.getByText('정지된 카드입니다').waitFor();
    await page.reload();
    await page.getByText('정지된 카드입니다').waitFor();
    await page.getByRole('button', { name: 'English' }).click();
    await expectHeadline(page, 'The payment did not go through');
    await page.getByText('This card is suspended. Please use another card. Nothing was charged.').waitFor();
    expect(await confirmCalls(orderId)).toHaveLength(1);
    expect(unforeseen(errors)).toEqual([]);
    await page.goto(`${world.shop}/orders/${orderId}`);
    await expectHeadline(page, 'This order was not paid');
  });

  test.each([
    ['ko-KR', 'REJECT_ACCOUNT_PAYMENT', '잔액이 부족하여 결제하지 못했습니다. 결제된 금액은 없습니다.'],
    [
      'en-GB',
      'REJECT_ACCOUNT_PAYMENT',
      'The account’s balance is too low for this payment. Nothing was charged.',
    ],
  ])(
    'When the PSP has refused an order and its page is opened in %s, then it says why (%s)',
    async (locale, code, reason) => {
      const orderId = await refusedOrder(world, code);
      const { page } = await world.visit({ locale });
      await page.goto(`${world.shop}/orders/${orderId}`);
      const detail = page.locator('#detail.bad');
      await detail.waitFor();
      expect(await detail.innerText()).toBe(reason);
    },
  );

  test.each([
    ['ko-KR', '주문 페이지 보기', '아직 결제되지 않은 주문입니다'],
    ['en-GB', 'See the order page', 'This order has not been paid yet'],
  ])(
    'When the window comes back without a payment in %s, then the fail page leads to the order’s page, if it knows one',
    async (locale, link, headline) => {
      const { orderId } = await world.river.order([1]);
      const { page } = await world.visit({ locale });
      await page.goto(`${world.shop}/fail?code=PAY_PROCESS_CANCELED&orderId=${orderId}`);
      await page.getByRole('link', { name: link }).click();
      await expectHeadline(page, headline);
      for (const unknown of ['', '&orderId=..%2Fadmin', '&orderId=x']) {
        await page.goto(`${world.shop}/fail?code=PAY_PROCESS_CANCELED${unknown}`);
        await page.locator('#actions a').first().waitFor();
        expect(await page.locator('#actions a').count()).toBe(1);
      }
    },
  );

  test('When the reader is elsewhere in the world, then times are Korea’s and say so', async () => {
    const orderId = await world.river.buy([1]);
    const { page } = await world.visit({ timezoneId: 'America/New_York' });
    await page.goto(`${world.shop}/orders/${orderId}`);
    const shown = page.locator('#order dd').nth(-2);
    await shown.waitFor();
    expect(await shown.innerText()).toMatch(KOREAN_TIME);
    expect(await shown.innerText()).toContain(await paidAtInKorea(world, orderId));
    await page.getByRole('button', { name: 'English' }).click();
    expect(await shown.innerText()).toMatch(/^\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d:\d\d\sKST$/);
  });

  test('When the payment service is down (503), then the page says that nothing was charged, and trying again pays', async () => {
    const { page } = await world.visit();
    const orderId = await order(world, page);
    await world.river.psp('PUT', '/simulator/faults', { errorCode: 'UNAUTHORIZED_KEY', orderId, times: 1 });
    await payInWindow(page);
    await expectHeadline(page, '지금은 결제할 수 없습니다');
    await page.getByText('결제된 금액은 없습니다').waitFor();
    await page.getByRole('button', { name: '다시 시도하기' }).click();
    await expectHeadline(page, '결제가 완료되었습니다');
  });

  test('When an order was paid with another key (409), or the amount was tampered with, then the page says so', async () => {
    const { page, context } = await world.visit();
    const paid = await world.river.order([1]);
    await world.river.pay(paid);
    const { paymentKey } = await world.river.psp('POST', '/simulator/payments', paid);
    const result = (orderId: string, amount: number) =>
      `${world.shop}/success?${new URLSearchParams({ paymentKey, orderId, amount: String(amount) })}`;
    await page.goto(result(paid.orderId, paid.amount));
    await expectHeadline(page, '이미 처리된 주문입니다');
    const open = await world.river.order([1]);
    const other = await context.newPage();
    await other.goto(result(open.orderId, 1));
    await expectHeadline(other, '결제하지 못했습니다');
    await other.getByText('결제 금액이 주문 금액과 다릅니다. 결제된 금액은 없습니다.').waitFor();
    await other.goto(`${world.shop}/success?orderId=${open.orderId}`);
    await other.getByText('주소가 올바르지 않습니다').waitFor();
    expect(await confirmCalls(open.orderId)).toHaveLength(0);
  });

  test('When there are too many requests (429), then the page waits as long as it is told to, and goes on', async () => {
    const { page, asked } = await world.visit();
    await order(world, page);
    await page.route(
      `**${CONFIRM}`,
      (route) =>
        route.fulfill({
          status: 429,
          headers: { 'retry-after': '2' },
          json: { code: 429, status: 'TOO_MANY_REQUESTS', errorCode: 'PEC0010', message: '', data: null },
        }),
      { times: 1 },
    );
    await payInWindow(page);
    await page.getByText('요청이 많아 잠시 후 자동으로 다시 시도합니다').waitFor();
    await expectHeadline(page, '결제가 완료되었습니다');
    const [first = 0, second = 0] = asked('POST', CONFIRM);
    expect(second - first).toBeGreaterThanOrEqual(1_990);
  });

  test('When the products or the order cannot be had, then the page says so, and repeats the same order at most once', async () => {
    const { page } = await world.visit();
    await page.route('**/api/products', (route) => route.abort(), { times: 1 });
    await page.goto(world.shop);
    await page.getByText('상품을 불러오지 못했습니다').waitFor();
    await page.getByRole('button', { name: '다시 불러오기' }).click();
    await choose(page, [1, 2, 3]);
    // The order is made, and the answer is lost: the second click finds the same order.
    let lost = '';
    await page.route(
      '**/api/payments/checkout',
      async (route) => {
        lost = (await (await route.fetch()).json()).data.orderId;
        await route.abort();
      },
      { times: 1 },
    );
    await page.getByRole('button', { name: '6,000원 결제하기' }).click();
    await page.getByText('주문하지 못했습니다. 결제된 금액은 없습니다.').waitFor();
    await page.getByRole('button', { name: '6,000원 결제하기' }).click();
    expect(await inWindow(world, page)).toBe(lost);
  });

  test('When the outcome is unknown, then the page asks less and less often, comes to an end with a way forward, and an open page resolves by itself', async () => {
    const { page, asked } = await world.visit();
    await page.clock.install();
    const orderId = await order(world, page);
    const silence = { dropResponseRate: 1, orderId, operations: ['confirm', 'lookup'] };
    await world.river.psp('PUT', '/simulator/faults', silence);
    await payInWindow(page);
    await expectHeadline(page, '결제 결과를 확인하고 있습니다');
    await page.getByText('다시 결제하지 마세요').waitFor();
    const patient = (await world.visit()).page;
    await patient.goto(page.url());
    await expectHeadline(patient, '결제 결과를 확인하고 있습니다');
    const polls = () => asked('GET', `/api/payments/${orderId}`);
    // By then the pause has grown sevenfold: what a slow machine takes for a poll is little beside it.
    await until('eleven polls', () => polls().length >= 11);
    const gaps = polls().map((at, index, all) => at - (all[index - 1] ?? at));
    expect(gaps[10]).toBeGreaterThan((gaps[2] ?? 0) * 1.5);
    await page.clock.fastForward('05:00');
    await page.getByText('아직 결과가 나오지 않았습니다').waitFor();
    expect(await page.getByRole('link', { name: '주문 페이지 보기' }).getAttribute('href')).toBe(
      `/orders/${orderId}`,
    );
    await world.river.psp('PUT', '/simulator/faults', {});
    await patient.getByRole('heading', { name: '결제가 완료되었습니다' }).waitFor();
    await page.getByRole('button', { name: '다시 확인하기' }).click();
    await expectHeadline(page, '결제가 완료되었습니다');
    expect((await linesOf(orderId)).every(({ status }) => status === 'SUCCESS')).toBe(true);
    expect(
      await world.river.ops.outbox.count({ where: { aggregateId: orderId, aggregateType: 'payment' } }),
    ).toBe(1);
  });
});
