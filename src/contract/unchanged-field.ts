/** The fields that say what is to be, in the order in which they weigh. */
const FIELDS = [
  'plan',
  'plan_version',
  'items',
  'add_ons',
  'prices',
  'quantity',
  'remove',
  'phases',
] as const;

/**
 * The field of a body that asks for what is so already, for a refusal that says `change_without_effect`: the first that it
 * has of those that name a plan, a price or a quantity. Empty when it has none.
 */
export function unchangedField(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const given: { [field: string]: unknown } = { ...body };
  return FIELDS.find((field) => given[field] !== undefined) ?? '';
}
