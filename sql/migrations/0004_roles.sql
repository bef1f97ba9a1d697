-- Three roles without login, to be granted to the users that really connect: the daemon needs godot_writer,
-- people and notebooks godot_reader, whoever clears, pins and sets levels godot_admin.

-- Roles belong to the whole server, not to this database: another one may have made them, even right now.
do $$
declare
    role text;
begin
    foreach role in array array['godot_writer', 'godot_reader', 'godot_admin'] loop
        if not exists (select from pg_roles where rolname = role) then
            begin
                execute format('create role %I nologin', role);
            exception
                when duplicate_object or unique_violation then
                    null;
                when insufficient_privilege then
                    raise insufficient_privilege using
                        message = format('role %s is missing and %s may not create it', role, current_user),
                        hint = format('As a superuser: CREATE ROLE %s NOLOGIN; then run this again.', role);
            end;
        end if;
    end loop;
end
$$;

-- The writer only adds. It cannot read a single record: the two questions it has about stored rows, "are these
-- ids there?" and "is the default partition in use?", are functions that answer just that.
create function stored_ids(ids uuid[]) returns setof uuid
language sql stable security definer
set search_path = public, pg_temp
begin atomic
    select distinct logs.id from logs where logs.id = any (ids);
end;

comment on function stored_ids(uuid[]) is
    'Which of these ids are stored, whatever their time: for records whose time is only that of their claim.';

grant insert on logs, dead_letters to godot_writer;
grant select, insert, update on ingest_ledger to godot_writer;  -- adding to its own counters reads them
grant select on logger_config, schema_migrations, v_partitions to godot_writer;

grant select on logs, dead_letters, pinned_traces, logger_config, ingest_ledger, schema_migrations, v_partitions
    to godot_reader;

grant select, insert, update, delete on dead_letters, pinned_traces, logger_config to godot_admin;
grant select, insert, delete, truncate on logs to godot_admin;
grant select on ingest_ledger, schema_migrations, v_partitions to godot_admin;

-- These run with the rights of the schema's owner, so not everybody may call them.
revoke execute on function ensure_partition(date), default_partition_rows(bigint), stored_ids(uuid[]) from public;
grant execute on function ensure_partition(date) to godot_writer, godot_admin;
grant execute on function default_partition_rows(bigint) to godot_writer, godot_reader, godot_admin;
grant execute on function stored_ids(uuid[]) to godot_writer;
