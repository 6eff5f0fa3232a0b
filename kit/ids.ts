import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

/** Makers of identifiers. Passed in as an argument, so that tests can name what is made. */
export interface Ids {
  /** UUIDv7 (RFC 9562): sorts by time of creation, which keeps index pages of event ids warm. */
  eventId(): string;
  /** 122 random bits: knowing an order id is what lets a shopper look the order up. */
  orderId(): string;
  /** Random token of one attempt, see the fence in `payment-api/payment/`. */
  token(): string;
}

export const systemIds: Ids = {
  eventId: () => uuidv7(),
  orderId: () => randomUUID(),
  token: () => randomUUID(),
};
