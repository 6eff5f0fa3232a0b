-- Why a message was parked, for programs; `error` says the same in words. Rows of before get the cause that their words say.

ALTER TABLE dead_letters
  ADD COLUMN cause ENUM ('undecodable', 'invalid', 'conflict', 'behind', 'gap', 'refused', 'already_posted', 'not_credited',
                         'unknown_seller', 'unknown_order', 'unknown_cancel') NOT NULL DEFAULT 'refused' AFTER payload;

UPDATE dead_letters SET cause = CASE
  WHEN error LIKE '%another content%' OR error LIKE '%given up by hand%' THEN 'conflict'
  WHEN error LIKE 'waits behind%' OR error LIKE 'behind the parked%' THEN 'behind'
  WHEN error LIKE '%is missing' THEN 'gap'
  WHEN error LIKE 'there is no seller%' THEN 'unknown_seller'
  WHEN error LIKE 'unknown order%' THEN 'unknown_order'
  WHEN error LIKE 'unknown cancel%' THEN 'unknown_cancel'
  WHEN error LIKE '%was not credited%' THEN 'not_credited'
  WHEN error LIKE 'MySQL error 1062%' THEN 'already_posted'
  WHEN error LIKE 'MySQL error%' OR error LIKE 'the balance of seller%' OR error LIKE '%is no line of the order'
    OR error LIKE '%lines were settled' OR error LIKE 'no entries%' THEN 'refused'
  WHEN error LIKE '%schema %' OR error LIKE '%Avro%' OR error LIKE 'no value%' OR error LIKE 'unknown record%' THEN 'undecodable'
  ELSE 'invalid'
END;
