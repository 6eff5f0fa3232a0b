import type { Express } from 'express';
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

export type PaymentApiWorld = CheckoutWorld &
  ConfirmWorld &
  CancelWorld &
  PagesWorld & { adminKeys: readonly string[] };

/** Every route of the payment API. */
export function paymentRoutes(app: Express, world: PaymentApiWorld): void {
  app.use(pagesRoute(world));
  app.use(listProductsRoute(world));
  app.use(checkoutRoute(world));
  app.use(confirmPaymentRoute(world));
  app.use(cancelPaymentRoute(world));
  app.use(allocateCancelRoute(world));
  app.use(receiveWebhookRoute(world));
  app.use(listPaymentsRoute(world));
  app.use(showPaymentRoute(world));
  app.use(showHistoryRoute(world));
}
