-- How far `npm run audit` has compared each partition with the outbox and the ledger and found all of it in agreement, so
-- that the next audit of a large ledger reads what has come since. Only the operators' user may write it.

CREATE TABLE topic_checkpoints (
  topic       VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `partition` INT          NOT NULL,
  next_offset BIGINT       NOT NULL,
  verified_at DATETIME(3)  NOT NULL,
  PRIMARY KEY (topic, `partition`)
);

-- When each group of the audit's checks last held: the next audit of a large ledger looks at the orders of since then.
CREATE TABLE audit_checkpoints (
  checks      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  verified_at DATETIME(3) NOT NULL,
  PRIMARY KEY (checks)
);
