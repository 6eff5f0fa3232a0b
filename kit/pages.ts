import { join } from 'node:path';
import express, { Router, type Response } from 'express';
import { otherMethods } from './http';

const SHARED_ASSETS_DIR = join(__dirname, 'page-assets');

/** For `createHttpApp`: pages that load nothing from elsewhere, run no inline script and are framed by nobody. */
export const OWN_PAGES_POLICY = {
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  frameSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
};

/** Answers with a page of `dir`. Addresses carry payment keys and order ids: they are told to nobody and kept nowhere. */
export function sendPage(res: Response, dir: string, file: string, http = 200): void {
  res.status(http).set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
  res.sendFile(file, { root: dir, cacheControl: false });
}

/** Modules of two releases do not fit each other: a browser asks each time, and gets 304 for what it has. */
const assetsOf = (dir: string): express.Handler =>
  express.static(dir, {
    index: false,
    redirect: false,
    cacheControl: false,
    setHeaders: (res) => res.setHeader('Cache-Control', 'no-cache'),
  });

/**
 * Pages that are the same for everybody, and what they load: `/assets/` from the folder `assets` below `dir`,
 * `/assets/kit/` from what the pages of all processes share.
 *
 * @param pages file by path
 */
export function pagesOf(dir: string, pages: Readonly<Record<string, string>>): Router {
  const router = Router();
  for (const [path, file] of Object.entries(pages)) {
    router.get(path, (_req, res) => sendPage(res, dir, file));
    router.all(path, otherMethods('GET', 'HEAD'));
  }
  router.use('/assets/kit', assetsOf(SHARED_ASSETS_DIR));
  router.use('/assets', assetsOf(join(dir, 'assets')));
  return router;
}
