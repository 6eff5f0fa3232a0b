/*
 * Publish, settle, acknowledge: from a committed outbox row to is_wallet_done. One order of two lines (two sellers), its
 * confirmation and its cancels; a connector and a broker that deliver at least once; two wallet consumers that both take
 * the partition for theirs; two workers that acknowledge. What payment.pml and cancel.pml show of the rows that are written
 * (the confirmation first and once, each line in one cancellation at most) is what the process paymentApi does here.
 */
#include "protocol.inc.pml"

#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef WORKERS
#define WORKERS 1
#endif
#define BOTH 3

/* ---- payment_events, payment_orders and outbox (topic payment) of the payment side ---- */
byte lastEventSeq, acknowledgedEvents;
bool isWalletDone;
byte canceled;
byte departed;
byte lines[EVENTS + 1];
/* Row i+1 has event_seq i+1: the first is PaymentConfirmed, the others are PaymentCanceled. */
#define isCredit(e) (e == 1)

/* ---- inbox, settlements, wallet_transactions and outbox (topic wallet) of the wallets ---- */
byte inboxed;
byte lastSeqIn, walletDeparted;
byte answerTo[EVENTS + 1];
byte credits[2], debits[2];
byte rowLock;
#define has(set, e) ((set >> e) & 1)
#define creditedLines ((credits[0] > debits[0]) + 2 * (credits[1] > debits[1]))

/* Keys of debits in the ledger, DEBIT:{cancelId}:{paymentOrderNo}; scratch of one step. */
byte debitKeys;
hidden byte firstVerdict, secondVerdict, isDuplicate;

/* ---- broker: what is on the topics, and what is committed by each group ---- */
byte published, offset, walletOffset;
byte inboxedByPayment;

/* What holds after every step. */
inline holds() {
  ENSURE(credited-at-most-once, credits[0] <= 1 && credits[1] <= 1);
  ENSURE(debited-at-most-once, debits[0] <= 1 && debits[1] <= 1);
  ENSURE(debited-after-credited, debits[0] <= credits[0] && debits[1] <= credits[1]);
  ENSURE(credited-only-if-paid, credits[0] + credits[1] == 0 || departed >= 1);
  ENSURE(debited-only-if-canceled, (!debits[0] || (canceled & 1)) && (!debits[1] || (canceled & 2)));
  ENSURE(settled-in-order, lastSeqIn <= departed);
  ENSURE(done-means-settled, !isWalletDone || lastSeqIn == lastEventSeq);
  ENSURE(acknowledged-means-settled, acknowledgedEvents <= lastSeqIn)
}

/* prisma/outbox.ts#depart */
inline depart(which) {
  departed++; lines[departed] = which
}

/* payment-api/payment/record-outcome.ts#recordSuccess */
inline recordSuccess() {
  lastEventSeq++; depart(BOTH)
}

/* payment-api/payment/record-cancel.ts#cancelLines */
inline cancelLines(which) {
  canceled = canceled | which;
#ifndef CANCEL_KEEPS_DONE
  isWalletDone = false;
#endif
  lastEventSeq++; depart(which)
}

/* world: the payment side, as the other two models have it */
active proctype paymentApi() {
  byte which;
  atomic { recordSuccess(); SAY(0, PaymentConfirmed is written); holds() };
end:
  do
  :: atomic {
      !calm && canceled != BOTH && departed < EVENTS ->
      if
      :: !(canceled & 1) -> which = 1
      :: !(canceled & 2) -> which = 2
      :: which = BOTH - canceled
      fi;
      cancelLines(which); which = 0;
      SAY(0, PaymentCanceled is written);
      holds()
    }
  od
}

/* world: Debezium reads committed rows in their order; what it has read it may publish again */
active proctype connector() {
end:
  do
  /* An answer may be taken as soon as it is written: that the connector is slow is the same as that the worker is. */
  :: atomic { published < departed -> published++; SAY(0, the connector publishes an event) }
#ifdef LOSING_CONNECTOR
  :: atomic { !calm && published < departed -> published++; offset = published; SAY(0, the connector loses an event) }
#endif
  od
}

#define max(a, b) (a > b -> a : b)

/* world: the broker delivers the next message, or any before it once more; a batch has one or two */
inline fetch() {
  if
  :: offset < published -> first = offset + 1
  :: !calm && offset >= 1 -> first = 1
  :: !calm && offset >= 2 -> first = 2
  :: !calm && offset >= 3 -> first = 3
#ifdef WITHOUT_KEY
  :: !calm && offset == 0 && published >= 2 -> first = 2
#endif
  fi;
  if
  :: second = 0
  :: max(first, offset) < published -> second = max(first, offset) + 1
  :: !calm && first != 1 -> second = 1
  :: !calm -> second = first
  fi;
  SAY(me, fetches)
}

/* prisma/inbox.ts#knownEvents */
inline knownEvents() {
#ifdef NO_INBOX
  known = 0
#else
  known = inboxed
#endif
}

/* wallet-consumer/settle-payments/settle-payments.store.ts#lockOrders */
inline lockOrders() {
  (lastSeqIn == 0 || rowLock == 0) ->
  if
  :: lastSeqIn > 0 -> rowLock = me
  :: else -> skip
  fi
}

/* messaging/past.store.ts#loadPast */
inline loadPast() {
  atomic { knownEvents(); SAY(me, reads the inbox) };
  atomic {
    lockOrders();
    seqIn = lastSeqIn; settled = inboxed; credited = creditedLines;
    SAY(me, locks and reads the progress of the order)
  }
}

/* messaging/sequence.rules.ts#decide */
inline decide(e, verdict) {
  if
  :: e == 0 || has(known, e) -> verdict = 0
#ifndef NO_SEQUENCE
  :: e != 0 && !has(known, e) && e <= seqIn && has(settled, e) -> verdict = 1
  :: e != 0 && !has(known, e) && e <= seqIn && !has(settled, e) -> verdict = 3
  :: e != 0 && !has(known, e) && e > seqIn + 1 -> verdict = 3
  :: e != 0 && !has(known, e) && e == seqIn + 1 ->
#else
  :: e != 0 && !has(known, e) ->
#endif
    if
    :: isCredit(e) -> verdict = 2; credited = credited | lines[e]
#ifdef NO_CREDIT_CHECK
    :: !isCredit(e) -> verdict = 2
#else
    :: !isCredit(e) && (credited & lines[e]) == lines[e] -> verdict = 2; credited = credited & (BOTH - lines[e])
    :: !isCredit(e) && (credited & lines[e]) != lines[e] -> verdict = 3
#endif
    fi;
    if
    :: verdict == 2 -> seqIn = max(seqIn, e)
    :: else -> skip
    fi
  fi;
#ifndef NO_INBOX
  if
  :: e != 0 && verdict != 0 -> known = known | (1 << e)
  :: else -> skip
  fi
#endif
}

/* prisma/inbox.ts#arrive */
inline arrive(e, verdict) {
  skip;
#ifndef NO_INBOX
  if
  :: verdict != 0 && has(inboxed, e) -> isDuplicate = true
  :: else -> skip
  fi
#endif
}

/* wallet-consumer/settle-payments/settle-payments.store.ts#insertLines */
inline insertLines(e, verdict) {
  skip;
#ifndef NO_LEDGER_KEY
  if
  :: verdict == 2 && isCredit(e) && (credits[0] > 0 || credits[1] > 0) -> isDuplicate = true
  :: verdict == 2 && !isCredit(e) && has(debitKeys, e) -> isDuplicate = true
  :: else -> skip
  fi
#endif
}

/* wallet-consumer/settle-payments/settle-payments.ts#post */
inline post(e, verdict) {
  if
  :: verdict != 0 -> inboxed = inboxed | (1 << e)
  :: else -> skip
  fi;
  if
  :: verdict == 2 ->
    if
    :: isCredit(e) -> credits[0]++; credits[1]++
    :: else -> debits[0] = debits[0] + (lines[e] & 1); debits[1] = debits[1] + (lines[e] >> 1); debitKeys = debitKeys | (1 << e)
    fi;
    lastSeqIn = max(lastSeqIn, e);
#ifdef ANSWER_OUTSIDE
    if
    :: walletDeparted < EVENTS -> walletDeparted++; answerTo[walletDeparted] = e
    :: !calm -> skip
    fi
#else
    if
    :: walletDeparted < EVENTS -> walletDeparted++; answerTo[walletDeparted] = e
    :: else -> skip
    fi
#endif
  :: else -> skip
  fi
}

/* prisma/dead-letters.ts#park */
inline park() {
  ENSURE(nothing-sound-is-parked, firstVerdict != 3 && secondVerdict != 3)
}

/* messaging/process-batch.ts#processTogether */
inline processTogether() {
  loadPast();
  atomic {
    if
    :: !calm -> phase = 0; SAY(me, dies before the commit)
    :: phase == 1 ->
      firstVerdict = 0; secondVerdict = 0; isDuplicate = false;
      decide(first, firstVerdict);
      decide(second, secondVerdict);
      arrive(first, firstVerdict); arrive(second, secondVerdict);
      insertLines(first, firstVerdict); insertLines(second, secondVerdict);
      if
      :: !isDuplicate ->
        post(first, firstVerdict); post(second, secondVerdict); park();
        phase = 2; SAY(me, commits the batch)
      :: isDuplicate && second != 0 -> left = second; second = 0; SAY(me, is refused by a unique key and goes event by event)
      :: isDuplicate && second == 0 ->
        /* The event alone is refused: whoever was faster has put it into the inbox. */
        ENSURE(nothing-sound-is-parked, has(inboxed, first));
        phase = 2
      fi;
      if
      :: phase == 2 && left != 0 -> first = left; left = 0; phase = 1
      :: else -> skip
      fi
    fi;
    if
    :: rowLock == me -> rowLock = 0
    :: else -> skip
    fi;
    known = 0; settled = 0; credited = 0; seqIn = 0;
    holds()
  }
}

/* messaging/process-batch.ts#processSplitting */
proctype processSplitting(byte me) {
  byte first, second, left, upTo, known, settled, credited, seqIn, phase;
end:
  do
  :: atomic {
      fetch(); phase = 1; upTo = max(first, second);
#ifdef OFFSET_BEFORE_COMMIT
      offset = max(offset, upTo)
#endif
    };
    do
    :: phase == 1 -> processTogether()
    :: phase != 1 -> break
    od;
    /* kit/kafka-consumer.ts: offsets after the transaction */
    atomic {
      if
      :: phase == 2 -> offset = max(offset, upTo); SAY(me, commits the offset)
      :: phase == 0 || !calm -> skip
      fi;
      first = 0; second = 0; left = 0; upTo = 0; phase = 0
    }
  od
}

/* messaging/sequence.rules.ts#judge */
inline judge() {
#ifdef ACK_WITHOUT_SEQUENCE
  verdict = 2
#else
  verdict = (e <= acknowledgedEvents -> 1 : ((e != acknowledgedEvents + 1 || e > lastEventSeq || answerTo[e] != e) -> 3 : 2))
#endif
}

/* payment-api/acknowledge-settlement/acknowledge-settlement.store.ts#acknowledge */
inline acknowledge() {
  acknowledgedEvents = e;
#ifdef DONE_AT_ONCE
  isWalletDone = true
#else
  isWalletDone = (acknowledgedEvents == lastEventSeq)
#endif
}

/* messaging/process-batch.ts#record */
inline record() {
  atomic { known = has(inboxedByPayment, e) };
  atomic {
#ifdef ACK_WITHOUT_INBOX
    known = false;
#endif
    if
    :: known -> verdict = 0
    :: else -> judge()
    fi;
    ENSURE(no-sound-answer-is-parked, verdict != 3);
    if
#ifndef ACK_WITHOUT_INBOX
    :: verdict != 0 && has(inboxedByPayment, e) -> isDone = false; SAY(me, is refused by the inbox key)
#endif
    :: else ->
      if
      :: verdict != 0 -> inboxedByPayment = inboxedByPayment | (1 << e)
      :: else -> skip
      fi;
      if
      :: verdict == 2 -> acknowledge()
      :: else -> skip
      fi;
      isDone = true; SAY(me, acknowledges)
    fi;
    verdict = 0; known = false;
    holds()
  }
}

/* messaging/process-batch.ts#createBatchProcessor */
proctype createBatchProcessor(byte me) {
  byte e, verdict;
  bool known, isDone;
end:
  do
  :: atomic {
      if
      :: walletOffset < walletDeparted -> e = walletOffset + 1
      :: !calm && walletOffset >= 1 -> e = 1
      :: !calm && walletOffset >= 2 -> e = 2
      :: !calm && walletOffset >= 3 -> e = 3
      fi
    };
    do
    :: !isDone -> record()
    :: isDone -> break
    od;
    atomic {
      if
      :: walletOffset = max(walletOffset, e)
      :: !calm -> skip
      fi;
      e = 0; isDone = false
    }
  od
}

/* world: one day it is calm */
active proctype world() {
  atomic { calm = true; SAY(0, from now on all goes well) }
}

/* When nobody has anything left to do, this must be true. */
active proctype atRest() {
  timeout ->
  ENSURE(everything-published-is-settled, lastSeqIn == departed && credits[0] == 1 && credits[1] == 1);
  ENSURE(every-canceled-line-is-debited, debits[0] == (canceled & 1) && debits[1] == (canceled >> 1));
  ENSURE(everything-settled-is-acknowledged, acknowledgedEvents == lastEventSeq && isWalletDone);
  SAY(0, at rest)
}

init {
  atomic {
    byte i = 1;
    do
    :: i <= CONSUMERS -> run processSplitting(i); i++
    :: i > CONSUMERS && i <= CONSUMERS + WORKERS -> run createBatchProcessor(i); i++
    :: i > CONSUMERS + WORKERS -> break
    od
  }
}

#ifdef LIVENESS
/* Under weak fairness: once all goes well, whatever was written is settled and acknowledged. */
ltl everything_is_settled_and_acknowledged { [] (calm -> <> (departed > 0 && lastSeqIn == departed && isWalletDone)) }
#endif
