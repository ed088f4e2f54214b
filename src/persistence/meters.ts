import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import { DomainError } from '../domain/errors.ts';
import type { Meter, MeterVersion } from '../domain/meter.ts';
import type { Price } from '../domain/plan.ts';
import {
  id,
  instant,
  integer,
  json,
  optionalInstant,
  optionalJson,
  optionalText,
  text,
  textList,
} from './columns.ts';
import type { Tx } from './doors.ts';
import { byReference } from './find-by-reference.ts';
import { PriceSchema } from './plans.ts';
import { findRow, findRows, insertRow, lockRow, selectRows, updateRows } from './rows.ts';
import { isTaken } from './trouble.ts';

export const MeterSchema = new EntitySchema<Meter>({
  name: 'Meter',
  tableName: 'meters',
  properties: {
    id,
    tenantId: text,
    externalId: optionalText,
    name: text,
    eventName: text,
    archivedAt: optionalInstant,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
  },
});

export const MeterVersionSchema = new EntitySchema<MeterVersion>({
  name: 'MeterVersion',
  tableName: 'meter_versions',
  properties: {
    meterId: { type: 'text', primary: true },
    version: { ...integer, primary: true },
    tenantId: text,
    aggregation: text,
    property: optionalText,
    factorProperty: optionalText,
    filters: json,
    groupBy: textList,
    bucket: optionalText,
    rounding: optionalJson,
    effectiveAt: instant,
    createdAt: instant,
  },
});

/** A meter with all its versions, oldest first. */
export type VersionedMeter = Meter & { versions: readonly MeterVersion[] };

/** Meters by id with their versions; what is not there is not in the answer. */
export async function metersOf(tx: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, VersionedMeter>> {
  if (ids.length === 0) return new Map();
  const [meters, versions] = await Promise.all([
    findRows(tx, MeterSchema, { id: { $in: [...ids] } }),
    findRows(tx, MeterVersionSchema, { meterId: { $in: [...ids] } }, { orderBy: { version: 'asc' } }),
  ]);
  const byMeter = Map.groupBy(versions, ({ meterId }) => meterId);
  return new Map(meters.map((meter) => [meter.id, { ...meter, versions: byMeter.get(meter.id) ?? [] }]));
}

/** By id also an archived meter; by external id never, because archiving frees it. */
export async function findMeterByReference(
  tx: Tx,
  reference: string,
  options: { lock?: boolean } = {},
): Promise<VersionedMeter | null> {
  const where = byReference('mtr', reference, { archivedAt: null });
  const meter = where && (await (options.lock ? lockRow : findRow)(tx, MeterSchema, where));
  return meter && ((await metersOf(tx, [meter.id])).get(meter.id) ?? null);
}

export function insertMeter(tx: Tx, meter: Meter): Promise<Meter> {
  return uniqueExternalId(() => insertRow(tx, MeterSchema, meter));
}

export async function updateMeter(tx: Tx, meter: Meter): Promise<Meter> {
  await uniqueExternalId(() => updateRows(tx, MeterSchema, { id: meter.id }, meter));
  return meter;
}

export function insertMeterVersion(tx: Tx, version: MeterVersion): Promise<MeterVersion> {
  return insertRow(tx, MeterVersionSchema, version);
}

/** A price of each kind that the meter counts for: what a version of it has to serve. */
export function pricesOfMeter(tx: Tx, meterId: string): Promise<Price[]> {
  return selectRows(
    tx,
    PriceSchema,
    sql`id in (select distinct on (terms) id from prices where meter_id = ${meterId} order by terms, id)`,
  );
}

async function uniqueExternalId<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isTaken(error, 'meters_external_id')) throw error;
    const message = 'Another meter has it; choose one of its own.';
    throw new DomainError('external_id_taken', 'Another meter has this external_id; choose one of its own.', {
      errors: [{ path: 'external_id', code: 'taken', message }],
    });
  }
}
