-- Giving money back, and the looking again that recovery does.

ALTER TABLE payment_events
  -- A webhook came since the last look: look again when this one ends.
  ADD COLUMN check_requested BOOLEAN NOT NULL DEFAULT FALSE AFTER next_check_at;

CREATE TABLE payment_cancels (
  no                BIGINT         NOT NULL AUTO_INCREMENT,
  id                CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payment_event_no  BIGINT         NOT NULL,
  order_id          VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status            ENUM ('REQUESTED', 'EXECUTING', 'SUCCESS', 'FAILURE', 'UNKNOWN', 'UNALLOCATED')
                                   NOT NULL DEFAULT 'REQUESTED',
  cancel_amount     DECIMAL(15, 2) NOT NULL,
  -- What was left before this cancel: the PSP refuses when it is not (compare-and-swap).
  refundable_amount DECIMAL(15, 2) NOT NULL,
  cancel_reason     VARCHAR(200)   NOT NULL,
  -- The PSP's name for this cancel.
  transaction_key   VARCHAR(200)   CHARACTER SET ascii COLLATE ascii_bin NULL,
  canceled_at       DATETIME(3)    NULL,
  -- The payment's status that the cancel led to, and its event's place in the order's sequence.
  resulting_status  ENUM ('PARTIAL_CANCELED', 'CANCELED') NULL,
  event_seq         INT            NULL,
  claim_token       CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NULL,
  attempt           INT            NOT NULL DEFAULT 0,
  -- The last call to the PSP: calls for one payment keep a distance.
  called_at         DATETIME(3)    NULL,
  next_check_at     DATETIME(3)    NULL,
  failed_count      INT            NOT NULL DEFAULT 0,
  failure_code      VARCHAR(100)   NULL,
  failure_message   VARCHAR(500)   NULL,
  -- NULL for a cancel made in the PSP's own back office.
  idempotency_key   VARCHAR(300)   CHARACTER SET ascii COLLATE ascii_bin NULL,
  body_hash         CHAR(64)       CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- The unique key is the lock: one cancel of a payment is under way at a time.
  in_flight_of      BIGINT GENERATED ALWAYS AS
    (IF(status IN ('REQUESTED', 'EXECUTING', 'UNKNOWN'), payment_event_no, NULL)) VIRTUAL,
  created_at        DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at        DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  UNIQUE KEY payment_cancels_id_key (id),
  UNIQUE KEY payment_cancels_transaction_key_key (transaction_key),
  UNIQUE KEY payment_cancels_idempotency_key_key (idempotency_key),
  UNIQUE KEY payment_cancels_in_flight_of_key (in_flight_of),
  KEY payment_cancels_payment_event_no_idx (payment_event_no),
  KEY payment_cancels_order_id_idx (order_id),
  KEY payment_cancels_status_next_check_at_idx (status, next_check_at),
  CONSTRAINT payment_cancels_payment_event_no_fkey FOREIGN KEY (payment_event_no) REFERENCES payment_events (no),
  CONSTRAINT payment_cancels_amount_is_refundable
    CHECK (cancel_amount > 0 AND cancel_amount <= refundable_amount),
  CONSTRAINT payment_cancels_success_is_named CHECK (status <> 'SUCCESS' OR transaction_key IS NOT NULL)
);

-- The lines that a cancel takes back. An UNALLOCATED one has none yet.
CREATE TABLE payment_cancel_lines (
  payment_cancel_no BIGINT NOT NULL,
  payment_order_no  BIGINT NOT NULL,
  PRIMARY KEY (payment_cancel_no, payment_order_no),
  KEY payment_cancel_lines_payment_order_no_idx (payment_order_no),
  CONSTRAINT payment_cancel_lines_payment_cancel_no_fkey
    FOREIGN KEY (payment_cancel_no) REFERENCES payment_cancels (no),
  CONSTRAINT payment_cancel_lines_payment_order_no_fkey
    FOREIGN KEY (payment_order_no) REFERENCES payment_orders (no)
);
