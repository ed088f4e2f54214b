import { z } from 'zod';
import { minorDigits } from '../domain/currency.ts';
import { Decimal } from '../domain/money.ts';
import type { UsageThreshold } from '../domain/threshold.ts';
import { currencyIn, moneyOut, presentMoney } from './common.ts';
import type { PriceDraft } from './price-draft.ts';

const AMOUNT = /^(?!0+(\.0+)?$)(0|[1-9]\d{0,14})(\.\d{1,4})?$/;

/** Amounts of usage at which a running period is billed without waiting for its end (billing rule 29c). */
export const usageThresholds = z
  .array(
    z.strictObject({
      amount: z
        .string()
        .refine((text) => AMOUNT.test(text), {
          error: 'Write an amount above zero, such as "500.00".',
          params: { code: 'amount_invalid' },
          abort: true,
        })
        .meta({ examples: ['500.00'] }),
      currency: currencyIn
        .optional()
        .meta({ description: 'May be left out where all prices are in one currency.' }),
      recurring: z.boolean().default(false).meta({
        description:
          "One that recurs comes again every `amount` beyond the last of the others, in every period anew. The others come once in a subscription's life.",
      }),
    }),
  )
  .max(50, 'A plan has at most 50 thresholds.')
  .meta({
    description:
      'When what was used in the running period comes to one of these amounts, an invoice bills what was used so far; the end of the period bills the rest. In each currency by amount, the recurring one last.',
    examples: [[{ amount: '500.00' }, { amount: '250.00', recurring: true }]],
  });

export const usageThresholdOut = z.object({ amount: moneyOut, recurring: z.boolean() });

export function presentThreshold({
  amount,
  currency,
  recurring,
}: UsageThreshold): z.infer<typeof usageThresholdOut> {
  return { amount: presentMoney(amount, currency), recurring };
}

type ThresholdIn = z.output<typeof usageThresholds>[number];
type Priced = { prices: readonly PriceDraft[]; usage_thresholds?: ThresholdIn[] | undefined };

/** The thresholds in the words of the engine: without a currency they are in the only one that there is. */
export function readThresholds({ prices, usage_thresholds: given = [] }: Priced): UsageThreshold[] {
  const currencies = currenciesOf(prices);
  return given.map((threshold) => readThreshold(threshold, currencies));
}

/** Everything about thresholds that their fields alone do not show. */
export function checkThresholds(body: Priced, ctx: z.RefinementCtx): void {
  const currencies = currenciesOf(body.prices);
  const read = readThresholds(body);
  for (const [n, threshold] of read.entries())
    for (const { path, code, message } of problemsOf(threshold, read.slice(0, n), currencies))
      ctx.addIssue({ code: 'custom', path: ['usage_thresholds', n, path], message, params: { code } });
}

const currenciesOf = (prices: Priced['prices']) => [...new Set(prices.map(({ currency }) => currency))];

function readThreshold(
  { amount, currency, recurring }: ThresholdIn,
  [only = '', ...others]: string[],
): UsageThreshold {
  return { amount: new Decimal(amount), currency: currency ?? (others.length === 0 ? only : ''), recurring };
}

type Problem = { path: 'amount' | 'currency' | 'recurring'; code: string; message: string };

/** What is wrong with a threshold behind those `before` it. */
function problemsOf(
  { amount, currency, recurring }: UsageThreshold,
  before: readonly UsageThreshold[],
  currencies: readonly string[],
): Problem[] {
  if (currency === '') {
    const message = `The plan is sold in ${currencies.join(', ')}: say in which of them the threshold is.`;
    return [{ path: 'currency', code: 'required', message }];
  }
  if (!currencies.includes(currency)) {
    const message = `The plan has no price in ${currency}; use ${currencies.join(' or ')}.`;
    return [{ path: 'currency', code: 'plan_currency_mismatch', message }];
  }
  const digits = minorDigits(currency);
  const own = before.filter((other) => other.currency === currency);
  const last = own.at(-1);
  if (amount.decimalPlaces() > digits) {
    const message = `${currency} has ${digits === 0 ? 'no decimals' : `${digits} decimals`}; round the amount before sending it.`;
    return [{ path: 'amount', code: 'amount_invalid', message }];
  }
  if (last?.recurring) {
    const message = `The threshold of ${last.amount.toFixed()} ${currency} recurs beyond all others: let it be the last in ${currency}, and the only one that recurs.`;
    return [{ path: 'recurring', code: 'recurring_not_last', message }];
  }
  if (!recurring && last && amount.lte(last.amount)) {
    const message = `The threshold before is ${last.amount.toFixed()} ${currency}: write them by amount, each once.`;
    return [{ path: 'amount', code: 'not_ascending', message }];
  }
  return [];
}
