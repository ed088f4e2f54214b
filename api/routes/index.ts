import type { Route } from '../route.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { customerRoutes } from './customers.ts';
import { operationRoutes } from './operations.ts';
import { tenantRoutes } from './tenants.ts';

/** Every endpoint there is, in the order of the reference. */
export const ROUTES: readonly Route[] = [
  ...customerRoutes,
  ...tenantRoutes,
  ...apiKeyRoutes,
  ...operationRoutes,
];
