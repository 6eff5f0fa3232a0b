import type { Router } from 'express';
import { pageHtml, pagesOf } from '#kit/pages';

const WALLETS = pageHtml({
  dir: __dirname,
  name: 'wallets',
  title: '판매자 지갑',
  style: 'wallets.css',
  brand: { text: '지갑', href: '/' },
  isForAdmin: true,
});

/** `GET /`: the sellers' wallets for an administrator's eyes. Its data come by REST, with the administrator's key. */
export const walletPages = (): Router => pagesOf(__dirname, { '/': WALLETS });
