import { invoiceOut } from '../../contract/invoices.ts';
import { previewOut } from '../../contract/previews.ts';
import { withId } from '../api-client.ts';
import { hearOfAlert, sellCalls, sendCalls } from './calls.ts';
import type { Stage } from './stage.ts';

/** Everyone in the story has one customer, one plan and one subscription, all with the external id `name`. */
export type Person = {
  name: string;
  timeZone: string;
  currency: string;
  /** For a period, or for a seat and period. */
  amount: string;
  seats?: string;
  unit: 'month' | 'quarter' | 'half_year' | 'year';
  /** Null: pays by transfer. */
  card: string | null;
  /** What a call costs beside that, counted from events. */
  perCall?: string;
  /** So many calls in a period are told of at once. */
  alertAt?: string;
  terms?: Record<string, unknown>;
  tells: string;
};

/** At its instant somebody does something; the clock is moved there before. */
export type Act = { at: string; tells: string; happens: (stage: Stage) => Promise<void> };

const ada: Person = {
  name: 'Ada',
  timeZone: 'America/New_York',
  currency: 'USD',
  amount: '29.00',
  unit: 'month',
  card: 'tok_succeeds',
  tells: 'subscribes monthly from 31 January, in New York.',
};
const bela: Person = {
  name: 'Bela',
  timeZone: 'Europe/Berlin',
  currency: 'EUR',
  amount: '49.00',
  unit: 'month',
  card: 'tok_succeeds',
  terms: { trial_days: 14 },
  tells: 'tries for 14 days first, in Berlin.',
};
const chiyo: Person = {
  name: 'Chiyo',
  timeZone: 'Asia/Tokyo',
  currency: 'JPY',
  amount: '120000',
  unit: 'year',
  card: 'tok_succeeds',
  tells: 'subscribes yearly from 29 February, in Tokyo.',
};
const dora: Person = {
  name: 'Dora',
  timeZone: 'Europe/London',
  currency: 'GBP',
  amount: '90.00',
  unit: 'quarter',
  card: 'tok_succeeds',
  tells: 'subscribes quarterly, in London.',
};
const emil: Person = {
  name: 'Emil',
  timeZone: 'America/Chicago',
  currency: 'USD',
  amount: '19.00',
  unit: 'month',
  card: 'tok_succeeds',
  tells: 'subscribes monthly, in Chicago.',
};
const fay: Person = {
  name: 'Fay',
  timeZone: 'America/Toronto',
  currency: 'CAD',
  amount: '60.00',
  unit: 'quarter',
  card: 'tok_succeeds',
  tells: 'subscribes quarterly, in Toronto.',
};
const goro: Person = {
  name: 'Goro',
  timeZone: 'Australia/Sydney',
  currency: 'AUD',
  amount: '600.00',
  unit: 'half_year',
  card: null,
  terms: { collection_method: 'send_invoice', net_days: 14 },
  tells: 'is sent an invoice twice a year, due in 14 days, in Sydney.',
};

const hana: Person = {
  name: 'Hana',
  timeZone: 'America/New_York',
  currency: 'USD',
  amount: '30.00',
  unit: 'month',
  card: 'tok_succeeds',
  tells: 'subscribes monthly to a small plan, in New York.',
};
const ivo: Person = {
  name: 'Ivo',
  timeZone: 'Europe/Zagreb',
  currency: 'EUR',
  amount: '45.00',
  unit: 'month',
  card: 'tok_succeeds',
  tells: 'subscribes monthly, in Zagreb.',
};
const juna: Person = {
  name: 'Juna',
  timeZone: 'Asia/Seoul',
  currency: 'USD',
  amount: '5.00',
  seats: '5',
  unit: 'month',
  card: 'tok_succeeds',
  tells: 'subscribes monthly for a team of five, in Seoul.',
};
const kira: Person = {
  name: 'Kira',
  timeZone: 'Europe/Lisbon',
  currency: 'EUR',
  amount: '20.00',
  perCall: '0.01',
  alertAt: '1000',
  unit: 'quarter',
  card: 'tok_succeeds',
  tells: 'subscribes quarterly and pays a cent per call on top, in Lisbon.',
};

export const CAST: readonly Person[] = [ada, bela, chiyo, dora, emil, fay, goro, hana, ivo, juna, kira];

/** Nine o'clock in New York. */
export const STARTS_AT = '2028-01-31T14:00:00.000Z';
export const ENDS_AT = '2029-03-31T12:00:00.000Z';

export const ACTS: readonly Act[] = [
  ...[ada, bela, dora, emil, fay, goro, hana, ivo, juna, kira].map((person) => joins(person, STARTS_AT)),
  paysByTransfer(goro, '2028-02-10T02:00:00.000Z', 'in time'),
  joins(chiyo, '2028-02-29T01:00:00.000Z'),
  upgrades(hana, '2028-03-15T04:00:00.000Z', '90.00'),
  calls(kira, '2028-03-20T10:00:00.000Z', "'s machines send what they did: 1,200 calls.", {
    '2028-02-20T09:30:00.000Z': 300,
    '2028-03-02T23:59:59.999Z': 400,
    '2028-03-20T09:59:00.000Z': 500,
  }),
  changesCard(
    dora,
    'tok_insufficient_funds_first_2',
    'is short of money for a while: two charges will be declined.',
  ),
  changesCard(emil, 'tok_insufficient_funds', 'is out of money for good: every charge will be declined.'),
  commands(juna, '2028-05-10T03:00:00.000Z', 'hires three people: eight seats from now on.', 'quantity', {
    key: 'base',
    quantity: '8',
  }),
  calls(kira, '2028-05-12T10:00:00.000Z', "'s one machine was offline: 250 calls of April come late.", {
    '2028-04-25T16:00:00.000Z': 250,
  }),
  commands(ivo, '2028-06-10T08:00:00.000Z', 'goes away for the summer and pauses.', 'pause', {
    effective: 'now',
  }),
  commands(fay, '2028-07-10T15:00:00.000Z', 'cancels at the end of her period.', 'cancel', {
    mode: 'period_end',
    reason: 'too much coffee',
  }),
  commands(fay, '2028-07-25T15:00:00.000Z', 'changes her mind in time.', 'uncancel', {}),
  commands(ivo, '2028-08-05T08:00:00.000Z', 'is back.', 'resume', {}),
  paysByTransfer(goro, '2028-08-20T02:00:00.000Z', 'six days late'),
  paysByTransfer(goro, '2029-02-10T02:00:00.000Z', 'in time'),
  { at: ENDS_AT, tells: '', happens: async () => {} },
];

export const idOf = (person: Pick<Person, 'name'>) => person.name.toLowerCase();
const path = (collection: string, person: Person) => `/v1/${collection}/external:${idOf(person)}`;

function joins(person: Person, at: string): Act {
  return {
    at,
    tells: `${person.name} ${person.tells}`,
    async happens({ api, clockId }) {
      const { name, timeZone: time_zone, currency, amount: unit_amount, unit } = person;
      const external_id = idOf(person);
      await api.post(
        '/v1/customers',
        { name, external_id, time_zone, currency, test_clock: clockId },
        withId,
      );
      if (person.card)
        await api.post(`${path('customers', person)}/payment_methods`, { token: person.card }, withId);
      const model = person.seats ? 'per_unit' : 'flat';
      const interval = { unit, count: 1 };
      const prices: object[] = [{ key: 'base', model, currency, unit_amount, interval }];
      if (person.perCall) {
        await sellCalls(api, external_id);
        const perCall = { key: 'calls', model: 'per_unit', unit_amount: person.perCall };
        prices.push({ ...perCall, currency, interval, meter: `external:${external_id}` });
      }
      await api.post('/v1/plans', { external_id, name: `${name}'s coffee`, prices }, withId);
      const terms = {
        external_id,
        customer: `external:${external_id}`,
        plan: `external:${external_id}`,
        ...(person.seats ? { items: [{ key: 'base', quantity: person.seats }] } : {}),
        ...person.terms,
      };
      await api.post('/v1/subscriptions', terms, withId);
      if (person.alertAt) {
        const about = {
          kind: 'usage',
          meter: `external:${external_id}`,
          customer: `external:${external_id}`,
        };
        await api.post('/v1/alerts', { name: 'Many calls', ...about, thresholds: [person.alertAt] }, withId);
      }
    },
  };
}

/** Previewed first: what is executed is what was shown. */
function upgrades(person: Person, at: string, unit_amount: string): Act {
  return {
    at,
    tells: `${person.name} moves to a bigger plan at ${unit_amount} ${person.currency}, at once.`,
    async happens({ api }) {
      const { name, currency, unit } = person;
      const external_id = `${idOf(person)}-big`;
      const price = { key: 'base', model: 'flat', currency, unit_amount, interval: { unit, count: 1 } };
      await api.post('/v1/plans', { external_id, name: `${name}'s big coffee`, prices: [price] }, withId);
      const change = { plan: `external:${external_id}` };
      const preview = await api.post(`${path('subscriptions', person)}/change/preview`, change, previewOut);
      const body = { ...change, preview_token: preview.token };
      await api.post(`${path('subscriptions', person)}/change`, body, withId);
    },
  };
}

function changesCard(person: Person, token: string, tells: string): Act {
  return {
    at: '2028-04-20T12:00:00.000Z',
    tells: `${person.name} ${tells}`,
    async happens({ api }) {
      await api.post(`${path('customers', person)}/payment_methods`, { token, default: true }, withId);
    },
  };
}

function commands(
  person: Person,
  at: string,
  tells: string,
  command: 'cancel' | 'uncancel' | 'quantity' | 'pause' | 'resume',
  body: object,
): Act {
  return {
    at,
    tells: `${person.name} ${tells}`,
    async happens({ api }) {
      await api.post(`${path('subscriptions', person)}/${command}`, body, withId);
    },
  };
}

function calls(person: Person, at: string, tells: string, done: Readonly<Record<string, number>>): Act {
  return {
    at,
    tells: `${person.name}${tells}`,
    async happens({ api }) {
      await sendCalls(api, idOf(person), done);
      const total = Object.values(done).reduce((sum, n) => sum + n, 0);
      if (person.alertAt && total >= Number(person.alertAt)) await hearOfAlert(api);
    },
  };
}

function paysByTransfer(person: Person, at: string, how: string): Act {
  return {
    at,
    tells: `${person.name}'s transfer arrives, ${how}.`,
    async happens({ api }) {
      const [open] = await api.all(
        `/v1/invoices?subscription=external:${idOf(person)}&status=open`,
        invoiceOut,
      );
      if (!open) throw new Error(`${person.name} has no open invoice to pay at ${at}.`);
      const body = { paid_out_of_band: true, reference: `bank transfer ${at.slice(0, 10)}` };
      await api.post(`/v1/invoices/${open.id}/pay`, body, invoiceOut);
    },
  };
}
