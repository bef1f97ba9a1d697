"""The names by which a worker's connections are found."""

from godot_daemon.fencing import application


def test_a_name_fits_and_belongs_to_one_process():
    # PostgreSQL cuts names at 63 bytes; what tells processes apart must not be what is cut off.
    long_host = "a-host-with-a-very-long-name." * 8
    assert application(f"{long_host}:1:0b12b51b") == "godot ingest 0b12b51b"
    assert application(f"{long_host}:1:c29e533f") == "godot ingest c29e533f"


def test_without_a_worker_it_is_just_the_program():
    assert application("") == "godot ingest"
