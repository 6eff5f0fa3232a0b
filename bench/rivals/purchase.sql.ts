import { checkout, claim, record } from './payment.sql';
import { acknowledge, settle } from './settlement.sql';
import type { Step } from './statement';

// The statements of one purchase, as the product sends them when every batch has one event. When a store's SQL changes,
// change it here too: the rival of the case `purchases` is this SQL and nothing else.

/** Every transaction of a purchase, in its order. */
export const PURCHASE: readonly Step[] = [checkout, claim, record, settle, acknowledge];
