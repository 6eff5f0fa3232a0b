import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { describeWith, findTool } from '#kit/optional-tool.fixture';
import { PATIENCE_MS, until } from '#kit/until.fixture';
import { BROWSERS, INSTALL_BROWSER, openBrowser } from './browser';
import { openPipeline, type Json, type Pipeline } from './e2e.fixture';

// A shopper's and an administrator's browser before the whole pipeline. Every page is watched: where its requests go,
// and what its console says.

const CHROMIUM = findTool(BROWSERS, INSTALL_BROWSER);

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const KOREAN = { locale: 'ko-KR', timezoneId: 'Asia/Seoul', viewport: { width: 1100, height: 900 } };
export const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** A browser's tab with what it has done. */
export interface Visit {
  page: Page;
  context: BrowserContext;
  /** Every request that the browser has made, in order. */
  requests: { method: string; url: string; headers: Record<string, string>; atMs: number }[];
  /** Errors of the console and of scripts, broken policies among them. */
  errors: string[];
  /** When this was asked, each time. */
  asked: (method: string, path: string) => number[];
}

export interface PagesWorld {
  river: Pipeline;
  /** Where the pages are. */
  shop: string;
  wallets: string;
  psp: string;
  /** A fresh browser profile: a person who has never been here. */
  visit(options?: BrowserContextOptions): Promise<Visit>;
  /** Ends all visits, and takes back what the simulator was told. */
  rest(): Promise<void>;
  close(): Promise<void>;
}

function watch(context: BrowserContext, page: Page): Visit {
  const requests: Visit['requests'] = [];
  const errors: string[] = [];
  context.on('request', (request) =>
    requests.push({
      method: request.method(),
      url: request.url(),
      headers: request.headers(),
      atMs: Date.now(),
    }),
  );
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text());
  });
  context.on('weberror', (error) => errors.push(String(error.error())));
  return {
    page,
    context,
    requests,
    errors,
    asked: (method, path) =>
      requests
        .filter((request) => request.method === method && new URL(request.url).pathname === path)
        .map(({ atMs }) => atMs),
  };
}

async function openPages(chromiumPath: string): Promise<PagesWorld> {
  const river = await openPipeline();
  const browser: Browser = await openBrowser(chromiumPath);
  const contexts: BrowserContext[] = [];
  return {
    river,
    shop: river.service('api').url,
    wallets: river.service('wallet').url,
    psp: river.service('simulator').url,
    async visit(options = {}) {
      const context = await browser.newContext({ ...KOREAN, ...options });
      context.setDefaultTimeout(PATIENCE_MS);
      contexts.push(context);
      return watch(context, await context.newPage());
    },
    async rest() {
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      await river.psp('PUT', '/simulator/faults', {});
      await river.psp('POST', '/simulator/release');
    },
    async close() {
      await browser.close();
      await river.close();
    },
  };
}

/** Tests that share one pipeline and one browser; each has visits of its own. @param tests gets what is there once they run */
export function describeInBrowser(title: string, tests: (world: PagesWorld) => void): void {
  describeWith(CHROMIUM, title, (chromium) => {
    const world = {} as PagesWorld;
    beforeAll(async () => {
      Object.assign(world, await openPages(chromium));
    });
    afterEach(() => world.rest());
    afterAll(() => world.close());
    tests(world);
  });
}

/** Waits until the heading says so. */
export const expectHeadline = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', { level: 1, name }).waitFor();

/** One more of each product, in the shop that is open. */
export async function choose(page: Page, productNos: readonly number[]): Promise<void> {
  for (const no of productNos) await page.locator(`[data-product="${no}"] [data-step="1"]`).click();
}

/** From the shop to the payment window, which shows an order of 6,000 won. @returns the order's id */
export async function order(world: PagesWorld, page: Page): Promise<string> {
  await page.goto(world.shop);
  await choose(page, [1, 2, 3]);
  await page.locator('#pay').click();
  return inWindow(world, page);
}

export async function inWindow(world: PagesWorld, page: Page): Promise<string> {
  await page.waitForURL(`${world.psp}/window?*`);
  return new URL(page.url()).searchParams.get('orderId') ?? '';
}

/** Authenticates in the simulator's window, which leads back to /success. */
export const payInWindow = (page: Page): Promise<void> => page.locator('button.pay').click();

/** Waits until the PSP holds a call of the order's. */
export const untilHeld = (river: Pipeline, orderId: string): Promise<void> =>
  until(`a call for ${orderId} held`, async () => {
    const { held } = await river.psp('GET', '/simulator/faults');
    return held.some((one: Json) => one.orderId === orderId);
  });

/** What the PSP was asked for an order, by the last part of the path. */
export async function pspCalls(river: Pipeline, orderId: string, what: string): Promise<Json[]> {
  const { calls } = await river.psp('GET', `/simulator/calls?orderId=${orderId}`);
  return calls.filter(({ path }: Json) => path.endsWith(`/${what}`));
}

/** What axe has to complain about on the page as it stands. @param rules all of them when absent */
export async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations: found } = (await page.evaluate(
    `axe.run(${JSON.stringify(rules === undefined ? {} : { runOnly: rules })})`,
  )) as Json;
  return found.map(
    ({ id, help, nodes }: Json) => `${id}: ${help}: ${nodes.map((node: Json) => node.html).join(' | ')}`,
  );
}

/** How much wider than the screen the page is, in px. */
export const overhang = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - innerWidth') as Promise<number>;

/** A document that was asked for and refused is written to the console by the browser itself. */
export const unforeseen = (errors: readonly string[]): string[] =>
  errors.filter(
    (error) => !error.startsWith('Failed to load resource: the server responded with a status of'),
  );

/** Gives the key to an administrator's page. */
export async function signIn({ river }: PagesWorld, page: Page): Promise<void> {
  await page.getByLabel(/관리자 키|Admin key/).fill(river.config.adminKey);
  await page.keyboard.press('Enter');
  await page.locator('#inside').waitFor();
}

/** An administrator's page with one payment. */
export async function openPayment(world: PagesWorld, page: Page, orderId: string): Promise<void> {
  await page.goto(`${world.shop}/admin#order=${orderId}`);
  await signIn(world, page);
  await page.locator('.moves li').first().waitFor();
}

/** Fills in the refund of lines (counted from 0), up to the question whether one is sure. */
export async function askRefund(page: Page, lines: readonly number[], reason: string): Promise<void> {
  for (const line of lines) await page.locator('#refund li').nth(line).getByRole('checkbox').check();
  await page.locator('#reason').fill(reason);
  await page.locator('#refund button').click();
  await page.locator('#sure[open]').waitFor();
}

/** An administrator at another place cancels lines (counted from 0). @returns what was answered */
export async function cancelElsewhere(
  { river, shop }: PagesWorld,
  orderId: string,
  lines: readonly number[],
  cancelReason: string,
): Promise<{ status: number; body: Json }> {
  const rows = await river.ops.paymentOrder.findMany({ where: { orderId }, orderBy: { no: 'asc' } });
  const response = await fetch(`${shop}/api/payments/${orderId}/cancel`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${river.config.adminKey}`,
      'content-type': 'application/json',
      'idempotency-key': `elsewhere-${orderId}`,
    },
    body: JSON.stringify({ cancelReason, paymentOrderNos: lines.map((line) => Number(rows[line]?.no)) }),
  });
  return { status: response.status, body: await response.json() };
}

/** An order whose card the PSP has refused. */
export async function refusedOrder({ river }: PagesWorld, errorCode: string): Promise<string> {
  const made = await river.order([1]);
  await river.psp('PUT', '/simulator/faults', { errorCode, orderId: made.orderId });
  const { status } = await river.pay(made);
  if (status !== 402) throw new Error(`confirm answered ${status}`);
  return made.orderId;
}

/** A time as somebody who reads Korean is shown it. */
export const KOREAN_TIME = /^\d{4}년 \d{1,2}월 \d{1,2}일 \d\d:\d\d:\d\d\sKST$/;

/** The hour, minute and second in Korea at which an order was paid. */
export async function paidAtInKorea({ river }: PagesWorld, orderId: string): Promise<string> {
  const { approvedAt } = await river.ops.paymentEvent.findUniqueOrThrow({ where: { orderId } });
  if (approvedAt === null) throw new Error(`${orderId} is not paid`);
  return approvedAt.toLocaleTimeString('en-GB', { timeZone: 'Asia/Seoul' });
}
