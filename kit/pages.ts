import { readFileSync } from 'node:fs';
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

/**
 * A page: `NAME.html` holds what stands in its `<main>`, `assets/NAME.js` its module. Its own texts are Korean, until
 * the module translates them.
 */
export interface PageFile {
  /** Folder of the page; its assets are below it. */
  dir: string;
  name: string;
  /** For the browser's tab. */
  title: string;
  /** Style sheet in `assets`, besides the one that all pages share. */
  style: string;
  /** What the link at the top says and where it leads. */
  brand: { text: string; href: string };
  /** For an administrator: with a button to sign out. */
  isForAdmin?: boolean;
  /** Wider than a column of text. */
  isWide?: boolean;
}

/** The whole document: what all pages have in common, around the page's own file. All values are ours, none a visitor's. */
export function pageHtml({ dir, name, title, style, brand, isForAdmin, isWide }: PageFile): string {
  const signOut = '<button id="sign-out" type="button" data-text="signOut" hidden>로그아웃</button>';
  return `<!doctype html>
<html lang="ko">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="referrer" content="no-referrer" />
<title>${title}</title>
<link rel="icon" href="data:," />
<link rel="stylesheet" href="/assets/kit/page.css" />
<link rel="stylesheet" href="/assets/${style}" />
<script type="module" src="/assets/${name}.js"></script>
</head>
<body>
<header class="bar${isWide ? ' wide' : ''}">
<a class="brand" href="${brand.href}" data-text="brand">${brand.text}</a>
<div class="languages" role="group" aria-label="언어" data-label="language">
<button type="button" data-language="ko" lang="ko">한국어</button>
<button type="button" data-language="en" lang="en">English</button>
</div>
${isForAdmin ? signOut : ''}
</header>
<main>
${readFileSync(join(dir, `${name}.html`), 'utf8')}
<noscript><p class="card">이 페이지는 자바스크립트가 필요합니다. This page needs JavaScript.</p></noscript>
</main>
</body>
</html>
`;
}

/** Answers with a page. Addresses carry payment keys and order ids: they are told to nobody and kept nowhere. */
export function sendPage(res: Response, html: string, http = 200): void {
  res.status(http).set({ 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' });
  res.type('html').send(html);
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
 * @param pages document by path
 */
export function pagesOf(dir: string, pages: Readonly<Record<string, string>>): Router {
  const router = Router();
  for (const [path, html] of Object.entries(pages)) {
    router.get(path, (_req, res) => sendPage(res, html));
    router.all(path, otherMethods('GET', 'HEAD'));
  }
  router.use('/assets/kit', assetsOf(SHARED_ASSETS_DIR));
  router.use('/assets', assetsOf(join(dir, 'assets')));
  return router;
}
