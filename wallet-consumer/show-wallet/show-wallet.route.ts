import type { RequestHandler, Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import { Refusal } from '#kit/refusal';
import type { Database } from '#prisma/database';
import { sellerNoOf } from '../seller-no';
import { walletView } from '../wallet.view';
import { showWalletOperation } from './show-wallet.operation';
import { findWallet } from './show-wallet.store';

/**
 * `GET /api/wallets/{sellerNo}`. @throws Refusal PEC0013 without such a seller, or before its first credit.
 */
export function showWalletRoute(db: Database, admin: RequestHandler): Router {
  return endpoint(showWalletOperation, { admin }, async ({ params }, _req, res) => {
    const wallet = await findWallet(db, sellerNoOf(params.sellerNo));
    if (wallet === null) throw new Refusal('PEC0013');
    answer(res, walletView(wallet));
  });
}
