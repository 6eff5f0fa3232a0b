/*
 * Giving money back: request, ask, decide, record; recovery of a cancel; what the PSP gave back unasked. A paid order of
 * two lines of the same amount, API processes that cancel one line, the other, or the rest, a worker that recovers, and a
 * PSP whose answers are lost and whose requests come late. Equal amounts are the hard case: a cancel is known by its amount.
 */
#include "protocol.inc.pml"

#ifndef REQUESTS
#define REQUESTS 2
#endif
#ifndef WORKERS
#define WORKERS 1
#endif
/* Idempotency keys of a cancel in all; the bounds of payment/asking.rules.ts are 3 and 3. */
#define ATTEMPTS 2
#define SAME_KEY_CALLS_MAX 1

#define BOTH 3
#define TOTAL 2
#define sum(set) ((set & 1) + (set >> 1))

/* ---- payment_events, payment_orders: which lines are canceled ---- */
mtype:state status = SUCCESS;
byte claimToken, canceled;
bool isDue, checkRequested;
/* A cancel has failed whose earlier calls may come late: one more look is due when they no longer can, an hour later. */
bool isLateDue;
/* ---- payment_cancels: one row for each request; NOT_STARTED is a row that is not there ---- */
mtype:state cancelStatus[REQUESTS + 1] = NOT_STARTED;
byte cancelLinesOf[REQUESTS + 1], refundable[REQUESTS + 1], cancelToken[REQUESTS + 1], attempt[REQUESTS + 1];
byte transactionKey[REQUESTS + 1];
/* Rows made from what the PSP gave back by itself, by the PSP's transaction. */
mtype:state absorbed[TOTAL + 1] = NOT_STARTED;

/* ---- the PSP ---- */
mtype:reply = { NONE, A_DONE, A_MISMATCH, A_REFUSED, A_UNCLEAR, A_STILL_RUNS, A_PAYMENT }
byte balance = TOTAL;
byte transactions;
byte amountOf[TOTAL + 2], leftAfter[TOTAL + 2];
/* Once all goes well there is one key more: in the code they do not run out. */
#define KEYS (ATTEMPTS + 1)
#define KEY(r, a) ((r - 1) * KEYS + a)
#define wasRefused(q) (answered[KEY(q, 1)] == A_REFUSED || answered[KEY(q, 2)] == A_REFUSED || answered[KEY(q, 3)] == A_REFUSED)
mtype:reply answered[REQUESTS * KEYS + 1] = NONE;
bool underWay[REQUESTS * KEYS + 1];

bool isBusy[REQUESTS + WORKERS + 1];
bool toldDone[REQUESTS + 1];
byte askedFor;
/* The PSP has given back what it had refused under another key, whose request was still under way or not made yet. */
bool isLateSurprise;

mtype:outcome = { IDLE, ASKING, LOOKING, SUCCEED, FAIL, FAIL_UNKNOWN_CANCEL, LEAVE_UNKNOWN, LOST, DEAD, ABSORB }
hidden mtype:reply answer = NONE;
hidden byte moved, entry, remaining;

/* One request at a time is on its way for longer than its caller waits. */
#define nothingUnderWay (!underWay[KEY(1, 1)] && !underWay[KEY(1, 2)] && !underWay[KEY(REQUESTS, 1)] && !underWay[KEY(REQUESTS, 2)])
/* Nobody's call is on its way any more, nor will one be made that was marked before. */
#define nothingComesLate (nothingUnderWay && !isBusy[1] && !isBusy[REQUESTS])
#define isInFlight(r) (cancelStatus[r] == REQUESTED || cancelStatus[r] == EXECUTING || cancelStatus[r] == UNKNOWN)
#define anyInFlight (isInFlight(1) || isInFlight(REQUESTS))
#define unallocated ((absorbed[1] == UNALLOCATED -> amountOf[1] : 0) + (absorbed[2] == UNALLOCATED -> amountOf[2] : 0))
#define isKnown(e) (transactionKey[1] == e || transactionKey[REQUESTS] == e || absorbed[e] != NOT_STARTED)

/* What holds after every step. */
inline holds() {
  ENSURE(canceled-only-if-given-back, sum(canceled) + unallocated <= TOTAL - balance);
  ENSURE(given-back-only-what-was-asked, TOTAL - balance <= sum(askedFor));
  ENSURE(told-canceled-is-canceled, (!toldDone[1] || (canceled & cancelLinesOf[1]) == cancelLinesOf[1]) &&
    (!toldDone[REQUESTS] || (canceled & cancelLinesOf[REQUESTS]) == cancelLinesOf[REQUESTS]))
}

/* payment-api/payment/payment.store.ts#movePayment */
inline movePayment(to) {
  ENSURE(stale-never-overwrites, MAY_MOVE(status, to));
  status = to
}

/* payment-api/payment/record-cancel.ts#cancelLines */
inline cancelLines(which) {
  ENSURE(line-canceled-once, (canceled & which) == 0);
  canceled = canceled | which;
  if
  :: canceled == BOTH -> movePayment(CANCELED)
  :: canceled != BOTH -> movePayment(PARTIAL_CANCELED)
  fi;
  claimToken = 0
}

/* payment-api/payment/cancel.store.ts#moveCancel */
inline moveCancel(to) {
#ifdef NO_FENCE
  moved = true;
#else
  moved = (cancelStatus[r] == believed && cancelToken[r] == token);
#endif
  if
  :: moved ->
    ENSURE(stale-never-overwrites, isInFlight(r));
    cancelStatus[r] = to; believed = to
  :: else -> skip
  fi
}

/* payment-api/payment/record-cancel.ts#lookSoon */
inline lookSoon() {
  if
  :: claimToken != 0 -> checkRequested = true
  :: claimToken == 0 -> isDue = true
  fi
}

/* payment-api/receive-webhook/receive-webhook.store.ts#requestCheck */
inline requestCheck() {
  lookSoon();
  SAY(0, a webhook)
}

/* world: money goes back, and the PSP may tell so by a webhook; that nobody looks for a while is the same as that it is late */
inline giveBack(q, amount) {
  balance = balance - amount; transactions++; amountOf[transactions] = amount; leftAfter[transactions] = balance;
  isLateSurprise = isLateSurprise || wasRefused(q);
  if
  :: requestCheck()
  :: skip
  fi
}

/* world: the PSP works on a cancel request, once for each idempotency key; refundableAmount is a compare-and-swap */
inline work(q) {
  if
  :: answered[KEY(q, n)] != NONE -> skip
#ifdef NO_COMPARE_AND_SWAP
  :: answered[KEY(q, n)] == NONE && balance >= sum(cancelLinesOf[q]) ->
#else
  :: answered[KEY(q, n)] == NONE && balance == refundable[q] ->
#endif
    if
    :: giveBack(q, sum(cancelLinesOf[q])); answered[KEY(q, n)] = A_DONE
    :: answered[KEY(q, n)] = A_REFUSED
#ifndef NO_UNCLEAR_ANSWERS
    :: !calm -> giveBack(q, sum(cancelLinesOf[q])); answered[KEY(q, n)] = A_UNCLEAR
    :: !calm -> answered[KEY(q, n)] = A_UNCLEAR
#endif
    fi
#ifdef NO_COMPARE_AND_SWAP
  :: answered[KEY(q, n)] == NONE && balance < sum(cancelLinesOf[q]) -> answered[KEY(q, n)] = A_MISMATCH
#else
  :: answered[KEY(q, n)] == NONE && balance != refundable[q] -> answered[KEY(q, n)] = A_MISMATCH
#endif
  fi
}

/* world: a cancel call. The request may be lost, or come late; the work may be done and the answer lost */
inline callCancel() {
  if
  :: !calm -> answer = NONE
#ifndef NO_LATE_REQUESTS
  :: !calm && answered[KEY(r, n)] == NONE && nothingUnderWay -> underWay[KEY(r, n)] = true; answer = NONE
#endif
  :: underWay[KEY(r, n)] -> answer = A_STILL_RUNS
  :: !underWay[KEY(r, n)] ->
    work(r);
    if
    :: answer = answered[KEY(r, n)]
    :: !calm -> answer = NONE
    fi
  fi;
  SAY(token, asks the PSP to give back);
  holds()
}

/* world: a look at the PSP */
inline lookUp() {
  if
  :: answer = A_PAYMENT
  :: !calm -> answer = NONE
  fi;
  SAY(token, looks the payment up)
}

/* payment-api/payment/cancel.rules.ts#ownEntry */
inline ownEntry() {
  entry = 1;
  do
  :: entry <= transactions &&
      !(!isKnown(entry) && amountOf[entry] == sum(cancelLinesOf[r]) && leftAfter[entry] == refundable[r] - sum(cancelLinesOf[r])) -> entry++
  :: else -> break
  od;
  if
  :: entry > transactions -> entry = 0
  :: else -> skip
  fi
}

/* payment-api/payment/cancel.rules.ts#decideCancel */
inline decideCancel() {
  if
  :: answer == A_DONE || answer == A_PAYMENT ->
    ownEntry();
    if
    :: entry != 0 -> ending = SUCCEED; found = entry
    :: entry == 0 && ending == ASKING -> ending = LOOKING
    :: entry == 0 && ending == LOOKING ->
      if
      :: refused != NONE -> ending = (refused == A_MISMATCH -> FAIL_UNKNOWN_CANCEL : FAIL)
      :: refused == NONE && balance != refundable[r] -> ending = FAIL_UNKNOWN_CANCEL
      :: refused == NONE && balance == refundable[r] && attempt[r] < (calm -> KEYS : ATTEMPTS) -> ending = ASKING; calls = 0
      :: refused == NONE && balance == refundable[r] && attempt[r] >= (calm -> KEYS : ATTEMPTS) -> ending = LEAVE_UNKNOWN
      fi
    fi
  :: (answer == NONE || answer == A_STILL_RUNS) && ending == LOOKING -> ending = LEAVE_UNKNOWN
  :: (answer == NONE || answer == A_STILL_RUNS) && ending == ASKING ->
    if
#ifdef LOST_ANSWER_IS_FAILURE
    :: true -> ending = FAIL
#else
    :: calls < SAME_KEY_CALLS_MAX -> skip
    :: calls >= SAME_KEY_CALLS_MAX -> ending = LEAVE_UNKNOWN
#endif
    fi
#ifdef REFUSAL_WITHOUT_LOOK
  :: answer == A_REFUSED || answer == A_MISMATCH -> ending = FAIL
#else
  :: answer == A_REFUSED || answer == A_MISMATCH -> refused = answer; ending = LOOKING
#endif
  :: answer == A_UNCLEAR -> refused = NONE; ending = LOOKING
  fi
}

/* payment-api/payment/cancel.store.ts#beginCall */
inline beginCall() {
  moveCancel(EXECUTING);
  if
  :: !moved -> ending = LOST
  :: moved && calls == 0 -> attempt[r]++; n = attempt[r]
  :: moved && calls > 0 -> skip
  fi;
  calls++;
  isMarked = (ending == ASKING);
  SAY(token, marks the next call)
}

/* payment-api/payment/ask-cancel.ts#askCancel */
inline askCancel() {
  do
  :: atomic { ending == ASKING && !isMarked -> beginCall() }
  :: atomic {
      (ending == ASKING && isMarked) || ending == LOOKING ->
      if
      :: ending == ASKING -> callCancel()
      :: ending == LOOKING -> lookUp()
      fi;
      isMarked = false;
      if
      :: decideCancel()
      :: !calm -> ending = DEAD
      fi;
      answer = NONE; entry = 0;
      if
      :: ending != ASKING -> calls = 0; n = 0
      :: else -> skip
      fi;
      if
      :: ending != ASKING && ending != LOOKING -> refused = NONE
      :: else -> skip
      fi
    }
  :: ending != ASKING && ending != LOOKING -> break
  od
}

/* payment-api/payment/record-cancel.ts#lookForLateCancel */
inline lookForLateCancel() {
#ifndef NO_LATE_LOOK
  if
  :: attempt[r] > 1 -> isLateDue = true
  :: else -> skip
  fi
#else
  skip
#endif
}

/* payment-api/payment/record-cancel.ts#recordCancelFailure */
inline recordCancelFailure() {
  moveCancel(FAILURE);
  if
  :: moved ->
    cancelToken[r] = 0;
    if :: ending == FAIL_UNKNOWN_CANCEL -> lookSoon() :: else -> skip fi;
    lookForLateCancel()
  :: else -> skip
  fi
}

/* payment-api/payment/record-cancel.ts#leaveCancelUnknown */
inline leaveCancelUnknown() {
  moveCancel(UNKNOWN);
  if
  :: moved -> cancelToken[r] = 0
  :: else -> skip
  fi
}

/* payment-api/payment/record-cancel.ts#lookAgainWhenOthersCanceled */
inline lookAgainWhenOthersCanceled() {
  if
  :: (transactions >= 1 && !isKnown(1)) || (transactions >= 2 && !isKnown(2)) -> lookSoon()
  :: else -> skip
  fi
}

/* payment-api/payment/record-cancel.ts#lookAgainWhenClosedWithout */
inline lookAgainWhenClosedWithout() {
#ifndef NO_LOOK_WHEN_CLOSED
  if
  :: !isInFlight(r) && !isKnown(found) -> lookSoon()
  :: else -> skip
  fi
#else
  skip
#endif
}

/* payment-api/payment/record-cancel.ts#recordCancel */
inline recordCancel() {
  if
  :: ending == FAIL || ending == FAIL_UNKNOWN_CANCEL -> recordCancelFailure()
  :: ending == LEAVE_UNKNOWN -> leaveCancelUnknown()
#ifdef NO_TRANSACTION_KEY
  :: ending == SUCCEED ->
#else
  /* The unique key on transaction_key refuses, and nothing is written. */
  :: ending == SUCCEED && isKnown(found) -> moved = false
  :: ending == SUCCEED && !isKnown(found) ->
#endif
    moveCancel(SUCCESS);
    if
    :: moved ->
      cancelToken[r] = 0; transactionKey[r] = found;
      cancelLines(cancelLinesOf[r]);
      lookAgainWhenOthersCanceled()
    :: else -> lookAgainWhenClosedWithout()
    fi
  :: ending == LOST || ending == DEAD -> moved = false
  :: !calm -> ending = DEAD; moved = false
  fi;
  SAY(token, records)
}

/* payment-api/payment/cancel.store.ts#insertCancel */
inline insertCancel() {
  cancelStatus[r] = REQUESTED; cancelLinesOf[r] = which; refundable[r] = TOTAL - sum(canceled); cancelToken[r] = token;
  believed = REQUESTED; ending = ASKING; isBusy[token] = true; askedFor = askedFor | which
}

/* payment-api/cancel-payment/cancel-payment.rules.ts#admitCancel */
inline admitCancel() {
  if
#ifdef NO_IN_FLIGHT_KEY
  :: unallocated == 0 && status != CANCELED && (canceled & which) == 0 -> insertCancel()
#else
  :: !anyInFlight && unallocated == 0 && status != CANCELED && (canceled & which) == 0 -> insertCancel()
#endif
  :: else -> ending = IDLE
  fi
}

/* payment-api/cancel-payment/cancel-payment.ts#cancelPayment */
proctype cancelPayment(byte token) {
  byte r, n, calls, which, found;
  bool isMarked;
  mtype:reply refused = NONE;
  mtype:outcome ending = IDLE;
  mtype:state believed = NOT_STARTED;
end:
  atomic {
    /* Who is first does not matter: they are alike. */
    !calm && (token == 1 || cancelStatus[1] != NOT_STARTED) -> r = token;
    if
    :: which = 1
    :: which = 2
    :: canceled != BOTH -> which = BOTH - canceled
    fi;
    admitCancel(); which = 0;
    SAY(token, cancel request);
    holds();
    if
    :: true
    :: !calm && ending == ASKING -> ending = DEAD
    fi
  };
  if
  :: ending != IDLE ->
    askCancel();
    atomic {
      recordCancel();
      if
      :: cancelStatus[r] == SUCCESS && ending != DEAD -> toldDone[r] = true
      :: else -> skip
      fi;
      isBusy[token] = false; found = 0; ending = IDLE; believed = NOT_STARTED;
      holds()
    }
  :: ending == IDLE -> skip
  fi
}

/* payment-api/payment/recovery.store.ts#holdCancel */
inline holdCancel(q) {
  r = q; cancelToken[r] = token; believed = cancelStatus[r]; ending = LOOKING; isBusy[token] = true;
  SAY(token, takes a cancel over)
}

/* payment-api/payment/recovery.store.ts#holdPayment */
inline holdPayment() {
  claimToken = token; checkRequested = false; paid = status; ending = ABSORB; isBusy[token] = true;
  isLast = nothingComesLate;
  SAY(token, takes the payment over)
}

/* payment-api/payment/recovery.store.ts#endLook */
inline endLook() {
  moved = (status == paid && claimToken == token);
  if
  :: moved ->
    claimToken = 0; isDue = checkRequested; checkRequested = false;
    /* By then the hour is over; a look that comes before that does not take its place. */
    if :: isLast -> isLateDue = false :: else -> skip fi
  :: else -> skip
  fi
}

/* payment-api/payment/record-cancel.ts#allocate */
inline allocate() {
  ENSURE(given-back-sums-to-lines, unallocated == sum((BOTH - canceled)));
  cancelLines((BOTH - canceled));
  if :: absorbed[1] == UNALLOCATED -> absorbed[1] = SUCCESS :: else -> skip fi;
  if :: absorbed[2] == UNALLOCATED -> absorbed[2] = SUCCESS :: else -> skip fi
}

/* payment-api/payment/record-cancel.ts#absorbCancels */
inline absorbCancels() {
  if
  :: anyInFlight -> isDue = true
  :: else ->
    if :: seen >= 1 && !isKnown(1) -> absorbed[1] = UNALLOCATED :: else -> skip fi;
    if :: seen >= 2 && !isKnown(2) -> absorbed[2] = UNALLOCATED :: else -> skip fi;
    remaining = (seen == 0 -> TOTAL : leftAfter[seen]);
    if
    :: remaining == 0 && status != CANCELED && unallocated > 0 -> allocate()
    :: else -> skip
    fi
  fi
}

/* payment-api/payment/recover-payment.ts#absorb */
inline absorb() {
  endLook();
  if
  :: moved -> absorbCancels()
  :: else -> skip
  fi;
  SAY(token, absorbs what the PSP has given back)
}

/* world: the worker has nothing in its hands */
inline rest() {
  isBusy[token] = false; isLast = false; r = 0; seen = 0; found = 0; ending = IDLE; believed = NOT_STARTED; paid = NOT_STARTED;
  holds()
}

/* payment-api/payment/recover-payment.ts#lookAtSettled */
inline lookAtSettled() {
  atomic {
    lookUp();
    if
    :: answer == A_PAYMENT -> seen = transactions
    :: answer == NONE -> ending = LEAVE_UNKNOWN
    :: !calm -> ending = DEAD
    fi;
    answer = NONE
  };
  atomic {
    if
    :: ending == ABSORB -> absorb()
    :: ending == LEAVE_UNKNOWN -> if :: status == paid && claimToken == token -> claimToken = 0; isDue = true :: else -> skip fi
    :: ending == DEAD || !calm -> skip
    fi;
    rest()
  }
}

/* payment-api/payment/recover-payment.ts#recoverCancel */
inline recoverCancel() {
  askCancel();
  atomic { recordCancel(); rest() }
}

/* payment-api/recover-payments/recover-payments.store.ts#takeOver */
inline takeOver() {
  /* While somebody is at work its lease holds, unless he was stopped for longer. */
  if
  :: isInFlight(1) && (!calm || !isBusy[cancelToken[1]]) -> holdCancel(1)
  :: isInFlight(REQUESTS) && (!calm || !isBusy[cancelToken[REQUESTS]]) -> holdCancel(REQUESTS)
  :: (isDue || (isLateDue && nothingComesLate)) && (status == SUCCESS || status == PARTIAL_CANCELED) && (!calm || !isBusy[claimToken]) && !(calm && anyInFlight) -> holdPayment()
  fi
}

/* payment-api/recover-payments/recover-payments.ts#recoverNext */
proctype recoverNext(byte token) {
  byte r, n, calls, found, seen;
  bool isMarked, isLast;
  mtype:reply refused = NONE;
  mtype:outcome ending = IDLE;
  mtype:state believed = NOT_STARTED;
  mtype:state paid = NOT_STARTED;
end:
  do
  :: atomic { takeOver() };
    if
    :: ending == ABSORB -> lookAtSettled()
    :: ending != ABSORB -> recoverCancel()
    fi
  od
}

/* world: a request that was under way reaches the PSP or never will */
inline arrive(q, a) {
  n = a;
  if
  :: work(q)
  :: skip
  fi;
  underWay[KEY(q, a)] = false; n = 0;
  SAY(0, a late request arrives or is lost);
  holds()
}

/* world: requests arrive late, webhooks come, and one day it is calm */
active proctype world() {
  byte n;
end:
  do
  :: atomic { underWay[KEY(1, 1)] -> arrive(1, 1) }
  :: atomic { underWay[KEY(1, 2)] -> arrive(1, 2) }
  :: atomic { REQUESTS > 1 && underWay[KEY(REQUESTS, 1)] -> arrive(REQUESTS, 1) }
  :: atomic { REQUESTS > 1 && underWay[KEY(REQUESTS, 2)] -> arrive(REQUESTS, 2) }
  :: atomic { !calm -> calm = true; SAY(0, from now on all goes well) }
  od
}

/* When nobody has anything left to do, this must be true. */
active proctype judge() {
  timeout ->
  ENSURE(every-cancel-ends, !anyInFlight);
  ENSURE(kept-what-was-sold, balance == TOTAL - sum(canceled) - unallocated);
  ENSURE(what-we-gave-back-is-recognised, unallocated == 0 || isLateSurprise);
  SAY(0, at rest)
}

init {
  atomic {
    byte i = 1;
    do
    :: i <= REQUESTS -> run cancelPayment(i); i++
    :: i > REQUESTS && i <= REQUESTS + WORKERS -> run recoverNext(i); i++
    :: i > REQUESTS + WORKERS -> break
    od
  }
}

#ifdef LIVENESS
/* Under weak fairness: once all goes well, whatever is under way ends. */
ltl every_cancel_ends { [] (calm -> <> (!anyInFlight && !((isDue || isLateDue) && (status == SUCCESS || status == PARTIAL_CANCELED)))) }
#endif
