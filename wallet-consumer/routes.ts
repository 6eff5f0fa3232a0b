import type { Express } from 'express';
import { requireAdmin } from '#kit/admin';
import { otherMethods } from '#kit/http';
import type { Database } from '#prisma/database';
import { listWalletTransactionsRoute } from './list-wallet-transactions/list-wallet-transactions.route';
import { listWalletsRoute } from './list-wallets/list-wallets.route';
import { walletPages } from './pages/pages.route';
import { downloadStatementRoute, showStatementRoute } from './show-statement/show-statement.route';
import { showWalletRoute } from './show-wallet/show-wallet.route';

/** The wallet REST API, all of it for administrators, and a page that shows it. */
export function walletRoutes(db: Database, adminApiKeys: readonly string[]): (app: Express) => void {
  return (app) => {
    const routes = {
      '/api/wallets': listWalletsRoute(db),
      '/api/wallets/:sellerNo': showWalletRoute(db),
      '/api/wallets/:sellerNo/transactions': listWalletTransactionsRoute(db),
      '/api/wallets/:sellerNo/statement': showStatementRoute(db),
      '/api/wallets/:sellerNo/statement.csv': downloadStatementRoute(db),
    };
    app.use(walletPages());
    app.use('/api/wallets', requireAdmin(adminApiKeys));
    for (const [path, route] of Object.entries(routes)) {
      app.get(path, route);
      app.all(path, otherMethods('GET', 'HEAD'));
    }
  };
}
