-- Retention: which days have expired, letting one go but for its pinned traces, and the account of what went.
--
-- An expired partition is emptied by TRUNCATE, and the rows that stay are put back in the same transaction: they
-- are where every query of logs looks for them, under the same primary key, so that a second delivery is still
-- recognised. TRUNCATE locks the partition alone, so the daemon goes on writing meanwhile; detaching or dropping
-- would stop it. A partition that is left empty is dropped afterwards, which is a matter of milliseconds.

-- For how long everybody may rely on the logs. Keeping them longer needs no permission; for less, change it.
create table retention (
    days      integer not null default 7 check (days between 1 and 36500),
    singleton boolean primary key default true check (singleton)
);

insert into retention default values;

comment on table retention is 'One row: records are kept at least so many days.';

create table retention_log (
    id         bigint      generated always as identity primary key,
    partition  text        not null,
    starts_at  timestamptz,           -- null for the default partition
    ends_at    timestamptz,
    records    bigint      not null,  -- that went
    pinned     bigint      not null,  -- that stayed
    late       bigint      not null,  -- that stayed, since they came when the day was gone already
    bytes      bigint      not null,  -- of the partition before
    archive    text,                  -- the file that holds the records that went
    retired_at timestamptz not null default now()
);

create index retention_log_partition on retention_log (partition, retired_at);

comment on table retention_log is 'What retention removed, each time.';

-- The sequence numbers that went, so that `godot audit` does not take them for lost. A process that counts without
-- a gap needs one range, however long it lives.
create table retired_numbers (
    instance text           primary key,
    numbers  int8multirange not null
);

comment on table retired_numbers is 'Sequence numbers of records that retention removed, by instance.';

-- What a process said it had lost itself, in records that have gone: it explains gaps that stay.
create table retired_losses (
    instance text   not null,
    reason   text   not null,
    records  bigint not null,
    primary key (instance, reason)
);

comment on table retired_losses is 'Losses told by records that retention removed, by instance and reason.';

-- Days are 24 hours of UTC here, whatever the session's time zone makes of '1 day'.
create function retention_bound(days integer) returns timestamptz
language sql stable
set search_path = public, pg_temp
return date_trunc('day', now(), 'UTC') - make_interval(hours => 24 * days);

comment on function retention_bound(integer) is 'Partitions that end at or before have expired.';

-- What arrived at or after this time stays, although its day has expired: a record for a day that was gone when
-- it came, or of a clock in 1970 or 2099, is kept as many days from its arrival as others from their event.
create function late_since(name text, before timestamptz) returns timestamptz
language sql stable
set search_path = public, pg_temp
return case when name = 'logs_default' then before
            else greatest(before, coalesce((select min(retired_at) from retention_log where partition = name), 'infinity'))
       end;

comment on function late_since(text, timestamptz) is 'In this partition, what arrived at or after this time is late and stays.';

create function check_retention(before timestamptz) returns void
language plpgsql
set search_path = public, pg_temp
as $$
declare
    promised integer := (select days from retention);
begin
    if before > retention_bound(promised) then
        raise insufficient_privilege using
            message = format('the records of %s days are kept, so nothing goes that is not older', promised),
            hint = '`godot db retain --days N` changes that, as a user with the role godot_admin';
    end if;
    -- Shared with the session lock that `godot db retain` and the daemon hold for a whole run.
    if not pg_try_advisory_xact_lock(hashtextextended('godot retention', 0)) then
        raise lock_not_available using message = 'another retention is at work';
    end if;
end
$$;

-- Write down what goes: the numbers and losses of the instances, the ledger's balance, and the log.
create function account_for_retired(entry retention_log, gone regclass, since timestamptz) returns retention_log
language plpgsql
set search_path = public, pg_temp
as $$
begin
    execute format($sql$
        insert into retired_losses as known
        select instance, coalesce(data #>> '{lost,reason}', 'unknown'), sum((data #>> '{lost,count}')::numeric)::bigint
        from %s
        where data @> '{"lost": {}}' and instance is not null and ingestion_created_at < $1
          and case when jsonb_typeof(data #> '{lost,count}') = 'number'
                   then (data #>> '{lost,count}')::numeric between 0 and 1e12 end
          and (trace_id is null or trace_id not in
               (select trace_id from pinned_traces where expires_at is null or expires_at > now()))
        group by 1, 2
        on conflict (instance, reason) do update set records = known.records + excluded.records
        $sql$, gone)
    using since;
    execute format(
        'insert into retired_numbers as known'
        ' select instance, range_agg(int8range(seq, seq + 1)) from %s'
        ' where instance is not null and seq < 9223372036854775807 and ingestion_created_at < $1'
        '   and (trace_id is null or trace_id not in'
        '        (select trace_id from pinned_traces where expires_at is null or expires_at > now()))'
        ' group by instance'
        ' on conflict (instance) do update set numbers = known.numbers + excluded.numbers', gone)
    using since;
    insert into ingest_ledger as line (worker, received, stored)
    values ('godot retention', -entry.records, -entry.records)
    on conflict (worker) do update set
        received = line.received + excluded.received, stored = line.stored + excluded.stored,
        last_commit_at = clock_timestamp();
    insert into retention_log (partition, starts_at, ends_at, records, pinned, late, bytes, archive)
    values (entry.partition, entry.starts_at, entry.ends_at, entry.records, entry.pinned, entry.late, entry.bytes,
            entry.archive)
    returning * into entry;
    return entry;
end
$$;

create function check_archived(expected bigint, expected_print bigint, going bigint, going_print bigint) returns void
language plpgsql
as $$
begin
    if expected is not null and (expected, expected_print) is distinct from (going, going_print) then
        raise serialization_failure using
            message = format('%s records were archived, but by now %s would go', expected, going);
    end if;
end
$$;

-- Let one expired partition go, but for the rows that stay. Null when there was nothing to remove.
--
-- With `expected` and `print` (the count and the hash of the ids that were archived) it happens only if exactly
-- these records would go; serialization_failure otherwise: archive again.
create function retire_partition(
    name text, before timestamptz, expected bigint default null, print bigint default null, archive text default null
) returns retention_log
language plpgsql security definer
set search_path = public, pg_temp
set lock_timeout = '5s'
as $$
declare
    part  regclass;
    since timestamptz;
    ids   bigint;
    entry retention_log;
begin
    perform check_retention(before);
    select i.inhrelid, p.name, p.starts_at, p.ends_at, p.bytes
    into part, entry.partition, entry.starts_at, entry.ends_at, entry.bytes
    from v_partitions p join pg_inherits i on i.inhparent = 'logs'::regclass
         join pg_class c on c.oid = i.inhrelid and c.relname = p.name
    where p.name = retire_partition.name and not p.is_default;
    if part is null then
        return null;
    end if;
    if entry.ends_at is null or entry.ends_at > before then
        raise object_not_in_prerequisite_state using message = format(
            'partition %s has not expired: it ends at %s, after %s', name, entry.ends_at, before);
    end if;
    since := late_since(name, before);
    entry.archive := retire_partition.archive;

    -- Readers go on while rows are counted; who brings a late record of this day waits.
    execute format('lock table only %s in share mode', part);
    lock table pinned_traces in share mode;
    execute format(
        'select count(*) filter (where not pinned and ingestion_created_at < $1),'
        '       count(*) filter (where pinned),'
        '       count(*) filter (where not pinned and ingestion_created_at >= $1),'
        '       bit_xor(uuid_hash_extended(id, 0)) filter (where not pinned and ingestion_created_at < $1)'
        ' from (select id, ingestion_created_at, trace_id is not null and trace_id in'
        '           (select trace_id from pinned_traces where expires_at is null or expires_at > now()) as pinned'
        '       from %s) as rows', part)
    into entry.records, entry.pinned, entry.late, ids using since;
    perform check_archived(expected, print, entry.records, ids);
    if entry.records = 0 then
        return null;
    end if;
    entry := account_for_retired(entry, part, since);

    execute format(
        'create temporary table staying on commit drop as select * from only %s where ingestion_created_at >= $1'
        ' or trace_id in (select trace_id from pinned_traces where expires_at is null or expires_at > now())', part)
    using since;
    execute format('lock table only %s in access exclusive mode', part);
    execute format('truncate only %s', part);
    execute format('insert into %s select * from pg_temp.staying', part);
    drop table pg_temp.staying;
    perform recount(array(
        select day::date from generate_series(
            (entry.starts_at at time zone 'UTC')::date,
            ((entry.ends_at - interval '1 microsecond') at time zone 'UTC')::date, interval '1 day'
        ) as day), 'logs');
    return entry;
end
$$;

comment on function retire_partition(text, timestamptz, bigint, bigint, text) is
    'Empty an expired partition of logs, but for pinned traces and late records; null when nothing had to go.';

-- Remove expired rows of the default partition, so many at most; null when there was none.
create function retire_strays(
    before timestamptz, most bigint default 10000, expected bigint default null, print bigint default null,
    archive text default null
) returns retention_log
language plpgsql security definer
set search_path = public, pg_temp
set lock_timeout = '5s'
as $$
declare
    ids   bigint;
    entry retention_log;
begin
    perform check_retention(before);
    lock table logs_default in share mode;
    lock table pinned_traces in share mode;
    create temporary table going on commit drop as
        select * from logs_default
        where ingestion_created_at < before
          and (trace_id is null or trace_id not in
               (select trace_id from pinned_traces where expires_at is null or expires_at > now()))
        order by ingestion_created_at, id
        limit most;
    select count(*), bit_xor(uuid_hash_extended(id, 0)) into entry.records, ids from pg_temp.going;
    perform check_archived(expected, print, entry.records, ids);
    if entry.records = 0 then
        drop table pg_temp.going;
        return null;
    end if;
    select count(*) filter (where pinned), count(*) filter (where not pinned and ingestion_created_at >= before)
    into entry.pinned, entry.late
    from (select ingestion_created_at, trace_id is not null and trace_id in
              (select trace_id from pinned_traces where expires_at is null or expires_at > now()) as pinned
          from logs_default) as rows;
    entry.partition := 'logs_default';
    entry.bytes := 0;  -- room for others, not given back
    entry.archive := retire_strays.archive;
    entry := account_for_retired(entry, 'pg_temp.going', before);
    delete from logs_default d using pg_temp.going g
    where d.id = g.id and d.event_created_at = g.event_created_at;
    -- No partition holds rows of these days: else they would not be here.
    perform recount(
        array(select distinct (event_created_at at time zone 'UTC')::date from pg_temp.going), 'logs_default');
    drop table pg_temp.going;
    return entry;
end
$$;

comment on function retire_strays(timestamptz, bigint, bigint, bigint, text) is
    'Remove rows of the default partition that arrived before, but for pinned traces; null when there was none.';

-- Drop an expired partition that retention has emptied. Everybody who uses logs queues behind this lock, so it is
-- waited for half a second and no longer; the next run tries again.
create function drop_emptied_partition(name text, before timestamptz) returns boolean
language plpgsql security definer
set search_path = public, pg_temp
set lock_timeout = '500ms'
as $$
declare
    part regclass;
    used boolean;
begin
    perform check_retention(before);
    select i.inhrelid into part
    from v_partitions p join pg_inherits i on i.inhparent = 'logs'::regclass
         join pg_class c on c.oid = i.inhrelid and c.relname = p.name
    where p.name = drop_emptied_partition.name and not p.is_default and p.ends_at <= before;
    if part is null then
        return false;
    end if;
    -- Most are not empty or long gone: look before standing in everybody's way.
    execute format('select exists (select from only %s)', part) into used;
    if used then
        return false;
    end if;
    lock table only logs in access exclusive mode;
    execute format('lock table only %s in access exclusive mode', part);
    execute format('select exists (select from only %s)', part) into used;
    if not used then
        execute format('drop table %s', part);
    end if;
    return not used;
end
$$;

comment on function drop_emptied_partition(text, timestamptz) is 'Drop an expired partition of logs if it is empty.';

grant select on retention, retention_log to godot_writer;
grant select on retention, retention_log, retired_numbers, retired_losses to godot_reader, godot_admin;
grant update (days) on retention to godot_admin;

-- The writer may let go what has expired by the bound that only an admin changes, and nothing else.
revoke execute on function
    check_retention(timestamptz), account_for_retired(retention_log, regclass, timestamptz),
    check_archived(bigint, bigint, bigint, bigint), retire_partition(text, timestamptz, bigint, bigint, text),
    retire_strays(timestamptz, bigint, bigint, bigint, text), drop_emptied_partition(text, timestamptz)
from public;
grant execute on function
    retire_partition(text, timestamptz, bigint, bigint, text),
    retire_strays(timestamptz, bigint, bigint, bigint, text), drop_emptied_partition(text, timestamptz)
to godot_writer, godot_admin;
