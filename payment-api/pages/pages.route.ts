import { join } from 'node:path';
import express, { Router } from 'express';
import { answer, otherMethods } from '#kit/http';
import type { PaymentWindow } from '../config';

const PAGES_DIR = __dirname;
const ASSETS_DIR = join(__dirname, 'assets');
/** Where Toss's SDK comes from, and what it talks to. */
const TOSS_SDK = 'https://js.tosspayments.com';
const TOSS_HOSTS = 'https://*.tosspayments.com';

/** The pages load nothing from elsewhere, unless Toss's SDK is configured. */
export function contentSecurityPolicyOf(paymentWindow: PaymentWindow): Record<string, string[]> {
  const toss = paymentWindow.kind === 'toss';
  return {
    scriptSrc: ["'self'", ...(toss ? [TOSS_SDK] : [])],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'", ...(toss ? [TOSS_HOSTS] : [])],
    frameSrc: toss ? [TOSS_HOSTS] : ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  };
}

/** `GET /`, `/success`, `/fail`, their assets, and how to open the payment window. */
export function pagesRoute(paymentWindow: PaymentWindow): Router {
  const router = Router();
  const pages = { '/': 'shop.html', '/success': 'success.html', '/fail': 'fail.html' };
  for (const [path, file] of Object.entries(pages)) {
    router.get(path, (_req, res) => {
      // The address carries a payment key: it is told to nobody and kept nowhere.
      res.set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
      res.sendFile(file, { root: PAGES_DIR, cacheControl: false });
    });
    router.all(path, otherMethods('GET'));
  }
  router.use('/assets', express.static(ASSETS_DIR, { index: false, redirect: false, maxAge: '5m' }));
  router.get('/api/payment-window', (_req, res) => answer(res, paymentWindow));
  router.all('/api/payment-window', otherMethods('GET'));
  return router;
}
