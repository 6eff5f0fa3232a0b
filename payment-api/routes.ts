import type { Express } from 'express';
import { requireAdmin } from '#kit/admin';
import type { Operation } from '#kit/endpoint';
import { openApiDocument, type ApiDescription } from '#kit/openapi';
import { openApiRoutes } from '#kit/openapi.route';
import { limitFailures, limitRate } from '#kit/rate-limit';
import { allocateOperation } from './allocate-cancel/allocate-cancel.operation';
import { cancelOperation } from './cancel-payment/cancel-payment.operation';
import { checkoutOperation } from './checkout/checkout.operation';
import { confirmOperation } from './confirm-payment/confirm-payment.operation';
import { listPaymentsOperation } from './list-payments/list-payments.operation';
import { listProductsOperation } from './list-products/list-products.operation';
import { webhookOperation } from './receive-webhook/receive-webhook.operation';
import { showHistoryOperation } from './show-history/show-history.operation';
import { showPaymentOperation } from './show-payment/show-payment.operation';
import { showPaymentWindowOperation } from './show-payment-window/show-payment-window.operation';
import { showWalletPageOperation } from './show-wallet-page/show-wallet-page.operation';
import { allocateCancelRoute } from './allocate-cancel/allocate-cancel.route';
import type { CancelWorld } from './cancel-payment/cancel-payment';
import { cancelPaymentRoute } from './cancel-payment/cancel-payment.route';
import type { CheckoutWorld } from './checkout/checkout';
import { checkoutRoute } from './checkout/checkout.route';
import { confirmPaymentRoute } from './confirm-payment/confirm-payment.route';
import type { ConfirmWorld } from './confirm-payment/confirm-payment';
import { listPaymentsRoute } from './list-payments/list-payments.route';
import { listProductsRoute } from './list-products/list-products.route';
import { pagesRoute, type PagesWorld } from './pages/pages.route';
import { receiveWebhookRoute } from './receive-webhook/receive-webhook.route';
import { showHistoryRoute } from './show-history/show-history.route';
import { showPaymentRoute } from './show-payment/show-payment.route';
import { showPaymentWindowRoute } from './show-payment-window/show-payment-window.route';
import { showWalletPageRoute } from './show-wallet-page/show-wallet-page.route';

export type PaymentApiWorld = CheckoutWorld &
  ConfirmWorld &
  CancelWorld &
  PagesWorld & {
    adminKeys: readonly string[];
    /** The wallet service's page, as a browser reaches it: the administrator's page links to it. */
    walletPageUrl: string;
    /** Per client address and route; 0 is no limit. */
    rateLimitPerMinute: number;
  };

/**
 * The PSP's webhooks come from few addresses and are of all shoppers: one of them may send as much as so many clients
 * together. Each address has a count of its own, so that somebody else's flood costs the PSP's nothing. What is refused
 * all the same is not lost: Toss sends again what was not answered with 2xx, the worker's recovery looks at what is open
 * without being told, and what only the webhook knows of (the PSP's back office) is found by reconciliation.
 */
const WEBHOOKS_PER_REQUEST = 10;

/** Every operation of the REST API; the OpenAPI document is written from them. */
export const OPERATIONS: readonly Operation[] = [
  listProductsOperation,
  showPaymentWindowOperation,
  checkoutOperation,
  confirmOperation,
  showPaymentOperation,
  cancelOperation,
  allocateOperation,
  listPaymentsOperation,
  showHistoryOperation,
  showWalletPageOperation,
  webhookOperation,
];

const DESCRIPTION: ApiDescription = {
  title: 'Payment API',
  version: '1.0.0',
  description:
    'Takes a shopper’s payment and gives it back. Every answer stands in the envelope `{code, status, message, data}`; a refusal carries an `errorCode`, and a message in Korean, or in English with `Accept-Language: en`. Money is whole won.',
  tags: {
    shop: 'What is sold.',
    payments: 'Checkout, confirm, and how an order stands.',
    administration: 'With an API key.',
    webhooks: 'What the PSP calls.',
  },
};

/** The OpenAPI 3.1 document of the payment API. */
export const openApi = () => openApiDocument(DESCRIPTION, OPERATIONS);

/** Every route of the payment API. */
export function paymentRoutes(app: Express, world: PaymentApiWorld): void {
  const { adminKeys, rateLimitPerMinute } = world;
  const admin = requireAdmin(adminKeys, limitFailures(rateLimitPerMinute));
  // The busiest first: a request passes the routes before its own.
  app.use(confirmPaymentRoute(world, limitRate(rateLimitPerMinute)));
  app.use(checkoutRoute(world, limitRate(rateLimitPerMinute)));
  app.use(receiveWebhookRoute(world, limitRate(rateLimitPerMinute * WEBHOOKS_PER_REQUEST)));
  app.use(showPaymentRoute(world));
  app.use(pagesRoute(world));
  app.use(openApiRoutes(openApi()));
  app.use(listProductsRoute(world));
  app.use(showPaymentWindowRoute(world));
  app.use(cancelPaymentRoute(world, admin));
  app.use(allocateCancelRoute(world, admin));
  app.use(listPaymentsRoute(world, admin));
  app.use(showHistoryRoute(world, admin));
  app.use(showWalletPageRoute(world, admin));
}
