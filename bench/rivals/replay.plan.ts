import type { BacklogMessage } from '../backlog';
import { MASTER_TABLES, type Server } from './bare-sql.plan';

/** Tables that a backlog fills. */
export const BACKLOG_TABLES = [...MASTER_TABLES, 'payment_events', 'payment_orders'];

/** A backlog whose SQL is recorded once and then replayed. */
export interface ReplayPlan extends Server {
  /** Schema with the backlog's rows, which stays as it is. */
  source: string;
  /** Schema that is made anew from `source` for every pass. */
  copy: string;
  schemaIds: [record: string, schemaId: number][];
  messages: BacklogMessage[];
  batchSizeMax: number;
}

export interface ReplayResult {
  orders: number;
  /** Until the last settlement was committed. */
  settledMs: number;
  /** Until the last acknowledgement was committed. */
  acknowledgedMs: number;
}
