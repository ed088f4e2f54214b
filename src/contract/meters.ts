import { z } from 'zod';
import {
  AGGREGATIONS,
  type Aggregation,
  METER_BUCKETS,
  type Meter,
  type MeterVersion,
  QUANTITY_ROUNDINGS,
} from '../domain/meter.ts';
import {
  externalId,
  idOut,
  instantIn,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  nameIn,
  presentInstant,
  presentOptionalInstant,
} from './common.ts';

const GROUPS_MAX = 3;
const FILTERS_MAX = 10;
const VALUES_MAX = 100;

const propertyIn = z
  .string()
  .min(1)
  .max(100)
  .meta({ description: 'The name of a property of the event.', examples: ['bytes'] });

const filterIn = z.strictObject({
  property: propertyIn,
  values: z
    .array(z.string().max(500))
    .min(1, 'Name at least one value that lets an event through, or leave the filter out.')
    .max(VALUES_MAX),
});

/** How a meter counts: what stands in each of its versions. */
const counting = {
  aggregation: z.enum(AGGREGATIONS, {
    error: `Write one of ${AGGREGATIONS.join(', ')}.`,
  }),
  property: propertyIn.optional().meta({
    description:
      'The property that is aggregated; not for count. An event without it as a number does not count.',
  }),
  factor_property: propertyIn
    .optional()
    .meta({ description: 'For sum_product: what the property is multiplied by, event by event.' }),
  filters: z
    .array(filterIn)
    .max(FILTERS_MAX)
    .default([])
    .meta({ description: 'Only events that have one of the values of each filter count.' }),
  group_by: z
    .array(propertyIn)
    .max(GROUPS_MAX, `At most ${GROUPS_MAX} properties can keep quantities apart.`)
    .default([])
    .meta({
      description: 'Properties by which quantities are kept apart, for queries and for matrix prices.',
    }),
  bucket: z.enum(METER_BUCKETS).nullable().default(null).meta({
    description: 'Each hour or day of the customer is counted and priced alone, then they are summed.',
  }),
  rounding: z
    .strictObject({
      mode: z.enum(QUANTITY_ROUNDINGS),
      digits: z.int().min(-9).max(12).default(0),
    })
    .nullable()
    .default(null)
    .meta({ description: 'Of a quantity before it is priced: so many digits after the point are left.' }),
};

type Counting = {
  aggregation: Aggregation;
  property?: string | undefined;
  factor_property?: string | undefined;
  filters: readonly { property: string }[];
  group_by: readonly string[];
};

/** What the fields of a meter do not show alone. */
function checkCounting(body: Counting, ctx: z.RefinementCtx): void {
  const refuse = (path: PropertyKey[], code: string, message: string) =>
    ctx.addIssue({ code: 'custom', path, message, params: { code } });
  const { aggregation, property, factor_property: factor } = body;
  if (aggregation === 'count' && property !== undefined)
    refuse(
      ['property'],
      'conflicting_fields',
      'A count looks at no property: leave it out, or aggregate otherwise.',
    );
  if (aggregation !== 'count' && property === undefined)
    refuse(['property'], 'required', `Name the property of which the ${aggregation} is taken.`);
  if (aggregation === 'sum_product' && factor === undefined)
    refuse(['factor_property'], 'required', 'Name the property by which the first is multiplied.');
  if (aggregation !== 'sum_product' && factor !== undefined)
    refuse(['factor_property'], 'conflicting_fields', 'Only sum_product multiplies: leave it out.');
  for (const [index, name] of body.group_by.entries())
    if (body.group_by.indexOf(name) !== index)
      refuse(['group_by', index], 'duplicate', `"${name}" stands there twice; keep one.`);
  for (const [index, { property: name }] of body.filters.entries())
    if (body.filters.findIndex((filter) => filter.property === name) !== index)
      refuse(
        ['filters', index, 'property'],
        'duplicate',
        `There are two filters on "${name}"; put their values into one.`,
      );
}

export const meterCreate = z
  .strictObject({
    name: nameIn,
    external_id: externalId.optional(),
    event_name: z
      .string()
      .min(1)
      .max(100)
      .meta({ description: 'The events it counts: those of exactly this name.', examples: ['api_call'] }),
    ...counting,
    metadata: metadataIn.optional(),
  })
  .superRefine(checkCounting)
  .meta({
    id: 'MeterCreate',
    examples: [
      { name: 'Traffic', event_name: 'request', aggregation: 'sum', property: 'bytes', group_by: ['region'] },
    ],
  });

const VERSIONS_MAX = 20;

/** A meter of a simulation, under the name that its author gives it, with its further versions; `when` is an instant there. */
export const simulatedMeterIn = <Id extends z.ZodType, When extends z.ZodType>(id: Id, when: When) =>
  z
    .strictObject({
      id,
      event_name: meterCreate.shape.event_name,
      ...counting,
      versions: z
        .array(
          z
            .strictObject({
              ...counting,
              effective_at: when.meta({ description: 'It counts the periods that begin at or after it.' }),
            })
            .superRefine((version, ctx) => checkCounting(version, ctx)),
        )
        .max(VERSIONS_MAX, `A meter of a simulation has at most ${VERSIONS_MAX} further versions.`)
        .default([])
        .meta({ description: 'How it counts later, oldest first; each says the whole of it.' }),
    })
    .superRefine((meter, ctx) => checkCounting(meter, ctx));

export const meterUpdate = z
  .strictObject({
    name: nameIn.optional(),
    external_id: externalId.nullable().optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'MeterUpdate' });

export const meterVersionCreate = z
  .strictObject({
    ...counting,
    effective_at: instantIn
      .optional()
      .meta({ description: 'It counts the periods that begin at or after it; now when absent.' }),
  })
  .superRefine(checkCounting)
  .meta({
    id: 'MeterVersionCreate',
    description: 'The whole of how it counts from then on: nothing is taken over.',
  });

export type CountingIn = z.output<typeof meterVersionCreate>;

const versionOut = z.object({
  version: z.int(),
  aggregation: z.enum(AGGREGATIONS),
  property: z.string().nullable(),
  factor_property: z.string().nullable(),
  filters: z.array(z.object({ property: z.string(), values: z.array(z.string()) })),
  group_by: z.array(z.string()),
  bucket: z.enum(METER_BUCKETS).nullable(),
  rounding: z.object({ mode: z.enum(QUANTITY_ROUNDINGS), digits: z.int() }).nullable(),
  effective_at: instantOut,
  created_at: instantOut,
});

export const meterOut = z
  .object({
    object: z.literal('meter'),
    id: idOut('mtr'),
    external_id: z.string().nullable(),
    name: z.string(),
    event_name: z.string(),
    versions: z.array(versionOut).meta({
      description: 'Oldest first. A period is counted by the last that is in force when it begins.',
    }),
    archived_at: instantOut.nullable(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Meter', description: 'What is counted of the events of one name, and how.' });

/** A meter as the world sees it, with all its versions. */
export function presentMeter(meter: Meter, versions: readonly MeterVersion[]): z.infer<typeof meterOut> {
  return {
    object: 'meter',
    id: meter.id,
    external_id: meter.externalId,
    name: meter.name,
    event_name: meter.eventName,
    versions: versions.map(presentVersion),
    archived_at: presentOptionalInstant(meter.archivedAt),
    metadata: meter.metadata,
    created_at: presentInstant(meter.createdAt),
    updated_at: presentInstant(meter.updatedAt),
  };
}

function presentVersion(version: MeterVersion): z.infer<typeof versionOut> {
  return {
    version: version.version,
    aggregation: version.aggregation,
    property: version.property,
    factor_property: version.factorProperty,
    filters: version.filters.map(({ property, values }) => ({ property, values: [...values] })),
    group_by: [...version.groupBy],
    bucket: version.bucket,
    rounding: version.rounding,
    effective_at: presentInstant(version.effectiveAt),
    created_at: presentInstant(version.createdAt),
  };
}
