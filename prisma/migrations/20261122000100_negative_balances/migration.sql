-- A refund larger than what is left takes a seller's balance below zero. Those wallets are few and looked for often.

ALTER TABLE wallets
  -- What the seller owes; NULL for a balance of zero or more. Virtual: its index is written only when a balance below
  -- zero is part of the change, so ordinary credits cost nothing more.
  ADD COLUMN owed DECIMAL(15, 2) GENERATED ALWAYS AS (IF(balance < 0, -balance, NULL)) VIRTUAL AFTER balance,
  ADD KEY wallets_owed_idx (owed);
