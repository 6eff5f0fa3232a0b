import type { Express } from 'express';
import { requireAdmin } from '#kit/admin';
import type { Operation } from '#kit/endpoint';
import { openApiDocument, type ApiDescription } from '#kit/openapi';
import { openApiRoutes } from '#kit/openapi.route';
import { limitFailures } from '#kit/rate-limit';
import type { Database } from '#prisma/database';
import { listWalletTransactionsOperation } from './list-wallet-transactions/list-wallet-transactions.operation';
import { listWalletTransactionsRoute } from './list-wallet-transactions/list-wallet-transactions.route';
import { listWalletsOperation } from './list-wallets/list-wallets.operation';
import { listWalletsRoute } from './list-wallets/list-wallets.route';
import { walletPages } from './pages/pages.route';
import {
  downloadStatementOperation,
  showStatementOperation,
} from './show-statement/show-statement.operation';
import { downloadStatementRoute, showStatementRoute } from './show-statement/show-statement.route';
import { showWalletOperation } from './show-wallet/show-wallet.operation';
import { showWalletRoute } from './show-wallet/show-wallet.route';

/** Every operation of the REST API; the OpenAPI document is written from them. */
export const OPERATIONS: readonly Operation[] = [
  listWalletsOperation,
  showWalletOperation,
  listWalletTransactionsOperation,
  showStatementOperation,
  downloadStatementOperation,
];

const DESCRIPTION: ApiDescription = {
  title: 'Wallet API',
  version: '1.0.0',
  description:
    'What every seller is owed, and every line of the ledger behind it. All of it is for administrators. Every JSON answer stands in the envelope `{code, status, message, data}`. Money is whole won.',
  tags: { wallets: 'Balances and ledger lines.', statements: "A period's lines with its balances." },
};

/** The OpenAPI 3.1 document of the wallet API. */
export const openApi = () => openApiDocument(DESCRIPTION, OPERATIONS);

/**
 * The wallet REST API, all of it for administrators, its document, and a page that shows the wallets.
 *
 * @param rateLimitPerMinute of wrong keys, per client address; 0 is no limit
 */
export function walletRoutes(
  db: Database,
  adminApiKeys: readonly string[],
  rateLimitPerMinute: number,
): (app: Express) => void {
  const admin = requireAdmin(adminApiKeys, limitFailures(rateLimitPerMinute));
  return (app) => {
    app.use(walletPages());
    app.use(openApiRoutes(openApi()));
    app.use(listWalletsRoute(db, admin));
    app.use(showWalletRoute(db, admin));
    app.use(listWalletTransactionsRoute(db, admin));
    app.use(showStatementRoute(db, admin));
    app.use(downloadStatementRoute(db, admin));
  };
}
