import { createHash } from 'node:crypto';
import type {
  CancellationSettled,
  DeadLettered,
  PaymentCanceled,
  PaymentConfirmed,
  PaymentSettled,
} from './generated-types';
import deadLettered from './records/deadletter.DeadLettered.avsc.json';
import paymentCanceled from './records/payment.PaymentCanceled.avsc.json';
