import type { Route } from '../route.ts';
import { addOnRoutes } from './add-ons.ts';
import { alertRoutes } from './alerts.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { backfillRoutes } from './backfills.ts';
import { balanceRoutes } from './balances.ts';
import { collectorInboxRoutes } from './collector-inbox.ts';
import { collectorRoutes } from './collectors.ts';
import { creditNoteRoutes } from './credit-notes.ts';
import { customerRoutes } from './customers.ts';
import { deliveryRoutes } from './deliveries.ts';
import { documentationRoutes } from './documentation.ts';
import { entitlementRoutes } from './entitlements.ts';
import { eventRoutes } from './events.ts';
import { featureRoutes } from './features.ts';
import { gatewayCallbackRoutes } from './gateway-callbacks.ts';
import { gatewayConnectionRoutes } from './gateway-connections.ts';
import { invoiceLineRoutes } from './invoice-lines.ts';
import { invoiceUsageRoutes } from './invoice-usage.ts';
import { invoiceRoutes } from './invoices.ts';
import { itemRoutes } from './items.ts';
import { meterQueryRoutes } from './meter-queries.ts';
import { meterRoutes } from './meters.ts';
import { operationRoutes } from './operations.ts';
import { paymentMethodRoutes } from './payment-methods.ts';
import { paymentRoutes } from './payments.ts';
import { planMigrationRoutes } from './plan-migrations.ts';
import { planRoutes } from './plans.ts';
import { priceRoutes } from './prices.ts';
import { scheduledChangeRoutes } from './scheduled-changes.ts';
import { simulationRoutes } from './simulations.ts';
import { subscriptionChangeRoutes } from './subscription-changes.ts';
import { subscriptionCommandRoutes } from './subscription-commands.ts';
import { subscriptionDiagnosisRoutes } from './subscription-diagnosis.ts';
import { subscriptionPreviewRoutes } from './subscription-previews.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { tenantRoutes } from './tenants.ts';
import { testClockRoutes } from './test-clocks.ts';
import { usageRoutes } from './usage.ts';
import { usageCorrectionRoutes } from './usage-corrections.ts';
import { usageEventRoutes } from './usage-events.ts';
import { usageImportRoutes } from './usage-imports.ts';
import { usageSearchRoutes } from './usage-search.ts';
import { webhookEndpointRoutes } from './webhook-endpoints.ts';

const described: readonly Route[] = [
  ...customerRoutes,
  ...balanceRoutes,
  ...paymentMethodRoutes,
  ...planRoutes,
  ...planMigrationRoutes,
  ...addOnRoutes,
  ...itemRoutes,
  ...priceRoutes,
  ...subscriptionRoutes,
  ...subscriptionChangeRoutes,
  ...subscriptionCommandRoutes,
  ...subscriptionPreviewRoutes,
  ...scheduledChangeRoutes,
  ...meterRoutes,
  ...meterQueryRoutes,
  ...featureRoutes,
  ...entitlementRoutes,
  ...alertRoutes,
  ...usageRoutes,
  ...usageEventRoutes,
  ...usageSearchRoutes,
  ...usageCorrectionRoutes,
  ...collectorRoutes,
  ...collectorInboxRoutes,
  ...usageImportRoutes,
  ...backfillRoutes,
  ...subscriptionDiagnosisRoutes,
  ...simulationRoutes,
  ...invoiceUsageRoutes,
  ...invoiceRoutes,
  ...invoiceLineRoutes,
  ...creditNoteRoutes,
  ...paymentRoutes,
  ...gatewayCallbackRoutes,
  ...webhookEndpointRoutes,
  ...eventRoutes,
  ...deliveryRoutes,
  ...testClockRoutes,
  ...apiKeyRoutes,
  ...tenantRoutes,
  ...gatewayConnectionRoutes,
  ...operationRoutes,
];

/** Every endpoint there is, in the order of the reference. */
export const ROUTES: readonly Route[] = [...described, ...documentationRoutes(described)];
