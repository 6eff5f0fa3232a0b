-- The sellers' money. The wallet service owns these tables; the payment API cannot write them.

CREATE TABLE wallets (
  no         BIGINT         NOT NULL AUTO_INCREMENT,
  seller_no  BIGINT         NOT NULL,
  balance    DECIMAL(15, 2) NOT NULL DEFAULT 0,
  version    BIGINT         NOT NULL DEFAULT 0,
  -- Head of the wallet's chain of ledger lines (ADR 0007): sequence and hash of its newest line.
  last_seq   BIGINT         NOT NULL DEFAULT 0,
  last_hash  CHAR(64)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  created_at DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at DATETIME(3)    NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  UNIQUE KEY wallets_seller_no_key (seller_no),
  CONSTRAINT wallets_seller_no_fkey FOREIGN KEY (seller_no) REFERENCES sellers (no)
);

CREATE TABLE wallet_transactions (
  no              BIGINT         NOT NULL AUTO_INCREMENT,
  wallet_no       BIGINT         NOT NULL,
  wallet_seq      BIGINT         NOT NULL,
  type            ENUM ('CREDIT', 'DEBIT') NOT NULL,
  amount          DECIMAL(15, 2) NOT NULL,
  balance_after   DECIMAL(15, 2) NOT NULL,
  reference_type  ENUM ('PAYMENT_ORDER') NOT NULL DEFAULT 'PAYMENT_ORDER',
  reference_id    BIGINT         NOT NULL,
  order_id        VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_id        VARCHAR(300)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  idempotency_key VARCHAR(300)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  line_hash       CHAR(64)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at      DATETIME(3)    NOT NULL,
  PRIMARY KEY (no),
  UNIQUE KEY wallet_transactions_idempotency_key_key (idempotency_key),
  UNIQUE KEY wallet_transactions_wallet_no_wallet_seq_key (wallet_no, wallet_seq),
  KEY wallet_transactions_order_id_idx (order_id),
  KEY wallet_transactions_reference_id_idx (reference_id),
  CONSTRAINT wallet_transactions_wallet_no_fkey FOREIGN KEY (wallet_no) REFERENCES wallets (no),
  CONSTRAINT wallet_transactions_amount_is_positive CHECK (amount > 0)
);

-- How far each order's events have been settled, and how many answers went out.
CREATE TABLE settlements (
  order_id     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  last_seq_in  INT         NOT NULL DEFAULT 0,
  last_seq_out INT         NOT NULL DEFAULT 0,
  created_at   DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at   DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  PRIMARY KEY (order_id)
);
