import pg from 'pg';

/**
 * The database as readable SQL, from PostgreSQL's own catalogue: what `docs/schema.sql` holds. Written by queries
 * because the embedded PostgreSQL brings no pg_dump. Equal databases give equal texts; it is a picture, not a script
 * to be run. The migrator's own table and what belongs to extensions are left out.
 */
export async function catalogue(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, application_name: 'perennial schema' });
  await client.connect();
  try {
    // Names without a schema in front, whatever the settings of the role that connects.
    await client.query(`set search_path = public, pg_catalog`);
    const read = async (sql: string): Promise<Line[]> => (await client.query<Line>(sql)).rows;
    const rest: Line[] = [];
    for (const sql of [CONSTRAINTS, INDEXES, TRIGGERS, ROW_SECURITY, POLICIES, GRANTS])
      rest.push(...(await read(sql)));
    return render({
      roles: await read(ROLES),
      extensions: await read(EXTENSIONS),
      types: await read(TYPES),
      views: await read(VIEWS),
      functions: await read(FUNCTIONS),
      tables: await read(TABLES),
      columns: await read(COLUMNS),
      rest,
    });
  } finally {
    await client.end();
  }
}

type Line = { owner: string; line: string };
type Lines = Record<
  'roles' | 'extensions' | 'types' | 'tables' | 'columns' | 'rest' | 'views' | 'functions',
  Line[]
>;

const HEADER = `-- What the migrations make of an empty database. Do not edit: npm run schema -- --write
-- Written by queries on the catalogue (src/main/house/catalogue.ts); a picture to read and to compare, not to run.`;

function render({ roles, extensions, types, tables, columns, rest, views, functions }: Lines): string {
  const text = (lines: Line[]) => lines.map(({ line }) => line).join('\n');
  const of = (lines: Line[], owner: string) => lines.filter((line) => line.owner === owner);
  const sections = [
    HEADER,
    text(roles),
    text(extensions),
    text(types),
    ...tables.map(({ owner, line }) => {
      const body = of(columns, owner).map((column) => `  ${column.line}`);
      return [`create table ${owner} (\n${body.join(',\n')}\n)${line};`, text(of(rest, owner))]
        .join('\n')
        .trimEnd();
    }),
    ...[...views, ...functions].map(({ line }) => line),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

/**
 * Ours are the tables of the public schema that no extension and not the migrator owns. The months of the events depend on
 * when they were made; they are like their default partition.
 */
const OUR_TABLES = `
  select c.oid, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relacl
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'public' and c.relkind in ('r', 'p') and c.relname <> 'migrations'
    and c.relname !~ '^usage_events_[0-9]{6}$'
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')`;

const ROLES = `
  select * from (select '' as owner, format('create role %I %s %s%s%s;', rolname,
    case when rolcanlogin then 'login' else 'nologin' end, case when rolinherit then 'inherit' else 'noinherit' end,
    case when rolbypassrls then ' bypassrls' else '' end, case when rolsuper then ' superuser' else '' end) as line
  from pg_roles where rolname like 'perennial%'
  union all
  select '', format('grant %I to %I with inherit %s, set %s;', g.rolname, m.rolname, a.inherit_option, a.set_option)
  from pg_auth_members a join pg_roles g on g.oid = a.roleid join pg_roles m on m.oid = a.member
  where g.rolname like 'perennial%' and m.rolname like 'perennial%'
  union all
  select '', format('grant %s on schema public to %I;', lower(privilege_type), r.rolname)
  from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee
  where n.nspname = 'public' and r.rolname like 'perennial%'
  ) r order by line collate "C"`;

const EXTENSIONS = `
  select '' as owner, format('create extension %I;', extname) as line from pg_extension where extname <> 'plpgsql' order by extname`;

const TYPES = `
  select '' as owner, case y.typtype
      when 'e' then format('create type %I as enum (%s);', y.typname, (
        select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = y.oid))
      else format('create domain %I as %s%s;', y.typname, format_type(y.typbasetype, y.typtypmod), (
        select string_agg(' ' || pg_get_constraintdef(c.oid), '' order by c.conname collate "C") from pg_constraint c where c.contypid = y.oid))
    end as line
  from pg_type y join pg_namespace n on n.oid = y.typnamespace
  where n.nspname = 'public' and y.typtype in ('e', 'd')
    and not exists (select from pg_depend d where d.objid = y.oid and d.deptype = 'e')
  order by y.typname collate "C"`;

const VIEWS = `
  select c.relname as owner, case c.relkind
      when 'S' then format('create sequence %I;', c.relname)
      else format(E'create %s %I as\n%s', case c.relkind when 'v' then 'view' else 'materialized view' end, c.relname, pg_get_viewdef(c.oid))
    end as line
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'public' and c.relkind in ('v', 'm', 'S') and c.relname <> 'migrations_id_seq'
    and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('e', 'i'))
  order by c.relname collate "C"`;

const FUNCTIONS = `
  select p.proname as owner, pg_get_functiondef(p.oid) || ';' || coalesce((
      select string_agg(E'\\n' || format('grant execute on function %s to %s;', p.oid::regprocedure,
        case when a.grantee = 0 then 'public' else a.grantee::regrole::text end), '' order by a.grantee::regrole::text)
      from aclexplode(p.proacl) a where a.grantee <> p.proowner), '') as line
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname = 'public' and p.prokind in ('f', 'p')
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
  order by p.oid::regprocedure::text collate "C"`;

const TABLES = `
  select relname as owner, case when relkind = 'p' then ' partition by ' || pg_get_partkeydef(oid) else '' end as line
  from (${OUR_TABLES}) t order by relname collate "C"`;

const COLUMNS = `
  select t.relname as owner, concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
    case when a.attcollation <> 0 and a.attcollation <> y.typcollation then format('collate %I', l.collname) end,
    case when a.attgenerated <> '' then format('generated always as (%s)', pg_get_expr(d.adbin, d.adrelid)) end,
    case a.attidentity when 'a' then 'generated always as identity' when 'd' then 'generated by default as identity' end,
    case when a.attgenerated = '' and d.adbin is not null then 'default ' || pg_get_expr(d.adbin, d.adrelid) end,
    case when a.attnotnull then 'not null' end) as line
  from (${OUR_TABLES}) t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
  join pg_type y on y.oid = a.atttypid left join pg_collation l on l.oid = a.attcollation
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  order by t.relname collate "C", a.attnum`;

/** Without NOT NULL, which the columns show, and without the shadows of constraint triggers. */
const CONSTRAINTS = `
  select t.relname as owner, format('alter table %I add constraint %I %s;', t.relname, c.conname, pg_get_constraintdef(c.oid)) as line
  from (${OUR_TABLES}) t join pg_constraint c on c.conrelid = t.oid and c.contype not in ('n', 't')
  order by array_position('{p,u,x,f,c}'::"char"[], c.contype), c.conname collate "C"`;

const INDEXES = `
  select t.relname as owner, pg_get_indexdef(i.indexrelid) || ';' as line
  from (${OUR_TABLES}) t join pg_index i on i.indrelid = t.oid
  where not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))
  order by i.indexrelid::regclass::text collate "C"`;

const TRIGGERS = `
  select t.relname as owner, pg_get_triggerdef(g.oid) || case g.tgenabled when 'O' then ';' else '; -- disabled' end as line
  from (${OUR_TABLES}) t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal order by g.tgname collate "C"`;

const ROW_SECURITY = `
  select relname as owner, format('alter table %I %s row level security;', relname, option) as line
  from (${OUR_TABLES}) t, lateral (values (1, 'enable', relrowsecurity), (2, 'force', relforcerowsecurity)) o (n, option, isset)
  where isset order by relname collate "C", n`;

const POLICIES = `
  select p.tablename as owner, format('create policy %I on %I%s%s to %s%s%s;', p.policyname, p.tablename,
    case when p.permissive = 'RESTRICTIVE' then ' as restrictive' end, ' for ' || lower(nullif(p.cmd, 'ALL')), array_to_string(p.roles, ', '), ' using (' || p.qual || ')', ' with check (' || p.with_check || ')') as line
  from pg_policies p join (${OUR_TABLES}) t on t.relname = p.tablename
  where p.schemaname = 'public' order by p.policyname collate "C"`;

const GRANTS = `
  select owner, format('grant %s on %I to %s;', what, owner, grantee) as line from (
    select t.relname as owner, string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as what,
      case when a.grantee = 0 then 'public' else a.grantee::regrole::text end as grantee
    from (${OUR_TABLES}) t join pg_class c on c.oid = t.oid, aclexplode(t.relacl) a
    where a.grantee <> c.relowner group by 1, 3
    union all
    select t.relname, format('%s (%s)', lower(a.privilege_type), string_agg(quote_ident(f.attname), ', ' order by f.attnum)),
      case when a.grantee = 0 then 'public' else a.grantee::regrole::text end
    from (${OUR_TABLES}) t join pg_attribute f on f.attrelid = t.oid, aclexplode(f.attacl) a
    group by t.relname, a.privilege_type, a.grantee
  ) g order by grantee, what`;
