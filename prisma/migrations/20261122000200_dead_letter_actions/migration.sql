-- Dead letters that an operator redrives or closes: who did what, and which numbers of the sequence a closing gives up.

ALTER TABLE dead_letters
  -- Closing by hand gives up these numbers of the order's sequence, and no others: a later gap stays a gap.
  -- NULL when nothing of the sequence was given up.
  ADD COLUMN closed_from_seq INT NULL,
  ADD COLUMN closed_to_seq   INT NULL,
  ADD CONSTRAINT dead_letters_closed_is_range CHECK (
    (closed_from_seq IS NULL AND closed_to_seq IS NULL)
    OR (closed_from_seq IS NOT NULL AND closed_to_seq IS NOT NULL
        AND closed_from_seq >= 1 AND closed_from_seq <= closed_to_seq));

-- What was closed by hand before gave up its own number.
UPDATE dead_letters SET closed_from_seq = event_seq, closed_to_seq = event_seq
WHERE status = 'RESOLVED' AND event_seq IS NOT NULL AND NOT (resolved_by <=> consumer);

ALTER TABLE inbox
  -- Did the message have its effect? False for one that was parked, or had nothing left to do. Only what was applied
  -- says which content a number of the sequence has.
  ADD COLUMN applied BOOLEAN NOT NULL DEFAULT TRUE AFTER payload_hash;

UPDATE inbox i JOIN dead_letters d ON d.consumer = i.consumer AND d.event_id = i.event_id SET i.applied = FALSE;

-- What operators did, never changed afterwards.
CREATE TABLE dead_letter_actions (
  no             BIGINT       NOT NULL AUTO_INCREMENT,
  dead_letter_no BIGINT       NOT NULL,
  action         ENUM ('REDRIVE', 'RESOLVE') NOT NULL,
  acted_by       VARCHAR(100) NOT NULL,
  reason         VARCHAR(500) NULL,
  -- The redriven event.
  event_id       CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NULL,
  acted_at       DATETIME(3)  NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (no),
  KEY dead_letter_actions_dead_letter_no_idx (dead_letter_no),
  CONSTRAINT dead_letter_actions_dead_letter_no_fkey FOREIGN KEY (dead_letter_no) REFERENCES dead_letters (no)
);
