/*
 * Taking the money: claim, ask, decide, record; recovery; late approval. One order, two payment keys of its shopper, API
 * processes that serve confirm requests, workers that recover, and a PSP that may do the work and lose the answer.
 */
#include "protocol.inc.pml"

#ifndef SERVERS
#define SERVERS 2
#endif
#ifndef WORKERS
#define WORKERS 1
#endif
/* Idempotency keys in all, and the bounds of payment/asking.rules.ts (3 and 3 there). */
#ifndef ATTEMPTS
#define ATTEMPTS 3
#endif
#ifndef SAME_KEY_CALLS_MAX
#define SAME_KEY_CALLS_MAX 2
#endif
#ifndef ATTEMPTS_MAX
#define ATTEMPTS_MAX 2
#endif

/* ---- payment_events ---- */
mtype:check = { NEVER, IN_AN_HOUR, DUE }
mtype:state status = NOT_STARTED;
byte paymentKey, claimToken, attempt;
bool isOldClaim;
mtype:check nextCheck = NEVER;
bool checkRequested;
bool isReversed;
/* ---- outbox ---- */
byte departed;

/* ---- the PSP ---- */
mtype:psp = { IN_PROGRESS, DONE, ABORTED, EXPIRED, GIVEN_BACK }
mtype:reply = { NONE, A_PAID, A_REFUSED, A_UNCLEAR, A_UNUSABLE_KEY, A_ALREADY, A_STILL_RUNS, A_IN_PROGRESS, A_FAILED, A_GIVEN_BACK }
mtype:psp pspStatus[3] = IN_PROGRESS;
/* The first answer to each idempotency key; a request that the PSP still works on. */
mtype:reply answered[ATTEMPTS + 1] = NONE;
byte underWay[ATTEMPTS + 1];
byte approvals;
bool isSessionOver;

/* ---- who is at work, and what shoppers were told ---- */
bool isBusy[SERVERS + WORKERS + 1];
bool toldPaid, toldFailed;

/* Within one step only. */
hidden byte moved;
hidden mtype:reply answer = NONE;

mtype:outcome = { IDLE, ASKING, NEW_ATTEMPT, SUCCEED, FAIL, FAIL_FOR_NOW, RELEASE, LEAVE_UNKNOWN, DEAD }

/* While somebody is at work its lease holds, unless he was stopped for longer. */
#ifdef LEASES_HOLD
#define leaseIsOver(who) (!isBusy[who])
#else
#define leaseIsOver(who) (!calm || !isBusy[who])
#endif
#define nothingUnderWay (underWay[1] == 0 && underWay[2] == 0 && underWay[ATTEMPTS] == 0)
#define pspHas(k) (k != 0 && pspStatus[k] == DONE)

/* What holds after every step. */
inline holds() {
  ENSURE(charged-at-most-once, approvals <= 1);
  ENSURE(paid-only-if-charged, !isPaid(status) || pspHas(paymentKey));
  ENSURE(paid-means-published, isPaid(status) == (departed == 1));
  ENSURE(told-paid-is-paid, !toldPaid || isPaid(status));
  ENSURE(told-failed-is-failed, !toldFailed || status == FAILURE)
}

/* payment-api/payment/payment.store.ts#movePayment */
inline movePayment(believed, to) {
#ifdef NO_FENCE
  moved = true;
#else
  moved = (status == believed && claimToken == token);
#endif
  if
  :: moved -> ENSURE(stale-never-overwrites, MAY_MOVE(status, to)); status = to
  :: else -> skip
  fi
}

/* world: the PSP works on a confirm request, once for each idempotency key; the payment key stops a second approval */
inline work(n, k, isLate) {
  if
  :: answered[n] != NONE -> skip
  :: answered[n] == NONE && pspStatus[k] == IN_PROGRESS && (!isSessionOver || isLate) ->
    if
    :: pspStatus[k] = DONE; approvals++; answered[n] = A_PAID
    :: pspStatus[k] = ABORTED; answered[n] = A_REFUSED
    :: !calm -> answered[n] = A_UNCLEAR
    :: !calm -> pspStatus[k] = DONE; approvals++; answered[n] = A_UNCLEAR
    :: !calm -> answered[n] = A_UNUSABLE_KEY
    fi
  :: answered[n] == NONE && pspStatus[k] == IN_PROGRESS && isSessionOver && !isLate -> answered[n] = A_UNUSABLE_KEY
#ifdef PSP_WITHOUT_KEY_GUARD
  :: answered[n] == NONE && pspStatus[k] == DONE -> approvals++; answered[n] = A_PAID
  :: answered[n] == NONE && pspStatus[k] != IN_PROGRESS && pspStatus[k] != DONE -> answered[n] = A_ALREADY
#else
  :: answered[n] == NONE && pspStatus[k] != IN_PROGRESS -> answered[n] = A_ALREADY
#endif
  fi
}

/* world: a confirm call. The request may be lost, or come late; the work may be done and the answer lost */
inline callConfirm() {
  if
  :: !calm -> answer = NONE
#ifndef NO_LATE_REQUESTS
  :: !calm && !isSessionOver && answered[n] == NONE && underWay[n] == 0 -> underWay[n] = key; answer = NONE
#endif
  :: underWay[n] != 0 -> answer = A_STILL_RUNS
  :: underWay[n] == 0 ->
    work(n, key, false);
    if
    :: answer = answered[n]
    :: !calm -> answer = NONE
    fi
  fi;
  SAY(token, asks the PSP to confirm);
  holds()
}

/* world: a look at the PSP */
inline lookUp() {
  if
  :: !calm -> answer = NONE
  :: pspStatus[key] == IN_PROGRESS -> answer = A_IN_PROGRESS
  :: pspStatus[key] == IN_PROGRESS && isSessionOver && nothingUnderWay -> pspStatus[key] = EXPIRED; answer = A_FAILED
  :: pspStatus[key] == DONE -> answer = A_PAID
  :: pspStatus[key] == ABORTED || pspStatus[key] == EXPIRED -> answer = A_FAILED
  :: pspStatus[key] == GIVEN_BACK -> answer = A_GIVEN_BACK
  fi;
  SAY(token, looks the payment up)
}

/* payment-api/payment/payment.store.ts#touchPayment */
inline touchPayment() {
  if
  :: attempt == ATTEMPTS -> ending = LEAVE_UNKNOWN
  :: attempt < ATTEMPTS && status == EXECUTING && claimToken == token ->
    attempt++; n = attempt; asked = false; calls = 0; tries++; ending = ASKING
  :: attempt < ATTEMPTS && !(status == EXECUTING && claimToken == token) -> ending = LEAVE_UNKNOWN
  fi;
  if
  :: ending == LEAVE_UNKNOWN -> asked = false; calls = 0; tries = 0
  :: else -> skip
  fi;
  SAY(token, counts an attempt)
}

#define isFirstCall (tries == 1 && calls == 1)

/* payment-api/payment/asking.rules.ts#decide */
inline decide() {
  if
  :: answer == A_PAID -> ending = SUCCEED
  :: answer == A_REFUSED || answer == A_FAILED -> ending = FAIL
  :: answer == A_GIVEN_BACK -> ending = LEAVE_UNKNOWN
  :: answer == A_IN_PROGRESS ->
    if
    :: tries < ATTEMPTS_MAX -> ending = NEW_ATTEMPT
    :: else -> ending = LEAVE_UNKNOWN
    fi
  :: answer == NONE || answer == A_STILL_RUNS ->
    if
#ifdef LOST_ANSWER_IS_FAILURE
    :: true -> ending = FAIL
#endif
#ifdef LOST_ANSWER_NEW_KEY
    :: !asked && tries < ATTEMPTS_MAX -> ending = NEW_ATTEMPT
    :: asked || tries >= ATTEMPTS_MAX -> ending = LEAVE_UNKNOWN
#else
    :: !asked && calls < SAME_KEY_CALLS_MAX -> skip
    :: asked || calls >= SAME_KEY_CALLS_MAX -> ending = LEAVE_UNKNOWN
#endif
    fi
  :: answer == A_UNUSABLE_KEY ->
    if
#ifdef RELEASE_AFTER_ANY_CALL
    :: true -> ending = RELEASE
#else
    :: isFirstCall -> ending = RELEASE
    :: else -> ending = LEAVE_UNKNOWN
#endif
    fi
  :: answer == A_UNCLEAR || answer == A_ALREADY -> asked = true
  fi
}

/* payment-api/payment/ask-psp.ts#askPsp */
inline askPsp() {
  do
  :: atomic {
      ending == ASKING ->
      if
      :: !asked -> calls++; callConfirm()
      :: else -> lookUp()
      fi;
      if
      :: decide()
      :: !calm -> ending = DEAD
      fi;
      answer = NONE;
      if
      :: ending != ASKING && ending != NEW_ATTEMPT -> asked = false; calls = 0; tries = 0
      :: else -> skip
      fi
    }
  :: atomic { ending == NEW_ATTEMPT -> touchPayment() }
  :: ending != ASKING && ending != NEW_ATTEMPT -> break
  od
}

/* prisma/outbox.ts#depart */
inline depart() {
  departed++
}

/* payment-api/payment/record-outcome.ts#recordSuccess */
inline recordSuccess(believed) {
  movePayment(believed, SUCCESS);
  if
  :: moved ->
    claimToken = 0; nextCheck = NEVER; checkRequested = false;
#ifndef OUTBOX_OUTSIDE
    depart()
#endif
  :: else -> skip
  fi
}

/* payment-api/payment/record-outcome.ts#recordFailure */
inline recordFailure(believed, check) {
  movePayment(believed, FAILURE);
  if
  :: moved -> claimToken = 0; nextCheck = check; checkRequested = false
  :: else -> skip
  fi
}

/* payment-api/confirm-payment/confirm-payment.store.ts#leaveUnknown */
inline leaveUnknown() {
  movePayment(EXECUTING, UNKNOWN);
  if
  :: moved -> claimToken = 0
  :: else -> skip
  fi
}

/* payment-api/confirm-payment/confirm-payment.store.ts#release */
inline release(believed) {
  movePayment(believed, NOT_STARTED);
  if
  :: moved ->
    ENSURE(released-only-if-nothing-charged, pspStatus[key] != DONE && (underWay[n] != key));
    claimToken = 0; paymentKey = 0
  :: else -> skip
  fi
}

/* world: the shopper reads an answer that is to hold for ever */
inline told(what) {
  if
  :: what == 1 -> toldPaid = true
  :: what == 2 -> toldFailed = true
  fi
}

/* payment-api/confirm-payment/confirm-payment.ts#takenOver */
inline takenOver() {
  if
  :: isPaid(status) && paymentKey == key -> told(1)
  :: status == FAILURE && ending != SUCCEED -> told(2)
  :: else -> skip
  fi
}

/* payment-api/payment/payment.store.ts#claimPayment */
inline claimPayment() {
  ENSURE(stale-never-overwrites, MAY_MOVE(status, EXECUTING));
  status = EXECUTING; paymentKey = key; claimToken = token; attempt++; n = attempt;
  nextCheck = NEVER; isOldClaim = false; isBusy[token] = true; ending = ASKING
}

/* payment-api/confirm-payment/confirm-payment.rules.ts#admit */
inline admit() {
  if
  :: status == NOT_STARTED && attempt < ATTEMPTS -> claimPayment()
  :: status == FAILURE -> told(2)
  :: isPaid(status) && paymentKey == key -> told(1)
  :: else -> skip
  fi
}

/* payment-api/confirm-payment/confirm-payment.ts#record */
inline record() {
  atomic {
    SAY(token, records);
    if
    :: ending == SUCCEED -> recordSuccess(EXECUTING); if :: moved -> told(1) :: else -> takenOver() fi
    :: ending == FAIL -> recordFailure(EXECUTING, NEVER); if :: moved -> told(2) :: else -> takenOver() fi
    :: ending == RELEASE -> release(EXECUTING); if :: moved -> skip :: else -> takenOver() fi
    :: ending == LEAVE_UNKNOWN -> leaveUnknown(); if :: moved -> skip :: else -> takenOver() fi
    :: ending == DEAD || !calm -> moved = false
    fi;
#ifdef OUTBOX_OUTSIDE
    isUnpublished = (ending == SUCCEED && moved)
  }
  atomic {
    if
    :: isUnpublished -> if :: depart() :: !calm -> skip fi
    :: else -> skip
    fi;
    isUnpublished = false;
#endif
    isBusy[token] = false; key = 0; n = 0; ending = IDLE;
    holds()
  }
}

/* payment-api/confirm-payment/confirm-payment.ts#confirmPayment */
proctype confirmPayment(byte token) {
  byte key, n, calls, tries;
  bool asked;
#if defined(OUTBOX_OUTSIDE) || defined(CLAIM_WITHOUT_LOCK)
  bool isUnpublished;
#endif
  mtype:outcome ending = IDLE;
end:
  do
  :: atomic {
      !calm ->
      /* world: a shopper comes, with one payment key or the other */
      if
      :: key = 1
#ifndef ONE_KEY
      :: key = 2
#endif
      fi;
#ifdef CLAIM_WITHOUT_LOCK
      isUnpublished = (status == NOT_STARTED && attempt < ATTEMPTS)
    };
    atomic {
      if :: isUnpublished && attempt < ATTEMPTS -> claimPayment() :: else -> admit() fi;
      isUnpublished = false;
#else
      admit();
#endif
      SAY(token, confirm request);
      holds();
      if
      :: ending == IDLE -> key = 0
      :: ending == ASKING -> tries = 1
      :: ending == ASKING && !calm -> ending = DEAD
      fi
    };
    if
    :: ending != IDLE -> askPsp(); record()
    :: ending == IDLE -> skip
    fi
  od
}

/* payment-api/payment/recovery.store.ts#holdPayment */
inline holdPayment() {
  claimToken = token; checkRequested = false; believed = status; key = paymentKey; n = attempt; isOld = isOldClaim;
  isBusy[token] = true;
  if :: status == FAILURE -> nextCheck = DUE :: else -> skip fi;
  SAY(token, takes over)
}

/* payment-api/recover-payments/recover-payments.store.ts#takeOver */
inline takeOver() {
  (status == EXECUTING || status == UNKNOWN ||
    (status == FAILURE && (nextCheck == DUE || (nextCheck == IN_AN_HOUR && isSessionOver && nothingUnderWay)))) &&
    leaseIsOver(claimToken) ->
  holdPayment()
}

/* payment-api/payment/recovery.store.ts#lookLater */
inline lookLater() {
  if
  :: believed == EXECUTING -> movePayment(EXECUTING, UNKNOWN)
  :: else -> moved = (status == believed && claimToken == token)
  fi;
  if
  :: moved -> claimToken = 0; checkRequested = false; if :: status == FAILURE -> nextCheck = DUE :: else -> skip fi
  :: else -> skip
  fi
}

/* payment-api/payment/recovery.store.ts#endLook */
inline endLook() {
  moved = (status == believed && claimToken == token);
  if
  :: moved -> claimToken = 0; nextCheck = (checkRequested -> DUE : NEVER); checkRequested = false
  :: else -> skip
  fi
}

/* payment-api/payment/recovery.store.ts#beginAttempt */
inline beginAttempt() {
  if
  :: attempt == ATTEMPTS -> ending = LEAVE_UNKNOWN
  :: attempt < ATTEMPTS && status == believed && claimToken == token ->
    status = EXECUTING; believed = EXECUTING; attempt++; n = attempt; tries = 1; ending = ASKING
  :: attempt < ATTEMPTS && !(status == believed && claimToken == token) -> ending = DEAD
  fi;
  SAY(token, begins a new attempt);
  holds()
}

/* payment-api/payment/recovery.rules.ts#decideRecovery */
inline decideRecovery() {
  if
  :: answer == A_PAID -> ending = SUCCEED
  :: answer == A_FAILED -> ending = FAIL
#ifdef FAIL_WITHIN_SESSION
  :: answer == A_IN_PROGRESS -> ending = FAIL
#else
  :: answer == A_IN_PROGRESS && !isOld -> if :: ending = NEW_ATTEMPT :: ending = LEAVE_UNKNOWN fi
  :: answer == A_IN_PROGRESS && isOld -> ending = FAIL_FOR_NOW
#endif
  :: answer == NONE || answer == A_GIVEN_BACK -> ending = LEAVE_UNKNOWN
  :: !calm -> ending = DEAD
  fi
}

/* payment-api/payment/recovery.rules.ts#afterAttempt */
inline afterAttempt() {
  if
#ifndef RECOVERY_RELEASES
  :: ending == RELEASE -> ending = LEAVE_UNKNOWN
#endif
  :: else -> skip
  fi
}

/* world: the worker has nothing in its hands */
inline rest() {
  isBusy[token] = false; key = 0; n = 0; isOld = false; ending = IDLE; believed = UNKNOWN
}

/* payment-api/payment/recover-payment.ts#recordStep */
inline recordStep() {
  if
  :: ending == SUCCEED -> recordSuccess(believed)
  :: ending == FAIL -> recordFailure(believed, NEVER)
#ifdef NO_LATE_LOOK
  :: ending == FAIL_FOR_NOW -> recordFailure(believed, NEVER)
#else
  :: ending == FAIL_FOR_NOW -> recordFailure(believed, IN_AN_HOUR)
#endif
  :: ending == LEAVE_UNKNOWN -> lookLater()
#ifdef RECOVERY_RELEASES
  :: ending == RELEASE -> release(believed)
#endif
  :: ending == DEAD || !calm -> skip
  fi;
  SAY(token, records what the look brought);
  rest();
  holds()
}

/* payment-api/payment/recover-payment.ts#recoverOpen */
inline recoverOpen() {
  atomic { lookUp(); decideRecovery(); answer = NONE };
  if
  :: atomic { ending == NEW_ATTEMPT -> beginAttempt() }; askPsp()
  :: ending != NEW_ATTEMPT -> skip
  fi;
  atomic { afterAttempt(); recordStep() }
}

/* world: the PSP gives the whole back, if it has not yet */
inline callReverse() {
  if
  :: !calm -> answer = NONE
  :: pspStatus[key] == DONE -> pspStatus[key] = GIVEN_BACK; if :: answer = A_GIVEN_BACK :: !calm -> answer = NONE fi
  :: pspStatus[key] != DONE -> answer = NONE
  fi;
  SAY(token, reverses a late approval);
  holds()
}

/* payment-api/payment/recovery.rules.ts#decideSettled */
inline decideSettled() {
  if
  :: answer == A_PAID -> ending = ASKING
  :: answer == A_GIVEN_BACK -> ending = SUCCEED
  :: answer == A_FAILED || answer == A_IN_PROGRESS -> ending = FAIL
  :: answer == NONE -> ending = LEAVE_UNKNOWN
  :: !calm -> ending = DEAD
  fi;
  answer = NONE
}

/* payment-api/payment/recover-payment.ts#reverse */
inline reverse() {
  callReverse();
  ending = (answer == A_GIVEN_BACK -> SUCCEED : LEAVE_UNKNOWN);
  if :: true :: !calm -> ending = DEAD fi;
  answer = NONE
}

/* payment-api/payment/recovery.store.ts#noteReversal */
inline noteReversal() {
  movePayment(FAILURE, FAILURE);
  if
  :: moved -> isReversed = true; claimToken = 0; nextCheck = (checkRequested -> DUE : NEVER); checkRequested = false
  :: else -> skip
  fi
}

/* payment-api/payment/recover-payment.ts#lookAtSettled */
inline lookAtSettled() {
  atomic { lookUp(); decideSettled() };
  if
  :: atomic { ending == ASKING -> reverse() }
  :: ending != ASKING -> skip
  fi;
  atomic {
    if
    :: ending == SUCCEED -> noteReversal()
    :: ending == FAIL -> endLook()
    :: ending == LEAVE_UNKNOWN -> lookLater()
    :: ending == DEAD || !calm -> skip
    fi;
    SAY(token, records a look at what has ended);
    rest();
    holds()
  }
}

/* payment-api/recover-payments/recover-payments.ts#recoverNext */
proctype recoverNext(byte token) {
  byte key, n, calls, tries;
  bool asked, isOld;
  mtype:outcome ending = IDLE;
  mtype:state believed = UNKNOWN;
end:
  do
  :: atomic { takeOver() };
    if
    :: believed == FAILURE -> lookAtSettled()
    :: believed != FAILURE -> recoverOpen()
    fi
  od
}

/* payment-api/receive-webhook/receive-webhook.store.ts#requestCheck */
inline requestCheck() {
  if
  :: claimToken != 0 -> checkRequested = true
  :: claimToken == 0 -> nextCheck = DUE
  fi;
  SAY(0, a webhook)
}

/* world: a request that was under way reaches the PSP, or never will */
inline arrive() {
  if
  :: work(n, underWay[n], true)
  :: skip
  fi;
  underWay[n] = 0; n = 0;
  SAY(0, a late request arrives or is lost);
  holds()
}

/* world: requests arrive late or never, sessions end, time passes, webhooks tell what they like, and one day it is calm */
active proctype world() {
  byte n;
end:
  do
  :: atomic { underWay[1] != 0 -> n = 1; arrive() }
  :: atomic { underWay[2] != 0 -> n = 2; arrive() }
  :: atomic { ATTEMPTS > 2 && underWay[ATTEMPTS] != 0 -> n = ATTEMPTS; arrive() }
  :: atomic { !isSessionOver -> isSessionOver = true; SAY(0, the session at the PSP ends) }
  :: atomic { isSessionOver && (status == EXECUTING || status == UNKNOWN) && !isOldClaim -> isOldClaim = true; SAY(0, the claim grows old) }
  :: atomic { !calm && status == FAILURE && (pspStatus[1] == DONE || pspStatus[2] == DONE) -> requestCheck() }
  :: atomic { !calm -> calm = true; SAY(0, from now on all goes well) }
  od
}

/* When nobody has anything left to do, this must be true. */
active proctype judge() {
  timeout ->
  ENSURE(every-attempt-ends, status != EXECUTING && status != UNKNOWN);
  ENSURE(kept-what-was-sold, isPaid(status) == (pspHas(1) || pspHas(2)));
  ENSURE(reversal-is-noted, isReversed == (pspStatus[1] == GIVEN_BACK || pspStatus[2] == GIVEN_BACK));
  SAY(0, at rest)
}

init {
  atomic {
    byte i = 1;
    do
    :: i <= SERVERS -> run confirmPayment(i); i++
    :: i > SERVERS && i <= SERVERS + WORKERS -> run recoverNext(i); i++
    :: i > SERVERS + WORKERS -> break
    od
  }
}

#ifdef LIVENESS
/* Under weak fairness: once all goes well, whatever is under way ends. */
ltl every_attempt_ends { [] (calm -> <> (status != EXECUTING && status != UNKNOWN && nextCheck == NEVER)) }
#endif
