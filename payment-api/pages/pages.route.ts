import { Router } from 'express';
import helmet from 'helmet';
import { otherMethods } from '#kit/http';
import { OWN_PAGES_POLICY, pagesOf, sendPage } from '#kit/pages';
import type { Database } from '#prisma/database';
import { isDatabaseUnavailable } from '#prisma/transaction';
import type { PaymentWindow } from '../config';
import { orderId } from '../payment/parameters';

/** Where Toss's SDK comes from, and what it talks to. */
const TOSS_SDK = 'https://js.tosspayments.com';
const TOSS_HOSTS = 'https://*.tosspayments.com';

const PAGES = { '/': 'shop.html', '/success': 'success.html', '/fail': 'fail.html', '/admin': 'admin.html' };

/**
 * What the shop's page may load. All other pages load nothing from elsewhere, the administrator's above all: they have
 * `OWN_PAGES_POLICY`, whatever is configured.
 */
function shopPolicyOf(paymentWindow: PaymentWindow): Record<string, string[]> {
  if (paymentWindow.kind !== 'toss') return OWN_PAGES_POLICY;
  return {
    ...OWN_PAGES_POLICY,
    scriptSrc: ["'self'", TOSS_SDK],
    connectSrc: ["'self'", TOSS_HOSTS],
    frameSrc: [TOSS_HOSTS],
  };
}

export interface PagesWorld {
  db: Database;
  paymentWindow: PaymentWindow;
}

/** The shopper's and the administrator's pages. */
export function pagesRoute({ db, paymentWindow }: PagesWorld): Router {
  const shopPolicy = helmet.contentSecurityPolicy({
    useDefaults: false,
    directives: { defaultSrc: ["'none'"], ...shopPolicyOf(paymentWindow) },
  });
  return Router()
    .get('/', shopPolicy)
    .use(pagesOf(__dirname, PAGES))
    .get('/orders/:orderId', async (req, res) => {
      const file = (await isOrder(db, req.params.orderId)) ? 'order.html' : 'missing-order.html';
      sendPage(res, __dirname, file, file === 'order.html' ? 200 : 404);
    })
    .all('/orders/:orderId', otherMethods('GET', 'HEAD'));
}

/** Without the database nobody can say: the page then comes all the same, and says that it tries again. */
async function isOrder(db: Database, given: string): Promise<boolean> {
  const parsed = orderId.safeParse(given);
  if (!parsed.success) return false;
  try {
    return (await db.paymentEvent.count({ where: { orderId: parsed.data } })) === 1;
  } catch (error) {
    if (isDatabaseUnavailable(error)) return true;
    throw error;
  }
}
