/**
 * How many transactions may wait for a connection before new work is turned away (503, before any claim). What is claimed
 * must be recorded: it is never turned away, and served first. A checkout is turned away before a confirm and served after
 * it, because the shopper of a confirm has authenticated already.
 */
export interface Admission {
  checkoutWaitingMax: number;
  confirmWaitingMax: number;
}

/** Behind the claims of confirms and cancels, which have 1. */
export const CHECKOUT_RANK = 2;
