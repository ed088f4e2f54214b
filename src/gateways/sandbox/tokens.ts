/**
 * The test tokens of the sandbox gateway. A token says how a payment method made from it behaves; every attach makes
 * a method of its own, so "the first n times" counts per method.
 *
 * Tokens whose name ends in `_first_<n>` (n from 1 to 9) behave that way n times and then succeed.
 */
export type Behaviour =
  | { kind: 'settle' }
  | { kind: 'decline'; decline: Decline }
  | { kind: 'pending'; ends: 'settle' | 'decline' }
  | { kind: 'requires_action' }
  | { kind: 'fault'; fault: Fault }
  | { kind: 'answer_lost'; of: 'prepare' | 'confirm' }
  | { kind: 'callback_before_answer' };

export type Decline = { code: string; hard: boolean; message: string };

/** How a confirm goes wrong without charging: no answer, a 500, bytes that are no JSON, a 429. */
export type Fault = 'hang' | 'server_error' | 'garbage' | 'rate_limit';

/** What a method does. `times` null: always; a number: that many times, and then it settles. */
export type TestCard = {
  behaviour: Behaviour;
  times: number | null;
  brand: string;
  last4: string;
  expMonth: number;
  expYear: number;
};

const INSUFFICIENT_FUNDS: Decline = {
  code: 'insufficient_funds',
  hard: false,
  message: 'The card has too little money on it.',
};
const STOLEN: Decline = { code: 'stolen_card', hard: true, message: 'The card was reported stolen.' };
const EXPIRED: Decline = { code: 'expired_card', hard: true, message: 'The card has expired.' };

export const PENDING_FAILED: Decline = {
  code: 'payment_returned',
  hard: false,
  message: 'The bank returned the payment.',
};
export const ACTION_FAILED: Decline = {
  code: 'authentication_failed',
  hard: false,
  message: 'The customer did not confirm the payment.',
};
export const NO_SUCH_METHOD: Decline = {
  code: 'no_such_payment_method',
  hard: true,
  message: 'The gateway knows no such payment method; attach one again.',
};

type Row = {
  token: string;
  last4: string;
  behaviour: Behaviour;
  counted?: true;
  expired?: true;
  description: string;
};

const TABLE: readonly Row[] = [
  {
    token: 'tok_succeeds',
    last4: '4242',
    behaviour: { kind: 'settle' },
    description: 'Every charge settles at once.',
  },
  {
    token: 'tok_insufficient_funds',
    last4: '9995',
    behaviour: { kind: 'decline', decline: INSUFFICIENT_FUNDS },
    counted: true,
    description: 'A soft decline, each time; with _first_n only the first n charges.',
  },
  {
    token: 'tok_stolen',
    last4: '9979',
    behaviour: { kind: 'decline', decline: STOLEN },
    description: 'A hard decline, stolen_card.',
  },
  {
    token: 'tok_expired',
    last4: '0069',
    behaviour: { kind: 'decline', decline: EXPIRED },
    expired: true,
    description: 'A hard decline, expired_card.',
  },
  {
    token: 'tok_pending_succeeds',
    last4: '3155',
    behaviour: { kind: 'pending', ends: 'settle' },
    description: 'Pending first, then settled: after settleAfterMs, on a test clock after one day of it.',
  },
  {
    token: 'tok_pending_fails',
    last4: '3184',
    behaviour: { kind: 'pending', ends: 'decline' },
    description: 'Pending first, then declined (payment_returned, soft), at the same moments.',
  },
  {
    token: 'tok_requires_action',
    last4: '3220',
    behaviour: { kind: 'requires_action' },
    description: 'The customer has to confirm or refuse on a page; until then nothing is charged.',
  },
  {
    token: 'tok_hangs',
    last4: '5001',
    behaviour: { kind: 'fault', fault: 'hang' },
    counted: true,
    description: 'A confirm is never answered and nothing is charged.',
  },
  {
    token: 'tok_server_error',
    last4: '5002',
    behaviour: { kind: 'fault', fault: 'server_error' },
    counted: true,
    description: 'A confirm is answered 500 and nothing is charged.',
  },
  {
    token: 'tok_garbage',
    last4: '5003',
    behaviour: { kind: 'fault', fault: 'garbage' },
    counted: true,
    description: 'A confirm is answered with bytes that are no JSON and nothing is charged.',
  },
  {
    token: 'tok_rate_limited',
    last4: '5004',
    behaviour: { kind: 'fault', fault: 'rate_limit' },
    counted: true,
    description: 'A confirm is answered 429 and nothing is charged.',
  },
  {
    token: 'tok_times_out_after_charging',
    last4: '5005',
    behaviour: { kind: 'answer_lost', of: 'confirm' },
    description: 'Charges and sends the callback, but the first confirm of a charge is never answered.',
  },
  {
    token: 'tok_prepare_answer_lost',
    last4: '5006',
    behaviour: { kind: 'answer_lost', of: 'prepare' },
    description: 'Stores the charge, but its first prepare is never answered; the second one is.',
  },
  {
    token: 'tok_callback_before_answer',
    last4: '5007',
    behaviour: { kind: 'callback_before_answer' },
    description: 'Settles, delivers the callback, and only then answers the confirm.',
  },
];

/** How a method made from this token behaves; null when there is no such token. */
export function testCard(token: string): TestCard | null {
  const counted = /^(.+)_first_([1-9])$/.exec(token);
  const row = TABLE.find((candidate) => candidate.token === (counted?.[1] ?? token));
  if (row === undefined || (counted !== null && row.counted === undefined)) return null;
  return {
    behaviour: row.behaviour,
    times: counted === null ? null : Number(counted[2]),
    brand: 'visa',
    last4: row.last4,
    expMonth: 12,
    expYear: row.expired ? 2020 : 2040,
  };
}

/** Every token with its description, for `GET /v1/test_tokens` and for the sentence about an unknown one. */
export function testTokens(): { token: string; description: string }[] {
  return TABLE.flatMap(({ token, description, counted }) =>
    counted
      ? [
          { token, description },
          {
            token: `${token}_first_1 … ${token}_first_9`,
            description: `As ${token} the first n times, then it succeeds.`,
          },
        ]
      : [{ token, description }],
  );
}
