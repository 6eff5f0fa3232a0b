-- Which message the last audit has read last in each partition: a topic that was made anew has another one there, or none.
ALTER TABLE topic_checkpoints
  ADD COLUMN last_offset BIGINT NULL,
  ADD COLUMN last_hash   CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL;
