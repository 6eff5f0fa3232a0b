-- What crosses between the services. Debezium reads `outbox` from the binlog; rows are inserted, never updated.

CREATE TABLE outbox (
  no              BIGINT       NOT NULL AUTO_INCREMENT,
  id              CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  aggregate_type  VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  aggregate_id    VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- Dense per aggregate from 1. NULL for a redriven event and a dead letter: they are not part of the sequence.
  aggregate_seq   INT          NULL,
  -- What consumers are told in the header aggregateSeq; a redriven event keeps its original number.
  event_seq       INT          NULL,
  event_type      VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  idempotency_key VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- Confluent frame: 0x00, schema id (4 bytes, big-endian), Avro.
  payload         MEDIUMBLOB   NOT NULL,
  traceparent     VARCHAR(55)  CHARACTER SET ascii COLLATE ascii_bin NULL,
  redrive_of      VARCHAR(36)  CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at      DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  UNIQUE KEY outbox_id_key (id),
  UNIQUE KEY outbox_idempotency_key_key (idempotency_key),
  UNIQUE KEY outbox_aggregate_key (aggregate_type, aggregate_id, aggregate_seq),
  KEY outbox_created_at_idx (created_at),
  -- A record larger than the broker takes would stop the connector and with it everything behind it.
  CONSTRAINT outbox_payload_size CHECK (LENGTH(payload) BETWEEN 5 AND 524288)
);

CREATE TABLE inbox (
  consumer      VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_id      VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  topic         VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `partition`   INT          NOT NULL,
  `offset`      BIGINT       NOT NULL,
  aggregate_id  VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NULL,
  event_seq     INT          NULL,
  -- SHA-256 of the value: tells a repeated event under a new id from a different one with the same number.
  payload_hash  CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- The record's time on the topic: when Debezium had read the row.
  published_at  DATETIME(3)  NULL,
  processed_at  DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (consumer, event_id),
  KEY inbox_aggregate_idx (consumer, aggregate_id, event_seq),
  KEY inbox_processed_at_idx (processed_at)
);

CREATE TABLE dead_letters (
  no            BIGINT       NOT NULL AUTO_INCREMENT,
  id            CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  consumer      VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  topic         VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `partition`   INT          NOT NULL,
  `offset`      BIGINT       NOT NULL,
  event_id      VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_type    VARCHAR(100) NULL,
  message_key   VARBINARY(1024) NULL,
  aggregate_id  VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NULL,
  event_seq     INT          NULL,
  headers       JSON         NOT NULL,
  payload       LONGBLOB     NULL,
  error         VARCHAR(1000) NOT NULL,
  status        ENUM ('OPEN', 'REDRIVING', 'RESOLVED') NOT NULL DEFAULT 'OPEN',
  redrive_count INT          NOT NULL DEFAULT 0,
  parked_at     DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  redriven_by   VARCHAR(100) NULL,
  redriven_at   DATETIME(3)  NULL,
  resolved_by   VARCHAR(100) NULL,
  resolved_at   DATETIME(3)  NULL,
  resolution    VARCHAR(500) NULL,
  PRIMARY KEY (no),
  UNIQUE KEY dead_letters_id_key (id),
  -- Not unique: topics that were made anew use their positions again.
  KEY dead_letters_position_idx (consumer, topic, `partition`, `offset`),
  KEY dead_letters_aggregate_idx (consumer, aggregate_id, status),
  KEY dead_letters_status_idx (status, no)
);

-- Which registry id each contract has, written by `contracts publish`: a writer needs no registry.
CREATE TABLE event_schemas (
  record       VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version      INT          NOT NULL,
  schema_id    INT          NOT NULL,
  fingerprint  CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  published_at DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (record, version),
  KEY event_schemas_record_fingerprint_idx (record, fingerprint)
);

-- Written by the connector on quiet days, so that its position keeps up with the binlog's end.
CREATE TABLE cdc_heartbeat (
  id      INT         NOT NULL,
  beat_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id)
);
