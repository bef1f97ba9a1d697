"""Database errors are judged by the class of their SQLSTATE."""

from __future__ import annotations

import socket
import struct
import sys
import threading

import psycopg
import pytest
from psycopg import errors

from godot_daemon.database import Verdict, connect, judge, state_class, translated
from godot_daemon.errors import SetupError, UnavailableError


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("08006", Verdict.RETRY),  # connection failure
        ("57P01", Verdict.RETRY),  # admin shutdown
        ("57P03", Verdict.RETRY),  # starting up
        ("57014", Verdict.RETRY),  # statement timeout
        ("53100", Verdict.RETRY),  # disk full
        ("53300", Verdict.RETRY),  # too many connections
        ("40001", Verdict.RETRY),  # serialization failure
        ("40P01", Verdict.RETRY),  # deadlock
        ("55P03", Verdict.RETRY),  # lock not available
        ("58030", Verdict.RETRY),  # io error
        ("25006", Verdict.RETRY),  # read-only: a standby before its promotion
        ("XX000", Verdict.RETRY),
        ("22P02", Verdict.DATA),
        ("22003", Verdict.DATA),
        ("22021", Verdict.DATA),
        ("23505", Verdict.DATA),
        ("23514", Verdict.DATA),
        ("54000", Verdict.DATA),
        ("42P01", Verdict.SETUP),
        ("42501", Verdict.SETUP),
        ("28P01", Verdict.SETUP),
        ("3D000", Verdict.SETUP),
        ("3F000", Verdict.SETUP),
    ],
)
def test_by_class(state, verdict):
    assert judge(errors.lookup(state)("x")) is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("connection to server at ... failed: Connection refused", Verdict.RETRY),
        ("server closed the connection unexpectedly", Verdict.RETRY),
        ("failed: FATAL:  the database system is starting up", Verdict.RETRY),
        ("failed: FATAL:  sorry, too many clients already", Verdict.RETRY),
        ('failed: FATAL:  password authentication failed for user "x"', Verdict.SETUP),
        ('failed: FATAL:  database "x" does not exist', Verdict.SETUP),
        ('failed: FATAL:  role "x" does not exist', Verdict.SETUP),
        ('failed: FATAL:  no pg_hba.conf entry for host "1.2.3.4"', Verdict.SETUP),
        ("fe_sendauth: no password supplied", Verdict.SETUP),
    ],
)
def test_failed_connections_by_what_the_server_said(text, verdict):
    error = psycopg.OperationalError(text)
    assert judge(error) is verdict
    assert state_class(error) == "08"


def test_translation_says_what_to_do_and_hides_the_password():
    missing = translated(
        errors.UndefinedTable('relation "logs" does not exist'), "postgresql://me:pw@host/db"
    )
    assert isinstance(missing, SetupError)
    assert "godot db upgrade" in str(missing)
    away = translated(psycopg.OperationalError("Connection refused"), "postgresql://me:pw@host/db")
    assert isinstance(away, UnavailableError)
    assert "pw" not in str(missing) + str(away)


def startup(client):
    """What a client says first; it may ask for TLS before."""
    (size,) = struct.unpack(">i", client.recv(4, socket.MSG_WAITALL))
    said = client.recv(size - 4, socket.MSG_WAITALL)
    if len(said) == 4:
        client.sendall(b"N")
        startup(client)


@pytest.fixture
def refusing():
    """Runs a server that refuses whoever connects, in the language of its users."""
    listener = socket.create_server(("127.0.0.1", 0))

    def start(state, text):
        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    startup(client)
                    fields = {b"S": "FATAL", b"V": "FATAL", b"C": state, b"M": text}
                    body = b"".join(key + value.encode() + b"\0" for key, value in fields.items()) + b"\0"
                    client.sendall(b"E" + struct.pack(">i", len(body) + 4) + body)

        threading.Thread(target=serve, daemon=True).start()
        return f"postgresql://anna:geheim@127.0.0.1:{listener.getsockname()[1]}/godot"

    yield start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux traces what libpq is told")
@pytest.mark.parametrize(
    ("state", "text", "verdict"),
    [
        ("28P01", "Passwort-Authentifizierung für Benutzer »anna« fehlgeschlagen", Verdict.SETUP),
        ("3D000", "la base de données « godot » n'existe pas", Verdict.SETUP),
        ("53300", "接続数が多すぎます", Verdict.RETRY),
        ("57P03", 'ФАТАЛ" C "28P01" M "\nB\t9\tErrorResponse', Verdict.RETRY),
    ],
)
def test_a_refused_connection_is_judged_in_any_language(refusing, state, text, verdict):
    with pytest.raises(psycopg.OperationalError) as found:
        connect(refusing(state, text), patience=2, application="test")
    assert found.value.sqlstate == state
    assert judge(found.value) is verdict
