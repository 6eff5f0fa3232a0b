/**
 * How many transactions may wait for a connection before new work is turned away (503, before any claim). What is claimed
 * must be recorded: it is never turned away, and served first. A checkout is turned away before a confirm, because the
 * shopper of a confirm has authenticated already.
 */
export interface Admission {
  checkoutWaitingMax: number;
  confirmWaitingMax: number;
}
