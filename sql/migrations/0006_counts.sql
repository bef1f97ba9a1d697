-- Counts by day, component and level, kept beside the logs: counting 10 million rows takes seconds, P-4 allows half
-- of one. Nobody pays for it at insertion: a row is counted once, from its time of arrival, by `count_arrivals()`,
-- which the daemon calls every few minutes. Who asks adds what has arrived since, so the answer is exact.

-- What arrived since …? Rows lie in order of arrival, so this is a few kilobytes for each gigabyte.
create index logs_arrival on logs using brin (ingestion_created_at) with (autosummarize = on);

create table log_counts (
    day       date        not null,  -- of event_created_at, in UTC
    component text        not null,
    level     text        not null,
    records   bigint      not null,
    oldest    timestamptz not null,
    newest    timestamptz not null,
    primary key (day, component, level)
);

comment on table log_counts is 'Records that arrived before log_counts_until, by UTC day, component and level.';

create table log_counts_until (
    arrival   timestamptz not null default '-infinity',
    singleton boolean     primary key default true check (singleton)
);

insert into log_counts_until default values;

comment on table log_counts_until is 'One row: records that arrived before are in log_counts.';

-- Count what has arrived, and return how many that was.
--
-- A row's time of arrival is the start of its transaction, so one may still appear with a time that is past. The
-- last half hour is therefore left to whoever asks. No batch is that long: the daemon gives up after 10 minutes.
create function count_arrivals(margin interval default '30 minutes') returns bigint
language plpgsql security definer
set search_path = public, pg_temp
set lock_timeout = '5s'
as $$
declare
    since   timestamptz;
    until   timestamptz := now() - margin;
    counted bigint;
begin
    lock table log_counts in share row exclusive mode;
    select arrival into since from log_counts_until;
    if until <= since then
        return 0;
    end if;
    with arrived as (
        select (event_created_at at time zone 'UTC')::date as day, component, level,
               count(*) as records, min(event_created_at) as oldest, max(event_created_at) as newest
        from logs
        where ingestion_created_at >= since and ingestion_created_at < until
        group by 1, 2, 3
    ),
    added as (
        insert into log_counts as known select * from arrived
        on conflict (day, component, level) do update set
            records = known.records + excluded.records,
            oldest = least(known.oldest, excluded.oldest), newest = greatest(known.newest, excluded.newest)
    )
    select coalesce(sum(records), 0) into counted from arrived;
    update log_counts_until set arrival = until;
    return counted;
end
$$;

comment on function count_arrivals(interval) is 'Add to log_counts what has arrived; returns how many records.';

-- Count some days anew, from a table that holds all that is left of them.
create function recount(days date[], source regclass) returns void
language plpgsql
set search_path = public, pg_temp
as $$
begin
    lock table log_counts in share row exclusive mode;
    delete from log_counts where day = any (days);
    execute format(
        'insert into log_counts'
        ' select (event_created_at at time zone ''UTC'')::date as day, component, level,'
        '        count(*), min(event_created_at), max(event_created_at)'
        ' from %s'
        ' where (event_created_at at time zone ''UTC'')::date = any ($1)'
        '   and event_created_at >= $2::timestamp at time zone ''UTC'''
        '   and event_created_at < ($3 + 1)::timestamp at time zone ''UTC'''
        '   and ingestion_created_at < (select arrival from log_counts_until)'
        ' group by 1, 2, 3', source)
    using days, (select min(day) from unnest(days) as day), (select max(day) from unnest(days) as day);
end
$$;

-- Rows that somebody deletes from logs leave the counts with them, in the same transaction.
create function recount_deleted() returns trigger
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    days date[];
begin
    if tg_op = 'TRUNCATE' then
        delete from log_counts;
    else
        days := array(select distinct (event_created_at at time zone 'UTC')::date from gone);
        if cardinality(days) > 0 then
            perform recount(days, 'logs');
        end if;
    end if;
    return null;
end
$$;

create trigger recount_deleted after delete on logs
    referencing old table as gone for each statement execute function recount_deleted();
create trigger recount_truncated after truncate on logs
    for each statement execute function recount_deleted();

grant select on log_counts, log_counts_until to godot_reader, godot_admin;
revoke execute on function count_arrivals(interval), recount(date[], regclass), recount_deleted() from public;
grant execute on function count_arrivals(interval) to godot_writer, godot_admin;
