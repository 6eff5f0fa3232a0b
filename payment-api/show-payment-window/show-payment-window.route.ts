import type { Router } from 'express';
import { endpoint } from '#kit/endpoint';
import { answer } from '#kit/http';
import type { PaymentWindow } from '../config';
import { showPaymentWindowOperation } from './show-payment-window.operation';

/** `GET /api/payment-window`: for the shop's page. */
export function showPaymentWindowRoute({ paymentWindow }: { paymentWindow: PaymentWindow }): Router {
  return endpoint(showPaymentWindowOperation, {}, (_input, _req, res) => answer(res, paymentWindow));
}
