import { Migration20261121100000_create_tenancy } from './Migration20261121100000_create_tenancy.ts';
import { Migration20261121100100_create_customers } from './Migration20261121100100_create_customers.ts';
import { Migration20261121100200_create_catalog } from './Migration20261121100200_create_catalog.ts';
import { Migration20261121100300_create_subscriptions } from './Migration20261121100300_create_subscriptions.ts';
import { Migration20261121100400_create_invoices } from './Migration20261121100400_create_invoices.ts';
import { Migration20261121100500_create_payments } from './Migration20261121100500_create_payments.ts';
import { Migration20261121100600_create_events } from './Migration20261121100600_create_events.ts';
import { Migration20261121100700_link_attempts_to_commands } from './Migration20261121100700_link_attempts_to_commands.ts';
import { Migration20261121100800_let_owner_become_login } from './Migration20261121100800_let_owner_become_login.ts';
import { Migration20261121101000_end_former_callback_secrets } from './Migration20261121101000_end_former_callback_secrets.ts';
import { Migration20261121101200_index_what_waits } from './Migration20261121101200_index_what_waits.ts';
import { Migration20261121101300_let_prices_have_models } from './Migration20261121101300_let_prices_have_models.ts';
import { Migration20261121101400_let_subscriptions_change } from './Migration20261121101400_let_subscriptions_change.ts';
import { Migration20261121101500_let_lines_wait } from './Migration20261121101500_let_lines_wait.ts';
import { Migration20261121101600_give_credit } from './Migration20261121101600_give_credit.ts';
import { Migration20261121101700_report_usage } from './Migration20261121101700_report_usage.ts';
import { Migration20261121101800_sell_add_ons } from './Migration20261121101800_sell_add_ons.ts';
import { Migration20261121101900_bound_backdated_starts } from './Migration20261121101900_bound_backdated_starts.ts';
import { Migration20261121102100_move_subscribers } from './Migration20261121102100_move_subscribers.ts';
import { Migration20261121102200_set_thresholds } from './Migration20261121102200_set_thresholds.ts';
import { Migration20261121102300_meter_usage } from './Migration20261121102300_meter_usage.ts';
import { Migration20261121102310_divide_usage_by_month } from './Migration20261121102310_divide_usage_by_month.ts';
import { Migration20261121102315_roll_up_usage } from './Migration20261121102315_roll_up_usage.ts';
import { Migration20261121102320_bill_metered_usage } from './Migration20261121102320_bill_metered_usage.ts';
import { Migration20261121102330_collect_usage } from './Migration20261121102330_collect_usage.ts';
import { Migration20261121102335_import_usage } from './Migration20261121102335_import_usage.ts';
import { Migration20261121102340_backfill_usage } from './Migration20261121102340_backfill_usage.ts';
import { Migration20261121102400_grant_features } from './Migration20261121102400_grant_features.ts';
import { Migration20261121102410_watch_usage } from './Migration20261121102410_watch_usage.ts';
import { Migration20261121102420_free_archived_meter_ids } from './Migration20261121102420_free_archived_meter_ids.ts';
import { Migration20261121102430_trace_touched_usage } from './Migration20261121102430_trace_touched_usage.ts';
import { Migration20261121102431_explain_dropped_changes } from './Migration20261121102431_explain_dropped_changes.ts';
import { Migration20261121102432_tell_reused_keys_apart } from './Migration20261121102432_tell_reused_keys_apart.ts';
import { Migration20261121102440_find_running_imports } from './Migration20261121102440_find_running_imports.ts';
import { Migration20261121102450_measure_voids } from './Migration20261121102450_measure_voids.ts';
import { Migration20261121102460_find_firings_of_customers } from './Migration20261121102460_find_firings_of_customers.ts';
import { Migration20261121102800_credit_planned_ends } from './Migration20261121102800_credit_planned_ends.ts';

/** Every migration, oldest first. An explicit list: file discovery guesses from argv whether files are TypeScript. */
export const migrationsList = [
  Migration20261121100000_create_tenancy,
  Migration20261121100100_create_customers,
  Migration20261121100200_create_catalog,
  Migration20261121100300_create_subscriptions,
  Migration20261121100400_create_invoices,
  Migration20261121100500_create_payments,
  Migration20261121100600_create_events,
  Migration20261121100700_link_attempts_to_commands,
  Migration20261121100800_let_owner_become_login,
  Migration20261121101000_end_former_callback_secrets,
  Migration20261121101200_index_what_waits,
  Migration20261121101300_let_prices_have_models,
  Migration20261121101400_let_subscriptions_change,
  Migration20261121101500_let_lines_wait,
  Migration20261121101600_give_credit,
  Migration20261121101700_report_usage,
  Migration20261121101800_sell_add_ons,
  Migration20261121101900_bound_backdated_starts,
  Migration20261121102100_move_subscribers,
  Migration20261121102200_set_thresholds,
  Migration20261121102300_meter_usage,
  Migration20261121102310_divide_usage_by_month,
  Migration20261121102315_roll_up_usage,
  Migration20261121102320_bill_metered_usage,
  Migration20261121102330_collect_usage,
  Migration20261121102335_import_usage,
  Migration20261121102340_backfill_usage,
  Migration20261121102400_grant_features,
  Migration20261121102410_watch_usage,
  Migration20261121102420_free_archived_meter_ids,
  Migration20261121102430_trace_touched_usage,
  Migration20261121102431_explain_dropped_changes,
  Migration20261121102432_tell_reused_keys_apart,
  Migration20261121102440_find_running_imports,
  Migration20261121102450_measure_voids,
  Migration20261121102460_find_firings_of_customers,
  Migration20261121102800_credit_planned_ends,
].map((migration) => ({ name: migration.name, class: migration }));
