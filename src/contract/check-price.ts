import type { z } from 'zod';
import { isCurrency, minorDigits } from '../domain/currency.ts';
import type { FieldError } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import type { PriceModel } from '../domain/price-terms.ts';
import { problemsOfLimits, problemsOfTerms } from '../domain/rating/check-terms.ts';
import { BILLING_OF, draftOf, type PriceDraft, type PriceIn } from './price-draft.ts';

/** Everything about a price that its fields alone do not show. */
export function checkPrice(body: PriceIn, ctx: z.RefinementCtx): void {
  const draft = draftOf(body);
  const problems = [
    ...problemsOfTerms(draft.terms).map((problem) => ({ ...problem, path: onTheWire(problem.path) })),
    ...problemsOfLimits(draft.minimum, draft.maximum),
    ...problemsOfStarts(body),
    ...problemsOfDigits(body, body.currency),
    ...problemsOfBilling(body, draft),
  ];
  for (const { path, code, message } of problems)
    ctx.addIssue({ code: 'custom', path: pathOf(path), message, params: { code } });
}

const onTheWire = (path: string) => (path === 'size' ? 'package_size' : path);

/** `tiers[1].up_to` as the parts it has. */
function pathOf(text: string): PropertyKey[] {
  return [...text.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** A tier may say where it begins; then the tiers must follow each other without gap or overlap. */
function problemsOfStarts(body: PriceIn): FieldError[] {
  if (!('tiers' in body)) return [];
  return body.tiers.flatMap(({ from }, index): FieldError[] => {
    const before = index === 0 ? '0' : body.tiers[index - 1]?.up_to;
    if (from === undefined || before == null || new Decimal(from).eq(before)) return [];
    if (index === 0)
      return [
        {
          path: 'tiers[0].from',
          code: 'tier_gap',
          message: `Every quantity has a price: the first tier begins at 0, not at ${from}; leave from out.`,
        },
      ];
    const gap = new Decimal(from).gt(before);
    return [
      {
        path: `tiers[${index}].from`,
        code: gap ? 'tier_gap' : 'tier_overlap',
        message: `The tier before ends at ${before}, so there is ${gap ? 'a gap' : 'an overlap'}: begin at ${before}, or leave from out.`,
      },
    ];
  });
}

type Amounts = {
  model: PriceModel;
  unit_amount?: string | undefined;
  minimum?: string | null | undefined;
  maximum?: string | null | undefined;
};

/** Amounts that can stand on an invoice as they are have their currency's decimals; a unit price may be finer. */
export function problemsOfDigits(body: Amounts, currency: string | undefined): FieldError[] {
  if (currency === undefined || !isCurrency(currency)) return [];
  const digits = minorDigits(currency);
  const whole = body.model === 'flat' || body.model === 'minimum_commitment' ? body.unit_amount : null;
  const amounts = { unit_amount: whole, minimum: body.minimum, maximum: body.maximum };
  return Object.entries(amounts).flatMap(([path, amount]) =>
    amount == null || new Decimal(amount).decimalPlaces() <= digits
      ? []
      : [
          {
            path,
            code: 'amount_invalid',
            message: `${currency} has ${digits === 0 ? 'no decimals' : `${digits} decimals`}; round the amount before sending it.`,
          },
        ],
  );
}

function problemsOfBilling(body: PriceIn, draft: PriceDraft): FieldError[] {
  const { model } = body;
  const refuse = (path: string, message: string): FieldError[] => [
    { path, code: 'conflicting_fields', message },
  ];
  const only = BILLING_OF[model];
  if (body.meter !== undefined && (only === 'licensed' || draft.billing === 'licensed'))
    return refuse(
      'meter',
      only === 'licensed'
        ? `The model ${model} counts nothing: leave meter out, or choose a model with a quantity.`
        : 'A licensed quantity is agreed on, not counted: leave meter out, or bill usage.',
    );
  if (only && draft.billing !== only)
    return refuse('billing', `The model ${model} is always ${only}; leave billing out.`);
  if (draft.billing === 'usage' && draft.timing === 'in_advance')
    return refuse(
      'timing',
      'What is used is known only afterwards: bill it in_arrears, or leave timing out.',
    );
  const limit = model === 'minimum_commitment' && (draft.minimum ? 'minimum' : draft.maximum && 'maximum');
  if (limit)
    return refuse(
      limit,
      'A commitment is a minimum itself, of all lines together: leave minimum and maximum out.',
    );
  if (model === 'minimum_commitment' && draft.timing === 'in_advance')
    return refuse('timing', 'What is missing is known only afterwards: leave timing out.');
  if (body.interval === null && (draft.billing === 'usage' || draft.timing === 'in_arrears'))
    return refuse('interval', 'What is charged once is licensed and in_advance; give an interval.');
  return [];
}

/** One price per slot and currency; the currencies of a slot differ in nothing but what they ask for. */
export function checkSlots(list: readonly PriceDraft[], ctx: z.RefinementCtx): void {
  const first = new Map<string, PriceDraft>();
  const seen = new Set<string>();
  for (const [index, price] of list.entries()) {
    const slot = `${price.key} ${price.currency}`;
    if (seen.has(slot)) {
      ctx.addIssue({
        code: 'custom',
        path: [index, 'key'],
        message: `There are two prices for "${price.key}" in ${price.currency}; keep one.`,
        params: { code: 'duplicate' },
      });
    }
    seen.add(slot);
    const other = first.get(price.key);
    if (!other) first.set(price.key, price);
    else if (shape(other) !== shape(price)) {
      ctx.addIssue({
        code: 'custom',
        path: [index],
        message: `The prices of "${price.key}" must have the same model, billing, meter, timing and interval in every currency; use another key.`,
        params: { code: 'slot_differs' },
      });
    }
  }
}

const shape = ({ terms, billing, timing, interval, meter }: PriceDraft): string =>
  [terms.model, billing, timing, interval?.count, interval?.unit, meter].join(' ');
