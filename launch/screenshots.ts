import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { findTool } from '#kit/find-tool';
import { StackError } from '#stack/errors';
import { BROWSERS, INSTALL_BROWSER, openBrowser } from './browser';
import { runLaunch } from './command';
import { readLaunchConfig, type LaunchConfig } from './config';
import { onInterruption } from '#stack/interruption';
import { print, screenReport } from './screen';
import { isReady, urlOf } from './services';
import { systemUp } from './system';

// `npm run screenshots`: drives a purchase and a refund in a browser, and writes what was to be seen to
// docs/screenshots. It uses a system that runs, or brings one up for the time.

const STEP_TIMEOUT_MS = 30_000;
const DESK = { locale: 'ko-KR', timezoneId: 'Asia/Seoul', viewport: { width: 1000, height: 900 } };
const PHONE = {
  locale: 'en-GB',
  timezoneId: 'Asia/Seoul',
  viewport: { width: 360, height: 740 },
  isMobile: true,
};

interface Camera {
  browser: Browser;
  config: LaunchConfig;
  dir: string;
}

async function openPage({ browser }: Camera, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  return context.newPage();
}

async function shoot({ dir }: Camera, page: Page, name: string, fullPage = true): Promise<void> {
  // A ring around what was clicked last would tell nothing.
  await page.mouse.move(0, 0);
  await page.evaluate('document.activeElement?.blur()');
  await page.screenshot({ path: join(dir, `${name}.png`), fullPage });
  print(`docs/screenshots/${name}.png`);
}

/** @returns the order's id */
async function buy(camera: Camera, page: Page, names: { shop?: string; window?: string; success: string }) {
  await page.goto(urlOf(camera.config, 'api'));
  for (const no of [1, 1, 2, 3, 4]) await page.locator(`[data-product="${no}"] [data-step="1"]`).click();
  if (names.shop !== undefined) await shoot(camera, page, names.shop);
  await page.locator('#pay').click();
  await page.waitForURL('**/window?*');
  if (names.window !== undefined) await shoot(camera, page, names.window, false);
  await page.locator('button.pay').click();
  await page.locator('#stepSettled.done').waitFor();
  await shoot(camera, page, names.success);
  return new URL(page.url()).searchParams.get('orderId') ?? '';
}

async function signIn({ config }: Camera, page: Page): Promise<void> {
  await page.locator('#admin-key').fill(config.adminKey);
  await page.keyboard.press('Enter');
}

async function refundLine(camera: Camera, page: Page, orderId: string): Promise<void> {
  await page.goto(`${urlOf(camera.config, 'api')}/admin#order=${orderId}`);
  await signIn(camera, page);
  await page.locator('#refund li', { hasText: '상품D' }).getByRole('checkbox').check();
  await page.locator('#reason').fill('고객 변심');
  await page.locator('#refund button').click();
  await page.locator('#sure-yes').click();
  await page.locator('#refund .message', { hasText: '반영했습니다' }).waitFor();
  await page.locator('.moves li', { hasText: '고객 변심' }).waitFor();
  await shoot(camera, page, 'admin-refund');
}

async function shootAll(camera: Camera): Promise<void> {
  const page = await openPage(camera, DESK);
  const orderId = await buy(camera, page, { shop: 'shop', window: 'window', success: 'success' });
  await refundLine(camera, page, orderId);
  await page.goto(`${urlOf(camera.config, 'api')}/orders/${orderId}`);
  await page.locator('#cancels li').waitFor();
  await page.locator('#stepSettled.done').waitFor();
  await shoot(camera, page, 'order');
  await page.goto(`${urlOf(camera.config, 'wallet')}/#seller=2`);
  await signIn(camera, page);
  await page.locator('#lines li').first().waitFor();
  await shoot(camera, page, 'wallets', false);
  await buy(camera, await openPage(camera, PHONE), { success: 'success-phone' });
}

async function main(): Promise<number> {
  const { path, install } = findTool(BROWSERS, INSTALL_BROWSER);
  if (path === undefined) throw new StackError(`screenshots need a browser: ${install}.`);
  const config = readLaunchConfig();
  if (!config.withSimulator)
    throw new StackError('screenshots are paid at the simulator: unset PSP_BASE_URL');
  const dir = join(config.stack.projectDir, 'docs', 'screenshots');
  mkdirSync(dir, { recursive: true });
  const isRunning = await isReady(urlOf(config, 'api'));
  const system = isRunning ? undefined : await systemUp(config, screenReport, onInterruption(print));
  try {
    const browser = await openBrowser(path);
    try {
      await shootAll({ browser, config, dir });
    } finally {
      await browser.close();
    }
    return 0;
  } finally {
    await system?.down();
  }
}

runLaunch(main);
