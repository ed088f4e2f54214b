-- What the migrations make of an empty database. Do not edit: npm run schema -- --write
-- Written by queries on the catalogue (src/main/house/catalogue.ts); a picture to read and to compare, not to run.

create role perennial_app nologin noinherit;
create role perennial_login login noinherit;
create role perennial_system nologin noinherit;
grant perennial_app to perennial_login with inherit f, set t;
grant perennial_system to perennial_login with inherit f, set t;
grant usage on schema public to perennial_app;
grant usage on schema public to perennial_login;
grant usage on schema public to perennial_system;

create extension btree_gist;

create table accounts (
  id text collate "C" not null,
  name text not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table accounts add constraint accounts_pkey PRIMARY KEY (id);
alter table accounts add constraint accounts_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)));
grant insert, select, update on accounts to perennial_system;

create table alert_firings (
  alert_id text collate "C" not null,
  subject text collate "C" not null,
  period_start timestamp(3) with time zone not null,
  threshold numeric(30,12) not null,
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  subscription_id text collate "C",
  test_clock_id text collate "C",
  period_end timestamp(3) with time zone not null,
  value numeric(30,12) not null,
  triggered_at timestamp(3) with time zone not null,
  resolved_at timestamp(3) with time zone,
  resolution text,
  created_at timestamp(3) with time zone not null
);
alter table alert_firings add constraint alert_firings_pkey PRIMARY KEY (alert_id, subject, period_start, threshold);
alter table alert_firings add constraint alert_firings_id_key UNIQUE (id);
alter table alert_firings add constraint alert_firings_tenant_id_alert_id_fkey FOREIGN KEY (tenant_id, alert_id) REFERENCES alerts(tenant_id, id);
alter table alert_firings add constraint alert_firings_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table alert_firings add constraint alert_firings_check CHECK ((period_start < period_end));
alter table alert_firings add constraint alert_firings_check1 CHECK (((resolved_at IS NULL) = (resolution IS NULL)));
alter table alert_firings add constraint alert_firings_resolution_check CHECK ((resolution = ANY (ARRAY['below'::text, 'period_over'::text])));
CREATE INDEX alert_firings_of ON public.alert_firings USING btree (alert_id, id);
CREATE INDEX alert_firings_of_customer ON public.alert_firings USING btree (customer_id) WHERE (resolved_at IS NULL);
CREATE INDEX alert_firings_on_clock ON public.alert_firings USING btree (test_clock_id, period_end) WHERE ((resolved_at IS NULL) AND (test_clock_id IS NOT NULL));
CREATE INDEX alert_firings_open ON public.alert_firings USING btree (period_end) WHERE ((resolved_at IS NULL) AND (test_clock_id IS NULL));
alter table alert_firings enable row level security;
alter table alert_firings force row level security;
create policy app_own_tenant on alert_firings to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on alert_firings to perennial_system using (true) with check (true);
grant insert, select, update on alert_firings to perennial_app;
grant insert, select, update on alert_firings to perennial_system;

create table alerts (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  name text not null,
  kind text not null,
  meter_id text collate "C",
  customer_id text collate "C",
  subscription_id text collate "C",
  reset text not null,
  currency character(3),
  thresholds text[] not null,
  archived_at timestamp(3) with time zone,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table alerts add constraint alerts_pkey PRIMARY KEY (id);
alter table alerts add constraint alerts_tenant_id_id_key UNIQUE (tenant_id, id);
alter table alerts add constraint alerts_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table alerts add constraint alerts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table alerts add constraint alerts_tenant_id_meter_id_fkey FOREIGN KEY (tenant_id, meter_id) REFERENCES meters(tenant_id, id);
alter table alerts add constraint alerts_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table alerts add constraint alerts_check CHECK (((kind = 'cost'::text) OR (meter_id IS NOT NULL)));
alter table alerts add constraint alerts_check1 CHECK (((kind = 'cost'::text) = (currency IS NOT NULL)));
alter table alerts add constraint alerts_check2 CHECK (((kind = 'usage'::text) OR (reset = 'billing_period'::text)));
alter table alerts add constraint alerts_check3 CHECK (((subscription_id IS NULL) OR (customer_id IS NOT NULL)));
alter table alerts add constraint alerts_kind_check CHECK ((kind = ANY (ARRAY['usage'::text, 'cost'::text])));
alter table alerts add constraint alerts_reset_check CHECK ((reset = ANY (ARRAY['billing_period'::text, 'day'::text, 'week'::text, 'month'::text, 'year'::text])));
alter table alerts add constraint alerts_thresholds_check CHECK (((cardinality(thresholds) >= 1) AND (cardinality(thresholds) <= 20)));
CREATE INDEX alerts_watching ON public.alerts USING btree (tenant_id, meter_id) WHERE (archived_at IS NULL);
alter table alerts enable row level security;
alter table alerts force row level security;
create policy app_own_tenant on alerts to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on alerts to perennial_system using (true) with check (true);
grant insert, select, update on alerts to perennial_app;
grant insert, select, update on alerts to perennial_system;

create table api_keys (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  name text not null,
  hash bytea not null,
  last4 text not null,
  scopes text[] not null,
  expires_at timestamp(3) with time zone,
  revoked_at timestamp(3) with time zone,
  last_used_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table api_keys add constraint api_keys_pkey PRIMARY KEY (id);
alter table api_keys add constraint api_keys_hash_key UNIQUE (hash);
alter table api_keys add constraint api_keys_tenant_id_id_key UNIQUE (tenant_id, id);
alter table api_keys add constraint api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table api_keys enable row level security;
alter table api_keys force row level security;
create policy app_own_tenant on api_keys to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on api_keys to perennial_system using (true) with check (true);
grant insert, select, update on api_keys to perennial_app;
grant insert, select, update on api_keys to perennial_system;

create table billed_periods (
  id bigint generated always as identity not null,
  tenant_id text collate "C" not null,
  item_id text collate "C" not null,
  side text not null,
  period tstzrange not null,
  reason text not null,
  line_id text collate "C",
  voided_at timestamp(3) with time zone,
  pending_item_id text collate "C"
);
alter table billed_periods add constraint billed_periods_pkey PRIMARY KEY (id);
alter table billed_periods add constraint billed_periods_item_id_side_period_excl EXCLUDE USING gist (item_id WITH =, side WITH =, period WITH &&) WHERE ((voided_at IS NULL));
alter table billed_periods add constraint billed_periods_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table billed_periods add constraint billed_periods_tenant_id_item_id_fkey FOREIGN KEY (tenant_id, item_id) REFERENCES subscription_items(tenant_id, id);
alter table billed_periods add constraint billed_periods_tenant_id_line_id_fkey FOREIGN KEY (tenant_id, line_id) REFERENCES invoice_lines(tenant_id, id);
alter table billed_periods add constraint billed_periods_tenant_id_pending_item_id_fkey FOREIGN KEY (tenant_id, pending_item_id) REFERENCES pending_items(tenant_id, id);
alter table billed_periods add constraint billed_periods_check CHECK ((num_nonnulls(line_id, pending_item_id) =
CASE reason
    WHEN 'billed'::text THEN 1
    ELSE 0
END));
alter table billed_periods add constraint billed_periods_period_check CHECK ((NOT isempty(period)));
alter table billed_periods add constraint billed_periods_reason_check CHECK ((reason = ANY (ARRAY['billed'::text, 'trial'::text, 'paused'::text, 'waived'::text])));
alter table billed_periods add constraint billed_periods_side_check CHECK ((side = ANY (ARRAY['fee'::text, 'usage'::text])));
CREATE INDEX billed_periods_line ON public.billed_periods USING btree (line_id);
CREATE INDEX billed_periods_pending ON public.billed_periods USING btree (pending_item_id) WHERE (pending_item_id IS NOT NULL);
alter table billed_periods enable row level security;
alter table billed_periods force row level security;
create policy app_own_tenant on billed_periods to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on billed_periods to perennial_system using (true) with check (true);
grant insert, select, update on billed_periods to perennial_app;
grant insert, select, update on billed_periods to perennial_system;

create table collections (
  invoice_id text collate "C" not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  currency character(3) not null,
  policy jsonb not null,
  first_failed_at timestamp(3) with time zone not null,
  attempt integer not null,
  hard_declined boolean not null,
  next_attempt_at timestamp(3) with time zone,
  outcome text,
  ended_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table collections add constraint collections_pkey PRIMARY KEY (invoice_id);
alter table collections add constraint collections_tenant_id_invoice_id_key UNIQUE (tenant_id, invoice_id);
alter table collections add constraint collections_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table collections add constraint collections_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table collections add constraint collections_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices(tenant_id, id);
alter table collections add constraint collections_attempt_check CHECK ((attempt >= 1));
alter table collections add constraint collections_check CHECK (((outcome IS NULL) = (ended_at IS NULL)));
alter table collections add constraint collections_check1 CHECK (((outcome IS NULL) OR (next_attempt_at IS NULL)));
alter table collections add constraint collections_outcome_check CHECK ((outcome = ANY (ARRAY['paid'::text, 'exhausted'::text, 'superseded'::text, 'voided'::text, 'uncollectible'::text])));
CREATE INDEX collections_running ON public.collections USING btree (tenant_id, customer_id, currency) WHERE (outcome IS NULL);
alter table collections enable row level security;
alter table collections force row level security;
create policy app_own_tenant on collections to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on collections to perennial_system using (true) with check (true);
grant insert, select, update on collections to perennial_app;
grant insert, select, update on collections to perennial_system;

create table commands (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  subject_id text collate "C" not null,
  kind text not null,
  body jsonb not null,
  requested_at timestamp(3) with time zone not null,
  expires_at timestamp(3) with time zone not null,
  status text not null,
  result jsonb,
  request_id text,
  created_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone,
  migration_id text collate "C"
);
alter table commands add constraint commands_pkey PRIMARY KEY (id);
alter table commands add constraint commands_tenant_id_id_key UNIQUE (tenant_id, id);
alter table commands add constraint commands_migration_fkey FOREIGN KEY (tenant_id, migration_id) REFERENCES plan_migrations(tenant_id, id);
alter table commands add constraint commands_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table commands add constraint commands_check CHECK (((status = 'pending'::text) = (finished_at IS NULL)));
alter table commands add constraint commands_check1 CHECK (((status <> 'refused'::text) OR (result IS NOT NULL)));
alter table commands add constraint commands_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'applied'::text, 'refused'::text, 'expired'::text])));
CREATE INDEX commands_expired ON public.commands USING btree (finished_at) WHERE (status = 'expired'::text);
CREATE UNIQUE INDEX commands_once_per_migration ON public.commands USING btree (migration_id, subject_id) WHERE ((migration_id IS NOT NULL) AND (status = ANY (ARRAY['pending'::text, 'applied'::text])));
CREATE INDEX commands_pending ON public.commands USING btree (expires_at) WHERE (status = 'pending'::text);
CREATE INDEX commands_subject ON public.commands USING btree (tenant_id, subject_id, id);
alter table commands enable row level security;
alter table commands force row level security;
create policy app_own_tenant on commands to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on commands to perennial_system using (true) with check (true);
grant insert, select, update on commands to perennial_app;
grant insert, select, update on commands to perennial_system;

create table counters (
  tenant_id text collate "C" not null,
  name text not null,
  value bigint not null
);
alter table counters add constraint counters_pkey PRIMARY KEY (tenant_id, name);
alter table counters add constraint counters_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table counters add constraint counters_value_check CHECK ((value >= 0));
alter table counters enable row level security;
alter table counters force row level security;
create policy app_own_tenant on counters to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on counters to perennial_system using (true) with check (true);
grant insert, select, update on counters to perennial_app;
grant insert, select, update on counters to perennial_system;

create table credit_note_lines (
  credit_note_id text collate "C" not null,
  n integer not null,
  tenant_id text collate "C" not null,
  invoice_line_id text collate "C" not null,
  description text not null,
  amount numeric(20,4) not null
);
alter table credit_note_lines add constraint credit_note_lines_pkey PRIMARY KEY (credit_note_id, n);
alter table credit_note_lines add constraint credit_note_lines_tenant_id_credit_note_id_fkey FOREIGN KEY (tenant_id, credit_note_id) REFERENCES credit_notes(tenant_id, id);
alter table credit_note_lines add constraint credit_note_lines_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table credit_note_lines add constraint credit_note_lines_tenant_id_invoice_line_id_fkey FOREIGN KEY (tenant_id, invoice_line_id) REFERENCES invoice_lines(tenant_id, id);
alter table credit_note_lines add constraint credit_note_lines_amount_check CHECK ((amount > (0)::numeric));
alter table credit_note_lines add constraint credit_note_lines_n_check CHECK ((n >= 1));
CREATE INDEX credit_note_lines_line ON public.credit_note_lines USING btree (invoice_line_id);
CREATE CONSTRAINT TRIGGER credit_note_lines_credited AFTER INSERT ON public.credit_note_lines DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_credited();
CREATE TRIGGER credit_note_lines_immutable BEFORE DELETE OR UPDATE ON public.credit_note_lines FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER credit_note_lines_totals AFTER INSERT ON public.credit_note_lines DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_credit_note();
alter table credit_note_lines enable row level security;
alter table credit_note_lines force row level security;
create policy app_own_tenant on credit_note_lines to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on credit_note_lines to perennial_system using (true) with check (true);
grant insert, select on credit_note_lines to perennial_app;
grant insert, select on credit_note_lines to perennial_system;

create table credit_notes (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  subscription_id text collate "C",
  invoice_id text collate "C" not null,
  number text not null,
  currency character(3) not null,
  amount numeric(20,4) not null,
  created_at timestamp(3) with time zone not null
);
alter table credit_notes add constraint credit_notes_pkey PRIMARY KEY (id);
alter table credit_notes add constraint credit_notes_tenant_id_id_key UNIQUE (tenant_id, id);
alter table credit_notes add constraint credit_notes_tenant_id_number_key UNIQUE (tenant_id, number);
alter table credit_notes add constraint credit_notes_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table credit_notes add constraint credit_notes_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table credit_notes add constraint credit_notes_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices(tenant_id, id);
alter table credit_notes add constraint credit_notes_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table credit_notes add constraint credit_notes_amount_check CHECK ((amount > (0)::numeric));
CREATE INDEX credit_notes_customer ON public.credit_notes USING btree (tenant_id, customer_id, id);
CREATE INDEX credit_notes_invoice ON public.credit_notes USING btree (invoice_id);
CREATE TRIGGER credit_notes_immutable BEFORE DELETE OR UPDATE ON public.credit_notes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER credit_notes_totals AFTER INSERT ON public.credit_notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_credit_note();
alter table credit_notes enable row level security;
alter table credit_notes force row level security;
create policy app_own_tenant on credit_notes to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on credit_notes to perennial_system using (true) with check (true);
grant insert, select on credit_notes to perennial_app;
grant insert, select on credit_notes to perennial_system;

create table customer_balance_entries (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  currency character(3) not null,
  n integer not null,
  kind text not null,
  amount numeric(20,4) not null,
  balance numeric(20,4) not null,
  invoice_id text collate "C" not null,
  created_at timestamp(3) with time zone not null
);
alter table customer_balance_entries add constraint customer_balance_entries_pkey PRIMARY KEY (id);
alter table customer_balance_entries add constraint customer_balance_entries_customer_id_currency_n_key UNIQUE (customer_id, currency, n);
alter table customer_balance_entries add constraint customer_balance_entries_invoice_id_kind_key UNIQUE (invoice_id, kind);
alter table customer_balance_entries add constraint customer_balance_entries_tenant_id_id_key UNIQUE (tenant_id, id);
alter table customer_balance_entries add constraint customer_balance_entries_tenant_id_customer_id_currency_fkey FOREIGN KEY (tenant_id, customer_id, currency) REFERENCES customer_balances(tenant_id, customer_id, currency);
alter table customer_balance_entries add constraint customer_balance_entries_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table customer_balance_entries add constraint customer_balance_entries_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices(tenant_id, id);
alter table customer_balance_entries add constraint customer_balance_entries_amount_check CHECK ((amount <> (0)::numeric));
alter table customer_balance_entries add constraint customer_balance_entries_check CHECK (((kind = 'applied'::text) = (amount < (0)::numeric)));
alter table customer_balance_entries add constraint customer_balance_entries_kind_check CHECK ((kind = ANY (ARRAY['granted'::text, 'applied'::text, 'returned'::text])));
alter table customer_balance_entries add constraint customer_balance_entries_n_check CHECK ((n >= 1));
CREATE TRIGGER customer_balance_entries_immutable BEFORE DELETE OR UPDATE ON public.customer_balance_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER customer_balance_entries_sum AFTER INSERT ON public.customer_balance_entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_customer_balance();
alter table customer_balance_entries enable row level security;
alter table customer_balance_entries force row level security;
create policy app_own_tenant on customer_balance_entries to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on customer_balance_entries to perennial_system using (true) with check (true);
grant insert, select on customer_balance_entries to perennial_app;
grant insert, select on customer_balance_entries to perennial_system;

create table customer_balances (
  customer_id text collate "C" not null,
  currency character(3) not null,
  tenant_id text collate "C" not null,
  balance numeric(20,4) not null,
  entries integer not null,
  updated_at timestamp(3) with time zone not null
);
alter table customer_balances add constraint customer_balances_pkey PRIMARY KEY (customer_id, currency);
alter table customer_balances add constraint customer_balances_tenant_id_customer_id_currency_key UNIQUE (tenant_id, customer_id, currency);
alter table customer_balances add constraint customer_balances_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table customer_balances add constraint customer_balances_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table customer_balances add constraint customer_balances_balance_check CHECK ((balance >= (0)::numeric));
alter table customer_balances add constraint customer_balances_entries_check CHECK ((entries >= 1));
CREATE CONSTRAINT TRIGGER customer_balances_sum AFTER INSERT OR UPDATE ON public.customer_balances DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_customer_balance();
alter table customer_balances enable row level security;
alter table customer_balances force row level security;
create policy app_own_tenant on customer_balances to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on customer_balances to perennial_system using (true) with check (true);
grant insert, select, update on customer_balances to perennial_app;
grant insert, select, update on customer_balances to perennial_system;

create table customers (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  external_id text,
  name text not null,
  email text,
  time_zone text,
  currency character(3),
  test_clock_id text collate "C",
  metadata jsonb default '{}'::jsonb not null,
  deleted_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table customers add constraint customers_pkey PRIMARY KEY (id);
alter table customers add constraint customers_tenant_id_id_key UNIQUE (tenant_id, id);
alter table customers add constraint customers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table customers add constraint customers_tenant_id_test_clock_id_fkey FOREIGN KEY (tenant_id, test_clock_id) REFERENCES test_clocks(tenant_id, id);
CREATE UNIQUE INDEX customers_external_id ON public.customers USING btree (tenant_id, external_id) WHERE (deleted_at IS NULL);
CREATE INDEX customers_test_clock ON public.customers USING btree (tenant_id, test_clock_id) WHERE (test_clock_id IS NOT NULL);
alter table customers enable row level security;
alter table customers force row level security;
create policy app_own_tenant on customers to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on customers to perennial_system using (true) with check (true);
grant insert, select, update on customers to perennial_app;
grant insert, select, update on customers to perennial_system;

create table entitlement_overrides (
  customer_id text collate "C" not null,
  feature_id text collate "C" not null,
  tenant_id text collate "C" not null,
  enabled boolean not null,
  limit_quantity numeric(30,12),
  soft boolean default false not null,
  expires_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table entitlement_overrides add constraint entitlement_overrides_pkey PRIMARY KEY (customer_id, feature_id);
alter table entitlement_overrides add constraint entitlement_overrides_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table entitlement_overrides add constraint entitlement_overrides_tenant_id_feature_id_fkey FOREIGN KEY (tenant_id, feature_id) REFERENCES features(tenant_id, id);
alter table entitlement_overrides add constraint entitlement_overrides_limit_quantity_check CHECK ((limit_quantity >= (0)::numeric));
alter table entitlement_overrides enable row level security;
alter table entitlement_overrides force row level security;
create policy app_own_tenant on entitlement_overrides to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on entitlement_overrides to perennial_system using (true) with check (true);
grant delete, insert, select, update on entitlement_overrides to perennial_app;
grant delete, insert, select, update on entitlement_overrides to perennial_system;

create table events (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  recorded bigint generated always as identity not null,
  "position" bigint,
  type text not null,
  object_type text not null,
  object_id text collate "C" not null,
  sequence integer not null,
  customer_id text collate "C",
  subscription_id text collate "C",
  invoice_id text collate "C",
  api_version text not null,
  data jsonb not null,
  correlation_id text,
  causation_id text,
  created_at timestamp(3) with time zone not null,
  recorded_at timestamp(3) with time zone default now() not null
);
alter table events add constraint events_pkey PRIMARY KEY (id);
alter table events add constraint events_object_id_sequence_key UNIQUE (object_id, sequence);
alter table events add constraint events_tenant_id_id_key UNIQUE (tenant_id, id);
alter table events add constraint events_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table events add constraint events_sequence_check CHECK ((sequence >= 1));
CREATE INDEX events_feed ON public.events USING btree (tenant_id, "position");
CREATE UNIQUE INDEX events_position ON public.events USING btree ("position") WHERE ("position" IS NOT NULL);
CREATE INDEX events_subscription ON public.events USING btree (tenant_id, subscription_id, recorded) WHERE (subscription_id IS NOT NULL);
CREATE INDEX events_unplaced ON public.events USING btree (recorded) WHERE ("position" IS NULL);
CREATE TRIGGER events_freeze BEFORE DELETE OR UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION freeze_event();
alter table events enable row level security;
alter table events force row level security;
create policy app_own_tenant on events to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on events to perennial_system using (true) with check (true);
grant insert, select, update on events to perennial_app;
grant insert, select, update on events to perennial_system;

create table features (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  external_id text,
  name text not null,
  kind text not null,
  meter_id text collate "C",
  reset text,
  archived_at timestamp(3) with time zone,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table features add constraint features_pkey PRIMARY KEY (id);
alter table features add constraint features_tenant_id_id_key UNIQUE (tenant_id, id);
alter table features add constraint features_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table features add constraint features_tenant_id_meter_id_fkey FOREIGN KEY (tenant_id, meter_id) REFERENCES meters(tenant_id, id);
alter table features add constraint features_check CHECK (((kind = 'metered'::text) = (meter_id IS NOT NULL)));
alter table features add constraint features_check1 CHECK (((kind = 'metered'::text) = (reset IS NOT NULL)));
alter table features add constraint features_kind_check CHECK ((kind = ANY (ARRAY['boolean'::text, 'limit'::text, 'metered'::text])));
alter table features add constraint features_reset_check CHECK ((reset = ANY (ARRAY['billing_period'::text, 'day'::text, 'week'::text, 'month'::text, 'year'::text])));
CREATE UNIQUE INDEX features_external_id ON public.features USING btree (tenant_id, external_id) WHERE (archived_at IS NULL);
alter table features enable row level security;
alter table features force row level security;
create policy app_own_tenant on features to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on features to perennial_system using (true) with check (true);
grant insert, select, update on features to perennial_app;
grant insert, select, update on features to perennial_system;

create table gateway_connections (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  gateway text not null,
  callback_token text not null,
  secret_sealed text not null,
  previous_secret_sealed text,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  previous_secret_expires_at timestamp(3) with time zone
);
alter table gateway_connections add constraint gateway_connections_pkey PRIMARY KEY (id);
alter table gateway_connections add constraint gateway_connections_callback_token_key UNIQUE (callback_token);
alter table gateway_connections add constraint gateway_connections_tenant_id_gateway_key UNIQUE (tenant_id, gateway);
alter table gateway_connections add constraint gateway_connections_tenant_id_id_key UNIQUE (tenant_id, id);
alter table gateway_connections add constraint gateway_connections_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table gateway_connections add constraint gateway_connections_check CHECK (((previous_secret_sealed IS NULL) = (previous_secret_expires_at IS NULL)));
alter table gateway_connections enable row level security;
alter table gateway_connections force row level security;
create policy app_own_tenant on gateway_connections to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on gateway_connections to perennial_system using (true) with check (true);
grant insert, select, update on gateway_connections to perennial_app;
grant insert, select, update on gateway_connections to perennial_system;

create table gateway_events (
  connection_id text collate "C" not null,
  event_id text collate "C" not null,
  tenant_id text collate "C" not null,
  type text not null,
  gateway_ref text not null,
  status text not null,
  received_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone
);
alter table gateway_events add constraint gateway_events_pkey PRIMARY KEY (connection_id, event_id);
alter table gateway_events add constraint gateway_events_tenant_id_connection_id_fkey FOREIGN KEY (tenant_id, connection_id) REFERENCES gateway_connections(tenant_id, id);
alter table gateway_events add constraint gateway_events_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table gateway_events add constraint gateway_events_status_check CHECK ((status = ANY (ARRAY['received'::text, 'applied'::text, 'ignored'::text, 'unmatched'::text])));
CREATE INDEX gateway_events_ref ON public.gateway_events USING btree (tenant_id, gateway_ref);
CREATE INDEX gateway_events_without_effect ON public.gateway_events USING btree (received_at) WHERE (status = ANY (ARRAY['received'::text, 'unmatched'::text]));
alter table gateway_events enable row level security;
alter table gateway_events force row level security;
create policy app_own_tenant on gateway_events to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on gateway_events to perennial_system using (true) with check (true);
grant insert, select, update on gateway_events to perennial_app;
grant insert, select, update on gateway_events to perennial_system;

create table idempotency_keys (
  tenant_id text collate "C" not null,
  key text collate "C" not null,
  fingerprint bytea not null,
  command_id text collate "C",
  resource_id text collate "C",
  lease_until timestamp(3) with time zone,
  status integer,
  body jsonb,
  created_at timestamp(3) with time zone not null,
  expires_at timestamp(3) with time zone not null
);
alter table idempotency_keys add constraint idempotency_keys_pkey PRIMARY KEY (tenant_id, key);
alter table idempotency_keys add constraint idempotency_keys_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)));
alter table idempotency_keys add constraint idempotency_keys_status_check CHECK (((status >= 200) AND (status <= 499)));
CREATE INDEX idempotency_keys_expires_at ON public.idempotency_keys USING btree (expires_at);
alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy app_own_tenant on idempotency_keys to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on idempotency_keys to perennial_system using (true) with check (true);
grant delete, insert, select, update on idempotency_keys to perennial_app;
grant delete, insert, select, update on idempotency_keys to perennial_system;

create table invoice_lines (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  invoice_id text collate "C" not null,
  n integer not null,
  item_id text collate "C",
  price_id text collate "C",
  description text not null,
  quantity numeric(30,12) not null,
  unit_amount numeric(30,12),
  amount numeric(20,4) not null,
  period_start timestamp(3) with time zone not null,
  period_end timestamp(3) with time zone not null,
  proration boolean not null,
  trace jsonb not null,
  reverses_line_id text collate "C",
  meter_id text collate "C",
  meter_version integer,
  event_count bigint
);
alter table invoice_lines add constraint invoice_lines_pkey PRIMARY KEY (id);
alter table invoice_lines add constraint invoice_lines_invoice_id_n_key UNIQUE (invoice_id, n);
alter table invoice_lines add constraint invoice_lines_tenant_id_id_key UNIQUE (tenant_id, id);
alter table invoice_lines add constraint invoice_lines_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table invoice_lines add constraint invoice_lines_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices(tenant_id, id);
alter table invoice_lines add constraint invoice_lines_tenant_id_item_id_fkey FOREIGN KEY (tenant_id, item_id) REFERENCES subscription_items(tenant_id, id);
alter table invoice_lines add constraint invoice_lines_tenant_id_meter_id_meter_version_fkey FOREIGN KEY (tenant_id, meter_id, meter_version) REFERENCES meter_versions(tenant_id, meter_id, version);
alter table invoice_lines add constraint invoice_lines_tenant_id_price_id_fkey FOREIGN KEY (tenant_id, price_id) REFERENCES prices(tenant_id, id);
alter table invoice_lines add constraint invoice_lines_tenant_id_reverses_line_id_fkey FOREIGN KEY (tenant_id, reverses_line_id) REFERENCES invoice_lines(tenant_id, id);
alter table invoice_lines add constraint invoice_lines_check CHECK ((period_start < period_end));
alter table invoice_lines add constraint invoice_lines_check1 CHECK ((num_nonnulls(meter_id, meter_version, event_count) = ANY (ARRAY[0, 3])));
alter table invoice_lines add constraint invoice_lines_event_count_check CHECK ((event_count >= 0));
alter table invoice_lines add constraint invoice_lines_n_check CHECK ((n >= 1));
CREATE INDEX invoice_lines_of_item ON public.invoice_lines USING btree (item_id, period_start) WHERE (item_id IS NOT NULL);
CREATE INDEX invoice_lines_reverses ON public.invoice_lines USING btree (reverses_line_id) WHERE (reverses_line_id IS NOT NULL);
CREATE CONSTRAINT TRIGGER invoice_lines_credited AFTER INSERT ON public.invoice_lines DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.reverses_line_id IS NOT NULL)) EXECUTE FUNCTION check_credited();
CREATE TRIGGER invoice_lines_freeze BEFORE INSERT OR DELETE OR UPDATE ON public.invoice_lines FOR EACH ROW EXECUTE FUNCTION freeze_invoice_line();
CREATE CONSTRAINT TRIGGER invoice_lines_totals AFTER INSERT OR UPDATE OF amount ON public.invoice_lines DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_invoice_totals();
alter table invoice_lines enable row level security;
alter table invoice_lines force row level security;
create policy app_own_tenant on invoice_lines to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on invoice_lines to perennial_system using (true) with check (true);
grant insert, select, update on invoice_lines to perennial_app;
grant insert, select, update on invoice_lines to perennial_system;

create table invoices (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  subscription_id text collate "C",
  origin_key text collate "C" not null,
  number text,
  status text not null,
  billing_reason text not null,
  currency character(3) not null,
  subtotal numeric(20,4) not null,
  total numeric(20,4) not null,
  amount_paid numeric(20,4) default 0 not null,
  collection_method text not null,
  net_days integer,
  due_at timestamp(3) with time zone,
  finalize_at timestamp(3) with time zone,
  finalized_at timestamp(3) with time zone,
  collect_at timestamp(3) with time zone,
  overdue_since timestamp(3) with time zone,
  paid_at timestamp(3) with time zone,
  paid_out_of_band boolean default false not null,
  voided_at timestamp(3) with time zone,
  marked_uncollectible_at timestamp(3) with time zone,
  period_start timestamp(3) with time zone not null,
  period_end timestamp(3) with time zone not null,
  revision integer default 1 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  balance_applied numeric(20,4) default 0 not null,
  amount_credited numeric(20,4) default 0 not null
);
alter table invoices add constraint invoices_pkey PRIMARY KEY (id);
alter table invoices add constraint invoices_tenant_id_id_key UNIQUE (tenant_id, id);
alter table invoices add constraint invoices_tenant_id_number_key UNIQUE (tenant_id, number);
alter table invoices add constraint invoices_tenant_id_origin_key_key UNIQUE (tenant_id, origin_key);
alter table invoices add constraint invoices_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table invoices add constraint invoices_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table invoices add constraint invoices_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table invoices add constraint invoices_amount_credited_check CHECK ((amount_credited >= (0)::numeric));
alter table invoices add constraint invoices_billing_reason_check CHECK ((billing_reason = ANY (ARRAY['subscription_create'::text, 'subscription_cycle'::text, 'subscription_update'::text, 'trial_end'::text, 'subscription_cancel'::text, 'threshold'::text, 'late_usage'::text])));
alter table invoices add constraint invoices_check CHECK (((status = 'draft'::text) = (number IS NULL)));
alter table invoices add constraint invoices_check1 CHECK (((status = 'draft'::text) = (finalized_at IS NULL)));
alter table invoices add constraint invoices_check2 CHECK (((status = 'paid'::text) = (paid_at IS NOT NULL)));
alter table invoices add constraint invoices_check3 CHECK (((status = 'void'::text) = (voided_at IS NOT NULL)));
alter table invoices add constraint invoices_check4 CHECK (((status = 'uncollectible'::text) = (marked_uncollectible_at IS NOT NULL)));
alter table invoices add constraint invoices_check7 CHECK (((status = 'open'::text) OR (overdue_since IS NULL)));
alter table invoices add constraint invoices_collection_method_check CHECK ((collection_method = ANY (ARRAY['charge_automatically'::text, 'send_invoice'::text])));
alter table invoices add constraint invoices_draft_is_unsettled CHECK (((status <> 'draft'::text) OR ((balance_applied = (0)::numeric) AND (amount_credited = (0)::numeric))));
alter table invoices add constraint invoices_paid_in_full CHECK (((status <> 'paid'::text) OR (((amount_paid + balance_applied) + amount_credited) = total)));
alter table invoices add constraint invoices_settled_by CHECK (((amount_paid >= (0)::numeric) AND
CASE
    WHEN (total < (0)::numeric) THEN ((amount_paid = (0)::numeric) AND (amount_credited = (0)::numeric) AND ((balance_applied = (0)::numeric) OR (balance_applied = total)))
    ELSE ((balance_applied >= (0)::numeric) AND (((amount_paid + balance_applied) + amount_credited) <= total))
END));
alter table invoices add constraint invoices_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'open'::text, 'paid'::text, 'void'::text, 'uncollectible'::text])));
CREATE INDEX invoices_customer ON public.invoices USING btree (tenant_id, customer_id, id);
CREATE INDEX invoices_subscription ON public.invoices USING btree (tenant_id, subscription_id, id);
CREATE INDEX invoices_waiting ON public.invoices USING btree (tenant_id, customer_id) WHERE (status = ANY (ARRAY['draft'::text, 'open'::text]));
CREATE TRIGGER invoices_freeze BEFORE DELETE OR UPDATE ON public.invoices FOR EACH ROW EXECUTE FUNCTION freeze_invoice();
CREATE CONSTRAINT TRIGGER invoices_totals AFTER INSERT OR UPDATE OF subtotal, total ON public.invoices DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_invoice_totals();
alter table invoices enable row level security;
alter table invoices force row level security;
create policy app_own_tenant on invoices to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on invoices to perennial_system using (true) with check (true);
grant insert, select, update on invoices to perennial_app;
grant insert, select, update on invoices to perennial_system;

create table item_segments (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  item_id text collate "C" not null,
  price_id text collate "C" not null,
  quantity numeric(30,12) not null,
  valid tstzrange not null,
  created_at timestamp(3) with time zone not null
);
alter table item_segments add constraint item_segments_pkey PRIMARY KEY (id);
alter table item_segments add constraint item_segments_tenant_id_id_key UNIQUE (tenant_id, id);
alter table item_segments add constraint item_segments_item_id_valid_excl EXCLUDE USING gist (item_id WITH =, valid WITH &&);
alter table item_segments add constraint item_segments_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table item_segments add constraint item_segments_tenant_id_item_id_fkey FOREIGN KEY (tenant_id, item_id) REFERENCES subscription_items(tenant_id, id);
alter table item_segments add constraint item_segments_tenant_id_price_id_fkey FOREIGN KEY (tenant_id, price_id) REFERENCES prices(tenant_id, id);
alter table item_segments add constraint item_segments_quantity_check CHECK ((quantity >= (0)::numeric));
alter table item_segments add constraint item_segments_valid_check CHECK ((NOT isempty(valid)));
alter table item_segments enable row level security;
alter table item_segments force row level security;
create policy app_own_tenant on item_segments to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on item_segments to perennial_system using (true) with check (true);
grant insert, select, update on item_segments to perennial_app;
grant insert, select, update on item_segments to perennial_system;

create table items (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  external_id text,
  name text not null,
  description text,
  archived_at timestamp(3) with time zone,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table items add constraint items_pkey PRIMARY KEY (id);
alter table items add constraint items_tenant_id_id_key UNIQUE (tenant_id, id);
alter table items add constraint items_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
CREATE UNIQUE INDEX items_external_id ON public.items USING btree (tenant_id, external_id) WHERE (archived_at IS NULL);
alter table items enable row level security;
alter table items force row level security;
create policy app_own_tenant on items to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on items to perennial_system using (true) with check (true);
grant insert, select, update on items to perennial_app;
grant insert, select, update on items to perennial_system;

create table ledger_entries (
  transaction_id text collate "C" not null,
  n integer not null,
  tenant_id text collate "C" not null,
  account text not null,
  customer_id text collate "C" not null,
  invoice_id text collate "C",
  amount numeric(20,4) not null,
  currency character(3) not null
);
alter table ledger_entries add constraint ledger_entries_pkey PRIMARY KEY (transaction_id, n);
alter table ledger_entries add constraint ledger_entries_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table ledger_entries add constraint ledger_entries_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table ledger_entries add constraint ledger_entries_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices(tenant_id, id);
alter table ledger_entries add constraint ledger_entries_tenant_id_transaction_id_fkey FOREIGN KEY (tenant_id, transaction_id) REFERENCES ledger_transactions(tenant_id, id);
alter table ledger_entries add constraint ledger_entries_account_check CHECK ((account = ANY (ARRAY['receivable'::text, 'revenue'::text, 'cash'::text, 'bad_debt'::text, 'customer_balance'::text])));
alter table ledger_entries add constraint ledger_entries_amount_check CHECK ((amount <> (0)::numeric));
alter table ledger_entries add constraint ledger_entries_n_check CHECK ((n >= 1));
CREATE INDEX ledger_entries_invoice ON public.ledger_entries USING btree (invoice_id);
CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON public.ledger_entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance();
CREATE TRIGGER ledger_entries_immutable BEFORE DELETE OR UPDATE ON public.ledger_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table ledger_entries enable row level security;
alter table ledger_entries force row level security;
create policy app_own_tenant on ledger_entries to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on ledger_entries to perennial_system using (true) with check (true);
grant insert, select on ledger_entries to perennial_app;
grant insert, select on ledger_entries to perennial_system;

create table ledger_transactions (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  kind text not null,
  source text collate "C" not null,
  at timestamp(3) with time zone not null
);
alter table ledger_transactions add constraint ledger_transactions_pkey PRIMARY KEY (id);
alter table ledger_transactions add constraint ledger_transactions_tenant_id_id_key UNIQUE (tenant_id, id);
alter table ledger_transactions add constraint ledger_transactions_tenant_id_kind_source_key UNIQUE (tenant_id, kind, source);
alter table ledger_transactions add constraint ledger_transactions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table ledger_transactions add constraint ledger_transactions_kind_check CHECK ((kind = ANY (ARRAY['invoice_finalized'::text, 'payment_received'::text, 'invoice_voided'::text, 'invoice_written_off'::text, 'write_off_recovered'::text, 'invoice_credited'::text, 'balance_granted'::text, 'balance_applied'::text, 'balance_returned'::text])));
CREATE TRIGGER ledger_transactions_immutable BEFORE DELETE OR UPDATE ON public.ledger_transactions FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table ledger_transactions enable row level security;
alter table ledger_transactions force row level security;
create policy app_own_tenant on ledger_transactions to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on ledger_transactions to perennial_system using (true) with check (true);
grant insert, select on ledger_transactions to perennial_app;
grant insert, select on ledger_transactions to perennial_system;

create table meter_versions (
  meter_id text collate "C" not null,
  version integer not null,
  tenant_id text collate "C" not null,
  aggregation text not null,
  property text,
  factor_property text,
  filters jsonb default '[]'::jsonb not null,
  group_by text[] default '{}'::text[] not null,
  bucket text,
  rounding jsonb,
  effective_at timestamp(3) with time zone not null,
  created_at timestamp(3) with time zone not null
);
alter table meter_versions add constraint meter_versions_pkey PRIMARY KEY (meter_id, version);
alter table meter_versions add constraint meter_versions_tenant_id_meter_id_version_key UNIQUE (tenant_id, meter_id, version);
alter table meter_versions add constraint meter_versions_tenant_id_meter_id_fkey FOREIGN KEY (tenant_id, meter_id) REFERENCES meters(tenant_id, id);
alter table meter_versions add constraint meter_versions_aggregation_check CHECK ((aggregation = ANY (ARRAY['count'::text, 'sum'::text, 'max'::text, 'min'::text, 'latest'::text, 'unique_count'::text, 'sum_product'::text])));
alter table meter_versions add constraint meter_versions_bucket_check CHECK ((bucket = ANY (ARRAY['hour'::text, 'day'::text])));
alter table meter_versions add constraint meter_versions_check CHECK (((aggregation = 'count'::text) = (property IS NULL)));
alter table meter_versions add constraint meter_versions_check1 CHECK (((aggregation = 'sum_product'::text) = (factor_property IS NOT NULL)));
alter table meter_versions add constraint meter_versions_version_check CHECK ((version >= 1));
CREATE TRIGGER meter_versions_immutable BEFORE DELETE OR UPDATE ON public.meter_versions FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table meter_versions enable row level security;
alter table meter_versions force row level security;
create policy app_own_tenant on meter_versions to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on meter_versions to perennial_system using (true) with check (true);
grant insert, select on meter_versions to perennial_app;
grant insert, select on meter_versions to perennial_system;

create table meters (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  external_id text,
  name text not null,
  event_name text not null,
  archived_at timestamp(3) with time zone,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table meters add constraint meters_pkey PRIMARY KEY (id);
alter table meters add constraint meters_tenant_id_id_key UNIQUE (tenant_id, id);
alter table meters add constraint meters_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
CREATE UNIQUE INDEX meters_external_id ON public.meters USING btree (tenant_id, external_id) WHERE (archived_at IS NULL);
CREATE INDEX meters_of_event ON public.meters USING btree (tenant_id, event_name);
alter table meters enable row level security;
alter table meters force row level security;
create policy app_own_tenant on meters to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on meters to perennial_system using (true) with check (true);
grant insert, select, update on meters to perennial_app;
grant insert, select, update on meters to perennial_system;

create table nudges (
  workflow_id text collate "C" not null,
  tenant_id text collate "C" not null,
  kind text not null,
  entity_id text collate "C" not null,
  version integer default 1 not null,
  attempts integer default 0 not null,
  next_attempt_at timestamp(3) with time zone not null,
  last_error text,
  created_at timestamp(3) with time zone not null
);
alter table nudges add constraint nudges_pkey PRIMARY KEY (workflow_id);
alter table nudges add constraint nudges_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table nudges add constraint nudges_kind_check CHECK ((kind = ANY (ARRAY['subscription'::text, 'invoice'::text, 'test_clock'::text, 'plan_migration'::text, 'usage_import'::text])));
CREATE INDEX nudges_due ON public.nudges USING btree (next_attempt_at);
alter table nudges enable row level security;
alter table nudges force row level security;
create policy app_own_tenant on nudges to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on nudges to perennial_system using (true) with check (true);
grant delete, insert, select, update on nudges to perennial_app;
grant delete, insert, select, update on nudges to perennial_system;

create table payment_allocations (
  payment_id text collate "C" not null,
  invoice_id text collate "C" not null,
  tenant_id text collate "C" not null,
  amount numeric(20,4) not null,
  created_at timestamp(3) with time zone not null
);
alter table payment_allocations add constraint payment_allocations_pkey PRIMARY KEY (payment_id, invoice_id);
alter table payment_allocations add constraint payment_allocations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table payment_allocations add constraint payment_allocations_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices(tenant_id, id);
alter table payment_allocations add constraint payment_allocations_tenant_id_payment_id_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments(tenant_id, id);
alter table payment_allocations add constraint payment_allocations_amount_check CHECK ((amount > (0)::numeric));
CREATE INDEX payment_allocations_invoice ON public.payment_allocations USING btree (invoice_id);
CREATE TRIGGER payment_allocations_immutable BEFORE DELETE OR UPDATE ON public.payment_allocations FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table payment_allocations enable row level security;
alter table payment_allocations force row level security;
create policy app_own_tenant on payment_allocations to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on payment_allocations to perennial_system using (true) with check (true);
grant insert, select on payment_allocations to perennial_app;
grant insert, select on payment_allocations to perennial_system;

create table payment_attempts (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  invoice_id text collate "C" not null,
  customer_id text collate "C" not null,
  n integer not null,
  payment_method_id text collate "C" not null,
  gateway text not null,
  gateway_ref text,
  amount numeric(20,4) not null,
  currency character(3) not null,
  status text not null,
  hard boolean,
  code text,
  message text,
  action_url text,
  next_check_at timestamp(3) with time zone,
  check_count integer default 0 not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone,
  command_id text collate "C"
);
alter table payment_attempts add constraint payment_attempts_pkey PRIMARY KEY (id);
alter table payment_attempts add constraint payment_attempts_command_id_key UNIQUE (command_id);
alter table payment_attempts add constraint payment_attempts_gateway_gateway_ref_key UNIQUE (gateway, gateway_ref);
alter table payment_attempts add constraint payment_attempts_invoice_id_n_key UNIQUE (invoice_id, n);
alter table payment_attempts add constraint payment_attempts_tenant_id_id_key UNIQUE (tenant_id, id);
alter table payment_attempts add constraint payment_attempts_tenant_id_command_id_fkey FOREIGN KEY (tenant_id, command_id) REFERENCES commands(tenant_id, id);
alter table payment_attempts add constraint payment_attempts_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table payment_attempts add constraint payment_attempts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table payment_attempts add constraint payment_attempts_tenant_id_invoice_id_fkey FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices(tenant_id, id);
alter table payment_attempts add constraint payment_attempts_tenant_id_payment_method_id_fkey FOREIGN KEY (tenant_id, payment_method_id) REFERENCES payment_methods(tenant_id, id);
alter table payment_attempts add constraint payment_attempts_amount_check CHECK ((amount > (0)::numeric));
alter table payment_attempts add constraint payment_attempts_check CHECK (((status = ANY (ARRAY['settled'::text, 'declined'::text])) = (finished_at IS NOT NULL)));
alter table payment_attempts add constraint payment_attempts_check1 CHECK (((status = ANY (ARRAY['settled'::text, 'declined'::text])) = (next_check_at IS NULL)));
alter table payment_attempts add constraint payment_attempts_check2 CHECK (((status = 'declined'::text) = (hard IS NOT NULL)));
alter table payment_attempts add constraint payment_attempts_n_check CHECK ((n >= 1));
alter table payment_attempts add constraint payment_attempts_status_check CHECK ((status = ANY (ARRAY['in_flight'::text, 'unknown'::text, 'pending'::text, 'requires_action'::text, 'settled'::text, 'declined'::text])));
CREATE UNIQUE INDEX payment_attempts_one_in_flight ON public.payment_attempts USING btree (invoice_id) WHERE (status = ANY (ARRAY['in_flight'::text, 'unknown'::text, 'pending'::text, 'requires_action'::text]));
alter table payment_attempts enable row level security;
alter table payment_attempts force row level security;
create policy app_own_tenant on payment_attempts to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on payment_attempts to perennial_system using (true) with check (true);
grant insert, select, update on payment_attempts to perennial_app;
grant insert, select, update on payment_attempts to perennial_system;

create table payment_methods (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  gateway text not null,
  gateway_ref text not null,
  brand text not null,
  last4 text not null,
  exp_month integer,
  exp_year integer,
  is_default boolean not null,
  metadata jsonb default '{}'::jsonb not null,
  detached_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table payment_methods add constraint payment_methods_pkey PRIMARY KEY (id);
alter table payment_methods add constraint payment_methods_tenant_id_gateway_gateway_ref_key UNIQUE (tenant_id, gateway, gateway_ref);
alter table payment_methods add constraint payment_methods_tenant_id_id_key UNIQUE (tenant_id, id);
alter table payment_methods add constraint payment_methods_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table payment_methods add constraint payment_methods_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table payment_methods add constraint payment_methods_check CHECK (((detached_at IS NULL) OR (NOT is_default)));
alter table payment_methods add constraint payment_methods_exp_month_check CHECK (((exp_month >= 1) AND (exp_month <= 12)));
CREATE INDEX payment_methods_customer ON public.payment_methods USING btree (tenant_id, customer_id, id);
CREATE UNIQUE INDEX payment_methods_default ON public.payment_methods USING btree (customer_id) WHERE is_default;
alter table payment_methods enable row level security;
alter table payment_methods force row level security;
create policy app_own_tenant on payment_methods to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on payment_methods to perennial_system using (true) with check (true);
grant insert, select, update on payment_methods to perennial_app;
grant insert, select, update on payment_methods to perennial_system;

create table payments (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  attempt_id text collate "C",
  gateway text,
  gateway_ref text,
  amount numeric(20,4) not null,
  currency character(3) not null,
  reference text,
  paid_at timestamp(3) with time zone not null,
  created_at timestamp(3) with time zone not null
);
alter table payments add constraint payments_pkey PRIMARY KEY (id);
alter table payments add constraint payments_attempt_id_key UNIQUE (attempt_id);
alter table payments add constraint payments_tenant_id_id_key UNIQUE (tenant_id, id);
alter table payments add constraint payments_tenant_id_attempt_id_fkey FOREIGN KEY (tenant_id, attempt_id) REFERENCES payment_attempts(tenant_id, id);
alter table payments add constraint payments_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table payments add constraint payments_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table payments add constraint payments_amount_check CHECK ((amount > (0)::numeric));
alter table payments add constraint payments_check CHECK (((attempt_id IS NULL) = (gateway IS NULL)));
CREATE INDEX payments_customer ON public.payments USING btree (tenant_id, customer_id, id);
CREATE TRIGGER payments_immutable BEFORE DELETE OR UPDATE ON public.payments FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table payments enable row level security;
alter table payments force row level security;
create policy app_own_tenant on payments to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on payments to perennial_system using (true) with check (true);
grant insert, select on payments to perennial_app;
grant insert, select on payments to perennial_system;

create table pending_items (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  subscription_id text collate "C" not null,
  item_id text collate "C",
  price_id text collate "C",
  description text not null,
  quantity numeric(30,12) not null,
  unit_amount numeric(30,12),
  amount numeric(20,4) not null,
  period_start timestamp(3) with time zone not null,
  period_end timestamp(3) with time zone not null,
  proration boolean not null,
  trace jsonb not null,
  reverses_line_id text collate "C",
  reverses_pending_id text collate "C",
  invoice_line_id text collate "C",
  dropped_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null,
  meter_id text collate "C",
  meter_version integer,
  event_count bigint
);
alter table pending_items add constraint pending_items_pkey PRIMARY KEY (id);
alter table pending_items add constraint pending_items_invoice_line_id_key UNIQUE (invoice_line_id);
alter table pending_items add constraint pending_items_tenant_id_id_key UNIQUE (tenant_id, id);
alter table pending_items add constraint pending_items_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table pending_items add constraint pending_items_tenant_id_invoice_line_id_fkey FOREIGN KEY (tenant_id, invoice_line_id) REFERENCES invoice_lines(tenant_id, id);
alter table pending_items add constraint pending_items_tenant_id_item_id_fkey FOREIGN KEY (tenant_id, item_id) REFERENCES subscription_items(tenant_id, id);
alter table pending_items add constraint pending_items_tenant_id_meter_id_meter_version_fkey FOREIGN KEY (tenant_id, meter_id, meter_version) REFERENCES meter_versions(tenant_id, meter_id, version);
alter table pending_items add constraint pending_items_tenant_id_price_id_fkey FOREIGN KEY (tenant_id, price_id) REFERENCES prices(tenant_id, id);
alter table pending_items add constraint pending_items_tenant_id_reverses_line_id_fkey FOREIGN KEY (tenant_id, reverses_line_id) REFERENCES invoice_lines(tenant_id, id);
alter table pending_items add constraint pending_items_tenant_id_reverses_pending_id_fkey FOREIGN KEY (tenant_id, reverses_pending_id) REFERENCES pending_items(tenant_id, id);
alter table pending_items add constraint pending_items_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table pending_items add constraint pending_items_check CHECK ((period_start < period_end));
alter table pending_items add constraint pending_items_check1 CHECK ((num_nonnulls(invoice_line_id, dropped_at) <= 1));
alter table pending_items add constraint pending_items_check2 CHECK ((num_nonnulls(reverses_line_id, reverses_pending_id) <= 1));
alter table pending_items add constraint pending_items_check3 CHECK ((num_nonnulls(meter_id, meter_version, event_count) = ANY (ARRAY[0, 3])));
alter table pending_items add constraint pending_items_event_count_check CHECK ((event_count >= 0));
CREATE INDEX pending_items_reverses_line ON public.pending_items USING btree (reverses_line_id) WHERE (reverses_line_id IS NOT NULL);
CREATE INDEX pending_items_reverses_pending ON public.pending_items USING btree (reverses_pending_id) WHERE (reverses_pending_id IS NOT NULL);
CREATE INDEX pending_items_waiting ON public.pending_items USING btree (subscription_id, id) WHERE ((invoice_line_id IS NULL) AND (dropped_at IS NULL));
CREATE CONSTRAINT TRIGGER pending_items_credited AFTER INSERT ON public.pending_items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.reverses_line_id IS NOT NULL)) EXECUTE FUNCTION check_credited();
CREATE TRIGGER pending_items_freeze BEFORE DELETE OR UPDATE ON public.pending_items FOR EACH ROW EXECUTE FUNCTION freeze_pending_item();
alter table pending_items enable row level security;
alter table pending_items force row level security;
create policy app_own_tenant on pending_items to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on pending_items to perennial_system using (true) with check (true);
grant insert, select, update on pending_items to perennial_app;
grant insert, select, update on pending_items to perennial_system;

create table plan_features (
  plan_id text collate "C" not null,
  plan_version integer not null,
  feature_id text collate "C" not null,
  tenant_id text collate "C" not null,
  limit_quantity numeric(30,12),
  soft boolean default false not null
);
alter table plan_features add constraint plan_features_pkey PRIMARY KEY (plan_id, plan_version, feature_id);
alter table plan_features add constraint plan_features_plan_id_plan_version_fkey FOREIGN KEY (plan_id, plan_version) REFERENCES plan_versions(plan_id, version);
alter table plan_features add constraint plan_features_tenant_id_feature_id_fkey FOREIGN KEY (tenant_id, feature_id) REFERENCES features(tenant_id, id);
alter table plan_features add constraint plan_features_limit_quantity_check CHECK ((limit_quantity >= (0)::numeric));
CREATE TRIGGER plan_features_immutable BEFORE DELETE OR UPDATE ON public.plan_features FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table plan_features enable row level security;
alter table plan_features force row level security;
create policy app_own_tenant on plan_features to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on plan_features to perennial_system using (true) with check (true);
grant insert, select on plan_features to perennial_app;
grant insert, select on plan_features to perennial_system;

create table plan_migration_subscribers (
  migration_id text collate "C" not null,
  subscription_id text collate "C" not null,
  tenant_id text collate "C" not null,
  from_version integer not null,
  status text not null,
  reason text,
  message text,
  command_id text collate "C",
  tries integer default 0 not null,
  again_at timestamp(3) with time zone,
  finished_at timestamp(3) with time zone
);
alter table plan_migration_subscribers add constraint plan_migration_subscribers_pkey PRIMARY KEY (migration_id, subscription_id);
alter table plan_migration_subscribers add constraint plan_migration_subscribers_tenant_id_command_id_fkey FOREIGN KEY (tenant_id, command_id) REFERENCES commands(tenant_id, id);
alter table plan_migration_subscribers add constraint plan_migration_subscribers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table plan_migration_subscribers add constraint plan_migration_subscribers_tenant_id_migration_id_fkey FOREIGN KEY (tenant_id, migration_id) REFERENCES plan_migrations(tenant_id, id);
alter table plan_migration_subscribers add constraint plan_migration_subscribers_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table plan_migration_subscribers add constraint plan_migration_subscribers_check CHECK (((status = 'pending'::text) = (finished_at IS NULL)));
alter table plan_migration_subscribers add constraint plan_migration_subscribers_check1 CHECK (((status <> ALL (ARRAY['applied'::text, 'scheduled'::text])) OR (command_id IS NOT NULL)));
alter table plan_migration_subscribers add constraint plan_migration_subscribers_check2 CHECK (((status <> ALL (ARRAY['refused'::text, 'skipped'::text, 'failed'::text])) OR (reason IS NOT NULL)));
alter table plan_migration_subscribers add constraint plan_migration_subscribers_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'applied'::text, 'scheduled'::text, 'refused'::text, 'skipped'::text, 'failed'::text])));
alter table plan_migration_subscribers add constraint plan_migration_subscribers_tries_check CHECK ((tries >= 0));
CREATE INDEX plan_migration_subscribers_by_status ON public.plan_migration_subscribers USING btree (migration_id, status, subscription_id);
CREATE UNIQUE INDEX plan_migration_subscribers_command ON public.plan_migration_subscribers USING btree (command_id);
alter table plan_migration_subscribers enable row level security;
alter table plan_migration_subscribers force row level security;
create policy app_own_tenant on plan_migration_subscribers to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on plan_migration_subscribers to perennial_system using (true) with check (true);
grant insert, select, update on plan_migration_subscribers to perennial_app;
grant insert, select, update on plan_migration_subscribers to perennial_system;

create table plan_migrations (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  plan_id text collate "C" not null,
  from_version integer,
  to_version integer not null,
  filter jsonb not null,
  effective text not null,
  effective_at timestamp(3) with time zone,
  proration text,
  anchor text,
  replaces_scheduled boolean not null,
  status text not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone
);
alter table plan_migrations add constraint plan_migrations_pkey PRIMARY KEY (id);
alter table plan_migrations add constraint plan_migrations_tenant_id_id_key UNIQUE (tenant_id, id);
alter table plan_migrations add constraint plan_migrations_plan_id_to_version_fkey FOREIGN KEY (plan_id, to_version) REFERENCES plan_versions(plan_id, version);
alter table plan_migrations add constraint plan_migrations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table plan_migrations add constraint plan_migrations_tenant_id_plan_id_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES plans(tenant_id, id);
alter table plan_migrations add constraint plan_migrations_anchor_check CHECK ((anchor = ANY (ARRAY['reset'::text, 'keep'::text])));
alter table plan_migrations add constraint plan_migrations_check CHECK ((from_version <> to_version));
alter table plan_migrations add constraint plan_migrations_check1 CHECK (((effective = 'at'::text) = (effective_at IS NOT NULL)));
alter table plan_migrations add constraint plan_migrations_check2 CHECK (((status = ANY (ARRAY['completed'::text, 'canceled'::text])) = (finished_at IS NOT NULL)));
alter table plan_migrations add constraint plan_migrations_effective_check CHECK ((effective = ANY (ARRAY['now'::text, 'period_end'::text, 'at'::text])));
alter table plan_migrations add constraint plan_migrations_proration_check CHECK ((proration = ANY (ARRAY['invoice_now'::text, 'next_invoice'::text, 'none'::text])));
alter table plan_migrations add constraint plan_migrations_status_check CHECK ((status = ANY (ARRAY['running'::text, 'paused'::text, 'completed'::text, 'canceled'::text])));
CREATE INDEX plan_migrations_of ON public.plan_migrations USING btree (tenant_id, plan_id, id);
CREATE UNIQUE INDEX plan_migrations_one_at_a_time ON public.plan_migrations USING btree (plan_id) WHERE (status = ANY (ARRAY['running'::text, 'paused'::text]));
alter table plan_migrations enable row level security;
alter table plan_migrations force row level security;
create policy app_own_tenant on plan_migrations to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on plan_migrations to perennial_system using (true) with check (true);
grant insert, select, update on plan_migrations to perennial_app;
grant insert, select, update on plan_migrations to perennial_system;

create table plan_versions (
  plan_id text collate "C" not null,
  version integer not null,
  tenant_id text collate "C" not null,
  active boolean not null,
  trial_days integer,
  created_at timestamp(3) with time zone not null,
  usage_thresholds jsonb default '[]'::jsonb not null,
  invoice_grace_hours integer
);
alter table plan_versions add constraint plan_versions_pkey PRIMARY KEY (plan_id, version);
alter table plan_versions add constraint plan_versions_tenant_id_plan_id_version_key UNIQUE (tenant_id, plan_id, version);
alter table plan_versions add constraint plan_versions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table plan_versions add constraint plan_versions_tenant_id_plan_id_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES plans(tenant_id, id);
alter table plan_versions add constraint plan_versions_invoice_grace_hours_check CHECK (((invoice_grace_hours >= 0) AND (invoice_grace_hours <= 720)));
alter table plan_versions add constraint plan_versions_trial_days_check CHECK (((trial_days >= 1) AND (trial_days <= 730)));
alter table plan_versions add constraint plan_versions_usage_thresholds_check CHECK ((jsonb_typeof(usage_thresholds) = 'array'::text));
alter table plan_versions add constraint plan_versions_version_check CHECK ((version >= 1));
CREATE UNIQUE INDEX plan_versions_active ON public.plan_versions USING btree (plan_id) WHERE active;
alter table plan_versions enable row level security;
alter table plan_versions force row level security;
create policy app_own_tenant on plan_versions to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on plan_versions to perennial_system using (true) with check (true);
grant insert, select, update on plan_versions to perennial_app;
grant insert, select, update on plan_versions to perennial_system;

create table plans (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  external_id text,
  name text not null,
  description text,
  archived_at timestamp(3) with time zone,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  kind text default 'plan'::text not null
);
alter table plans add constraint plans_pkey PRIMARY KEY (id);
alter table plans add constraint plans_tenant_id_id_key UNIQUE (tenant_id, id);
alter table plans add constraint plans_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table plans add constraint plans_kind_check CHECK ((kind = ANY (ARRAY['plan'::text, 'add_on'::text])));
CREATE UNIQUE INDEX plans_external_id ON public.plans USING btree (tenant_id, external_id) WHERE (archived_at IS NULL);
alter table plans enable row level security;
alter table plans force row level security;
create policy app_own_tenant on plans to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on plans to perennial_system using (true) with check (true);
grant insert, select, update on plans to perennial_app;
grant insert, select, update on plans to perennial_system;

create table prices (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  plan_id text collate "C" not null,
  plan_version integer not null,
  key text not null,
  name text not null,
  currency character(3) not null,
  timing text not null,
  interval_unit text,
  interval_count integer,
  created_at timestamp(3) with time zone not null,
  subscription_id text collate "C",
  item_id text collate "C",
  terms jsonb not null,
  billing text not null,
  minimum numeric(20,4),
  maximum numeric(20,4),
  meter_id text collate "C"
);
alter table prices add constraint prices_pkey PRIMARY KEY (id);
alter table prices add constraint prices_tenant_id_id_key UNIQUE (tenant_id, id);
alter table prices add constraint prices_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table prices add constraint prices_tenant_id_item_id_fkey FOREIGN KEY (tenant_id, item_id) REFERENCES items(tenant_id, id);
alter table prices add constraint prices_tenant_id_meter_id_fkey FOREIGN KEY (tenant_id, meter_id) REFERENCES meters(tenant_id, id);
alter table prices add constraint prices_tenant_id_plan_id_plan_version_fkey FOREIGN KEY (tenant_id, plan_id, plan_version) REFERENCES plan_versions(tenant_id, plan_id, version);
alter table prices add constraint prices_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table prices add constraint prices_billing_check CHECK ((billing = ANY (ARRAY['licensed'::text, 'usage'::text])));
alter table prices add constraint prices_check CHECK (((meter_id IS NULL) OR (billing = 'usage'::text)));
alter table prices add constraint prices_interval_count_check CHECK (((interval_count >= 1) AND (interval_count <= 365)));
alter table prices add constraint prices_interval_unit_check CHECK ((interval_unit = ANY (ARRAY['day'::text, 'week'::text, 'month'::text, 'quarter'::text, 'half_year'::text, 'year'::text])));
alter table prices add constraint prices_limits CHECK ((minimum <= maximum));
alter table prices add constraint prices_maximum_check CHECK ((maximum >= (0)::numeric));
alter table prices add constraint prices_minimum_check CHECK ((minimum >= (0)::numeric));
alter table prices add constraint prices_once CHECK (((interval_unit IS NULL) = (interval_count IS NULL)));
alter table prices add constraint prices_terms_model CHECK (((terms ->> 'model'::text) = ANY (ARRAY['flat'::text, 'per_unit'::text, 'package'::text, 'graduated'::text, 'volume'::text, 'percentage'::text, 'graduated_percentage'::text, 'dynamic'::text, 'matrix'::text, 'minimum_commitment'::text])));
alter table prices add constraint prices_timing_check CHECK ((timing = ANY (ARRAY['in_advance'::text, 'in_arrears'::text])));
alter table prices add constraint prices_usage_in_arrears CHECK (((billing = 'licensed'::text) OR (timing = 'in_arrears'::text)));
CREATE INDEX prices_negotiated ON public.prices USING btree (tenant_id, subscription_id) WHERE (subscription_id IS NOT NULL);
CREATE UNIQUE INDEX prices_slot ON public.prices USING btree (plan_id, plan_version, key, currency) WHERE (subscription_id IS NULL);
CREATE TRIGGER prices_immutable BEFORE DELETE OR UPDATE ON public.prices FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table prices enable row level security;
alter table prices force row level security;
create policy app_own_tenant on prices to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on prices to perennial_system using (true) with check (true);
grant insert, select on prices to perennial_app;
grant insert, select on prices to perennial_system;

create table scheduled_changes (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  subscription_id text collate "C" not null,
  effective_at timestamp(3) with time zone not null,
  mode text not null,
  schedule_id text collate "C",
  kind text not null,
  body jsonb not null,
  status text not null,
  command_id text collate "C",
  created_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone,
  reason jsonb
);
alter table scheduled_changes add constraint scheduled_changes_pkey PRIMARY KEY (id);
alter table scheduled_changes add constraint scheduled_changes_tenant_id_id_key UNIQUE (tenant_id, id);
alter table scheduled_changes add constraint scheduled_changes_tenant_id_command_id_fkey FOREIGN KEY (tenant_id, command_id) REFERENCES commands(tenant_id, id);
alter table scheduled_changes add constraint scheduled_changes_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table scheduled_changes add constraint scheduled_changes_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table scheduled_changes add constraint scheduled_changes_check CHECK (((status = 'pending'::text) = (finished_at IS NULL)));
alter table scheduled_changes add constraint scheduled_changes_check1 CHECK (((reason IS NULL) OR (status = 'canceled'::text)));
alter table scheduled_changes add constraint scheduled_changes_kind_check CHECK ((kind = ANY (ARRAY['change'::text, 'pause'::text, 'resume'::text])));
alter table scheduled_changes add constraint scheduled_changes_mode_check CHECK ((mode = ANY (ARRAY['at'::text, 'period_end'::text])));
alter table scheduled_changes add constraint scheduled_changes_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'applied'::text, 'replaced'::text, 'canceled'::text])));
CREATE INDEX scheduled_changes_of ON public.scheduled_changes USING btree (tenant_id, subscription_id, id);
CREATE UNIQUE INDEX scheduled_changes_pending ON public.scheduled_changes USING btree (subscription_id, effective_at, kind) WHERE (status = 'pending'::text);
alter table scheduled_changes enable row level security;
alter table scheduled_changes force row level security;
create policy app_own_tenant on scheduled_changes to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on scheduled_changes to perennial_system using (true) with check (true);
grant insert, select, update on scheduled_changes to perennial_app;
grant insert, select, update on scheduled_changes to perennial_system;

create table steps (
  subscription_id text collate "C" not null,
  step_key text collate "C" not null,
  tenant_id text collate "C" not null,
  result jsonb not null,
  done_at timestamp(3) with time zone not null
);
alter table steps add constraint steps_pkey PRIMARY KEY (subscription_id, step_key);
alter table steps add constraint steps_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table steps add constraint steps_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
CREATE TRIGGER steps_immutable BEFORE DELETE OR UPDATE ON public.steps FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table steps enable row level security;
alter table steps force row level security;
create policy app_own_tenant on steps to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on steps to perennial_system using (true) with check (true);
grant insert, select on steps to perennial_app;
grant insert, select on steps to perennial_system;

create table subscription_items (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  subscription_id text collate "C" not null,
  key text not null,
  started_at timestamp(3) with time zone,
  ended_at timestamp(3) with time zone,
  current_period_start timestamp(3) with time zone,
  current_period_end timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null
);
alter table subscription_items add constraint subscription_items_pkey PRIMARY KEY (id);
alter table subscription_items add constraint subscription_items_tenant_id_id_key UNIQUE (tenant_id, id);
alter table subscription_items add constraint subscription_items_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table subscription_items add constraint subscription_items_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table subscription_items add constraint subscription_items_check CHECK ((current_period_start < current_period_end));
CREATE UNIQUE INDEX subscription_items_key ON public.subscription_items USING btree (subscription_id, key) WHERE (ended_at IS NULL);
CREATE INDEX subscription_items_of ON public.subscription_items USING btree (subscription_id, id);
alter table subscription_items enable row level security;
alter table subscription_items force row level security;
create policy app_own_tenant on subscription_items to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on subscription_items to perennial_system using (true) with check (true);
grant insert, select, update on subscription_items to perennial_app;
grant insert, select, update on subscription_items to perennial_system;

create table subscriptions (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  external_id text,
  customer_id text collate "C" not null,
  plan_id text collate "C" not null,
  plan_version integer not null,
  test_clock_id text collate "C",
  currency character(3) not null,
  time_zone text not null,
  proration_basis text not null,
  billing_cycle text not null,
  collection_method text not null,
  net_days integer,
  payment_behavior text not null,
  trial_end_behavior text not null,
  starts_at timestamp(3) with time zone not null,
  anchor_at timestamp(3) with time zone not null,
  anchor_fixed boolean not null,
  started_at timestamp(3) with time zone,
  trial_ends_at timestamp(3) with time zone,
  trial_ended_at timestamp(3) with time zone,
  trial_reminder_at timestamp(3) with time zone,
  incomplete_since timestamp(3) with time zone,
  expires_at timestamp(3) with time zone,
  paused_at timestamp(3) with time zone,
  unpaid_since timestamp(3) with time zone,
  overdue_count integer default 0 not null,
  past_due_since timestamp(3) with time zone,
  cancel_at timestamp(3) with time zone,
  cancel_mode text,
  canceled_at timestamp(3) with time zone,
  ended_at timestamp(3) with time zone,
  end_reason text,
  cancellation_reason text,
  current_period_start timestamp(3) with time zone,
  current_period_end timestamp(3) with time zone,
  latest_invoice_id text collate "C",
  status text not null,
  next_step text,
  next_step_at timestamp(3) with time zone,
  revision integer not null,
  blocked_reason text,
  failure_count integer default 0 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  change_at timestamp(3) with time zone,
  trial_usage text default 'free'::text not null,
  cycles integer,
  ends_at timestamp(3) with time zone,
  threshold_at timestamp(3) with time zone,
  threshold_billed_at timestamp(3) with time zone,
  threshold_passed numeric(20,4),
  usage_scope text default 'customer'::text not null,
  cancel_credit text default 'none'::text not null
);
alter table subscriptions add constraint subscriptions_pkey PRIMARY KEY (id);
alter table subscriptions add constraint subscriptions_tenant_id_id_key UNIQUE (tenant_id, id);
alter table subscriptions add constraint subscriptions_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table subscriptions add constraint subscriptions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table subscriptions add constraint subscriptions_tenant_id_plan_id_plan_version_fkey FOREIGN KEY (tenant_id, plan_id, plan_version) REFERENCES plan_versions(tenant_id, plan_id, version);
alter table subscriptions add constraint subscriptions_tenant_id_test_clock_id_fkey FOREIGN KEY (tenant_id, test_clock_id) REFERENCES test_clocks(tenant_id, id);
alter table subscriptions add constraint subscriptions_billing_cycle_check CHECK ((billing_cycle = ANY (ARRAY['anniversary'::text, 'calendar'::text])));
alter table subscriptions add constraint subscriptions_cancel_credit_check CHECK ((cancel_credit = ANY (ARRAY['none'::text, 'prorate'::text])));
alter table subscriptions add constraint subscriptions_cancel_mode_check CHECK ((cancel_mode = ANY (ARRAY['period_end'::text, 'at'::text])));
alter table subscriptions add constraint subscriptions_check CHECK (((ended_at IS NULL) = (end_reason IS NULL)));
alter table subscriptions add constraint subscriptions_check1 CHECK (((ended_at IS NOT NULL) = (status = ANY (ARRAY['canceled'::text, 'expired'::text]))));
alter table subscriptions add constraint subscriptions_check2 CHECK (((next_step IS NULL) = (next_step_at IS NULL)));
alter table subscriptions add constraint subscriptions_check3 CHECK (((ended_at IS NULL) OR (next_step IS NULL)));
alter table subscriptions add constraint subscriptions_check4 CHECK (((next_step IS NOT NULL) OR (ended_at IS NOT NULL) OR (status = 'paused'::text)));
alter table subscriptions add constraint subscriptions_check5 CHECK (((collection_method = 'send_invoice'::text) = (net_days IS NOT NULL)));
alter table subscriptions add constraint subscriptions_check6 CHECK ((current_period_start < current_period_end));
alter table subscriptions add constraint subscriptions_check7 CHECK (((cancel_at IS NULL) = (cancel_mode IS NULL)));
alter table subscriptions add constraint subscriptions_check8 CHECK (((incomplete_since IS NULL) = (expires_at IS NULL)));
alter table subscriptions add constraint subscriptions_collection_method_check CHECK ((collection_method = ANY (ARRAY['charge_automatically'::text, 'send_invoice'::text])));
alter table subscriptions add constraint subscriptions_credit_of_an_end CHECK (((cancel_credit = 'none'::text) OR (cancel_at IS NOT NULL)));
alter table subscriptions add constraint subscriptions_cycles_check CHECK (((cycles >= 1) AND (cycles <= 10000)));
alter table subscriptions add constraint subscriptions_end_reason_check CHECK ((end_reason = ANY (ARRAY['canceled'::text, 'expired'::text])));
alter table subscriptions add constraint subscriptions_ended_without_change CHECK (((ended_at IS NULL) OR (change_at IS NULL)));
alter table subscriptions add constraint subscriptions_ended_without_threshold CHECK (((ended_at IS NULL) OR (threshold_at IS NULL)));
alter table subscriptions add constraint subscriptions_net_days_check CHECK (((net_days >= 0) AND (net_days <= 365)));
alter table subscriptions add constraint subscriptions_next_step_check CHECK ((next_step = ANY (ARRAY['activate'::text, 'bill_threshold'::text, 'remind_trial'::text, 'apply_change'::text, 'end_trial'::text, 'cancel'::text, 'expire'::text, 'close_period'::text])));
alter table subscriptions add constraint subscriptions_overdue_count_check CHECK ((overdue_count >= 0));
alter table subscriptions add constraint subscriptions_payment_behavior_check CHECK ((payment_behavior = ANY (ARRAY['allow_incomplete'::text, 'default_active'::text, 'error_if_incomplete'::text, 'default_incomplete'::text])));
alter table subscriptions add constraint subscriptions_proration_basis_check CHECK ((proration_basis = ANY (ARRAY['day'::text, 'second'::text])));
alter table subscriptions add constraint subscriptions_revision_check CHECK ((revision >= 1));
alter table subscriptions add constraint subscriptions_status_check CHECK ((status = ANY (ARRAY['scheduled'::text, 'trialing'::text, 'incomplete'::text, 'active'::text, 'past_due'::text, 'unpaid'::text, 'paused'::text, 'canceled'::text, 'expired'::text])));
alter table subscriptions add constraint subscriptions_threshold_passed_check CHECK ((threshold_passed > (0)::numeric));
alter table subscriptions add constraint subscriptions_trial_end_behavior_check CHECK ((trial_end_behavior = ANY (ARRAY['activate'::text, 'pause'::text, 'cancel'::text])));
alter table subscriptions add constraint subscriptions_trial_usage_check CHECK ((trial_usage = ANY (ARRAY['free'::text, 'billed'::text])));
alter table subscriptions add constraint subscriptions_usage_scope_check CHECK ((usage_scope = ANY (ARRAY['customer'::text, 'subscription'::text])));
CREATE INDEX subscriptions_blocked ON public.subscriptions USING btree (id) WHERE ((blocked_reason IS NOT NULL) AND (ended_at IS NULL));
CREATE INDEX subscriptions_clock ON public.subscriptions USING btree (tenant_id, test_clock_id, next_step_at) WHERE ((test_clock_id IS NOT NULL) AND (ended_at IS NULL));
CREATE INDEX subscriptions_customer ON public.subscriptions USING btree (tenant_id, customer_id, id);
CREATE INDEX subscriptions_due ON public.subscriptions USING btree (next_step_at) WHERE (next_step_at IS NOT NULL);
CREATE UNIQUE INDEX subscriptions_external_id ON public.subscriptions USING btree (tenant_id, external_id);
alter table subscriptions enable row level security;
alter table subscriptions force row level security;
create policy app_own_tenant on subscriptions to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on subscriptions to perennial_system using (true) with check (true);
grant insert, select, update on subscriptions to perennial_app;
grant insert, select, update on subscriptions to perennial_system;

create table tenants (
  id text collate "C" not null,
  account_id text collate "C" not null,
  mode text not null,
  name text not null,
  time_zone text default 'UTC'::text not null,
  invoice_grace_hours integer default 0 not null,
  dunning_policy jsonb,
  trial_reminder_days integer,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  backdate_days_max integer default 90 not null,
  late_window_days integer default 35 not null,
  usage_retention_days integer
);
alter table tenants add constraint tenants_pkey PRIMARY KEY (id);
alter table tenants add constraint tenants_account_id_mode_key UNIQUE (account_id, mode);
alter table tenants add constraint tenants_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);
alter table tenants add constraint tenants_backdate_days_max_check CHECK (((backdate_days_max >= 0) AND (backdate_days_max <= 730)));
alter table tenants add constraint tenants_invoice_grace_hours_check CHECK (((invoice_grace_hours >= 0) AND (invoice_grace_hours <= 720)));
alter table tenants add constraint tenants_late_window_days_check CHECK (((late_window_days >= 1) AND (late_window_days <= 400)));
alter table tenants add constraint tenants_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'test'::text])));
alter table tenants add constraint tenants_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)));
alter table tenants add constraint tenants_trial_reminder_days_check CHECK (((trial_reminder_days >= 1) AND (trial_reminder_days <= 30)));
alter table tenants add constraint tenants_usage_retention_days_check CHECK (((usage_retention_days >= 60) AND (usage_retention_days <= 3650)));
alter table tenants enable row level security;
alter table tenants force row level security;
create policy app_own_tenant on tenants to perennial_app using ((id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on tenants to perennial_system using (true) with check (true);
grant select on tenants to perennial_app;
grant insert, select, update on tenants to perennial_system;

create table test_clocks (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  name text not null,
  now_at timestamp(3) with time zone not null,
  target_at timestamp(3) with time zone not null,
  status text not null,
  failure jsonb,
  entities_total integer default 0 not null,
  entities_done integer default 0 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table test_clocks add constraint test_clocks_pkey PRIMARY KEY (id);
alter table test_clocks add constraint test_clocks_tenant_id_id_key UNIQUE (tenant_id, id);
alter table test_clocks add constraint test_clocks_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table test_clocks add constraint test_clocks_check CHECK ((now_at <= target_at));
alter table test_clocks add constraint test_clocks_check1 CHECK (((status = 'failed'::text) = (failure IS NOT NULL)));
alter table test_clocks add constraint test_clocks_status_check CHECK ((status = ANY (ARRAY['ready'::text, 'advancing'::text, 'failed'::text, 'deleted'::text])));
alter table test_clocks enable row level security;
alter table test_clocks force row level security;
create policy app_own_tenant on test_clocks to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on test_clocks to perennial_system using (true) with check (true);
grant insert, select, update on test_clocks to perennial_app;
grant insert, select, update on test_clocks to perennial_system;

create table usage_backfill_events (
  backfill_id text collate "C" not null,
  key text collate "C" not null,
  tenant_id text collate "C" not null,
  digest bytea not null,
  event_name text not null,
  customer_id text collate "C",
  external_customer_id text,
  subscription_id text collate "C",
  event_at timestamp(3) with time zone not null,
  properties jsonb not null
);
alter table usage_backfill_events add constraint usage_backfill_events_pkey PRIMARY KEY (backfill_id, key);
alter table usage_backfill_events add constraint usage_backfill_events_tenant_id_backfill_id_fkey FOREIGN KEY (tenant_id, backfill_id) REFERENCES usage_backfills(tenant_id, id);
alter table usage_backfill_events add constraint usage_backfill_events_check CHECK (((customer_id IS NOT NULL) OR (external_customer_id IS NOT NULL)));
alter table usage_backfill_events add constraint usage_backfill_events_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)));
alter table usage_backfill_events enable row level security;
alter table usage_backfill_events force row level security;
create policy app_own_tenant on usage_backfill_events to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_backfill_events to perennial_system using (true) with check (true);
grant delete, insert, select on usage_backfill_events to perennial_app;
grant delete, insert, select on usage_backfill_events to perennial_system;

create table usage_backfills (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C",
  event_names text[],
  timeframe_start timestamp(3) with time zone not null,
  timeframe_end timestamp(3) with time zone not null,
  replaces boolean not null,
  status text not null,
  voided integer default 0 not null,
  inserted integer default 0 not null,
  duplicates integer default 0 not null,
  note text,
  created_by text,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  closed_at timestamp(3) with time zone,
  reverted_at timestamp(3) with time zone
);
alter table usage_backfills add constraint usage_backfills_pkey PRIMARY KEY (id);
alter table usage_backfills add constraint usage_backfills_tenant_id_id_key UNIQUE (tenant_id, id);
alter table usage_backfills add constraint usage_backfills_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table usage_backfills add constraint usage_backfills_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table usage_backfills add constraint usage_backfills_check CHECK ((timeframe_start < timeframe_end));
alter table usage_backfills add constraint usage_backfills_check1 CHECK (((status = ANY (ARRAY['closed'::text, 'reverted'::text])) = (closed_at IS NOT NULL)));
alter table usage_backfills add constraint usage_backfills_check2 CHECK (((status = 'reverted'::text) = (reverted_at IS NOT NULL)));
alter table usage_backfills add constraint usage_backfills_status_check CHECK ((status = ANY (ARRAY['open'::text, 'closed'::text, 'reverted'::text, 'canceled'::text])));
CREATE INDEX usage_backfills_of ON public.usage_backfills USING btree (tenant_id, customer_id, id);
alter table usage_backfills enable row level security;
alter table usage_backfills force row level security;
create policy app_own_tenant on usage_backfills to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_backfills to perennial_system using (true) with check (true);
grant insert, select, update on usage_backfills to perennial_app;
grant insert, select, update on usage_backfills to perennial_system;

create table usage_claims (
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  meter_id text collate "C" not null,
  item_id text collate "C" not null
);
alter table usage_claims add constraint usage_claims_pkey PRIMARY KEY (customer_id, meter_id);
alter table usage_claims add constraint usage_claims_item_id_fkey FOREIGN KEY (item_id) REFERENCES subscription_items(id);
alter table usage_claims add constraint usage_claims_tenant_id_customer_id_fkey FOREIGN KEY (tenant_id, customer_id) REFERENCES customers(tenant_id, id);
alter table usage_claims add constraint usage_claims_tenant_id_meter_id_fkey FOREIGN KEY (tenant_id, meter_id) REFERENCES meters(tenant_id, id);
CREATE INDEX usage_claims_of_item ON public.usage_claims USING btree (item_id);
alter table usage_claims enable row level security;
alter table usage_claims force row level security;
create policy app_own_tenant on usage_claims to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_claims to perennial_system using (true) with check (true);
grant delete, insert, select, update on usage_claims to perennial_app;
grant delete, insert, select, update on usage_claims to perennial_system;

create table usage_closures (
  item_id text collate "C" not null,
  period_start timestamp(3) with time zone not null,
  revision integer default 0 not null,
  tenant_id text collate "C" not null,
  subscription_id text collate "C" not null,
  customer_id text collate "C" not null,
  price_id text collate "C" not null,
  meter_id text collate "C" not null,
  meter_version integer not null,
  period_end timestamp(3) with time zone not null,
  quantity numeric(30,12) not null,
  event_count bigint not null,
  amount numeric(20,4) not null,
  snapshot pg_snapshot not null,
  line_id text collate "C",
  pending_item_id text collate "C",
  closed_at timestamp(3) with time zone not null,
  fraction jsonb,
  looked_at timestamp(3) with time zone,
  final_at timestamp(3) with time zone
);
alter table usage_closures add constraint usage_closures_pkey PRIMARY KEY (item_id, period_start, revision);
alter table usage_closures add constraint usage_closures_item_id_fkey FOREIGN KEY (item_id) REFERENCES subscription_items(id);
alter table usage_closures add constraint usage_closures_price_id_fkey FOREIGN KEY (price_id) REFERENCES prices(id);
alter table usage_closures add constraint usage_closures_tenant_id_meter_id_meter_version_fkey FOREIGN KEY (tenant_id, meter_id, meter_version) REFERENCES meter_versions(tenant_id, meter_id, version);
alter table usage_closures add constraint usage_closures_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table usage_closures add constraint usage_closures_check CHECK ((period_start < period_end));
alter table usage_closures add constraint usage_closures_event_count_check CHECK ((event_count >= 0));
CREATE INDEX usage_closures_line ON public.usage_closures USING btree (line_id);
CREATE INDEX usage_closures_of ON public.usage_closures USING btree (tenant_id, subscription_id, period_end);
CREATE UNIQUE INDEX usage_closures_open ON public.usage_closures USING btree (subscription_id, item_id, period_start) WHERE (final_at IS NULL);
alter table usage_closures enable row level security;
alter table usage_closures force row level security;
create policy app_own_tenant on usage_closures to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_closures to perennial_system using (true) with check (true);
grant insert, select, update on usage_closures to perennial_app;
grant insert, select, update on usage_closures to perennial_system;

create table usage_collectors (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  name text not null,
  status text not null,
  mapping jsonb not null,
  scheme text not null,
  signature_header text,
  token_hash bytea not null,
  token_last4 text not null,
  previous_token_hash bytea,
  previous_token_expires_at timestamp(3) with time zone,
  secret_sealed text,
  previous_secret_sealed text,
  previous_secret_expires_at timestamp(3) with time zone,
  accepted bigint default 0 not null,
  duplicates bigint default 0 not null,
  rejected bigint default 0 not null,
  refused bigint default 0 not null,
  last_received_at timestamp(3) with time zone,
  last_error jsonb,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  deleted_at timestamp(3) with time zone
);
alter table usage_collectors add constraint usage_collectors_pkey PRIMARY KEY (id);
alter table usage_collectors add constraint usage_collectors_tenant_id_id_key UNIQUE (tenant_id, id);
alter table usage_collectors add constraint usage_collectors_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table usage_collectors add constraint usage_collectors_check CHECK (((scheme = 'none'::text) = (secret_sealed IS NULL)));
alter table usage_collectors add constraint usage_collectors_check1 CHECK (((scheme = 'hmac_sha256'::text) = (signature_header IS NOT NULL)));
alter table usage_collectors add constraint usage_collectors_check2 CHECK (((previous_token_hash IS NULL) = (previous_token_expires_at IS NULL)));
alter table usage_collectors add constraint usage_collectors_check3 CHECK (((previous_secret_sealed IS NULL) = (previous_secret_expires_at IS NULL)));
alter table usage_collectors add constraint usage_collectors_scheme_check CHECK ((scheme = ANY (ARRAY['standard_webhooks'::text, 'hmac_sha256'::text, 'none'::text])));
alter table usage_collectors add constraint usage_collectors_status_check CHECK ((status = ANY (ARRAY['enabled'::text, 'disabled'::text])));
CREATE INDEX usage_collectors_former_token ON public.usage_collectors USING btree (previous_token_hash) WHERE (previous_token_hash IS NOT NULL);
CREATE UNIQUE INDEX usage_collectors_token ON public.usage_collectors USING btree (token_hash);
alter table usage_collectors enable row level security;
alter table usage_collectors force row level security;
create policy app_own_tenant on usage_collectors to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_collectors to perennial_system using (true) with check (true);
grant insert, select, update on usage_collectors to perennial_app;
grant insert, select, update on usage_collectors to perennial_system;

create table usage_event_keys (
  tenant_id text collate "C" not null,
  key text collate "C" not null,
  digest bytea not null,
  event_at timestamp(3) with time zone not null
);
alter table usage_event_keys add constraint usage_event_keys_pkey PRIMARY KEY (tenant_id, key);
alter table usage_event_keys add constraint usage_event_keys_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)));
CREATE INDEX usage_event_keys_old ON public.usage_event_keys USING brin (event_at);
alter table usage_event_keys enable row level security;
alter table usage_event_keys force row level security;
create policy app_own_tenant on usage_event_keys to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_event_keys to perennial_system using (true) with check (true);
grant delete, insert, select on usage_event_keys to perennial_app;
grant delete, insert, select on usage_event_keys to perennial_system;

create table usage_events (
  tenant_id text collate "C" not null,
  key text collate "C" not null,
  revision integer default 0 not null,
  event_name text not null,
  customer_id text collate "C",
  external_customer_id text,
  subscription_id text collate "C",
  event_at timestamp(3) with time zone not null,
  properties jsonb not null,
  backfill_id text collate "C",
  ingest_xid xid8 default pg_current_xact_id() not null,
  ingested_at timestamp(3) with time zone not null
) partition by RANGE (event_at);
alter table usage_events add constraint usage_events_check CHECK (((customer_id IS NOT NULL) OR (external_customer_id IS NOT NULL)));
CREATE INDEX usage_events_at ON ONLY public.usage_events USING brin (event_at timestamptz_minmax_multi_ops);
CREATE INDEX usage_events_new ON ONLY public.usage_events USING btree (ingest_xid);
CREATE INDEX usage_events_of ON ONLY public.usage_events USING btree (tenant_id, customer_id, event_name, event_at);
CREATE INDEX usage_events_of_backfill ON ONLY public.usage_events USING btree (backfill_id) WHERE (backfill_id IS NOT NULL);
CREATE INDEX usage_events_revised ON ONLY public.usage_events USING btree (tenant_id, key) WHERE (revision > 0);
CREATE INDEX usage_events_strange ON ONLY public.usage_events USING btree (tenant_id, external_customer_id) WHERE (customer_id IS NULL);
alter table usage_events enable row level security;
alter table usage_events force row level security;
create policy app_own_tenant on usage_events to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_events to perennial_system using (true) with check (true);
grant delete, insert, select on usage_events to perennial_app;
grant update (customer_id, ingest_xid) on usage_events to perennial_app;
grant delete, insert, select on usage_events to perennial_system;
grant update (customer_id, ingest_xid) on usage_events to perennial_system;

create table usage_events_other (
  tenant_id text collate "C" not null,
  key text collate "C" not null,
  revision integer default 0 not null,
  event_name text not null,
  customer_id text collate "C",
  external_customer_id text,
  subscription_id text collate "C",
  event_at timestamp(3) with time zone not null,
  properties jsonb not null,
  backfill_id text collate "C",
  ingest_xid xid8 default pg_current_xact_id() not null,
  ingested_at timestamp(3) with time zone not null
);
alter table usage_events_other add constraint usage_events_check CHECK (((customer_id IS NOT NULL) OR (external_customer_id IS NOT NULL)));
CREATE INDEX usage_events_other_backfill_id_idx ON public.usage_events_other USING btree (backfill_id) WHERE (backfill_id IS NOT NULL);
CREATE INDEX usage_events_other_event_at_idx ON public.usage_events_other USING brin (event_at timestamptz_minmax_multi_ops);
CREATE INDEX usage_events_other_ingest_xid_idx ON public.usage_events_other USING btree (ingest_xid);
CREATE INDEX usage_events_other_tenant_id_customer_id_event_name_event_a_idx ON public.usage_events_other USING btree (tenant_id, customer_id, event_name, event_at);
CREATE INDEX usage_events_other_tenant_id_external_customer_id_idx ON public.usage_events_other USING btree (tenant_id, external_customer_id) WHERE (customer_id IS NULL);
CREATE INDEX usage_events_other_tenant_id_key_idx ON public.usage_events_other USING btree (tenant_id, key) WHERE (revision > 0);

create table usage_import_chunks (
  import_id text collate "C" not null,
  n integer not null,
  tenant_id text collate "C" not null,
  first_row integer not null,
  rows integer not null,
  content bytea,
  accepted integer,
  duplicates integer,
  rejected integer,
  done_at timestamp(3) with time zone
);
alter table usage_import_chunks add constraint usage_import_chunks_pkey PRIMARY KEY (import_id, n);
alter table usage_import_chunks add constraint usage_import_chunks_tenant_id_import_id_fkey FOREIGN KEY (tenant_id, import_id) REFERENCES usage_imports(tenant_id, id);
alter table usage_import_chunks add constraint usage_import_chunks_check CHECK (((done_at IS NULL) = (accepted IS NULL)));
alter table usage_import_chunks add constraint usage_import_chunks_check1 CHECK (((done_at IS NULL) OR (((accepted + duplicates) + rejected) = rows)));
alter table usage_import_chunks add constraint usage_import_chunks_rows_check CHECK ((rows > 0));
CREATE INDEX usage_import_chunks_pending ON public.usage_import_chunks USING btree (import_id, n) WHERE (done_at IS NULL);
alter table usage_import_chunks enable row level security;
alter table usage_import_chunks force row level security;
create policy app_own_tenant on usage_import_chunks to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_import_chunks to perennial_system using (true) with check (true);
grant insert, select, update on usage_import_chunks to perennial_app;
grant insert, select, update on usage_import_chunks to perennial_system;

create table usage_import_errors (
  import_id text collate "C" not null,
  "row" integer not null,
  tenant_id text collate "C" not null,
  key text,
  code text not null,
  path text,
  message text not null
);
alter table usage_import_errors add constraint usage_import_errors_pkey PRIMARY KEY (import_id, "row");
alter table usage_import_errors add constraint usage_import_errors_tenant_id_import_id_fkey FOREIGN KEY (tenant_id, import_id) REFERENCES usage_imports(tenant_id, id);
alter table usage_import_errors enable row level security;
alter table usage_import_errors force row level security;
create policy app_own_tenant on usage_import_errors to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_import_errors to perennial_system using (true) with check (true);
grant insert, select on usage_import_errors to perennial_app;
grant insert, select on usage_import_errors to perennial_system;

create table usage_imports (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  format text not null,
  status text not null,
  columns text[] default '{}'::text[] not null,
  idempotency_key text,
  digest text,
  bytes bigint default 0 not null,
  rows integer default 0 not null,
  chunks integer default 0 not null,
  failure text,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone
);
alter table usage_imports add constraint usage_imports_pkey PRIMARY KEY (id);
alter table usage_imports add constraint usage_imports_tenant_id_id_key UNIQUE (tenant_id, id);
alter table usage_imports add constraint usage_imports_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table usage_imports add constraint usage_imports_check CHECK (((status = ANY (ARRAY['completed'::text, 'canceled'::text, 'failed'::text])) = (finished_at IS NOT NULL)));
alter table usage_imports add constraint usage_imports_check1 CHECK (((status = 'failed'::text) = (failure IS NOT NULL)));
alter table usage_imports add constraint usage_imports_format_check CHECK ((format = ANY (ARRAY['csv'::text, 'ndjson'::text])));
alter table usage_imports add constraint usage_imports_status_check CHECK ((status = ANY (ARRAY['uploading'::text, 'running'::text, 'paused'::text, 'completed'::text, 'canceled'::text, 'failed'::text])));
CREATE INDEX usage_imports_left ON public.usage_imports USING btree (tenant_id, updated_at) WHERE (status = 'uploading'::text);
CREATE UNIQUE INDEX usage_imports_once ON public.usage_imports USING btree (tenant_id, idempotency_key);
CREATE INDEX usage_imports_running ON public.usage_imports USING btree (updated_at) WHERE (status = 'running'::text);
alter table usage_imports enable row level security;
alter table usage_imports force row level security;
create policy app_own_tenant on usage_imports to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_imports to perennial_system using (true) with check (true);
grant insert, select, update on usage_imports to perennial_app;
grant insert, select, update on usage_imports to perennial_system;

create table usage_records (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  subscription_id text collate "C" not null,
  key text not null,
  at timestamp(3) with time zone not null,
  quantity numeric(30,12) not null,
  properties jsonb default '{}'::jsonb not null,
  idempotency_key text collate "C" not null,
  created_at timestamp(3) with time zone not null
);
alter table usage_records add constraint usage_records_pkey PRIMARY KEY (id);
alter table usage_records add constraint usage_records_subscription_id_idempotency_key_key UNIQUE (subscription_id, idempotency_key);
alter table usage_records add constraint usage_records_tenant_id_id_key UNIQUE (tenant_id, id);
alter table usage_records add constraint usage_records_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table usage_records add constraint usage_records_tenant_id_subscription_id_fkey FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions(tenant_id, id);
alter table usage_records add constraint usage_records_idempotency_key_check CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255)));
alter table usage_records add constraint usage_records_quantity_check CHECK ((quantity >= (0)::numeric));
CREATE INDEX usage_records_of ON public.usage_records USING btree (subscription_id, key, at, id);
CREATE TRIGGER usage_records_immutable BEFORE DELETE OR UPDATE ON public.usage_records FOR EACH ROW EXECUTE FUNCTION refuse_change();
alter table usage_records enable row level security;
alter table usage_records force row level security;
create policy app_own_tenant on usage_records to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_records to perennial_system using (true) with check (true);
grant insert, select on usage_records to perennial_app;
grant insert, select on usage_records to perennial_system;

create table usage_rollup_states (
  tenant_id text collate "C" not null,
  meter_id text collate "C" not null,
  meter_version integer not null,
  snapshot pg_snapshot not null,
  updated_at timestamp(3) with time zone not null,
  built_to text collate "C"
);
alter table usage_rollup_states add constraint usage_rollup_states_pkey PRIMARY KEY (meter_id, meter_version);
alter table usage_rollup_states enable row level security;
alter table usage_rollup_states force row level security;
create policy app_own_tenant on usage_rollup_states to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_rollup_states to perennial_system using (true) with check (true);
grant delete, insert, select, update on usage_rollup_states to perennial_app;
grant delete, insert, select, update on usage_rollup_states to perennial_system;

create table usage_rollups (
  tenant_id text collate "C" not null,
  meter_id text collate "C" not null,
  meter_version integer not null,
  customer_id text collate "C" not null,
  hour timestamp(3) with time zone not null,
  subscription_id text collate "C" default ''::text not null,
  group_values jsonb default '[]'::jsonb not null,
  count bigint not null,
  sum numeric,
  min numeric,
  max numeric,
  latest_at timestamp(3) with time zone,
  latest numeric,
  latest_key text collate "C"
);
alter table usage_rollups add constraint usage_rollups_pkey PRIMARY KEY (tenant_id, meter_id, meter_version, customer_id, hour, subscription_id, group_values);
alter table usage_rollups enable row level security;
alter table usage_rollups force row level security;
create policy app_own_tenant on usage_rollups to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_rollups to perennial_system using (true) with check (true);
grant delete, insert, select, update on usage_rollups to perennial_app;
grant delete, insert, select, update on usage_rollups to perennial_system;

create table usage_touched (
  id bigint generated always as identity not null,
  tenant_id text collate "C" not null,
  customer_id text collate "C" not null,
  meter_id text collate "C" not null,
  not_before timestamp(3) with time zone default now() not null,
  tries integer default 0 not null,
  created_at timestamp(3) with time zone default now() not null,
  last_error text
);
alter table usage_touched add constraint usage_touched_pkey PRIMARY KEY (id);
CREATE INDEX usage_touched_due ON public.usage_touched USING btree (not_before);
CREATE INDEX usage_touched_failing ON public.usage_touched USING btree (id) WHERE (tries > 0);
CREATE INDEX usage_touched_of ON public.usage_touched USING btree (customer_id, meter_id);
alter table usage_touched enable row level security;
alter table usage_touched force row level security;
create policy app_own_tenant on usage_touched to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_touched to perennial_system using (true) with check (true);
grant delete, insert, select, update on usage_touched to perennial_app;
grant delete, insert, select, update on usage_touched to perennial_system;

create table usage_voids (
  tenant_id text collate "C" not null,
  key text collate "C" not null,
  revision integer not null,
  customer_id text collate "C",
  event_name text not null,
  event_at timestamp(3) with time zone not null,
  reason text not null,
  backfill_id text collate "C",
  note text,
  voided_by text,
  voided_at timestamp(3) with time zone not null,
  voided_xid xid8 default pg_current_xact_id() not null,
  restored_at timestamp(3) with time zone,
  restored_xid xid8
);
alter table usage_voids add constraint usage_voids_pkey PRIMARY KEY (tenant_id, key, revision, voided_xid);
alter table usage_voids add constraint usage_voids_reason_check CHECK ((reason = ANY (ARRAY['amended'::text, 'deprecated'::text, 'backfilled'::text, 'reverted'::text])));
CREATE INDEX usage_voids_back ON public.usage_voids USING btree (restored_xid) WHERE (restored_xid IS NOT NULL);
CREATE INDEX usage_voids_new ON public.usage_voids USING btree (voided_xid);
CREATE INDEX usage_voids_of ON public.usage_voids USING btree (tenant_id, customer_id, event_name, event_at);
CREATE INDEX usage_voids_of_backfill ON public.usage_voids USING btree (backfill_id) WHERE (backfill_id IS NOT NULL);
CREATE UNIQUE INDEX usage_voids_once ON public.usage_voids USING btree (tenant_id, key, revision, event_at) WHERE (restored_xid IS NULL);
alter table usage_voids enable row level security;
alter table usage_voids force row level security;
create policy app_own_tenant on usage_voids to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on usage_voids to perennial_system using (true) with check (true);
grant insert, select, update on usage_voids to perennial_app;
grant insert, select, update on usage_voids to perennial_system;

create table webhook_attempts (
  delivery_id text collate "C" not null,
  n integer not null,
  tenant_id text collate "C" not null,
  started_at timestamp(3) with time zone not null,
  finished_at timestamp(3) with time zone,
  latency_ms integer,
  status integer,
  error text,
  response_excerpt text
);
alter table webhook_attempts add constraint webhook_attempts_pkey PRIMARY KEY (delivery_id, n);
alter table webhook_attempts add constraint webhook_attempts_tenant_id_delivery_id_fkey FOREIGN KEY (tenant_id, delivery_id) REFERENCES webhook_deliveries(tenant_id, id);
alter table webhook_attempts add constraint webhook_attempts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table webhook_attempts add constraint webhook_attempts_n_check CHECK ((n >= 1));
alter table webhook_attempts add constraint webhook_attempts_response_excerpt_check CHECK ((octet_length(response_excerpt) <= 4096));
alter table webhook_attempts enable row level security;
alter table webhook_attempts force row level security;
create policy app_own_tenant on webhook_attempts to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on webhook_attempts to perennial_system using (true) with check (true);
grant insert, select, update on webhook_attempts to perennial_app;
grant insert, select, update on webhook_attempts to perennial_system;

create table webhook_deliveries (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  endpoint_id text collate "C" not null,
  event_id text collate "C" not null,
  status text not null,
  attempts integer default 0 not null,
  resent_at timestamp(3) with time zone,
  schedule_base integer default 0 not null,
  next_attempt_at timestamp(3) with time zone,
  lease_until timestamp(3) with time zone,
  last_status integer,
  last_error text,
  delivered_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null
);
alter table webhook_deliveries add constraint webhook_deliveries_pkey PRIMARY KEY (id);
alter table webhook_deliveries add constraint webhook_deliveries_endpoint_id_event_id_key UNIQUE (endpoint_id, event_id);
alter table webhook_deliveries add constraint webhook_deliveries_tenant_id_id_key UNIQUE (tenant_id, id);
alter table webhook_deliveries add constraint webhook_deliveries_tenant_id_endpoint_id_fkey FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints(tenant_id, id);
alter table webhook_deliveries add constraint webhook_deliveries_tenant_id_event_id_fkey FOREIGN KEY (tenant_id, event_id) REFERENCES events(tenant_id, id);
alter table webhook_deliveries add constraint webhook_deliveries_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table webhook_deliveries add constraint webhook_deliveries_check CHECK (((status = 'pending'::text) = (next_attempt_at IS NOT NULL)));
alter table webhook_deliveries add constraint webhook_deliveries_check1 CHECK (((status = 'delivered'::text) = (delivered_at IS NOT NULL)));
alter table webhook_deliveries add constraint webhook_deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text])));
CREATE INDEX webhook_deliveries_dead ON public.webhook_deliveries USING btree (updated_at) WHERE (status = 'dead'::text);
CREATE INDEX webhook_deliveries_due ON public.webhook_deliveries USING btree (endpoint_id, next_attempt_at) WHERE (status = 'pending'::text);
CREATE INDEX webhook_deliveries_event ON public.webhook_deliveries USING btree (tenant_id, event_id);
CREATE INDEX webhook_deliveries_undelivered ON public.webhook_deliveries USING btree (created_at) WHERE (status = 'pending'::text);
alter table webhook_deliveries enable row level security;
alter table webhook_deliveries force row level security;
create policy app_own_tenant on webhook_deliveries to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on webhook_deliveries to perennial_system using (true) with check (true);
grant insert, select, update on webhook_deliveries to perennial_app;
grant insert, select, update on webhook_deliveries to perennial_system;

create table webhook_endpoints (
  id text collate "C" not null,
  tenant_id text collate "C" not null,
  url text not null,
  description text,
  event_types text[] not null,
  status text not null,
  disabled_reason text,
  disabled_at timestamp(3) with time zone,
  api_version text not null,
  secret_sealed text not null,
  previous_secret_sealed text,
  previous_secret_expires_at timestamp(3) with time zone,
  failing_since timestamp(3) with time zone,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone not null,
  deleted_at timestamp(3) with time zone
);
alter table webhook_endpoints add constraint webhook_endpoints_pkey PRIMARY KEY (id);
alter table webhook_endpoints add constraint webhook_endpoints_tenant_id_id_key UNIQUE (tenant_id, id);
alter table webhook_endpoints add constraint webhook_endpoints_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id);
alter table webhook_endpoints add constraint webhook_endpoints_check CHECK (((status = 'disabled'::text) = (disabled_at IS NOT NULL)));
alter table webhook_endpoints add constraint webhook_endpoints_status_check CHECK ((status = ANY (ARRAY['enabled'::text, 'disabled'::text])));
alter table webhook_endpoints enable row level security;
alter table webhook_endpoints force row level security;
create policy app_own_tenant on webhook_endpoints to perennial_app using ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text)));
create policy system_all on webhook_endpoints to perennial_system using (true) with check (true);
grant insert, select, update on webhook_endpoints to perennial_app;
grant insert, select, update on webhook_endpoints to perennial_system;

create sequence event_positions;

CREATE OR REPLACE FUNCTION public.check_credit_note()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      declare
        note record;
        lines numeric;
        notes numeric;
        stored numeric;
      begin
        select id, invoice_id, amount into note from credit_notes where id = coalesce(to_jsonb(new) ->> 'credit_note_id', to_jsonb(new) ->> 'id');
        select coalesce(sum(amount), 0) into lines from credit_note_lines where credit_note_id = note.id;
        select coalesce(sum(amount), 0) into notes from credit_notes where invoice_id = note.invoice_id;
        select amount_credited into stored from invoices where id = note.invoice_id;
        if lines <> note.amount or notes <> stored then
          raise exception 'credit note %: lines sum to %, it says %; notes of its invoice sum to %, that says %', note.id, lines, note.amount, notes, stored
            using errcode = 'check_violation';
        end if;
        return null;
      end $function$
;

CREATE OR REPLACE FUNCTION public.check_credited()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      declare
        target text := coalesce(to_jsonb(new) ->> 'invoice_line_id', to_jsonb(new) ->> 'reverses_line_id');
        billed numeric;
        credited numeric;
      begin
        select amount into billed from invoice_lines where id = target;
        select coalesce(sum(amount), 0) into credited from (
          select amount from credit_note_lines where invoice_line_id = target
          union all
          select -line.amount from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
            where line.reverses_line_id = target and invoice.status <> 'void'
          union all
          select -amount from pending_items where reverses_line_id = target and invoice_line_id is null and dropped_at is null) given;
        if credited > billed then
          raise exception 'line % billed %, and % of it would be credited', target, billed, credited using errcode = 'check_violation';
        end if;
        return null;
      end $function$
;

CREATE OR REPLACE FUNCTION public.check_customer_balance()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      declare
        stored record;
        counted record;
      begin
        select balance, entries into stored from customer_balances where customer_id = new.customer_id and currency = new.currency;
        select coalesce(sum(amount), 0) as balance, count(*) as entries into counted
          from customer_balance_entries where customer_id = new.customer_id and currency = new.currency;
        if stored.balance <> counted.balance or stored.entries <> counted.entries then
          raise exception 'balance of % in % is %, its entries sum to %', new.customer_id, new.currency, stored.balance, counted.balance using errcode = 'check_violation';
        end if;
        return null;
      end $function$
;

CREATE OR REPLACE FUNCTION public.check_invoice_totals()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      declare
        -- one function for both tables: a line names its invoice, an invoice is one
        target text := coalesce(to_jsonb(new) ->> 'invoice_id', to_jsonb(new) ->> 'id');
        lines numeric;
        stored record;
      begin
        select coalesce(sum(amount), 0) into lines from invoice_lines where invoice_id = target;
        select subtotal, total into stored from invoices where id = target;
        if lines <> stored.subtotal or stored.total <> stored.subtotal then
          raise exception 'invoice %: lines sum to %, subtotal is %, total is %', target, lines, stored.subtotal, stored.total using errcode = 'check_violation';
        end if;
        return null;
      end $function$
;

CREATE OR REPLACE FUNCTION public.check_ledger_balance()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if exists (select from ledger_entries where transaction_id = new.transaction_id group by currency having sum(amount) <> 0) then
          raise exception 'ledger transaction % does not sum to zero', new.transaction_id using errcode = 'check_violation';
        end if;
        return null;
      end $function$
;

CREATE OR REPLACE FUNCTION public.freeze_event()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if tg_op = 'DELETE' or old.position is not null or
           (new.id, new.tenant_id, new.type, new.object_id, new.sequence, new.data, new.created_at) is distinct from
           (old.id, old.tenant_id, old.type, old.object_id, old.sequence, old.data, old.created_at) then
          raise exception 'event % is frozen: only its position is given, once', old.id using errcode = 'restrict_violation';
        end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.freeze_invoice()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if tg_op = 'DELETE' then
          raise exception 'invoice % cannot be deleted: void it', old.id using errcode = 'restrict_violation';
        end if;
        if old.status <> 'draft' and
           (new.number, new.currency, new.subtotal, new.total, new.balance_applied, new.customer_id, new.subscription_id, new.origin_key, new.finalized_at, new.due_at)
           is distinct from
           (old.number, old.currency, old.subtotal, old.total, old.balance_applied, old.customer_id, old.subscription_id, old.origin_key, old.finalized_at, old.due_at) then
          raise exception 'invoice % is finalized: its amounts no longer change', old.id using errcode = 'restrict_violation';
        end if;
        if old.status in ('paid', 'void') and new.status <> old.status then
          raise exception 'invoice % is %: that is final', old.id, old.status using errcode = 'restrict_violation';
        end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.freeze_invoice_line()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      declare
        line invoice_lines := case when tg_op = 'DELETE' then old else new end;
        state text;
      begin
        select status into state from invoices where id = line.invoice_id;
        if state is distinct from 'draft' then
          raise exception 'invoice % is finalized: its lines no longer change', line.invoice_id using errcode = 'restrict_violation';
        end if;
        return case when tg_op = 'DELETE' then old else new end;
      end $function$
;

CREATE OR REPLACE FUNCTION public.freeze_pending_item()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        if tg_op = 'DELETE' or old.invoice_line_id is not null or old.dropped_at is not null or
           to_jsonb(new) - 'invoice_line_id' - 'dropped_at' is distinct from to_jsonb(old) - 'invoice_line_id' - 'dropped_at' then
          raise exception 'pending item % is frozen: an invoice takes it, once', old.id using errcode = 'restrict_violation';
        end if;
        if new.invoice_line_id is not null and not exists (
            select from invoice_lines line where line.id = new.invoice_line_id and line.amount = new.amount
              and line.item_id is not distinct from new.item_id and line.price_id is not distinct from new.price_id
              and line.period_start = new.period_start and line.period_end = new.period_end) then
          raise exception 'pending item % is not what line % says', old.id, new.invoice_line_id using errcode = 'restrict_violation';
        end if;
        return new;
      end $function$
;

CREATE OR REPLACE FUNCTION public.measure_usage_voids()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '1s'
AS $function$
      begin
        analyze usage_voids;
      exception when lock_not_available then
        -- Somebody else is at it.
        null;
      end $function$
;
grant execute on function measure_usage_voids() to perennial_app;

CREATE OR REPLACE FUNCTION public.prepare_usage_month(any_day date)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
      declare
        month timestamp := date_trunc('month', any_day::timestamp);
        first timestamptz := month at time zone 'UTC';
        beyond timestamptz := (month + interval '1 month') at time zone 'UTC';
        name text := 'usage_events_' || to_char(month, 'YYYYMM');
        moved bigint := 0;
      begin
        if month < now() - interval '600 days' or month > now() + interval '400 days' then
          raise exception 'the month of % is too far away', any_day;
        end if;
        perform pg_advisory_xact_lock(hashtextextended('perennial usage months', 0));
        if to_regclass(name) is not null then return null; end if;
        execute format('create table %I (like usage_events including defaults including constraints)', name);
        -- Nobody adds to the month between its move and its beginning. And nobody who was planning to read may have looked up
        -- the partitions before and read them after: he would find the events neither here nor there. So the parent, first.
        lock table usage_events in access exclusive mode;
        if exists (select from usage_events_other where event_at >= first and event_at < beyond) then
          execute format('with moved as (delete from usage_events_other where event_at >= $1 and event_at < $2 returning *)
            insert into %I select * from moved', name) using first, beyond;
          get diagnostics moved = row_count;
        end if;
        execute format('alter table usage_events attach partition %I for values from (%L) to (%L)', name, first, beyond);
        return moved;
      end $function$
;
grant execute on function prepare_usage_month(date) to perennial_system;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
      begin
        raise exception '% rows are immutable: write a new row instead', tg_table_name using errcode = 'restrict_violation';
      end $function$
;

CREATE OR REPLACE FUNCTION public.usage_number(properties jsonb, name text)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE jsonb_typeof((properties -> name)) WHEN 'number'::text THEN ((properties -> name))::numeric WHEN 'string'::text THEN CASE WHEN ((properties ->> name) ~ '^-?[0-9]{1,18}(\.[0-9]{1,12})?$'::text) THEN ((properties ->> name))::numeric ELSE NULL::numeric END ELSE NULL::numeric END
;
