-- A ledger line is written once. A mistake is corrected by a counter-line, which says what it corrects. The services' grants
-- say the same; the triggers hold it for everybody else who has a connection, the migrator and administrators among them.
-- (With the binary log on, making triggers needs log_bin_trust_function_creators=1 or an administrator's privileges.)

CREATE TRIGGER wallet_transactions_no_update BEFORE UPDATE ON wallet_transactions FOR EACH ROW
  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a ledger line is never changed: write a counter-line';

CREATE TRIGGER wallet_transactions_no_delete BEFORE DELETE ON wallet_transactions FOR EACH ROW
  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a ledger line is never removed: write a counter-line';

-- A statement begins and ends at moments.
ALTER TABLE wallet_transactions ADD KEY wallet_transactions_wallet_no_created_at_idx (wallet_no, created_at);
