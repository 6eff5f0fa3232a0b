-- How far `npm run audit` has verified each wallet's chain, and what it found there. A hash covers all lines before it, so
-- a checkpoint goes on being a witness of lines whose events have left the outbox. Only the operators' user may write it.

CREATE TABLE ledger_checkpoints (
  wallet_no   BIGINT         NOT NULL,
  wallet_seq  BIGINT         NOT NULL,
  line_hash   CHAR(64)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  balance     DECIMAL(15, 2) NOT NULL,
  verified_at DATETIME(3)    NOT NULL,
  PRIMARY KEY (wallet_no),
  KEY ledger_checkpoints_verified_at_idx (verified_at)
);
