import { paymentStatus } from '#payment-api/payment/parameters';
import { until } from '#kit/until.fixture';
import { type Json } from './e2e.fixture';
import {
  askRefund,
  cancelElsewhere,
  describeInBrowser,
  expectHeadline,
  KOREAN_TIME,
  openPayment,
  paidAtInKorea,
  pspCalls,
  refusedOrder,
  signIn,
  unforeseen,
} from './pages.fixture';

describeInBrowser('an administrator in a browser', (world) => {
  const cancelsOf = (orderId: string) => world.river.ops.paymentCancel.findMany({ where: { orderId } });
  const settled = async (productNos: number[]): Promise<string> => {
    const orderId = await world.river.buy(productNos);
    await world.river.untilSettled([orderId]);
    return orderId;
  };

  test('When a line is refunded from the page, then the wallet moves before the eyes, and the history says who and why', async () => {
    const orderId = await settled([1, 4]);
    const { page, context, requests, errors } = await world.visit();
    await openPayment(world, page, orderId);
    const opened = context.waitForEvent('page');
    await page.getByRole('link', { name: '판매자 2 지갑' }).click();
    const wallet = await opened;
    await signIn(world, wallet);
    const balance = wallet.locator('[data-seller="2"] .money');
    await balance.waitFor();
    const before = Number((await world.river.balances()).get(2));
    expect(await balance.innerText()).toBe(`${before.toLocaleString('ko-KR')}원`);
    await page.bringToFront();
    await askRefund(page, [1], '고객 변심');
    await page.getByRole('heading', { name: '1,500원을 환불합니다' }).waitFor();
    expect(await page.locator('#sure-yes').innerText()).toBe('1,500원 환불하기');
    await page.locator('#sure-yes').click();
    await page.getByText('1,500원을 환불했고 판매자 지갑에 반영했습니다.').waitFor();
    await page.locator('.moves li', { hasText: '상품D' }).getByText('PAYMENT_CANCELED: 고객 변심').waitFor();
    expect(await page.locator('#detail-status').innerText()).toBe('부분 취소');
    await wallet.bringToFront();
    const after = `${(before - 1_500).toLocaleString('ko-KR')}원`;
    await wallet.locator('[data-seller="2"] .money', { hasText: after }).waitFor();
    await wallet.getByText(`판매자 2의 잔액이 ${before.toLocaleString('ko-KR')}원에서 ${after}`).waitFor();
    expect(await wallet.locator('#lines > li').first().innerText()).toMatch(/환불 차감[^]*-1,500원/);
    const origins = new Set(requests.map(({ url }) => new URL(url).origin));
    expect(origins).toEqual(new Set([world.shop, world.wallets]));
    expect(errors).toEqual([]);
    await world.river.expectAudit();
  });

  test('When a key is wrong, then the page says so; a right one is kept in this tab only, and sent only as a header', async () => {
    const { page, context, requests, errors } = await world.visit();
    await page.goto(`${world.shop}/admin`);
    for (const wrong of ['wrong-key', '열쇠']) {
      await page.getByLabel('관리자 키').fill(wrong);
      await page.getByRole('button', { name: '로그인' }).click();
      await page.getByText('관리자 키가 올바르지 않습니다').waitFor();
      expect(await page.locator('#inside').isVisible()).toBe(false);
    }
    const { adminKey } = world.river.config;
    await signIn(world, page);
    await page.reload();
    await expectHeadline(page, '결제 목록');
    expect(
      await page.evaluate('JSON.stringify([localStorage, document.cookie, location.href])'),
    ).not.toContain(adminKey);
    expect(await context.cookies()).toEqual([]);
    const carried = requests.filter(({ headers }) => JSON.stringify(headers).includes(adminKey));
    expect(carried.length).toBeGreaterThan(1);
    for (const { url, headers } of carried) {
      expect(url).toMatch(/\/api\//);
      expect(headers['authorization']).toBe(`Bearer ${adminKey}`);
    }
    const second = await context.newPage();
    await second.goto(`${world.shop}/admin`);
    await second.getByLabel('관리자 키').waitFor();
    await page.getByRole('button', { name: '로그아웃' }).click();
    await page.getByText('로그아웃했습니다').waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    await page.reload();
    await page.getByLabel('관리자 키').waitFor();
    expect(unforeseen(errors)).toEqual([]);
  });

  test('When there are more payments than a page, then they are filtered by status and followed by cursor', async () => {
    const opened: string[] = [];
    for (let index = 0; index < 22; index += 1) opened.push((await world.river.order([1])).orderId);
    const paid = await world.river.buy([2]);
    const { page } = await world.visit();
    await page.goto(`${world.shop}/admin`);
    await signIn(world, page);
    await page.locator(`a[href="#order=${paid}"]`).waitFor();
    const offered = await page
      .locator('#status option')
      .evaluateAll((options: Json[]) => options.map(({ value }) => value));
    expect(offered.toSorted()).toEqual(['', ...paymentStatus.options].toSorted());
    await page.getByLabel('상태', { exact: true }).selectOption('NOT_STARTED');
    await page.locator(`a[href="#order=${paid}"]`).waitFor({ state: 'detached' });
    const shown = async (): Promise<string[]> =>
      (await page.locator('#payments a').all()).length === 0
        ? []
        : page
            .locator('#payments a')
            .evaluateAll((links: Json[]) =>
              links.map((link) => link.getAttribute('href').replace('#order=', '')),
            );
    expect(await shown()).toEqual(opened.toReversed().slice(0, 20));
    await page.getByRole('button', { name: '이전 내역 더 보기' }).click();
    await page.locator(`a[href="#order=${opened[0]}"]`).waitFor();
    expect((await shown()).slice(0, 22)).toEqual(opened.toReversed());
    // The reader goes on with the first of the older ones.
    expect(await page.evaluate('document.activeElement.hash')).toBe(`#order=${opened[1]}`);
    await page.keyboard.press('Enter');
    await expectHeadline(page, '상품A');
    await page.getByText('환불할 수 있는 항목이 없습니다').waitFor();
    await page.getByRole('link', { name: '목록으로' }).click();
    await page.getByLabel('상태', { exact: true }).selectOption('SUCCESS');
    await page.locator(`a[href="#order=${paid}"]`).waitFor();
  });

  test('When refund is clicked twice, or the answer is lost, then one cancel is made under one key', async () => {
    const orderId = await settled([1, 2]);
    const { page, requests } = await world.visit();
    await openPayment(world, page, orderId);
    const keys = () =>
      requests
        .filter(({ method, url }) => method === 'POST' && url.endsWith('/cancel'))
        .map(({ headers }) => headers['idempotency-key']);
    await page.locator('#reason').fill('중복 클릭');
    await page.locator('#refund li').first().getByRole('checkbox').check();
    await page.locator('#refund button').dblclick();
    await page.locator('#sure-yes').dblclick();
    await page.getByText('1,000원을 환불했').waitFor();
    expect(keys()).toHaveLength(1);
    // The second refund is done, and its answer lost.
    await page.route(
      '**/cancel',
      async (route) => {
        await route.fetch();
        await route.abort('connectionreset');
      },
      { times: 1 },
    );
    await askRefund(page, [1], '응답 유실');
    await page.locator('#sure-yes').click();
    await page.getByText('2,000원을 환불했').waitFor();
    const [first, second, third] = keys();
    expect([second === third, first === second]).toEqual([true, false]);
    expect((await cancelsOf(orderId)).map(({ status }) => status)).toEqual(['SUCCESS', 'SUCCESS']);
    expect(await pspCalls(world.river, orderId, 'cancel')).toHaveLength(2);
    await expectHeadline(page, '상품A 그외 1건');
    expect(await page.locator('#detail-status').innerText()).toBe('취소');
  });

  test('When a payment is refunded whole, then a question is asked before; going back refunds nothing', async () => {
    const orderId = await settled([1, 6]);
    const { page } = await world.visit();
    await openPayment(world, page, orderId);
    await page.getByLabel('남은 금액 전체 (1,500원)').check();
    await page.locator('#refund button').click();
    await page.getByText('환불 사유를 입력하세요').waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('reason');
    await page.locator('#reason').fill('전체 환불');
    await page.getByText('환불 사유를 입력하세요').waitFor({ state: 'detached' });
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: '돌아가기' }).click();
    expect(await cancelsOf(orderId)).toEqual([]);
    await page.locator('#refund button').click();
    await page.locator('#sure-yes').click();
    await page.getByText('1,500원을 환불했고').waitFor();
    await page.getByText('환불할 수 있는 항목이 없습니다').waitFor();
    await page.goto(`${world.shop}/orders/${orderId}`);
    await expectHeadline(page, '취소된 주문입니다');
  });

  test.each([
    [
      'ko-KR',
      '환불하기',
      '환불할 항목을 선택하세요.',
      '환불 사유를 입력하세요.',
      '1,500원 환불하기',
      '취소 내역',
    ],
    [
      'en-GB',
      'Refund',
      'Choose the lines to refund.',
      'Please enter a reason.',
      'Refund ₩1,500',
      'Cancellations',
    ],
  ])(
    'When a refund begins in %s, then nothing is chosen, warnings go with their cause, and the same product’s lines are told apart',
    async (locale, bare, chooseLines, giveReason, sure, cancels) => {
      const orderId = await settled([4, 4, 1]);
      const rows = await world.river.ops.paymentOrder.findMany({
        where: { orderId },
        orderBy: { no: 'asc' },
      });
      const { page } = await world.visit({ locale });
      await openPayment(world, page, orderId);
      const [button, message] = [page.locator('#refund button'), page.locator('#refund .message')];
      expect(await page.locator('#refund input[value="lines"]').isChecked()).toBe(true);
      expect(await page.locator('#refund li input:checked').count()).toBe(0);
      expect(await button.innerText()).toBe(bare);
      await button.click();
      await message.getByText(chooseLines).waitFor();
      await page.getByRole('checkbox', { name: `상품D #${rows[1]?.no}` }).check();
      expect(await message.innerText()).toBe('');
      await button.click();
      await message.getByText(giveReason).waitFor();
      await page.locator('#reason').fill('a');
      expect(await message.innerText()).toBe('');
      expect(await button.innerText()).toBe(sure);
      await button.click();
      expect(await page.locator('#sure-what').innerText()).toBe(`상품D #${rows[1]?.no}`);
      await page.locator('#sure').getByRole('button', { name: sure }).click();
      await page.locator('#refund .message.good').waitFor();
      await page.getByRole('region', { name: cancels }).getByText(`상품D #${rows[1]?.no}`).waitFor();
      await page.locator('.moves li', { hasText: `상품D #${rows[1]?.no}` }).waitFor();
      const canceled = await world.river.ops.paymentOrder.findMany({
        where: { orderId, status: 'CANCELED' },
      });
      expect(canceled.map(({ no }) => no)).toEqual([rows[1]?.no]);
    },
  );

  test.each([
    ['ko-KR', '찾기', '찾을 주문 번호를 입력하세요.', '결제가 없습니다', '6~64자입니다', '결제 시각 없음'],
    [
      'en-GB',
      'Find',
      'Please enter the order number',
      'There is no payment',
      'has 6 to 64',
      'no time of payment',
    ],
  ])(
    'When an order id is looked for in %s, then its payment opens, or the page says that there is none',
    async (locale, find, empty, none, malformed, noTime) => {
      const { orderId } = await world.river.order([2]);
      const { page, errors } = await world.visit({ locale });
      await page.goto(`${world.shop}/admin`);
      await signIn(world, page);
      const unpaid = page.locator(`a[href="#order=${orderId}"]`);
      expect(await unpaid.locator('.under').innerText()).toContain(noTime);
      const field = page.locator('#search-order');
      const message = page.locator('#search-message');
      const answers = [
        ['', empty],
        ['no-such-order', none],
        ['짧다', malformed],
      ] as const;
      for (const [typed, answer] of answers) {
        await field.fill(typed);
        await page.getByRole('button', { name: find }).click();
        await message.getByText(answer).waitFor();
        expect(await page.evaluate('document.activeElement.id')).toBe('search-order');
      }
      await field.fill(` ${orderId} `);
      expect(await message.innerText()).toBe('');
      await page.keyboard.press('Enter');
      await expectHeadline(page, '상품B');
      expect(new URL(page.url()).hash).toBe(`#order=${orderId}`);
      await page.goto(`${world.shop}/admin#order=no-such-order`);
      await page.locator('#detail-message.wait').waitFor();
      await expectHeadline(page, locale === 'ko-KR' ? '결제' : 'Payment');
      expect(unforeseen(errors)).toEqual([]);
    },
  );

  test.each([
    ['ko-KR', 'REJECT_ACCOUNT_PAYMENT', '잔액이 부족하여 결제하지 못했습니다. (REJECT_ACCOUNT_PAYMENT)'],
    [
      'en-GB',
      'REJECT_ACCOUNT_PAYMENT',
      'The account’s balance is too low for this payment. (REJECT_ACCOUNT_PAYMENT)',
    ],
  ])(
    'When the PSP has refused a payment, then the administrator’s page says why in %s',
    async (locale, code, reason) => {
      const orderId = await refusedOrder(world, code);
      const { page } = await world.visit({ locale });
      await openPayment(world, page, orderId);
      const message = page.locator('#detail-message.bad');
      await message.waitFor();
      expect(await message.innerText()).toBe(reason);
    },
  );

  test('When the administrator is elsewhere in the world, then every time is Korea’s and says so', async () => {
    const orderId = await settled([1]);
    const time = await paidAtInKorea(world, orderId);
    const { page } = await world.visit({ timezoneId: 'America/New_York' });
    await page.goto(`${world.shop}/admin`);
    await signIn(world, page);
    const row = page.locator(`a[href="#order=${orderId}"]`);
    const shown = await row.locator('.parts > span').first().innerText();
    expect(shown).toMatch(KOREAN_TIME);
    expect(shown).toContain(time);
    await row.click();
    expect(await page.locator('.moves .soft').first().innerText()).toMatch(/\d\d:\d\d:\d\d\sKST · /);
    await page.goto(`${world.wallets}/#seller=1`);
    await signIn(world, page);
    expect(await page.locator('#lines .parts > span').first().innerText()).toMatch(KOREAN_TIME);
    expect(await page.locator('#wallets .under').first().innerText()).toMatch(/\sKST$/);
  });

  test('When a line was canceled meanwhile (409), then the page says so and refunds nothing', async () => {
    const orderId = await settled([1, 2]);
    const { page } = await world.visit();
    await openPayment(world, page, orderId);
    // The page does not hear of what the other administrator does.
    await page.route(`**/api/payments/${orderId}`, (route) => route.abort());
    expect((await cancelElsewhere(world, orderId, [0], 'first')).status).toBe(200);
    await askRefund(page, [0], '이미 취소된 항목');
    await page.locator('#sure-yes').click();
    await page.getByText('환불하지 못했습니다. 취소할 수 없는 결제이거나 이미 취소된 항목입니다.').waitFor();
    expect(await cancelsOf(orderId)).toHaveLength(1);
  });

  test('When the PSP back office has canceled a part, then it is allocated to lines that sum to it, and the seller is debited', async () => {
    const orderId = await settled([1, 4, 6]);
    const { paymentKey } = (await world.river.ops.paymentEvent.findUniqueOrThrow({
      where: { orderId },
    })) as Json;
    await world.river.psp('POST', `/simulator/payments/${paymentKey}/cancel`, { cancelAmount: 1_500 });
    await until('the cancel is known', async () => (await cancelsOf(orderId))[0]?.status === 'UNALLOCATED');
    const { page } = await world.visit();
    await openPayment(world, page, orderId);
    await page.getByRole('heading', { name: '결제사에서 취소된 1,500원의 항목 지정' }).waitFor();
    await page.getByText('먼저 아래 취소가 어느 항목의 것인지 지정해 주세요').waitFor();
    const boxes = page.locator('#allocate').getByRole('checkbox');
    const submit = page.getByRole('button', { name: '이 항목으로 지정하기' });
    await boxes.nth(0).check();
    expect(await submit.getAttribute('aria-disabled')).toBe('true');
    await boxes.nth(0).uncheck();
    await boxes.nth(1).check();
    const before = (await world.river.balances()).get(2) ?? 0n;
    await submit.click();
    await page.getByText('지정했습니다.').waitFor();
    await until(
      'the seller is debited',
      async () => (await world.river.balances()).get(2) === before - 1_500n,
    );
    await page.locator('.moves li', { hasText: '상품D' }).getByText('처리: 관리자').waitFor();
    await world.river.expectAudit();
  });

  test('When a wallet is overdrawn, then its page says so', async () => {
    const { page } = await world.visit();
    await page.route('**/api/wallets?*', async (route) => {
      const answer = await (await route.fetch()).json();
      for (const wallet of answer.data.walletList) wallet.balance = -2_500;
      await route.fulfill({ json: answer });
    });
    await world.river.untilSettled([await world.river.buy([1])]);
    await page.goto(`${world.wallets}/`);
    await signIn(world, page);
    await page.getByText('마이너스 잔액').first().waitFor();
    expect(await page.locator('[data-seller="1"] .negative').innerText()).toBe('-2,500원');
  });

  test('When the outcome of a refund is unknown (202), then the page says not to repeat it, and shows how it ended', async () => {
    const orderId = await settled([1, 2]);
    const { page } = await world.visit();
    await openPayment(world, page, orderId);
    await world.river.psp('PUT', '/simulator/faults', { dropResponseRate: 1, orderId });
    await askRefund(page, [0], '결과 불명');
    await page.locator('#sure-yes').click();
    await page.getByText('다시 환불하지 마세요').waitFor();
    await page.getByText('결과가 확정되지 않은 취소가 있어').waitFor();
    await world.river.psp('PUT', '/simulator/faults', {});
    await page.getByText('1,000원을 환불했고 판매자 지갑에 반영했습니다.').waitFor();
    expect((await cancelsOf(orderId)).map(({ status }) => status)).toEqual(['SUCCESS']);
  });
});
