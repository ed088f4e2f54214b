import type { Sold, WantedPrice } from '../domain/compose-change.ts';
import type { FieldError } from '../domain/errors.ts';
import type { PlanKind, Price } from '../domain/plan.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { UsageThreshold } from '../domain/threshold.ts';
import type { PriceDraft } from './price-draft.ts';
import { overrideDraft, type PriceOverride, problemsOfOverride } from './price-overrides.ts';
import type { SimulationBody } from './simulations.ts';
import { readThresholds } from './usage-thresholds.ts';

/** A plan or add-on that a simulation can name. */
export type Offered = Sold & {
  kind: PlanKind;
  name: string;
  trialDays: number | null;
  thresholds: readonly UsageThreshold[];
  /** How many hours the invoice of a closed period stays a draft; null: as many as the tenant has. */
  graceHours: number | null;
  archived: boolean;
};

/** A reference to something stored, and the version that is meant; null: the one that is sold. */
export type StoredReference = { kind: PlanKind; reference: string; version: number | null };

/** What the database knows of the references of a simulation. */
export type FindStored = (stored: StoredReference) => Offered | null;

const NOUNS: Record<PlanKind, string> = { plan: 'plan', add_on: 'add-on' };

/** Everything that a simulation can sell: what stands in its body, and behind that what is stored. */
export class SimulatedCatalogue {
  private readonly offered: readonly Offered[];
  private readonly findStored: FindStored;
  /** Everything that was found, by plan and version: what a subscription can be on. */
  private readonly known = new Map<string, Offered>();

  /** What the body calls a plan, by its id. */
  private readonly references = new Map<string, string>();

  constructor(body: SimulationBody, findStored: FindStored, createdAt: Date) {
    const { plans, add_ons: addOns, meters } = body.catalogue;
    const counted = new Set(meters.map(({ id }) => `external:${id}`));
    this.findStored = findStored;
    this.offered = [
      ...plans.map((plan) =>
        offeredOf(
          'plan',
          {
            ...plan,
            trialDays: plan.trial_days ?? null,
            thresholds: readThresholds(plan),
            graceHours: plan.invoice_grace_hours ?? null,
          },
          { createdAt, counted },
        ),
      ),
      ...addOns.map((addOn) =>
        offeredOf(
          'add_on',
          { ...addOn, version: 1, trialDays: null, thresholds: [], graceHours: null },
          { createdAt, counted },
        ),
      ),
    ];
  }

  /** The plan that a subscription is on. Throws `RangeError` for one that was never sold here. */
  current({ planId, planVersion }: Pick<Subscription, 'planId' | 'planVersion'>): Offered {
    const found = this.known.get(`${planId} ${planVersion}`);
    if (!found) throw new RangeError(`plan ${planId} of version ${planVersion} was never sold here`);
    return found;
  }

  /** How a plan that was sold here is called in the body. */
  referenceTo(planId: string): string {
    return this.references.get(planId) ?? planId;
  }

  /** Null when there is no such plan or add-on, or not in that version. */
  find(kind: PlanKind, reference: string, version: number | null): Offered | null {
    const found = this.look(kind, reference, version);
    if (found) {
      this.known.set(`${found.planId} ${found.version}`, found);
      this.references.set(found.planId, reference);
    }
    return found;
  }

  private look(kind: PlanKind, reference: string, version: number | null): Offered | null {
    const own = this.offered.filter((entry) => entry.kind === kind && entry.planId === reference);
    if (own.length === 0) return withoutMeters(this.findStored({ kind, reference, version }));
    const wanted = version ?? Math.max(...own.map((entry) => entry.version));
    return own.find((entry) => entry.version === wanted) ?? null;
  }

  /** The same, naming in `errors` what is not there. */
  get(
    kind: PlanKind,
    reference: string,
    version: number | null,
    { path, errors }: { path: string; errors: FieldError[] },
  ): Offered | null {
    const found = this.find(kind, reference, version);
    if (found && !found.archived) return found;
    const noun = NOUNS[kind];
    const isVersion = !found && version !== null && this.look(kind, reference, null) !== null;
    if (isVersion) {
      const message = `The ${noun} "${reference}" has no version ${version}; leave it out for the one that is sold.`;
      errors.push({ path: `${path}_version`, code: 'not_found', message });
      return null;
    }
    const message = found
      ? `This ${noun} is archived; use another one.`
      : `There is no ${noun} "${reference}"${version === null ? '' : ` with a version ${version}`}; give it in catalogue, or name one that is stored.`;
    errors.push({ path, code: found ? 'plan_not_active' : 'not_found', message });
    return null;
  }
}

/** What is stored counts by events that a simulation does not know: there it is told how much was used. */
function withoutMeters(stored: Offered | null): Offered | null {
  return stored && { ...stored, prices: stored.prices.map((price) => ({ ...price, meterId: null })) };
}

/** What can name plans and add-ons: an action, or a phase of one. */
type Part =
  | SimulationBody['timeline'][number]
  | Extract<SimulationBody['timeline'][number], { action: 'schedule' }>['phases'][number];

/** The references of a simulation that its own catalogue does not answer, each once. */
export function storedReferences(body: SimulationBody): StoredReference[] {
  const own = new Set([
    ...body.catalogue.plans.map(({ id }) => `plan ${id}`),
    ...body.catalogue.add_ons.map(({ id }) => `add_on ${id}`),
  ]);
  const found = new Map<string, StoredReference>();
  const note = (kind: PlanKind, reference: string | undefined, version: number | undefined) => {
    if (reference === undefined || own.has(`${kind} ${reference}`)) return;
    const stored = { kind, reference, version: version ?? null };
    found.set(`${kind} ${reference} ${version ?? ''}`, stored);
  };
  const parts = body.timeline.flatMap((action): Part[] => ('phases' in action ? action.phases : [action]));
  const plans = parts.flatMap((part) => ('plan' in part && part.plan !== undefined ? [part.plan] : []));
  for (const part of parts) {
    if ('plan' in part) note('plan', part.plan, part.plan_version);
    // A version without a plan is one of whichever the subscription has by then.
    if ('plan_version' in part && part.plan === undefined)
      for (const plan of plans) note('plan', plan, part.plan_version);
    const addOns = [
      ...('add_ons' in part ? (part.add_ons ?? []) : []),
      ...('once' in part ? (part.once ?? []) : []),
    ];
    for (const { add_on: addOn } of addOns) note('add_on', addOn, undefined);
  }
  return [...found.values()];
}

type Given = {
  id: string;
  version: number;
  name?: string | undefined;
  trialDays: number | null;
  thresholds: readonly UsageThreshold[];
  graceHours: number | null;
  prices: readonly PriceDraft[];
};

/** `counted`: references to the meters of the simulation. */
type Beside = { createdAt: Date; counted: ReadonlySet<string> };

function offeredOf(kind: PlanKind, given: Given, { createdAt, counted }: Beside): Offered {
  const { id: planId, version, name = planId, trialDays, thresholds, graceHours } = given;
  const prices = given.prices.map((draft) =>
    priceOf(draft, {
      id: `${kind}:${planId}:${version}:${draft.key}:${draft.currency}`,
      planId,
      version,
      createdAt,
      meterId: draft.meter !== null && counted.has(draft.meter) ? draft.meter : null,
    }),
  );
  return { kind, planId, version, name, trialDays, thresholds, graceHours, prices, archived: false };
}

function priceOf(
  { interval, item, meter: _meter, ...draft }: PriceDraft,
  {
    id,
    planId,
    version,
    createdAt,
    meterId,
  }: Pick<Price, 'id' | 'planId' | 'createdAt' | 'meterId'> & { version: number },
): Price {
  return {
    ...draft,
    id,
    tenantId: '',
    planId,
    planVersion: version,
    subscriptionId: null,
    itemId: item,
    meterId,
    intervalUnit: interval?.unit ?? null,
    intervalCount: interval?.count ?? null,
    createdAt,
  };
}

/** Prices that are agreed with a subscription of the simulation; `salt` keeps those of different actions apart. */
export function agreedPrices(overrides: readonly PriceOverride[], salt: string): WantedPrice[] {
  return overrides.map((override) => ({
    key: override.key,
    price: (instead) => {
      const [problem] = problemsOfOverride(override, instead);
      if (problem) return problem;
      const { planId, planVersion: version, createdAt, itemId } = instead;
      const draft = overrideDraft(override, instead);
      const id = `${instead.id}/${salt}`;
      const { meterId } = instead;
      return priceOf({ ...draft, item: draft.item ?? itemId }, { id, planId, version, createdAt, meterId });
    },
  }));
}
