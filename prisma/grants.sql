-- Who may do what, applied after every migration; repeating it changes nothing. `{database}` is the schema's name.
-- The two services cannot write each other's tables, and nobody but the migrator can change or remove a history row, an
-- outbox row or an inbox row. A ledger line is closed to the migrator as well, by triggers.

GRANT SELECT                 ON {database}.sellers                 TO 'payment_api'@'%';
GRANT SELECT                 ON {database}.products                TO 'payment_api'@'%';
GRANT SELECT, INSERT, UPDATE ON {database}.payment_events          TO 'payment_api'@'%';
GRANT SELECT, INSERT, UPDATE ON {database}.payment_orders          TO 'payment_api'@'%';
GRANT SELECT, INSERT         ON {database}.payment_order_histories TO 'payment_api'@'%';
GRANT SELECT, INSERT, UPDATE ON {database}.payment_cancels         TO 'payment_api'@'%';
GRANT SELECT, INSERT         ON {database}.payment_cancel_lines    TO 'payment_api'@'%';
GRANT SELECT, INSERT         ON {database}.outbox                  TO 'payment_api'@'%';
GRANT SELECT, INSERT         ON {database}.inbox                   TO 'payment_api'@'%';
GRANT SELECT, INSERT, UPDATE ON {database}.dead_letters            TO 'payment_api'@'%';
GRANT SELECT                 ON {database}.event_schemas           TO 'payment_api'@'%';

GRANT SELECT                 ON {database}.sellers                 TO 'wallet_service'@'%';
GRANT SELECT, INSERT, UPDATE ON {database}.wallets                 TO 'wallet_service'@'%';
GRANT SELECT, INSERT         ON {database}.wallet_transactions     TO 'wallet_service'@'%';
GRANT SELECT, INSERT, UPDATE ON {database}.settlements             TO 'wallet_service'@'%';
GRANT SELECT, INSERT         ON {database}.outbox                  TO 'wallet_service'@'%';
GRANT SELECT, INSERT         ON {database}.inbox                   TO 'wallet_service'@'%';
GRANT SELECT, INSERT, UPDATE ON {database}.dead_letters            TO 'wallet_service'@'%';
GRANT SELECT                 ON {database}.event_schemas           TO 'wallet_service'@'%';

GRANT SELECT                 ON {database}.*                       TO 'ops'@'%';
GRANT INSERT                 ON {database}.outbox                  TO 'ops'@'%';
GRANT UPDATE                 ON {database}.dead_letters            TO 'ops'@'%';
GRANT INSERT                 ON {database}.dead_letter_actions     TO 'ops'@'%';
GRANT INSERT, UPDATE         ON {database}.ledger_checkpoints      TO 'ops'@'%';
GRANT INSERT, UPDATE         ON {database}.topic_checkpoints       TO 'ops'@'%';
GRANT INSERT, UPDATE         ON {database}.audit_checkpoints       TO 'ops'@'%';

GRANT SELECT                 ON {database}.outbox                  TO 'debezium'@'%';
GRANT SELECT, INSERT, UPDATE ON {database}.cdc_heartbeat           TO 'debezium'@'%';
