import type { Router } from 'express';
import { pagesOf } from '#kit/pages';

/** `GET /`: the sellers' wallets for an administrator's eyes. Its data come by REST, with the administrator's key. */
export const walletPages = (): Router => pagesOf(__dirname, { '/': 'wallets.html' });
