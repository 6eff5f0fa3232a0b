/*
 * What the three models share: words, and the ways to say that something must hold.
 *
 * A step of the model is an inline whose name is the name of a function of the code; the comment before it says where that
 * function stands, and a test looks whether it still stands there. Steps of the world around us (the PSP, the broker, time)
 * are marked as such. One atomic step is one transaction, or one call to the PSP.
 */

/* Payments, lines and cancels. payment-api/payment/payment.ts */
mtype:state = { NOT_STARTED, EXECUTING, SUCCESS, FAILURE, UNKNOWN, PARTIAL_CANCELED, CANCELED, REQUESTED, UNALLOCATED }

/* payment-api/payment/states.ts, PAYMENT_MOVES: a test compares the two. */
#define MAY_MOVE(from, to) ( \
  (from == NOT_STARTED && to == EXECUTING) || \
  (from == EXECUTING && to == SUCCESS) || \
  (from == EXECUTING && to == FAILURE) || \
  (from == EXECUTING && to == UNKNOWN) || \
  (from == EXECUTING && to == NOT_STARTED) || \
  (from == UNKNOWN && to == EXECUTING) || \
  (from == UNKNOWN && to == SUCCESS) || \
  (from == UNKNOWN && to == FAILURE) || \
  (from == SUCCESS && to == PARTIAL_CANCELED) || \
  (from == SUCCESS && to == CANCELED) || \
  (from == PARTIAL_CANCELED && to == PARTIAL_CANCELED) || \
  (from == PARTIAL_CANCELED && to == CANCELED) || \
  (from == FAILURE && to == FAILURE))

#define isPaid(s) (s == SUCCESS || s == PARTIAL_CANCELED || s == CANCELED)

/* A replay of the way to a violation prints the steps and, last, the property's name. */
#define TEXT(words) #words
#define SAY(who, what) printf(TEXT(%d what\n), who)
#define ENSURE(property, holds) if :: (holds) -> skip :: else -> printf(TEXT(BROKEN property\n)); assert(false) fi

/*
 * Until it is calm anything may go wrong, as often as it likes: requests and answers are lost or late, processes stop, die
 * and wake up, messages come again. One day it is calm; what has happened until then must come to a good end.
 */
bool calm;
