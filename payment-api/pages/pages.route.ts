import { Router } from 'express';
import helmet from 'helmet';
import { otherMethods } from '#kit/http';
import { OWN_PAGES_POLICY, pageHtml, pagesOf, sendPage } from '#kit/pages';
import type { Database } from '#prisma/database';
import { isDatabaseUnavailable } from '#prisma/transaction';
import type { PaymentWindow } from '../config';
import { orderId } from '../payment/parameters';

/** Where Toss's SDK comes from, and what it talks to. */
const TOSS_SDK = 'https://js.tosspayments.com';
const TOSS_HOSTS = 'https://*.tosspayments.com';

const shopPage = (name: string, title: string): string =>
  pageHtml({ dir: __dirname, name, title, style: 'shop.css', brand: { text: '마켓', href: '/' } });

const PAGES = {
  '/': shopPage('shop', '상품 주문'),
  '/success': shopPage('success', '결제 결과'),
  '/fail': shopPage('fail', '결제하지 못했습니다'),
  '/admin': pageHtml({
    dir: __dirname,
    name: 'admin',
    title: '결제 관리',
    style: 'admin.css',
    brand: { text: '마켓', href: '/admin' },
    isForAdmin: true,
    isWide: true,
  }),
};
const ORDER = shopPage('order', '주문');
const MISSING_ORDER = shopPage('missing-order', '주문을 찾을 수 없습니다');

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
      if (await isOrder(db, req.params.orderId)) sendPage(res, ORDER);
      else sendPage(res, MISSING_ORDER, 404);
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
