import type { z } from 'zod';
import { pathId } from '../../src/contract/common.ts';
import { evaluationOut, priceEvaluate } from '../../src/contract/evaluations.ts';
import { presentPrice, priceOut } from '../../src/contract/prices.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { findPrice } from '../../src/persistence/save-plans.ts';
import { evaluate } from '../evaluate-price.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

const get = route({
  method: 'get',
  path: '/v1/prices/{id}',
  operationId: 'getPrice',
  summary: 'Get a price',
  tag: 'Plans',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The price.', schema: priceOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentPrice(found(await findPrice(tx, params.id), 'price'));
  },
});

const evaluation = route({
  method: 'post',
  path: '/v1/prices/evaluate',
  operationId: 'evaluatePrice',
  summary: 'Ask what a price comes to',
  description:
    'For a quantity, several, single events or buckets, in a whole period or a part of one: the amount, the trace that it is stored with on an invoice, and the trace in sentences. Nothing is stored.',
  tag: 'Plans',
  auth: 'tenant',
  body: priceEvaluate,
  response: { description: 'What it comes to.', schema: evaluationOut },
  kind: 'read',
  async handler(tx, { body }): Promise<z.input<typeof evaluationOut>> {
    if (typeof body.price !== 'string') return evaluate(null, body.price, body);
    const price = await findPrice(tx, body.price);
    if (price) return evaluate(price.id, price, body);
    throw invalid([
      { path: 'price', code: 'not_found', message: 'There is no such price; write out its fields instead.' },
    ]);
  },
});

export const priceRoutes: Route[] = [evaluation, get];
