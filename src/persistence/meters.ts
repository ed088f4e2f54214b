import { EntitySchema } from '@mikro-orm/core';
import { type CountingRule, type Meter, type MeterVersion, versionAt } from '../domain/meter.ts';
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
import { findRows } from './rows.ts';

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

/** How the meter counts a period that begins at `start` (`versionAt`). Throws `RangeError` for a meter without versions. */
export function ruleAt({ eventName, versions, id: meterId }: VersionedMeter, start: Date): CountingRule {
  const version = versionAt(versions, start);
  if (!version) throw new RangeError(`meter ${meterId} has no version`);
  return { ...version, eventName };
}
