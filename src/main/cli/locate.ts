import { ID_PREFIXES, type IdPrefix, isId } from '../../domain/ids.ts';
import { findAnywhere, type OperatorNoun, type Place } from '../../persistence/find-anywhere.ts';
import { Unusable } from './command.ts';
import type { Desk } from './desk.ts';

const PREFIX: Record<OperatorNoun, IdPrefix> = {
  subscription: 'sub',
  invoice: 'inv',
  delivery: 'del',
  'webhook endpoint': 'we',
  tenant: 'ten',
};
/** What to call instead, where somebody mixes up two kinds of id. */
const SHOWN_BY: Partial<Record<IdPrefix, string>> = { sub: 'subscription show', inv: 'invoice show' };
const NAMED = 5;

/**
 * The one thing that an operator named: by id, a subscription also by external id, an invoice by number. Throws
 * `Unusable` when there is none, or several and no tenant was given.
 */
export async function locate(
  desk: Desk,
  noun: OperatorNoun,
  reference: string,
  tenantId: string | null = null,
): Promise<Place> {
  if (tenantId !== null && !isId('ten', tenantId))
    throw new Unusable(`${tenantId} is not the id of a tenant: those begin with ten_.`);
  const name = reference.replace(/^external:/, '');
  const by = isId(PREFIX[noun], name) ? 'id' : 'name';
  if (by === 'name') refuseOtherIds(noun, name);
  const places = await desk.everywhere((tx) =>
    findAnywhere(tx, noun, name, { by, tenantId, limit: NAMED + 1 }),
  );
  const [place, ...others] = places;
  if (!place) throw new Unusable(unknown(noun, name, tenantId));
  if (others.length === 0) return place;
  const lines = places.slice(0, NAMED).map((one) => `  ${one.id}  of ${one.tenantId}`);
  const more = places.length > NAMED ? ['  …'] : [];
  throw new Unusable(
    [
      `Several tenants call a ${noun} ${name}: name one by its id, or add --tenant <id>.`,
      ...lines,
      ...more,
    ].join('\n'),
  );
}

function refuseOtherIds(noun: OperatorNoun, name: string): void {
  const prefix = ID_PREFIXES.find((one) => isId(one, name));
  const verb = prefix && SHOWN_BY[prefix];
  if (verb) throw new Unusable(`${name} is not the id of a ${noun}; try: npm run cli -- ${verb} ${name}`);
}

function unknown(noun: OperatorNoun, name: string, tenantId: string | null): string {
  const where = tenantId === null ? 'in this database' : `of ${tenantId}`;
  const kinds: Record<OperatorNoun, string> = {
    subscription: 'an id (sub_…) or an external id',
    invoice: 'an id (inv_…) or a number (INV-000042)',
    delivery: 'an id (del_…); delivery list has those that were given up',
    'webhook endpoint': 'an id (we_…); GET /v1/webhook_endpoints lists them',
    tenant: 'an id (ten_…)',
  };
  return `There is no ${noun} ${name} ${where}. It is looked for by ${kinds[noun]}; look whether DATABASE_URL is the right one.`;
}
