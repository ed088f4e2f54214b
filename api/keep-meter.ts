import type { z } from 'zod';
import { type CountingIn, type meterCreate, presentMeter } from '../src/contract/meters.ts';
import type { FieldError } from '../src/domain/errors.ts';
import type { MeterVersion } from '../src/domain/meter.ts';
import { problemOfMeter } from '../src/domain/meter-price.ts';
import type { Mode } from '../src/domain/tenant.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { found } from '../src/persistence/find-by-reference.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import {
  findMeterByReference,
  insertMeter,
  insertMeterVersion,
  pricesOfMeter,
  updateMeter,
  type VersionedMeter,
} from '../src/persistence/meters.ts';
import { newId } from '../src/platform/ids.ts';
import { invalid } from './validate.ts';

type Shown = ReturnType<typeof presentMeter>;

/** A new meter: its first version counts whatever no later one does. */
export async function createMeter(
  tx: Tx,
  tenantId: string,
  body: z.output<typeof meterCreate>,
): Promise<Shown> {
  const now = await databaseNow(tx);
  const meter = await insertMeter(tx, {
    id: newId('mtr'),
    tenantId,
    externalId: body.external_id ?? null,
    name: body.name,
    eventName: body.event_name,
    archivedAt: null,
    metadata: body.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  });
  const version = versionOf(body, {
    tenantId,
    meterId: meter.id,
    version: 1,
    effectiveAt: now,
    createdAt: now,
  });
  await insertMeterVersion(tx, version);
  return presentMeter(meter, [version]);
}

/** Another way to count, from a boundary on. What prices by this meter need stays, and no version is older than the one before. */
export async function addMeterVersion(
  tx: Tx,
  reference: string,
  mode: Mode | null,
  body: CountingIn,
): Promise<Shown> {
  const meter = found(await findMeterByReference(tx, reference, { lock: true }), 'meter');
  const now = await databaseNow(tx);
  const effectiveAt = body.effective_at === undefined ? now : new Date(body.effective_at);
  const version = versionOf(body, {
    tenantId: meter.tenantId,
    meterId: meter.id,
    version: (meter.versions.at(-1)?.version ?? 0) + 1,
    effectiveAt,
    createdAt: now,
  });
  const errors = [
    ...problemsOfTime(meter, effectiveAt, { mode, now }),
    ...(await problemsOfPrices(tx, meter, version)),
  ];
  if (errors.length > 0) throw invalid(errors);
  await insertMeterVersion(tx, version);
  const { versions, ...row } = meter;
  const updated = await updateMeter(tx, { ...row, updatedAt: now });
  return presentMeter(updated, [...versions, version]);
}

function problemsOfTime(
  meter: VersionedMeter,
  effectiveAt: Date,
  { mode, now }: { mode: Mode | null; now: Date },
): FieldError[] {
  const refuse = (code: string, message: string) => [{ path: 'effective_at', code, message }];
  if (meter.archivedAt)
    return [{ path: 'id', code: 'meter_archived', message: 'This meter is archived; create another one.' }];
  const last = meter.versions.length > 1 ? meter.versions.at(-1) : undefined;
  if (last && effectiveAt <= last.effectiveAt) {
    const since = last.effectiveAt.toISOString();
    return refuse(
      'effective_at_too_early',
      `Version ${last.version} counts from ${since} on; choose a later instant.`,
    );
  }
  if (mode === 'live' && effectiveAt < now)
    return refuse(
      'effective_at_in_past',
      'Periods that run are counted as they began; leave it out for now, or choose a later instant.',
    );
  return [];
}

/** Prices are immutable and go on looking at what they look at. */
async function problemsOfPrices(tx: Tx, meter: VersionedMeter, version: MeterVersion): Promise<FieldError[]> {
  for (const price of await pricesOfMeter(tx, meter.id)) {
    const problem = problemOfMeter(price.terms, version);
    if (!problem) continue;
    const path =
      problem.code === 'meter_groups_missing'
        ? 'group_by'
        : problem.code === 'meter_bucket_conflict'
          ? 'bucket'
          : 'aggregation';
    const message = `The price ${price.id} is counted by this meter and cannot be by this version. ${problem.message}`;
    return [{ ...problem, path, message }];
  }
  return [];
}

function versionOf(
  body: Omit<CountingIn, 'effective_at'>,
  whole: Pick<MeterVersion, 'tenantId' | 'meterId' | 'version' | 'effectiveAt' | 'createdAt'>,
): MeterVersion {
  return {
    ...whole,
    aggregation: body.aggregation,
    property: body.property ?? null,
    factorProperty: body.factor_property ?? null,
    filters: body.filters,
    groupBy: body.group_by,
    bucket: body.bucket,
    rounding: body.rounding,
  };
}

/** The meters that prices name, by reference. Throws `validation_failed` for each that there is not or that does not fit. */
export async function metersFor(
  tx: Tx,
  prices: readonly { meter: string | null; currency: string; terms: Parameters<typeof problemOfMeter>[0] }[],
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  const used = new Map<string, number>();
  const errors: FieldError[] = [];
  for (const [index, { meter: reference, currency, terms }] of prices.entries()) {
    if (reference === null) continue;
    const refuse = (code: string, message: string) =>
      errors.push({ path: `prices[${index}].meter`, code, message });
    const meter = await findMeterByReference(tx, reference);
    const version = meter?.versions.at(-1);
    const problem = version ? problemOfMeter(terms, version) : null;
    const other = meter ? used.get(`${meter.id} ${currency}`) : undefined;
    if (!meter) refuse('not_found', 'There is no such meter; create it first.');
    else if (meter.archivedAt) refuse('meter_archived', 'This meter is archived; use another one.');
    else if (problem) refuse(problem.code, problem.message);
    else if (other !== undefined)
      refuse(
        'meter_used_twice',
        `The meter counts for prices[${other}] already, and its usage is billed once; use another meter.`,
      );
    else {
      ids.set(reference, meter.id);
      used.set(`${meter.id} ${currency}`, index);
    }
  }
  if (errors.length > 0) throw invalid(errors);
  return ids;
}
