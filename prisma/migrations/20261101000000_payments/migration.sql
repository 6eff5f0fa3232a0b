-- The catalogue and the money that comes in. Identifiers compare byte by byte (ascii_bin): the default
-- collation ignores case and would take two different payment keys for one.

CREATE TABLE sellers (
  no         BIGINT       NOT NULL AUTO_INCREMENT,
  seller_id  VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  UNIQUE KEY sellers_seller_id_key (seller_id)
);

CREATE TABLE products (
  no         BIGINT         NOT NULL AUTO_INCREMENT,
  seller_no  BIGINT         NOT NULL,
  product_id VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name       VARCHAR(100)   NOT NULL,
  price      DECIMAL(12, 2) NOT NULL,
  created_at DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  UNIQUE KEY products_product_id_key (product_id),
  KEY products_seller_no_idx (seller_no),
  CONSTRAINT products_seller_no_fkey FOREIGN KEY (seller_no) REFERENCES sellers (no),
  CONSTRAINT products_price_is_whole_won CHECK (price > 0 AND price = TRUNCATE(price, 0))
);

CREATE TABLE payment_events (
  no                BIGINT         NOT NULL AUTO_INCREMENT,
  member_no         BIGINT         NOT NULL,
  order_id          VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  order_name        VARCHAR(100)   NOT NULL,
  type              ENUM ('NORMAL') NOT NULL DEFAULT 'NORMAL',
  method            ENUM ('CARD')  NOT NULL DEFAULT 'CARD',
  currency          CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'KRW',
  total_amount      DECIMAL(15, 2) NOT NULL,
  status            ENUM ('NOT_STARTED', 'EXECUTING', 'SUCCESS', 'FAILURE', 'UNKNOWN', 'PARTIAL_CANCELED', 'CANCELED')
                                   NOT NULL DEFAULT 'NOT_STARTED',
  is_payment_done   BOOLEAN        NOT NULL DEFAULT FALSE,
  is_wallet_done    BOOLEAN        NOT NULL DEFAULT FALSE,
  payment_key       VARCHAR(200)   CHARACTER SET ascii COLLATE ascii_bin NULL,
  psp_raw_data      MEDIUMTEXT     NULL,
  approved_at       DATETIME(3)    NULL,
  -- The fence of one attempt: every later write of the attempt names its token (ADR 0006).
  claim_token       CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NULL,
  claimed_at        DATETIME(3)    NULL,
  attempt           INT            NOT NULL DEFAULT 0,
  next_check_at     DATETIME(3)    NULL,
  failure_code      VARCHAR(100)   NULL,
  failure_message   VARCHAR(500)   NULL,
  -- The order's dense event sequence is counted here: purging the outbox must not restart it.
  last_event_seq    INT            NOT NULL DEFAULT 0,
  acknowledged_events INT          NOT NULL DEFAULT 0,
  checkout_key      VARCHAR(300)   CHARACTER SET ascii COLLATE ascii_bin NULL,
  checkout_body_hash CHAR(64)      CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at        DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at        DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  UNIQUE KEY payment_events_order_id_key (order_id),
  UNIQUE KEY payment_events_payment_key_key (payment_key),
  UNIQUE KEY payment_events_checkout_key_key (checkout_key),
  KEY payment_events_status_no_idx (status, no),
  KEY payment_events_status_next_check_at_idx (status, next_check_at),
  KEY payment_events_is_wallet_done_approved_at_idx (is_wallet_done, approved_at),
  CONSTRAINT payment_events_total_is_positive CHECK (total_amount > 0),
  CONSTRAINT payment_events_acknowledged_were_published CHECK (acknowledged_events <= last_event_seq)
);

CREATE TABLE payment_orders (
  no                   BIGINT         NOT NULL AUTO_INCREMENT,
  payment_event_no     BIGINT         NOT NULL,
  product_no           BIGINT         NOT NULL,
  seller_no            BIGINT         NOT NULL,
  order_id             VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  amount               DECIMAL(12, 2) NOT NULL,
  payment_order_status ENUM ('NOT_STARTED', 'EXECUTING', 'SUCCESS', 'FAILURE', 'UNKNOWN', 'CANCELED')
                                      NOT NULL DEFAULT 'NOT_STARTED',
  failed_count         INT            NOT NULL DEFAULT 0,
  threshold            INT            NOT NULL DEFAULT 5,
  created_at           DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at           DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  KEY payment_orders_payment_event_no_idx (payment_event_no),
  KEY payment_orders_order_id_idx (order_id),
  KEY payment_orders_seller_no_idx (seller_no),
  KEY payment_orders_product_no_idx (product_no),
  CONSTRAINT payment_orders_payment_event_no_fkey FOREIGN KEY (payment_event_no) REFERENCES payment_events (no),
  CONSTRAINT payment_orders_product_no_fkey FOREIGN KEY (product_no) REFERENCES products (no),
  CONSTRAINT payment_orders_seller_no_fkey FOREIGN KEY (seller_no) REFERENCES sellers (no),
  CONSTRAINT payment_orders_amount_is_positive CHECK (amount > 0)
);

CREATE TABLE payment_order_histories (
  no               BIGINT       NOT NULL AUTO_INCREMENT,
  payment_order_no BIGINT       NOT NULL,
  previous_status  ENUM ('NOT_STARTED', 'EXECUTING', 'SUCCESS', 'FAILURE', 'UNKNOWN', 'CANCELED') NULL,
  new_status       ENUM ('NOT_STARTED', 'EXECUTING', 'SUCCESS', 'FAILURE', 'UNKNOWN', 'CANCELED') NOT NULL,
  changed_by       ENUM ('checkout', 'confirm', 'recovery', 'cancel', 'webhook-lookup', 'reconcile', 'admin') NOT NULL,
  reason           VARCHAR(500) NOT NULL,
  created_at       DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at       DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  KEY payment_order_histories_payment_order_no_idx (payment_order_no),
  CONSTRAINT payment_order_histories_payment_order_no_fkey
    FOREIGN KEY (payment_order_no) REFERENCES payment_orders (no)
);
