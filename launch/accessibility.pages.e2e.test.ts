import type { BrowserContextOptions, Page } from 'playwright-core';
import {
  askRefund,
  cancelElsewhere,
  choose,
  describeInBrowser,
  expectHeadline,
  inWindow,
  openPayment,
  order,
  overhang,
  payInWindow,
  PHONE,
  refusedOrder,
  signIn,
  untilHeld,
  violations,
} from './pages.fixture';

const ENGLISH_PHONE = { ...PHONE, locale: 'en-GB' };
const DARK = { colorScheme: 'dark' } as const;
/** In the dark only the colors are others. */
const LOOKS: [string, BrowserContextOptions, string[] | undefined][] = [
  ['in Korean on a desk', {}, undefined],
  ['in English on a phone of 360 px', ENGLISH_PHONE, undefined],
  ['in the dark', DARK, ['color-contrast']],
];

describeInBrowser('pages for everybody', (world) => {
  /** What is wrong with the page as it stands, by the state's name. */
  async function faultsOf(page: Page, state: string, rules?: string[]): Promise<string[]> {
    const found = (await violations(page, rules)).map((violation) => `${state}: ${violation}`);
    const px = await overhang(page);
    return px > 0 ? [...found, `${state}: ${px} px wider than the screen`] : found;
  }

  test.each(LOOKS)(
    'When a shopper looks %s, then axe finds nothing on any page in any state, and all of it fits',
    async (_look, options, rules) => {
      const { page } = await world.visit(options);
      const faults: string[] = [];
      const look = async (state: string) => faults.push(...(await faultsOf(page, state, rules)));
      const orderId = await order(world, page);
      await look('payment window');
      await page.goBack();
      await page.locator('[data-product]').first().waitFor();
      await look('shop');
      for (const no of [1, 2, 3]) await page.locator(`[data-product="${no}"] [data-step="-1"]`).click();
      await look('empty basket');
      const slow = await order(world, page);
      await world.river.psp('PUT', '/simulator/faults', {
        hold: 'request',
        orderId: slow,
        operations: ['confirm'],
      });
      await payInWindow(page);
      await untilHeld(world.river, slow);
      await look('confirming');
      await world.river.psp('PUT', '/simulator/faults', {});
      await world.river.psp('POST', '/simulator/release');
      await page.locator('#stepSettled.done').waitFor();
      await look('paid');
      await page.goto(`${world.shop}/orders/${slow}`);
      await page.locator('#stepSettled.done').waitFor();
      await look('order');
      await page.goto(`${world.shop}/orders/${orderId}`);
      await page.locator('#lines').waitFor();
      await look('open order');
      await page.goto(`${world.shop}/orders/no-such-order`);
      await look('unknown order');
      await page.goto(`${world.shop}/fail?code=REJECT_CARD_COMPANY&message=x&orderId=${orderId}`);
      await look('declined');
      const refused = await order(world, page);
      await world.river.psp('PUT', '/simulator/faults', {
        errorCode: 'REJECT_CARD_PAYMENT',
        orderId: refused,
      });
      await payInWindow(page);
      await page.locator('#detail.bad').waitFor();
      await look('refused');
      await page.goto(`${world.shop}/orders/${refused}`);
      await page.locator('#detail.bad').waitFor();
      await look('refused order');
      const down = await order(world, page);
      await world.river.psp('PUT', '/simulator/faults', { errorCode: 'UNAUTHORIZED_KEY', orderId: down });
      await payInWindow(page);
      await page.locator('#detail.wait').waitFor();
      await look('unavailable');
      expect(faults).toEqual([]);
    },
  );

  test.each(LOOKS)(
    'When an administrator looks %s, then axe finds nothing on any page in any state, and all of it fits',
    async (_look, options, rules) => {
      const orderId = await world.river.buy([1, 4, 6]);
      const refused = await refusedOrder(world, 'REJECT_CARD_PAYMENT');
      await world.river.untilSettled([orderId]);
      const { page } = await world.visit(options);
      const faults: string[] = [];
      const look = async (state: string) => faults.push(...(await faultsOf(page, state, rules)));
      await page.goto(`${world.shop}/admin`);
      await look('door');
      await page.locator('#admin-key').fill('wrong');
      await page.keyboard.press('Enter');
      await page.locator('#door-message.bad').waitFor();
      await look('wrong key');
      await signIn(world, page);
      await page.locator('#payments li').first().waitFor();
      await look('payments');
      await page.locator('#search-order').fill('nobody-has-this');
      await page.locator('#search-submit').click();
      await page.locator('#search-message.bad').waitFor();
      await look('not found');
      await page.evaluate('sessionStorage.clear()');
      await page.reload();
      await page.goto('about:blank');
      await openPayment(world, page, orderId);
      await look('payment');
      await page.locator('#refund button').click();
      await page.locator('#refund .message.wait').waitFor();
      await look('nothing chosen');
      await askRefund(page, [0], 'axe');
      await look('are you sure');
      await page.locator('#sure-yes').click();
      await page.locator('#refund .message.good').waitFor();
      await page.locator('#cancels li').waitFor();
      await look('refunded');
      await page.goto(`${world.shop}/admin#order=${refused}`);
      await page.locator('#detail-message.bad').waitFor();
      await look('refused payment');
      await page.goto(`${world.wallets}/#seller=1`);
      await look('door of the wallets');
      await signIn(world, page);
      await page.locator('#lines li').first().waitFor();
      await look('wallets');
      expect(faults).toEqual([]);
    },
  );

  test('When there is only a keyboard, then products are chosen, bought and the order page is reached, with the focus always to be seen', async () => {
    const { page } = await world.visit();
    await page.goto(world.shop);
    await page.locator('[data-product]').first().waitFor();
    const tabTo = async (selector: string): Promise<void> => {
      for (let steps = 0; steps < 40; steps += 1) {
        await page.keyboard.press('Tab');
        const [isThere, outline] = (await page.evaluate(
          `[document.activeElement.matches(${JSON.stringify(selector)}), getComputedStyle(document.activeElement).outlineStyle]`,
        )) as [boolean, string];
        expect(outline).not.toBe('none');
        if (isThere) return;
      }
      throw new Error(`${selector} is not reached with the tab key`);
    };
    await tabTo('[data-product="5"] [data-step="1"]');
    await page.keyboard.press('Space');
    await tabTo('#pay');
    expect(await page.locator('#pay').innerText()).toBe('2,500원 결제하기');
    await page.keyboard.press('Enter');
    await inWindow(world, page);
    await tabTo('button.pay');
    await page.keyboard.press('Enter');
    await expectHeadline(page, '결제가 완료되었습니다');
    expect(await page.evaluate('document.activeElement.id')).toBe('headline');
    await tabTo('#actions a');
    await page.keyboard.press('Enter');
    await expectHeadline(page, '결제가 완료된 주문입니다');
  });

  test('A page has its landmarks, names its live regions, and says its language', async () => {
    const { page } = await world.visit();
    await order(world, page);
    await payInWindow(page);
    await expectHeadline(page, '결제가 완료되었습니다');
    for (const role of ['banner', 'main', 'status'] as const) await page.getByRole(role).first().waitFor();
    expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
    expect(await page.getByRole('list', { name: '진행 상황' }).count()).toBe(1);
    expect(await page.locator('html').getAttribute('lang')).toBe('ko');
    await page.getByRole('button', { name: 'English' }).click();
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await page.title()).toBe('Your payment is complete - Market');
  });

  test.each([
    ['ko-KR', '상품 주문'],
    ['en-US', 'Order products'],
    ['de-DE', '상품 주문'],
  ])(
    'When a browser speaks %s, then the page says %p first; a choice is remembered',
    async (locale, title) => {
      const { page } = await world.visit({ locale });
      await page.goto(world.shop);
      await expectHeadline(page, title);
      await choose(page, [6]);
      const [other, otherTitle, amount] =
        title === '상품 주문' ? ['English', 'Order products', '₩500'] : ['한국어', '상품 주문', '500원'];
      await page.getByRole('button', { name: other }).click();
      await expectHeadline(page, otherTitle);
      // What was chosen is not lost by it.
      expect(await page.locator('#total').innerText()).toBe(amount);
      await page.reload();
      await expectHeadline(page, otherTitle);
      await page.goto(`${world.shop}/fail?code=PAY_PROCESS_CANCELED`);
      await expectHeadline(
        page,
        other === 'English' ? 'The payment did not go through' : '결제하지 못했습니다',
      );
    },
  );

  test('Every text is there in both languages, and every text that a page names exists', async () => {
    const { page } = await world.visit();
    for (const origin of [world.shop, world.wallets]) {
      await page.goto(origin);
      const [own, shared, named] = (await page.evaluate(
        `Promise.all([import('/assets/texts.js'), import('/assets/kit/texts.js')]).then((modules) =>
          [...modules.map(({ TEXTS }) => [Object.keys(TEXTS.ko), Object.keys(TEXTS.en)]),
           [...document.querySelectorAll('[data-text]')].map((element) => element.dataset.text)])`,
      )) as [string[][], string[][], string[]];
      for (const [korean, english] of [own, shared]) expect(english?.toSorted()).toEqual(korean?.toSorted());
      expect([...(own[0] ?? []), ...(shared[0] ?? [])]).toEqual(expect.arrayContaining(named));
    }
  });

  test('When somebody wants less motion, then nothing moves', async () => {
    const { page } = await world.visit({ reducedMotion: 'reduce' });
    const orderId = await order(world, page);
    await world.river.psp('PUT', '/simulator/faults', { hold: 'request', orderId, operations: ['confirm'] });
    await payInWindow(page);
    await page.locator('#stepPaid.running').waitFor();
    expect(await page.evaluate('document.getAnimations().length')).toBe(0);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await page.evaluate('document.getAnimations().length')).toBeGreaterThan(0);
  });

  test.each(['00000000-0000-4000-8000-000000000000', 'x', '%3Cscript%3Ealert(1)%3C%2Fscript%3E', 'a%20b'])(
    'When the order page of %p is asked for, then it is a page that says there is none, with 404',
    async (id) => {
      const { page, errors } = await world.visit();
      const response = await page.goto(`${world.shop}/orders/${id}`);
      expect([response?.status(), response?.headers()['content-type']]).toEqual([
        404,
        'text/html; charset=utf-8',
      ]);
      await expectHeadline(page, '주문을 찾을 수 없습니다');
      expect(errors.filter((error) => !error.includes('404'))).toEqual([]);
    },
  );

  test('When an order is canceled while its page is open, then the page shows it by itself', async () => {
    const orderId = await world.river.buy([1, 2]);
    const { page, errors } = await world.visit();
    await page.goto(`${world.shop}/orders/${orderId}`);
    await expectHeadline(page, '결제가 완료된 주문입니다');
    const { body } = await cancelElsewhere(world, orderId, [1], '품절');
    expect(body.data.status).toBe('PARTIAL_CANCELED');
    await expectHeadline(page, '일부가 취소된 주문입니다');
    await page.getByText('사유: 품절').waitFor();
    expect(await page.locator('#order .strong').last().innerText()).toBe('1,000원');
    expect(errors).toEqual([]);
  });
});
