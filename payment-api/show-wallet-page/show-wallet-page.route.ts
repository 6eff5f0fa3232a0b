import type { RequestHandler, Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { showWalletPageOperation } from './show-wallet-page.operation';

/** `GET /api/wallet-page`, for administrators: their page links to it. */
export function showWalletPageRoute(
  { walletPageUrl }: { walletPageUrl: string },
  admin: RequestHandler,
): Router {
  return endpoint(showWalletPageOperation, { admin }, (_input, _req, res) =>
    answer(res, { url: walletPageUrl }),
  );
}
