-- Partitions by day: seeing them as they are, creating them ahead, and getting rows back out of the default one.

create view v_partitions as
select c.relname::text                                as name,
       bound[1]::timestamptz                          as starts_at,
       bound[2]::timestamptz                          as ends_at,
       pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' as is_default,
       greatest(c.reltuples, 0)::bigint               as estimated_rows,  -- as of the last ANALYZE or VACUUM
       pg_total_relation_size(c.oid)                  as bytes            -- with indexes and TOAST
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
left join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \('(.+)'\) TO \('(.+)'\)$$) as bound on true
where i.inhparent = 'logs'::regclass
  and not i.inhdetachpending;

comment on view v_partitions is 'The partitions of logs with the bounds that the database itself applies.';

-- Create the partition of one UTC day and move into it what the default partition holds of that day.
-- True when it was created, false when it was there.
--
-- CREATE TABLE … PARTITION OF would lock all of logs against readers and writers. ATTACH takes a lock on logs
-- that only conflicts with itself, so that one at a time gets here and a daemon in the middle of a batch does not
-- notice, and locks the default partition. Both are taken first: the one so that what another has just created is
-- seen, the other since a record of that day that arrived while rows are moved would make ATTACH fail.
create function ensure_partition(day date) returns boolean
language plpgsql security definer
set search_path = public, pg_temp
set lock_timeout = '5s'  -- behind a long query: give up and come again, rather than make everyone queue
as $$
declare
    name   text        := 'logs_' || to_char(day, 'YYYY_MM_DD');
    starts timestamptz := day::timestamp at time zone 'UTC';
    ends   timestamptz := (day + 1)::timestamp at time zone 'UTC';
begin
    if to_regclass(name) is not null then
        return false;
    end if;
    lock table only logs in share update exclusive mode;
    if to_regclass(name) is not null then
        return false;
    end if;
    execute format('create table %I (like logs including defaults including constraints)', name);
    lock table logs_default in access exclusive mode;
    execute format(
        'with moved as (delete from logs_default where event_created_at >= $1 and event_created_at < $2 returning *)'
        ' insert into %I select * from moved', name) using starts, ends;
    execute format('alter table logs attach partition %I for values from (%L) to (%L)', name, starts, ends);
    return true;
end
$$;

comment on function ensure_partition(date) is 'Create the partition of one UTC day; rows of that day leave logs_default.';

-- How many rows the default partition holds, counted up to a bound: the question is "is there any, and is it a
-- handful or a flood", and it is asked every few seconds.
create function default_partition_rows(bound bigint default 100000) returns bigint
language sql stable security definer
set search_path = public, pg_temp
return (select count(*) from (select from logs_default limit bound) as rows);

comment on function default_partition_rows(bigint) is 'Rows in logs_default, up to a bound; above zero is an alarm.';
