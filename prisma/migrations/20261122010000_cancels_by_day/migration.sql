-- Reconciliation asks for the cancels of a day.

ALTER TABLE payment_cancels
  ADD KEY payment_cancels_canceled_at_idx (canceled_at);
